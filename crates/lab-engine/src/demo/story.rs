//! What the demo tells: who tried what on which day, and what came of it.

use super::course::Course;

/// Where ids and names come from.
pub(super) const SEED: u64 = 0x1ab_de30;

/// A project and its weeks.
pub(super) struct Story {
    pub name: &'static str,
    /// Path and text of each file as of the first day.
    pub files: &'static [(&'static str, &'static str)],
    pub course: Course,
    /// The first words of every command.
    pub command: &'static str,
    /// What was written down on the project.
    pub note: &'static str,
    /// Name and text of saved lists.
    pub views: &'static [(&'static str, &'static str)],
    pub chapters: &'static [Chapter],
}

/// An idea: edits, and the runs that try it.
pub(super) struct Chapter {
    /// When its first run started, in days before now.
    pub days_ago: f64,
    /// Text that stands exactly once in a file is replaced.
    pub edits: &'static [(&'static str, &'static str, &'static str)],
    /// Lines with any of these texts go from the data.
    pub cleans: Option<(&'static str, &'static [&'static str])>,
    /// What follows the command, for each run, and how good it gets.
    pub runs: &'static [(&'static str, f64)],
    pub reason: &'static str,
    /// Said of the last run.
    pub outcome: &'static str,
    pub tags: &'static [&'static str],
    pub starred: bool,
    pub branch: &'static str,
    pub ending: Ending,
}

/// How the last run of a chapter ends.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(super) enum Ending {
    Done,
    /// After so much of its way it prints this and gives up.
    Fails(f64, &'static str),
    /// After so much of its way it is killed by this signal.
    Killed(f64, i32),
    /// It has come so far and goes on.
    GoesOn(f64),
}

/// Nothing special.
const PLAIN: Chapter = Chapter {
    days_ago: 0.0,
    edits: &[],
    cleans: None,
    runs: &[],
    reason: "",
    outcome: "",
    tags: &[],
    starred: false,
    branch: "main",
    ending: Ending::Done,
};

macro_rules! file {
    ($project:literal, $name:literal) => {
        ($name, include_str!(concat!("../../../../assets/notebook/", $project, "/", $name)))
    };
}

pub(super) static STORIES: [Story; 3] = [
    Story {
        name: "cifar-resnet",
        files: &[
            file!("cifar-resnet", "README.md"),
            file!("cifar-resnet", "augment.py"),
            file!("cifar-resnet", "config.yaml"),
            file!("cifar-resnet", "data.py"),
            file!("cifar-resnet", "data/train.csv"),
            file!("cifar-resnet", "data/val.csv"),
            file!("cifar-resnet", "model.py"),
            file!("cifar-resnet", "requirements.txt"),
            file!("cifar-resnet", "train.py"),
        ],
        course: Course::Images,
        command: "python train.py",
        note: "Goal: 95 % on one GPU in under ten minutes.\n\n\
               Three seeds for everything that looks like progress; one seed is an anecdote.",
        views: &[
            ("best", "status:done sort:-best(val/acc)"),
            ("by-setting", "status:done group:width,lr sort:-best(val/acc)"),
        ],
        chapters: IMAGES,
    },
    Story {
        name: "nano-lm",
        files: &[
            file!("nano-lm", "README.md"),
            file!("nano-lm", "config.toml"),
            file!("nano-lm", "model.py"),
            file!("nano-lm", "tokens.py"),
            file!("nano-lm", "train.py"),
        ],
        course: Course::Language,
        command: "python train.py",
        note: "Below a validation loss of 1.35 the stories have an end.",
        views: &[("best", "status:done sort:best(val/loss)")],
        chapters: LANGUAGE,
    },
    Story {
        name: "rain-nowcast",
        files: &[
            file!("rain-nowcast", "README.md"),
            file!("rain-nowcast", "data/stations.csv"),
            file!("rain-nowcast", "forecast.py"),
        ],
        course: Course::Rain,
        command: "python forecast.py",
        note: "The station was moved on the 14th of May; readings before that are 0.4 degrees too warm.",
        views: &[],
        chapters: RAIN,
    },
];

