#!/usr/bin/env python3
"""What tracing costs a command: untraced and traced in turns, medians of wall and CPU (user + system).

Needs `cargo build --profile profiling -p lab-exec --example supervised`; as root it runs at `nice -n -20`.
The CPU is that of everything: the command, both processes of the run, the keeper.

    benches/trace_cost.py [--pairs 9] [--python venv/bin/python] [workload ...]
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

SUPERVISED = Path(__file__).resolve().parent.parent / "target/profiling/examples/supervised"
FILES = 20_000
WORKLOADS = {
    "true": ["true"],
    "compute": ["{python}", "-c", "sum(i * i for i in range(12_000_000))"],
    "sklearn": ["{python}", "-c", "import sklearn.linear_model"],
    "opens": ["{python}", "-c", f"for n in range({FILES}): open('f%d' % n).close()"],
    "one file": ["{python}", "-c", f"for n in range({FILES}): open('f0').close()"],
    "writes": ["{python}", "-c", "for n in range(5000): open('f%d' % n, 'a').close()"],
}


def once(argv, traced, place):
    """Seconds of wall and CPU of one run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [SUPERVISED, folder, *(["--trace"] if traced else []), "--", *argv]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, cwd=place, check=True, stdin=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=9)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    options = parser.parse_args()
    if os.geteuid() == 0:
        os.nice(-20)
    print(f"medians of {options.pairs} pairs; the last column compares the quickest runs of both")
    print(f"{'':10} {'wall off':>9} {'traced':>9} {'':8} {'CPU off':>9} {'traced':>9} {'':8} {'least':>8}")
    with tempfile.TemporaryDirectory() as place:
        for number in range(FILES):
            Path(place, f"f{number}").touch()
        for name in options.workloads:
            argv = [word.replace("{python}", options.python) for word in WORKLOADS[name]]
            once(argv, True, place)
            pairs = [(once(argv, False, place), once(argv, True, place)) for _ in range(options.pairs)]
            columns = [name.ljust(10)]
            for measure in (0, 1):
                off, on = (statistics.median(pair[side][measure] for pair in pairs) for side in (0, 1))
                columns.append(f"{off * 1e3:7.1f}ms {on * 1e3:7.1f}ms {on / off - 1:+8.1%}")
            least = min(pair[1][0] for pair in pairs) / min(pair[0][0] for pair in pairs) - 1
            print(*columns, f"{least:+8.1%}", flush=True)


if __name__ == "__main__":
    main()
