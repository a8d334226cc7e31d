#!/usr/bin/env python3
"""What the window costs while ten real runs log a hundred points per second each.

usage: window_live.py LAB FRAMES [SECONDS]

FRAMES is the example `frames` of lab-desktop. The runs are those of tui_live.py, which tells how far the same session
lags behind.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time

import tui_live


def main():
    lab, frames = (shutil.which(word) or os.path.abspath(word) for word in sys.argv[1:3])
    seconds = int(sys.argv[3]) if len(sys.argv) > 3 else 20
    folder = tempfile.mkdtemp(prefix="lab-live-")
    env, runs = tui_live.start_runs(lab, folder, 2 * seconds + 30)
    try:
        subprocess.run([frames, env["LAB_NOTEBOOK"], "--live", str(seconds)], env=env, check=True)
    finally:
        tui_live.end_runs(runs, folder)


if __name__ == "__main__":
    main()
