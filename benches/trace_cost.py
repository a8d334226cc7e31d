#!/usr/bin/env python3
"""What tracing costs a command: untraced, traced by calls that wait alone (full), and with the helper in the programs
(hybrid), in turns; medians of wall and CPU (user + system), and how much more than untraced that is: the median over
the rounds, since the machine may be faster in one than in another.

Needs `cargo build --profile profiling -p lab-exec --example supervised`; as root it runs at `nice -n -20`.
The CPU is that of everything: the command, both processes of the run, the keeper.

    benches/trace_cost.py [--rounds 5] [--python venv/bin/python] [--how hybrid --] [workload ...]
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
    "opens in C": ["{place}/opens"],
    "fork+exec": ["sh", "-c", "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done"],
    "writes": ["{python}", "-c", "for n in range(5000): open('f%d' % n, 'a').close()"],
}


HOW = {"off": [], "full": ["--trace"], "hybrid": ["--helped"]}
OPENS = """#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
int main(void) {
    char name[16], byte;
    for (int n = 0; n < 100000; n++) {
        sprintf(name, "f%d", n % 20000);
        int fd = open(name, O_RDONLY);
        if (read(fd, &byte, 1) != 0) return 1;
        close(fd);
    }
}
"""


def once(argv, how, place):
    """Seconds of wall and CPU of one run."""
    with tempfile.TemporaryDirectory() as folder:
        command = [SUPERVISED, folder, *HOW[how], "--", *argv]
        before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
        subprocess.run(command, cwd=place, check=True, stdin=subprocess.DEVNULL)
        wall = time.perf_counter() - start
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--python", default=sys.executable)
    parser.add_argument("--how", nargs="*", default=list(HOW), choices=list(HOW), help="beside off")
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    options = parser.parse_args()
    ways = list(dict.fromkeys(["off", *options.how]))
    if os.geteuid() == 0:
        os.nice(-20)
    print(f"medians of {options.rounds} rounds; in brackets by how much the least is more than the least of off")
    with tempfile.TemporaryDirectory() as place:
        for number in range(FILES):
            Path(place, f"f{number}").touch()
        Path(place, "opens.c").write_text(OPENS)
        subprocess.run(["cc", "-O2", "-o", "opens", "opens.c"], cwd=place, check=True)
        for name in options.workloads:
            argv = [word.format(python=options.python, place=place) for word in WORKLOADS[name]]
            once(argv, "hybrid", place)
            rounds = []
            for number in range(options.rounds):
                # Whoever comes first, comes last the next time.
                order = ways if number % 2 else reversed(ways)
                rounds.append({how: once(argv, how, place) for how in order})
            for measure, kind in enumerate(("wall", "CPU")):
                columns = [f"{name:10} {kind:4}"]
                for how in ways:
                    taken = [taken[how][measure] for taken in rounds]
                    columns.append(f"{how} {statistics.median(taken) * 1e3:7.1f} ms")
                    if how != "off":
                        off = [taken["off"][measure] for taken in rounds]
                        more = statistics.median(this / other for this, other in zip(taken, off))
                        columns.append(f"{more - 1:+7.1%} ({min(taken) / min(off) - 1:+.1%})")
                print(*columns, sep="  ", flush=True)


if __name__ == "__main__":
    main()
