"""Drives real Jupyter kernels in a watched project and asks whether every cell became part of a run.

usage: watch_notebooks.py LAB [CELLS [measure]]; needs the packages ipykernel, jupyter_client and nbclient. Prints one JSON object:
what was executed, what was seen, and what was wrong ("wrong": an empty list when all is well, which is the exit code too).
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time

from jupyter_client.manager import KernelManager

lab = os.path.abspath(sys.argv[1])
cells = int(sys.argv[2]) if len(sys.argv) > 2 else 50
place = tempfile.mkdtemp()
project = os.path.join(place, "project")
os.makedirs(project)
os.makedirs(os.path.join(place, "runtime"), 0o700)
environment = dict(
    os.environ,
    LAB_NOTEBOOK=os.path.join(place, "notebook"),
    LAB_KEY_FILE=os.path.join(place, "key"),
    XDG_RUNTIME_DIR=os.path.join(place, "runtime"),
    IPYTHONDIR=os.path.join(place, "ipython"),
)
wrong = []
told = {}


def run_lab(*arguments):
    return subprocess.run([lab, *arguments], cwd=project, env=environment, capture_output=True, text=True).stdout


def until(what, is_so, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        found = is_so()
        if found:
            return found
        time.sleep(0.05)
    wrong.append(f"waited in vain until {what}")
    return None


def runs():
    return json.loads(run_lab("ls", "--json", "-n", "0"))["runs"]


def ended(count):
    """The runs, oldest first, once there are so many and all are over."""
    def look():
        found = runs()
        return len(found) >= count and all(run["status"] != "running" for run in found)
    until(f"{count} runs are over", look)
    return runs()[::-1]


def as_run(run):
    return json.loads(run_lab("cat", run["name"], "as-run.ipynb"))["cells"]


def about(run):
    return json.loads(run_lab("show", run["name"], "--json"))["about"]


def check(what, found, expected):
    if found != expected:
        wrong.append(f"{what}: {found!r}, not {expected!r}")


def write_notebook(name, sources):
    code = [{"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
            for source in sources]
    with open(os.path.join(project, name), "w") as file:
        json.dump({"cells": code, "metadata": {}, "nbformat": 4, "nbformat_minor": 4}, file)


class Kernel:
    """A kernel in the project, as a notebook server starts it."""

    def __init__(self, notebook):
        self.manager = KernelManager()
        self.start = dict(cwd=project, env=dict(environment, JPY_SESSION_NAME=os.path.join(project, notebook)))
        self.manager.start_kernel(**self.start)
        self.connect()

    def connect(self):
        self.client = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)
        until("the watcher listens", lambda: f"listens to the kernel {self.pid()}" in run_lab("watch", "log"))

    def pid(self):
        return self.manager.provisioner.pid

    def execute(self, code):
        self.client.execute_interactive(code, timeout=60, output_hook=lambda message: None)

    def end(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


run_lab("init")
watcher = subprocess.Popen([lab, "watch", "--foreground"], cwd=project, env=environment,
                           stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
until("starts are noticed",
      lambda: " " not in (json.loads(run_lab("watch", "status", "--json") or "{}").get("about", {}).get("method") or " "))
try:
    # Every cell, with its code, in order, in one run.
    sources = [f"x{number} = {number}\nprint('loss: {number}.5')" for number in range(cells)]
    write_notebook("all.ipynb", sources)
    kernel = Kernel("all.ipynb")
    for source in sources:
        kernel.execute(source)
    found = ended(1)
    check("runs after one go", len(found), 1)
    seen = as_run(found[0])
    told["executed"], told["seen"] = cells, sum(one["source"] in sources for one in seen)
    check("code in order", [one["source"] for one in seen], sources)
    check("numbers", [one["execution_count"] for one in seen], list(range(1, cells + 1)))
    first = about(found[0])
    check("status", first["status"], "done")
    check("command", first["command"], ["all.ipynb"])
    check("order", first.get("out_of_order"), None)
    log = run_lab("show", found[0]["name"], "--log")
    check("lines", sum(line.endswith(".5") for line in log.splitlines()), cells)
    metrics = json.loads(run_lab("ls", "--json", "-n", "0", "--columns", "loss"))
    told["metrics"] = "loss" in json.dumps(metrics)

    # The files of the run in a new folder, and beside them the notebook as it was run.
    there = os.path.join(place, "there")
    run_lab("restore", found[0]["name"], "--to", there)
    with open(os.path.join(there, "all.ipynb")) as file:
        check("the saved notebook", ["".join(one["source"]) for one in json.load(file)["cells"]], sources)
    with open(os.path.join(there, "all.as-run.ipynb")) as file:
        check("the notebook as it was run", json.load(file)["cells"], seen)

    # Out of order, in the same kernel: told, and the earlier cells are part of the record.
    with open(os.path.join(project, "config.txt"), "w") as file:
        file.write("as of the cell\n")
    kernel.execute(sources[2])
    with open(os.path.join(project, "config.txt"), "w") as file:
        file.write("later\n")
    found = ended(2)
    words = about(found[1]).get("out_of_order")
    told["out_of_order"] = words
    check("out of order", words, [f"[{cells + 1}] ran cell 3 again, after [3]"])
    check("the kernel's cells", len(as_run(found[1])), cells + 1)
    check("files as of the cell", run_lab("cat", found[1]["name"], "config.txt"), "as of the cell\n")

    # A cell that fails.
    kernel.execute("1 / 0")
    found = ended(3)
    failed = json.loads(run_lab("show", found[2]["name"], "--json"))
    check("failed", failed["about"]["status"], "failed")
    told["failure"] = failed.get("failure")
    check("failure", "ZeroDivisionError: division by zero" in json.dumps(failed.get("failure")), True)
    check("answer", "ZeroDivisionError: division by zero" in run_lab("show", found[2]["name"]).splitlines()[0], True)

    # A restart forgets what ran before.
    kernel.client.stop_channels()
    kernel.manager.restart_kernel(now=True)
    kernel.connect()
    kernel.execute(sources[0])
    found = ended(4)
    check("after a restart", [one["source"] for one in as_run(found[3])], sources[:1])

    # Two kernels at once are two runs.
    write_notebook("other.ipynb", ["y = 1"])
    other = Kernel("other.ipynb")
    kernel.execute(sources[1])
    other.execute("y = 1")
    found = ended(6)
    check("two kernels", sorted(run["command"] for run in found[4:]), [["all.ipynb"], ["other.ipynb"]])

    # A kernel that is killed in the middle of a cell.
    other.client.execute("import time\nprint('begun', flush=True)\ntime.sleep(600)")
    until("the cell runs", lambda: any(run["status"] == "running" for run in runs()))
    until("it has printed", lambda: "begun" in run_lab("show", runs()[0]["name"], "--log"))
    os.kill(other.pid(), signal.SIGKILL)
    found = ended(7)
    told["killed"] = found[6]["status"]
    check("killed", found[6]["status"] in ("killed", "lost"), True)
    check("its cells", as_run(found[6])[-1]["source"].startswith("import time"), True)
    other.end()

    # As nbconvert and papermill do it: nobody names the notebook, its code does.
    import nbclient
    import nbformat
    write_notebook("unnamed.ipynb", ["import math\nmath.pi", "z = 3"])
    notebook = nbformat.read(os.path.join(project, "unnamed.ipynb"), as_version=4)
    nbclient.NotebookClient(notebook, resources={"metadata": {"path": project}}).execute()
    found = ended(8)
    told["nbclient"] = [about(found[7])["command"], [one["source"] for one in as_run(found[7])]]
    check("by its code", told["nbclient"], [["unnamed.ipynb"], ["import math\nmath.pi", "z = 3"]])

    # How long a cell takes with and without somebody who listens.
    def millis(kernel, count=200):
        begin = time.monotonic()
        for _ in range(count):
            kernel.execute("pass")
        return (time.monotonic() - begin) * 1000 / count

    if "measure" in sys.argv:
        millis(kernel, 20)
        listened = [millis(kernel) for _ in range(5)]
        ended(9)
        run_lab("watch", "stop")
        watcher.wait(60)
        alone = [millis(kernel) for _ in range(5)]
        told["millis_per_cell"] = {"listened": sorted(listened), "alone": sorted(alone)}
    kernel.end()
finally:
    run_lab("watch", "stop")
told["place"] = place
told["wrong"] = wrong
print(json.dumps(told, indent=1))
sys.exit(bool(wrong))
