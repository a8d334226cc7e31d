"""A project of many files with one script that is a run however it is started, in a notebook of its own."""

import json
import os
import shutil
import subprocess
import tempfile


class WatchedProject:
    """The project below a temporary directory, and the watcher on it once `watch` was called."""

    def __init__(self, lab, files, script, text):
        self.lab = os.path.abspath(lab)
        self.place = tempfile.mkdtemp()
        self.path = os.path.join(self.place, "project")
        os.makedirs(os.path.join(self.place, "runtime"), 0o700)
        for number in range(files):
            folder = os.path.join(self.path, f"d{number // 100}")
            os.makedirs(folder, exist_ok=True)
            with open(os.path.join(folder, f"f{number}.py"), "w") as file:
                file.write(f"x = {number}\n")
        with open(os.path.join(self.path, "lab.toml"), "w") as file:
            file.write(f'[watch]\nrun = ["{script}"]\n')
        with open(os.path.join(self.path, script), "w") as file:
            file.write(text)
        self.environment = dict(
            os.environ,
            LAB_NOTEBOOK=os.path.join(self.place, "notebook"),
            LAB_KEY_FILE=os.path.join(self.place, "key"),
            XDG_RUNTIME_DIR=os.path.join(self.place, "runtime"),
        )

    def run_lab(self, *arguments):
        """What `lab` prints."""
        command = [self.lab, *arguments]
        return subprocess.run(command, cwd=self.path, env=self.environment, capture_output=True, text=True).stdout

    def status(self):
        """What the watcher says of itself."""
        return json.loads(self.run_lab("watch", "status", "--json"))

    def runs(self):
        """All runs."""
        return json.loads(self.run_lab("ls", "--json", "-n", "0"))["runs"]

    def watch(self):
        """Starts the watcher, and waits until it knows how it is told of starts."""
        self.run_lab("init")
        self.run_lab("watch", "start")
        while " " in (self.status()["about"].get("method") or " "):
            pass

    def end(self):
        """Ends the watcher and removes everything."""
        self.run_lab("watch", "stop")
        shutil.rmtree(self.place)
