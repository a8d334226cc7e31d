"""Needs the standard library only: python3 -m unittest discover -s packaging/python/tests"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading
import unittest

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(HERE))
import lab  # noqa: E402


class Logs(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.directory.name, "metrics.jsonl")
        os.environ["LAB_METRICS"] = self.path

    def tearDown(self):
        lab.flush()
        del os.environ["LAB_METRICS"]
        self.directory.cleanup()

    def lines(self):
        lab.flush()
        with open(self.path) as file:
            return [json.loads(line) for line in file]

    def test_values(self):
        class Tensor:
            def item(self):
                return 0.25

        lab.log(loss=0.1, step=7, flag=True, nan=float("nan"), big=10**30, tensor=Tensor(), words="no")
        lab.log({"val": {"acc": 1}, 'odd "name"': -0.0})
        first, second = self.lines()
        self.assertEqual((first["loss"], first["step"], first["flag"], first["tensor"]), (0.1, 7, 1.0, 0.25))
        self.assertNotEqual(first["nan"], first["nan"])
        self.assertNotIn("words", first)
        self.assertEqual((second["val/acc"], second['odd "name"']), (1, 0.0))

    def test_params(self):
        lab.param({"lr": 0.1}, path=pathlib.Path("x"))
        self.assertEqual(self.lines()[0], {"lab": "params", "params": {"lr": 0.1, "path": "x"}})

    def test_nothing_is_raised(self):
        os.environ["LAB_METRICS"] = os.path.join(self.directory.name, "no", "such", "place")
        lab.log(loss=1, step="three")
        lab.log(7)
        lab.param(7)
        lab.log(loss=1)
        lab.flush()

    def test_threads_and_forks(self):
        def work(name):
            for step in range(200):
                lab.log({name: step}, step=step)

        threads = [threading.Thread(target=work, args=(f"t{number}",)) for number in range(4)]
        [thread.start() for thread in threads]
        child = os.fork()
        if child == 0:
            work("child")
            lab.flush()
            os._exit(0)
        os.waitpid(child, 0)
        [thread.join() for thread in threads]
        names = [name for line in self.lines() for name in line if name not in ("time", "step")]
        self.assertEqual({name: names.count(name) for name in set(names)},
                         {"t0": 200, "t1": 200, "t2": 200, "t3": 200, "child": 200})

    def test_exit_flushes_and_without_lab_nothing_happens(self):
        code = "import lab; lab.log(loss=1); lab.log(loss=2)"
        environment = {**os.environ, "PYTHONPATH": str(HERE)}
        subprocess.run([sys.executable, "-c", code], env=environment, check=True)
        self.assertEqual([line["loss"] for line in self.lines()], [1, 2])
        del environment["LAB_METRICS"]
        done = subprocess.run([sys.executable, "-c", code], env=environment, check=True, capture_output=True, text=True)
        self.assertEqual(done.stderr.count("nothing is logged"), 1)


if __name__ == "__main__":
    unittest.main()
