#!/usr/bin/env python3
"""Logs one experiment with real frameworks under `lab run` and compares what the notebook has with the truth.

    frameworks.py LAB [TOOL …]

Run it with the Python of an environment that has tensorboardX, tensorboard, wandb and dvclive; blake3 and zstandard read
the notebook. Every tool is also looked at while it still writes. Exit code 0: every point of every tool, exactly.
"""
import json, math, os, pathlib, random, subprocess, sys, tempfile, time

HERE = pathlib.Path(__file__).resolve()
STEPS = 40
NAMES = {"tensorboardX": ("train/loss", "acc"), "tensorboard": ("train/loss", "acc"), "wandb": ("loss", "deep/acc"),
         "dvclive": ("train/loss", "acc"), "lightning_csv": ("loss", "val_acc"), "trainer_state": ("loss", "eval_acc"),
         "keras_csv": ("loss", "accuracy"), "jsonl": ("loss", "val/acc")}
NARROW = ("tensorboardX", "tensorboard")

def truth():
    random.seed(3)
    points = [(step, math.exp(-step / 20) + random.random() / 10, 1 - math.exp(-step / 15)) for step in range(STEPS)]
    points[7] = (7, math.nan, points[7][2])
    points[9] = (9, -math.inf, points[9][2])
    return points

def writer(tool):
    """Gives two functions: one logs a point, one ends."""
    if tool == "tensorboardX":
        from tensorboardX import SummaryWriter
        log = SummaryWriter("runs/one", flush_secs=1)
        return lambda s, a, b: (log.add_scalar("train/loss", a, s), log.add_scalar("acc", b, s)), log.close
    if tool == "tensorboard":
        from tensorboard.summary import Writer
        log = Writer("logs/one")
        return lambda s, a, b: (log.add_scalar("train/loss", a, s), log.add_scalar("acc", b, s), log.flush()), log.close
    if tool == "wandb":
        import wandb
        run = wandb.init(project="p", mode="offline", settings=wandb.Settings(silent=True, console="off"))
        return lambda s, a, b: run.log({"loss": a, "deep": {"acc": b}}), run.finish
    if tool == "dvclive":
        from dvclive import Live
        live = Live(save_dvc_exp=False, dvcyaml=None, report=None, monitor_system=False)
        return lambda s, a, b: (live.log_metric("train/loss", a), live.log_metric("acc", b), live.next_step()), live.end
    rows = []
    def lightning_csv(step, loss, acc):
        # As lightning.fabric.loggers.csv_logs does it: a new column means that the file is written anew.
        path = pathlib.Path("lightning_logs/version_0/metrics.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        rows.extend([{"epoch": step // 10, "loss": loss, "step": step}, {"epoch": step // 10, "val_acc": acc, "step": step}])
        columns = sorted({name for row in rows[: 1 if step < 5 else None] for name in row})
        path.write_text("\n".join([",".join(columns)] + [",".join(str(row.get(name, "")) for name in columns)
                                                           for row in rows if set(row) <= set(columns)]) + "\n")
    def trainer_state(step, loss, acc):
        rows.extend([{"epoch": step / 10, "loss": loss, "step": step}, {"epoch": step / 10, "eval_acc": acc, "step": step}])
        if step % 10 == 9:
            path = pathlib.Path(f"out/checkpoint-{step + 1}")
            path.mkdir(parents=True)
            (path / "trainer_state.json").write_text(json.dumps({"global_step": step, "log_history": rows}, indent=2))
    def line(path, header, text):
        with open(path, "a") as file:
            file.write((header if file.tell() == 0 else "") + text + "\n")
    one = {
        "lightning_csv": lightning_csv, "trainer_state": trainer_state,
        "keras_csv": lambda s, a, b: line("training.log", "epoch,accuracy,loss\n", f"{s},{b},{a}"),
        "jsonl": lambda s, a, b: line("out.jsonl", "", json.dumps({"step": s, "loss": a, "val": {"acc": b}})),
    }[tool]
    return one, lambda: None

def experiment(tool):
    log, end = writer(tool)
    for step, loss, acc in truth():
        log(step, loss, acc)
        if step == STEPS // 2:
            # The reader beside says when it has seen something.
            deadline = time.monotonic() + 20
            while not os.path.exists("seen") and time.monotonic() < deadline:
                time.sleep(0.05)
    end()

def points(lab, tool, directory):
    """The series of the run by name, and how many points were seen while it wrote."""
    environment = {**os.environ, "LAB_NOTEBOOK": str(directory / "notebook"), "LAB_KEY_FILE": str(directory / "key")}
    project = directory / "project"
    project.mkdir()
    (project / ".gitignore").write_text("runs/\nlogs/\nwandb/\nlightning_logs/\n")
    run = subprocess.Popen([lab, "run", "-q", "-n", "one", "--", sys.executable, str(HERE), "--experiment", tool], cwd=project,
                           env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    live, deadline = 0, time.monotonic() + 60
    while run.poll() is None and time.monotonic() < deadline and live == 0:
        page = subprocess.run([lab, "show", "one", "--json"], cwd=project, env=environment, capture_output=True, text=True)
        metrics = json.loads(page.stdout)["metrics"] if page.returncode == 0 else []
        live = max([metric["points"] for metric in metrics if metric["metric"] == NAMES[tool][0]], default=0)
    (project / "seen").touch()
    run.wait(timeout=120)
    identity = json.loads(subprocess.run([lab, "show", "one", "--json"], cwd=project, env=environment, capture_output=True,
                                         text=True, check=True).stdout)["about"]["id"]
    told = subprocess.run([sys.executable, HERE.parent / "series_reader.py", environment["LAB_NOTEBOOK"], identity],
                          capture_output=True, text=True, check=True).stdout
    series = {}
    for point in map(json.loads, told.splitlines()):
        series.setdefault(point["key"], []).append((point["step"], point["value"]))
    return {name: found for name, found in series.items() if not name.startswith("sys/")}, live

def main():
    if sys.argv[1] == "--experiment":
        return experiment(sys.argv[2])
    import struct
    narrow = lambda value: struct.unpack("<f", struct.pack("<f", value))[0]
    wrong = 0
    for tool in sys.argv[2:] or NAMES:
        with tempfile.TemporaryDirectory() as directory:
            series, live = points(os.path.abspath(sys.argv[1]), tool, pathlib.Path(directory))
        as_kept = narrow if tool in NARROW else lambda value: value
        expected = {NAMES[tool][0]: [(step, as_kept(loss)) for step, loss, _ in truth()],
                    NAMES[tool][1]: [(step, as_kept(acc)) for step, _, acc in truth()]}
        # repr tells floats apart to the last bit, and one NaN from none.
        differs = [name for name in expected if repr(series.get(name)) != repr(expected[name])]
        others = sorted(set(series) - set(expected))
        wrong += bool(differs) + (live == 0)
        print(f"{tool:14} {'WRONG ' + str(differs) if differs else 'exact'}; seen while it wrote: {live}; also: {others}", flush=True)
    sys.exit(1 if wrong else 0)

if __name__ == "__main__":
    main()
