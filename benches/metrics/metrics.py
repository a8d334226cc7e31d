#!/usr/bin/env python3
"""CPU of logging a million points (10 runs x 10 keys x 10,000 steps), for lab and its peers.

    metrics.py LAB [TOOL ...]

Run it with the Python of an environment that has trackio, wandb and tensorboardX; those that are missing are left
out. Printed: CPU seconds (user and system, all children) of the tool, less an empty run of the same kind; wall
seconds; bytes a point on disk. For `lab-file` the program that writes the file is not counted, for all others it is.
"""
import json, os, pathlib, random, resource, shutil, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve()
RUNS, KEYS = 10, 10
STEPS = int(os.environ.get("STEPS", "10000"))
PYTHON_MODULE = HERE.parent.parent.parent / "packaging/python"

def values(step, generator):
    return {f"metric_{key}": generator.random() for key in range(KEYS)}

def child(tool, steps):
    """What one program does."""
    generator = random.Random(7)
    if tool == "lab-module":
        sys.path.insert(0, str(PYTHON_MODULE))
        import lab
        for step in range(steps):
            lab.log(values(step, generator), step=step)
    elif tool == "values-only":
        for step in range(steps):
            values(step, generator)
    elif tool == "wandb":
        import wandb
        run = wandb.init(project="p", mode="offline", settings=wandb.Settings(silent=True, console="off"))
        for step in range(steps):
            run.log(values(step, generator))
        run.finish()
    elif tool == "tensorboardX":
        from tensorboardX import SummaryWriter
        log = SummaryWriter("runs/one")
        for step in range(steps):
            for name, value in values(step, generator).items():
                log.add_scalar(name, value, step)
        log.close()
    elif tool == "trackio":
        import trackio
        trackio.init(project="p")
        for step in range(steps):
            trackio.log(values(step, generator))
        trackio.finish()

def cpu():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime

def measured(lab, tool, steps):
    """CPU and wall seconds of ten runs, and the bytes that they left."""
    with tempfile.TemporaryDirectory() as directory:
        directory = pathlib.Path(directory)
        project = directory / "project"
        project.mkdir()
        environment = {**os.environ, "LAB_NOTEBOOK": str(directory / "notebook"), "LAB_KEY_FILE": str(directory / "key"),
                       "TRACKIO_DIR": str(directory / "trackio"), "WANDB_DIR": str(directory), "HF_HUB_OFFLINE": "1"}
        source = directory / "points.jsonl"
        with open(source, "w") as file:
            generator = random.Random(7)
            for step in range(steps if tool == "lab-file" else 0):
                file.write(json.dumps({"step": step, **values(step, generator)}) + "\n")
        command = [sys.executable, str(HERE), "--child", tool, str(steps)]
        if tool == "lab-file":
            command = [lab, "run", "-q", "--", "sh", "-c", f'cat {source} >> "$LAB_METRICS"']
        elif tool == "lab-module":
            command = [lab, "run", "-q", "--", *command]
        before, began = cpu(), time.monotonic()
        for _ in range(RUNS):
            subprocess.run(command, cwd=project, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        spent, wall = cpu() - before, time.monotonic() - began
        source.unlink()
        left = sum(path.stat().st_size for path in directory.rglob("*") if path.is_file() and not path.is_symlink())
        return spent, wall, left

def main():
    if sys.argv[1] == "--child":
        return child(sys.argv[2], int(sys.argv[3]))
    lab = os.path.abspath(sys.argv[1])
    print(f"{'tool':14} {'CPU s':>8} {'wall s':>8} {'bytes/point':>12}")
    for tool in sys.argv[2:] or ["lab-file", "values-only", "lab-module", "tensorboardX", "wandb", "trackio"]:
        try:
            empty, full = measured(lab, tool, 1), measured(lab, tool, STEPS)
        except subprocess.CalledProcessError:
            print(f"{tool:14} does not run here")
            continue
        spent, wall, left = (after - before for before, after in zip(empty, full))
        print(f"{tool:14} {spent:8.2f} {wall:8.2f} {left / (RUNS * KEYS * STEPS):12.1f}", flush=True)

if __name__ == "__main__":
    main()