const IMAGES: &[Chapter] = &[
    Chapter {
        days_ago: 23.2,
        runs: &[("--lr 0.1 --seed 1", 0.9058), ("--lr 0.1 --seed 2", 0.9031), ("--lr 0.1 --seed 3", 0.9064)],
        reason: "Where do we stand?",
        tags: &["baseline"],
        ..PLAIN
    },
    Chapter {
        days_ago: 22.1,
        runs: &[
            ("--lr 0.03 --seed 1", 0.8987),
            ("--lr 0.01 --seed 1", 0.8763),
            ("--lr 0.003 --seed 1", 0.8421),
            ("--lr 1.0 --seed 1", 0.1),
        ],
        reason: "Is 0.1 the right learning rate?",
        outcome: "It is. Ten times more diverges in the first epoch.",
        tags: &["sweep"],
        ending: Ending::Fails(
            0.08,
            "Traceback (most recent call last):\n  File \"train.py\", line 65, in <module>\n    \
             json.dump(train(settings), file, indent=2)\n  File \"train.py\", line 45, in train\n    \
             raise FloatingPointError(f\"the loss is nan in epoch {epoch + 1}\")\n\
             FloatingPointError: the loss is nan in epoch 4",
        ),
        ..PLAIN
    },
    Chapter {
        days_ago: 20.3,
        edits: &[
            ("train.py", "import json\nimport random\n", "import json\nimport math\nimport random\n"),
            (
                "train.py",
                "    \"\"\"The learning rate of an epoch: a tenth after two thirds of the way.\"\"\"\n    \
                 if epoch < settings[\"epochs\"] * 2 // 3:\n        return settings[\"lr\"]\n    \
                 return settings[\"lr\"] / 10\n",
                "    \"\"\"The learning rate of an epoch: half a cosine, from all to nothing.\"\"\"\n    \
                 return settings[\"lr\"] * 0.5 * (1 + math.cos(math.pi * epoch / settings[\"epochs\"]))\n",
            ),
        ],
        runs: &[("--lr 0.1 --seed 1", 0.9168), ("--lr 0.1 --seed 2", 0.9149), ("--lr 0.1 --seed 3", 0.9171)],
        reason: "Does a cosine do better than one step?",
        outcome: "A point better on each of the three seeds. Keep.",
        branch: "cosine",
        ..PLAIN
    },
    Chapter {
        days_ago: 18.4,
        edits: &[(
            "augment.py",
            "    return padded[:, :, top : top + 32, left : left + 32]\n",
            "    cut = padded[:, :, top : top + 32, left : left + 32]\n    \
             mask = torch.ones(32, 32, device=images.device)\n    \
             y, x = torch.randint(0, 24, (2,)).tolist()\n    mask[y : y + 8, x : x + 8] = 0\n    \
             return cut * mask[None, None].expand(len(images), 1, 28, 28)\n",
        )],
        runs: &[("--lr 0.1 --seed 1", 0.2)],
        reason: "Cutout: part of each image is blank",
        branch: "cutout",
        ending: Ending::Fails(
            0.0,
            "Traceback (most recent call last):\n  File \"train.py\", line 64, in <module>\n    \
             json.dump(train(settings), file, indent=2)\n  File \"train.py\", line 42, in train\n    \
             loss = loss_of(model(augment(images)), labels)\n  File \"augment.py\", line 14, in augment\n    \
             return cut * mask[None, None].expand(len(images), 1, 28, 28)\n\
             RuntimeError: The expanded size of the tensor (28) must match the existing size (32) at \
             non-singleton dimension 3",
        ),
        ..PLAIN
    },
    Chapter {
        days_ago: 18.37,
        edits: &[("augment.py", "mask[None, None].expand(len(images), 1, 28, 28)", "mask")],
        runs: &[("--lr 0.1 --seed 1", 0.9287), ("--lr 0.1 --seed 2", 0.9262), ("--lr 0.1 --seed 3", 0.9279)],
        reason: "Cutout: part of each image is blank",
        outcome: "+1.1 points. The training loss is higher and nobody minds.",
        branch: "cutout",
        ..PLAIN
    },
    Chapter {
        days_ago: 15.2,
        edits: &[
            ("config.yaml", "width: 64\n", "width: 64\nsmoothing: 0.1\n"),
            (
                "train.py",
                "torch.nn.CrossEntropyLoss()",
                "torch.nn.CrossEntropyLoss(label_smoothing=settings[\"smoothing\"])",
            ),
        ],
        runs: &[("--lr 0.1 --seed 1", 0.9281), ("--lr 0.1 --seed 2", 0.9274), ("--lr 0.1 --seed 3", 0.9283)],
        reason: "Label smoothing",
        outcome: "Within the noise of the seeds.",
        ..PLAIN
    },
    Chapter {
        days_ago: 12.6,
        edits: &[("config.yaml", "width: 64\n", "width: 128\n")],
        runs: &[("--lr 0.1 --seed 1", 0.9)],
        reason: "Twice as wide",
        outcome: "Out of memory with 512 images at once.",
        tags: &["wide"],
        ending: Ending::Killed(0.06, 9),
        ..PLAIN
    },
    Chapter {
        days_ago: 12.5,
        edits: &[("config.yaml", "batch_size: 512\n", "batch_size: 256\n")],
        runs: &[("--lr 0.1 --seed 1", 0.9362), ("--lr 0.1 --seed 2", 0.9381), ("--lr 0.1 --seed 3", 0.9355)],
        reason: "Twice as wide, with half the batch",
        tags: &["wide"],
        ..PLAIN
    },
    Chapter {
        days_ago: 6.3,
        cleans: Some(("data/train.csv", &["17,", "42,", "68,"])),
        runs: &[("--lr 0.1 --seed 1", 0.9414), ("--lr 0.1 --seed 2", 0.9402), ("--lr 0.1 --seed 3", 0.9421)],
        reason: "Without the labels that two people called wrong",
        outcome: "Better data beats a bigger model: half a point for an afternoon's work.",
        tags: &["wide", "clean"],
        ..PLAIN
    },
    Chapter {
        days_ago: 1.4,
        edits: &[
            (
                "train.py",
                "    optimizer = torch.optim.SGD(",
                "    average = torch.optim.swa_utils.AveragedModel(model, \
                 multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.999))\n    \
                 optimizer = torch.optim.SGD(",
            ),
            (
                "train.py",
                "            optimizer.step()\n",
                "            optimizer.step()\n            average.update_parameters(model)\n",
            ),
            ("train.py", "evaluate(model, \"val\")", "evaluate(average, \"val\")"),
        ],
        runs: &[("--lr 0.1 --seed 1", 0.9487), ("--lr 0.1 --seed 2", 0.9479), ("--lr 0.1 --seed 3", 0.9503)],
        reason: "A moving average of the weights",
        outcome: "95.0 %. This is the one for the paper; longer training next.",
        tags: &["wide", "clean", "paper"],
        starred: true,
        branch: "ema",
        ..PLAIN
    },
    Chapter {
        days_ago: 0.0043,
        edits: &[("config.yaml", "epochs: 40\n", "epochs: 400\n")],
        runs: &[("--lr 0.1 --seed 1", 0.9555)],
        reason: "Ten times as long",
        tags: &["wide", "clean"],
        branch: "ema",
        ending: Ending::GoesOn(0.31),
        ..PLAIN
    },
];

