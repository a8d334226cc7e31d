#!/usr/bin/env python3
"""Apply every edit of assets/demo/EDITS.md in order, run the experiment after each, and check the table.

    tests/demo_edits.py            check
    tests/demo_edits.py --show     print what every run ends with

Exits with 1 when an edit does not apply, a run ends otherwise than the table says, or a run cannot be repeated.
"""

import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

DEMO = pathlib.Path(__file__).resolve().parent.parent / "assets" / "demo"
SECTION = re.compile(r"^## (\d+)\. .*?, `([\w.]+)`$(.*?)(?=^## |\Z)", re.MULTILINE | re.DOTALL)
SNIPPET = re.compile(r"^(old|new)\n```\n(.*?)```$", re.MULTILINE | re.DOTALL)


def read_edits(text):
    """(run, file, old, new) for every section; old is None where lines with missing values are dropped."""
    for number, name, body in SECTION.findall(text):
        snippets = dict(SNIPPET.findall(body))
        yield int(number), name, snippets.get("old"), snippets.get("new")


def apply(path, old, new):
    text = path.read_text(encoding="utf-8")
    if old is None:
        lines = text.splitlines(keepends=True)
        path.write_text("".join(line for line in lines if ",NA" not in line), encoding="utf-8")
        return
    # A snippet inside a line ends with the fence's line break, which the file does not have there.
    old, new = old.rstrip("\n"), new.rstrip("\n")
    if text.count(old) != 1:
        sys.exit(f"{path.name}: the text to replace occurs {text.count(old)} times, not once:\n{old}")
    path.write_text(text.replace(old, new), encoding="utf-8")


def run(folder):
    done = subprocess.run([sys.executable, "train.py"], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        return done.stderr.strip().splitlines()[-1], done.stdout
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return f"{results['accuracy']:.1%}", (folder / "model.json").read_text(encoding="utf-8")


def main():
    text = (DEMO / "EDITS.md").read_text(encoding="utf-8")
    table = dict(re.findall(r"^\| (\d) \|[^|]*\| ([^|]*?) \|", text, re.MULTILINE))
    edits = [(1, "train.py", "", "")] + list(read_edits(text))
    if [number for number, *_ in edits] != list(range(1, 8)):
        sys.exit("EDITS.md: the sections are not 2 to 7")
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder) / "demo"
        shutil.copytree(DEMO, folder)
        for number, name, old, new in edits:
            if number > 1:
                apply(folder / name, old, new)
            outcome, model = run(folder)
            if "--show" in sys.argv:
                print(number, outcome, len(model.splitlines()))
                continue
            expected = table[str(number)]
            if (expected == "fails") != outcome.startswith("ZeroDivisionError") or expected not in ("fails", outcome):
                sys.exit(f"run {number}: {outcome}, and the table says {expected}")
            if run(folder) != (outcome, model):
                sys.exit(f"run {number}: a second run gives another result")
    print("the demo's seven runs end as assets/demo/EDITS.md says")


if __name__ == "__main__":
    main()
