#!/usr/bin/env python3
"""How well `lab tui` follows runs that go on: ten real runs log a hundred points per second each.

usage: tui_live.py LAB [SECONDS]

Tells for the list, the charts, and the log of one run: how far the screen lags behind what was logged, and how much of
a core `lab tui` takes. Needs tmux, which stands in for the terminal.
"""

import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

RUNS = 10
# A metric that lists show first; its value is the time since the beginning in hundredths of a second.
PROGRAM = """
import json, os, time
begin = float(os.environ["BEGIN"])
with open(os.environ["LAB_METRICS"], "a", buffering=1) as out:
    for step in range(100 * int(os.environ["LASTS"])):
        now = int((time.time() - begin) * 100)
        out.write(json.dumps({"step": step, "val/acc": now, "loss": 1 / (1 + step)}) + "\\n")
        if step % 10 == 0:
            print("mark", now, flush=True)
        time.sleep(max(0, begin + 5 + step / 100 - time.time()))
"""


def tmux(*words):
    return subprocess.run(["tmux", "-L", "lab-bench", *words], capture_output=True, text=True).stdout


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(what, pid, begin, seconds, pattern):
    """Looks at the screen again and again for the newest number that it shows."""
    lags, before, start = [], cpu_seconds(pid), time.time()
    while time.time() - start < seconds:
        screen = tmux("capture-pane", "-p", "-t", "lab")
        found = [int(number) for number in re.findall(pattern, screen)] if pattern else []
        if found:
            lags.append((time.time() - begin) * 1000 - max(found) * 10)
        time.sleep(0.05)
    used = (cpu_seconds(pid) - before) / (time.time() - start) * 100
    told = f"lag {statistics.median(lags):5.0f} ms median, {max(lags):5.0f} ms at most" if lags else "lag not measured"
    print(f"{what:10} {told}, {used:5.1f} % of a core", flush=True)


def start_runs(lab, folder, lasts):
    """Ten runs in a notebook of their own; gives their environment and processes once they log."""
    project = os.path.join(folder, "project")
    os.mkdir(project)
    with open(os.path.join(project, "train.py"), "w") as file:
        file.write(PROGRAM)
    env = {**os.environ, "LAB_NOTEBOOK": os.path.join(folder, "notebook"), "BEGIN": str(time.time())}
    env.update(LASTS=str(lasts), LANG="C.UTF-8", COLORTERM="truecolor", NO_PROXY="*")
    subprocess.run([lab, "init"], cwd=project, env=env, check=True, stdout=subprocess.DEVNULL)
    command = [lab, "--quiet", "run", "--", "python3", "train.py"]
    runs = [
        subprocess.Popen(command, cwd=project, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for _ in range(RUNS)
    ]
    time.sleep(6)
    return env, runs


def end_runs(runs, folder):
    for run in runs:
        run.terminate()
    for run in runs:
        run.wait()
    shutil.rmtree(folder, ignore_errors=True)


def main():
    lab = shutil.which(sys.argv[1]) or os.path.abspath(sys.argv[1])
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    folder = tempfile.mkdtemp(prefix="lab-live-")
    env, runs = start_runs(lab, folder, 4 * seconds + 30)
    project, begin = os.path.join(folder, "project"), float(env["BEGIN"])
    try:
        words = " ".join(f"{name}={env[name]}" for name in ("LAB_NOTEBOOK", "LANG", "COLORTERM"))
        tmux("kill-server")
        tmux("new-session", "-d", "-s", "lab", "-x", "120", "-y", "40", "-c", project, f"exec env {words} {lab} tui")
        time.sleep(2)
        pid = int(tmux("display", "-p", "-t", "lab", "#{pane_pid}"))
        measure("list", pid, begin, seconds, r"running.* (\d{3,4})\b")
        for key in ("C-a", "m"):
            tmux("send-keys", "-t", "lab", key)
            time.sleep(1)
        if "along steps" not in tmux("capture-pane", "-p", "-t", "lab"):
            sys.exit("the charts did not open")
        measure("charts", pid, begin, seconds, r"(?m)val/acc .*?(\d{3,4})\b")
        for key in ("1", "Home", "Enter", "Tab"):
            tmux("send-keys", "-t", "lab", key)
            time.sleep(0.5)
        measure("log", pid, begin, seconds, r"mark (\d+)")
        peak = re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{pid}/status").read())
        print(f"memory     {int(peak[1]) / 1024:.0f} MB at most")
    finally:
        tmux("kill-server")
        end_runs(runs, folder)


if __name__ == "__main__":
    main()