const LANGUAGE: &[Chapter] = &[
    Chapter {
        days_ago: 19.4,
        runs: &[("seed=1", 1.522), ("seed=2", 1.517)],
        reason: "Where do we stand?",
        tags: &["baseline"],
        ..PLAIN
    },
    Chapter {
        days_ago: 18.6,
        runs: &[("layers=2", 1.713), ("layers=4", 1.584), ("layers=8", 1.489), ("layers=12", 1.476)],
        reason: "How deep?",
        outcome: "Eight layers; twelve cost half as much again for a hundredth.",
        tags: &["sweep"],
        ..PLAIN
    },
    Chapter {
        days_ago: 13.3,
        edits: &[
            ("config.toml", "layers = 6\n", "layers = 8\n"),
            (
                "model.py",
                "        y = F.scaled_dot_product_attention(",
                "        q, k = rotate(q), rotate(k)\n        y = F.scaled_dot_product_attention(",
            ),
            (
                "model.py",
                "class Attention(nn.Module):\n",
                "def rotate(x):\n    \"\"\"Turns pairs of numbers by an angle that grows with the place (Su et al., 2021).\"\"\"\n    \
                 half = x.shape[-1] // 2\n    \
                 rates = 10_000 ** (-torch.arange(half, device=x.device) / half)\n    \
                 angles = torch.arange(x.shape[-2], device=x.device)[:, None] * rates\n    \
                 left, right = x.split(half, -1)\n    \
                 return torch.cat([left * angles.cos() - right * angles.sin(), right * angles.cos() + left * angles.sin()], -1)\n\n\n\
                 class Attention(nn.Module):\n",
            ),
            (
                "model.py",
                "        x = self.words(tokens) + self.places(torch.arange(tokens.shape[1], device=tokens.device))\n        \
                 return self.norm(self.layers(x)) @ self.words.weight.T\n",
                "        return self.norm(self.layers(self.words(tokens))) @ self.words.weight.T\n",
            ),
            ("model.py", "        self.places = nn.Embedding(settings[\"context\"], settings[\"width\"])\n", ""),
        ],
        runs: &[("seed=1", 1.431), ("seed=2", 1.436), ("seed=3", 1.428)],
        reason: "Rotary places instead of learned ones",
        outcome: "Better from the first hundred steps on.",
        branch: "rotary",
        ..PLAIN
    },
    Chapter {
        days_ago: 10.5,
        edits: &[("config.toml", "lr = 0.0006\n", "lr = 0.003\n")],
        runs: &[("seed=1", 2.9)],
        reason: "A larger rate",
        ending: Ending::Fails(
            0.2,
            "Traceback (most recent call last):\n  File \"train.py\", line 47, in <module>\n    train(settings)\n  \
             File \"train.py\", line 38, in train\n    print(f\"{place} loss={loss.item():.4f} \
             \\033[1mval/loss={val:.4f}\\033[0m val/ppl={math.exp(val):.2f}\")\n\
             OverflowError: math range error",
        ),
        ..PLAIN
    },
    Chapter {
        days_ago: 10.4,
        edits: &[
            (
                "train.py",
                "    return settings[\"lr\"]\n",
                "    \"\"\"Slowly up, then slowly down.\"\"\"\n    \
             warm = min(1, step / settings[\"warmup\"])\n    \
             return settings[\"lr\"] * warm * 0.5 * (1 + math.cos(math.pi * step / settings[\"steps\"]))\n",
            ),
            ("config.toml", "lr = 0.003\n", "lr = 0.003\nwarmup = 200\n"),
        ],
        runs: &[("seed=1", 1.384), ("seed=2", 1.379), ("seed=3", 1.388)],
        reason: "A larger rate, with a warm-up",
        tags: &["warmup"],
        ..PLAIN
    },
    Chapter {
        days_ago: 5.7,
        runs: &[("dropout=0.0", 1.371), ("dropout=0.05", 1.373), ("dropout=0.2", 1.402)],
        reason: "Does it need dropout at all?",
        outcome: "No: it never sees a story twice.",
        tags: &["sweep", "warmup"],
        ..PLAIN
    },
    Chapter {
        days_ago: 0.9,
        edits: &[
            ("config.toml", "vocabulary = 4096\n", "vocabulary = 8192\n"),
            ("config.toml", "dropout = 0.1\n", "dropout = 0.0\n"),
        ],
        runs: &[("seed=1", 1.346), ("seed=2", 1.351), ("seed=3", 1.342)],
        reason: "Twice the vocabulary",
        outcome: "\"Once upon a time there was a little boat that wanted to be red.\" It has an end now.",
        tags: &["paper"],
        starred: true,
        ..PLAIN
    },
];

