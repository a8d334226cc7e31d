"""Starts many short scripts one after the other in a watched project, each of them a run, and says what that costs the watcher.

usage: watch_burst.py LAB [PER_SECOND] [SECONDS] [FILES]

Each run must be kept, as of its start, and be closed. Prints how many were, the processor time of the watcher for each run
(its loop, and all threads together), and how long after the last start the last record was closed.
"""

import os
import subprocess
import sys
import time

from watched_project import WatchedProject

per_second, seconds, files = [int(word) for word in (sys.argv[2:] + ["25", "10", "20000"][len(sys.argv) - 2 :])]
project = WatchedProject(sys.argv[1], files, "job.sh", "sleep 0.05\necho $1 > result-$1.txt\n")


def processor_millis(pid):
    """Of each thread, by its name."""
    spent = {}
    for thread in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{thread}/comm") as name, open(f"/proc/{pid}/task/{thread}/schedstat") as stat:
            name = "loop" if int(thread) == pid else name.read().strip()
            spent[name] = spent.get(name, 0) + int(stat.read().split()[0]) / 1e6
    return spent


def until_closed(count):
    """All runs, once they are closed; those that do not come are not waited for longer than ten seconds."""
    end = time.monotonic() + 180
    come = (0, time.monotonic())
    while time.monotonic() < end:
        found = project.runs()
        if len(found) != come[0]:
            come = (len(found), time.monotonic())
        is_complete = len(found) >= count or time.monotonic() > come[1] + 10
        if is_complete and all(run["status"] != "running" for run in found):
            break
        time.sleep(0.2)
    return found


project.watch()
pid = int(project.status()["about"]["pid"])
# The first one reads all files.
subprocess.run(["sh", "job.sh", "first"], cwd=project.path)
until_closed(1)
time.sleep(6)
before = processor_millis(pid)
count = per_second * seconds
begin = time.monotonic()
children = []
for number in range(count):
    time.sleep(max(0, begin + number / per_second - time.monotonic()))
    children.append(subprocess.Popen(["sh", "job.sh", str(number)], cwd=project.path, stdout=subprocess.DEVNULL))
for child in children:
    child.wait()
last = time.monotonic()
meanwhile = processor_millis(pid)
found = until_closed(count + 1)
drained = time.monotonic() - last
after = processor_millis(pid)
by_number = {}
for run in found:
    by_number.setdefault(run["command"][-1], []).append(run)
missed = sum(str(number) not in by_number for number in range(count))
doubled = sum(len(runs) > 1 for runs in by_number.values())
ill = sum(run["status"] != "done" for run in found)
for number in range(count):
    if str(number) not in by_number:
        words = [one for one in project.status()["decisions"] if one["command"].endswith(f"job.sh {number}")]
        print(f"missed {number}: {words}")
for run in found:
    if run["status"] != "done":
        print(f"{run['command']} is {run['status']}")
late = unsure = outputs = 0
for number in range(count):
    for run in by_number.get(str(number), []):
        page = project.run_lab("show", run["id"], "--json")
        late += "in a burst of starts" in page or "s later" in page
        unsure += "whether these were so at the very start" in page
        outputs += f"result-{number}.txt" in page
project.end()
took = last - begin
print(f"{count} runs in {took:.1f} s, {files} files; load {open('/proc/loadavg').read().split()[0]}")
print(f"missed {missed}, doubled {doubled}, ended otherwise than well {ill}, late {late}, unsure {unsure}; "
      f"with their own output {outputs}")
print(f"the last was closed {drained:.1f} s after the last start ended")
loop = after["loop"] - before["loop"]
everything = sum(after.values()) - sum(before.values())
print(f"processor time for each run: loop {loop / count:.1f} ms, all threads {everything / count:.1f} ms")
for name in sorted(after, key=lambda name: before.get(name, 0) - after[name]):
    print(f"    {name}: {(after[name] - before.get(name, 0)) / count:.2f} ms, "
          f"while they started {(meanwhile.get(name, 0) - before.get(name, 0)) / count:.2f}")
good = missed == doubled == ill == late == 0 and loop / count <= 15
print("verdict: " + ("good" if good else "bad"))
sys.exit(not good)
