#!/usr/bin/env python3
"""What `lab tui` costs on a notebook, with the real program in a pseudo-terminal.

usage: tui_start.py LAB NOTEBOOK [COLUMNS ROWS]

Tells the time from the start to the first full screen, the bytes that a key sends and the time until the screen is
quiet again, memory, and the CPU that it takes while nothing happens.
"""

import fcntl
import os
import pty
import re
import select
import signal
import statistics
import struct
import sys
import termios
import time


def cpu_seconds(pid):
    fields = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Terminal:
    def __init__(self, words, notebook, columns, rows):
        self.started = time.perf_counter()
        self.pid, self.end = pty.fork()
        if self.pid == 0:
            os.environ.update(LAB_NOTEBOOK=notebook, LANG="C.UTF-8", TERM="xterm-256color", COLORTERM="truecolor")
            os.chdir("/")
            # The size is set before anything is painted.
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
            os.execvp(words[0], words)

    def read(self, quiet, until=None, limit=30):
        """Bytes until nothing came for so long, or until they have `until` in them; and when the last ones came."""
        seen, last, start = b"", time.perf_counter(), time.perf_counter()
        while time.perf_counter() - start < limit:
            if not select.select([self.end], [], [], quiet)[0]:
                break
            seen += os.read(self.end, 1 << 16)
            last = time.perf_counter()
            if until and until in seen:
                break
        return seen, last

    def key(self, letters, quiet=0.15):
        pressed = time.perf_counter()
        os.write(self.end, letters)
        seen, last = self.read(quiet)
        return len(seen), (last - pressed) * 1000

    def close(self):
        os.kill(self.pid, signal.SIGTERM)
        os.waitpid(self.pid, 0)


def main():
    lab, notebook = sys.argv[1:3]
    columns, rows = map(int, sys.argv[3:5] if len(sys.argv) > 4 else (120, 40))
    starts = []
    for _ in range(7):
        # Outside of any project: all projects first, then the runs of all, as a person would.
        terminal = Terminal([lab, "tui"], notebook, columns, rows)
        _, last = terminal.read(1.0, b"Folder")
        starts.append((last - terminal.started) * 1000)
        terminal.read(0.3)
        if len(starts) < 7:
            terminal.close()
    print(f"start to the list of projects  {statistics.median(starts):7.0f} ms median, {max(starts):.0f} ms at most")
    pressed = time.perf_counter()
    os.write(terminal.end, b"a")
    _, last = terminal.read(1.0, "▸".encode())
    print(f"from there to the list of runs {(last - pressed) * 1000:7.0f} ms")
    terminal.read(1.0)
    for what, letters in [("down", b"\x1b[B"), ("page down", b"\x1b[6~"), ("mark", b" ")]:
        found = [terminal.key(letters) for _ in range(40)]
        sizes, times = zip(*found)
        print(f"{what:10} {statistics.median(sizes):6.0f} bytes median, {max(sizes)} at most;"
              f" {statistics.median(times):.1f} ms, {max(times):.1f} ms at most")
    peak = re.search(r"VmHWM:\s+(\d+)", open(f"/proc/{terminal.pid}/status").read())
    print(f"memory     {int(peak[1]) / 1024:.0f} MB at most")
    before, start = cpu_seconds(terminal.pid), time.time()
    terminal.read(70, limit=60)
    used = (cpu_seconds(terminal.pid) - before) / (time.time() - start) * 100
    print(f"idle       {used:.2f} % of a core over a minute")
    terminal.close()


if __name__ == "__main__":
    main()