const RAIN: &[Chapter] = &[
    Chapter {
        days_ago: 16.1,
        runs: &[("--trees 100 --leaves 7 --seed 1", 0.472), ("--trees 200 --leaves 15 --seed 1", 0.491)],
        reason: "Where do we stand?",
        tags: &["baseline"],
        ..PLAIN
    },
    Chapter {
        days_ago: 15.8,
        runs: &[
            ("--trees 400 --leaves 31 --seed 1", 0.486),
            ("--trees 400 --leaves 31 --rate 0.02 --seed 1", 0.494),
            ("--trees 800 --leaves 63 --rate 0.02 --seed 1", 0.47),
        ],
        reason: "More and larger trees",
        outcome: "They learn the station by heart. 200 small ones are enough.",
        tags: &["sweep"],
        ending: Ending::Killed(0.6, 2),
        ..PLAIN
    },
    Chapter {
        days_ago: 9.2,
        edits: &[(
            "forecast.py",
            "    \"\"\"One row for each day: the readings of that day.\"\"\"\n    \
             return np.array([[float(row[name]) for name in (\"pressure\", \"temperature\", \"humidity\")] for row in rows[:-1]])\n",
            "    \"\"\"One row for each day: the readings of that day, and how they changed since the day before.\"\"\"\n    \
             today = np.array([[float(row[name]) for name in (\"pressure\", \"temperature\", \"humidity\")] for row in rows[:-1]])\n    \
             change = np.diff(today, axis=0, prepend=today[:1])\n    return np.hstack([today, change])\n",
        )],
        runs: &[
            ("--trees 200 --leaves 15 --seed 1", 0.583),
            ("--trees 200 --leaves 15 --seed 2", 0.577),
            ("--trees 200 --leaves 15 --seed 3", 0.586),
        ],
        reason: "Falling pressure says more than low pressure",
        outcome: "Nine points. The oldest rule of all.",
        starred: true,
        ..PLAIN
    },
    Chapter {
        days_ago: 3.1,
        cleans: Some(("data/stations.csv", &["2026-05-13,", "2026-05-14,", "2026-05-15,"])),
        runs: &[
            ("--trees 200 --leaves 15 --seed 1", 0.588),
            ("--trees 200 --leaves 15 --seed 2", 0.581),
            ("--trees 200 --leaves 15 --seed 3", 0.585),
        ],
        reason: "Without the days of the move",
        outcome: "No difference that the seeds would not make.",
        ..PLAIN
    },
];
