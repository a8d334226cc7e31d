//! Reads the files that training frameworks and loggers write, while they grow.
//!
//! Every format is a [`Reader`]: bytes go in as they come, points and parameters come out as soon as they
//! are whole. [`Kind::of`] says by a file's path and first bytes which format it has. Readers take what
//! damaged and hostile files hold without failing: what they cannot read they say once.

mod checksum;
mod folder;
mod images;
mod json;
mod tables;
mod tensorboard;
mod wandb;
mod wire;

use serde_json::Value;

pub use self::folder::run_folder;
pub use self::images::{EventImage, event_images};
pub use crate::metrics::At;

/// Takes what files hold.
pub trait Sink {
    /// A value of a metric; may be NaN or infinite.
    fn point(&mut self, key: &str, at: At, value: f64);
    /// A parameter.
    fn param(&mut self, name: &str, value: &Value);
    /// Something that could not be read, in words.
    fn trouble(&mut self, words: &str);
}

/// One file being read.
pub trait Reader: Send {
    /// Takes the next bytes of the file.
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink);
    /// The file is as long as it will get (for a file that is written anew each time: for now).
    fn finish(&mut self, sink: &mut dyn Sink);
}

/// The format of a file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// TensorBoard's event file.
    Events,
    /// Weights & Biases' transaction log.
    Wandb,
    /// Lines of JSON.
    JsonLines,
    /// A table with a header and one row a step: comma, semicolon or tab.
    Table,
    /// DVCLive's table of one metric.
    DvcTable,
    /// Hugging Face's `trainer_state.json`.
    TrainerState,
    /// One JSON object with the latest values.
    Latest,
    /// Parameters in YAML.
    Params,
}

/// How a file changes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Growth {
    /// It grows at its end.
    Appended,
    /// It is written anew and then holds what it held before and more.
    Rewritten,
    /// It is written anew and holds the latest state only.
    Replaced,
}

/// The most bytes of a file that is read as a whole.
pub const MAX_WHOLE_BYTES: usize = 64 << 20;
/// So many bytes are enough for [`Kind::of`].
pub const HEAD_BYTES: usize = 4096;
/// The longest name of a metric.
const MAX_KEY_BYTES: usize = 256;

impl Kind {
    /// Whether a file of this name may be one of ours: cheap, and without looking into it.
    pub fn may_be(path: &str) -> bool {
        let (directory, name) = split(path);
        let ending = name.rsplit_once('.').map_or("", |(_, ending)| ending);
        name.contains("tfevents")
            || matches!(ending, "wandb" | "jsonl" | "ndjson" | "csv" | "tsv")
            || by_name(directory, name).is_some()
            || is_sniffed(name)
    }

    /// The format of the file at `path` (relative, with `/`), which begins with `head`; `None` when it is
    /// none of ours, or when there is too little of it to say. `is_named` means that a person said that
    /// this file holds metrics.
    pub fn of(path: &str, head: &[u8], is_named: bool) -> Option<Self> {
        let (directory, name) = split(path);
        if name.contains("tfevents") {
            return Some(Self::Events);
        }
        if head.starts_with(wandb::MAGIC) {
            return Some(Self::Wandb);
        }
        if let Some(kind) = by_name(directory, name) {
            return Some(kind);
        }
        let line = &head[..head.iter().position(|byte| *byte == b'\n')?];
        let line = std::str::from_utf8(line).ok()?.trim_start_matches('\u{feff}');
        if line.trim_start().starts_with('{') {
            return json::is_log_line(line, is_named).then_some(Self::JsonLines);
        }
        tables::is_log_header(line, is_named).then_some(Self::Table)
    }

    /// A reader at the file's beginning.
    pub fn reader(self, path: &str) -> Box<dyn Reader> {
        match self {
            Self::Events => Box::<tensorboard::Events>::default(),
            Self::Wandb => Box::<wandb::Log>::default(),
            Self::JsonLines => Box::<json::Lines>::default(),
            Self::Table => Box::<tables::Table>::default(),
            Self::DvcTable => Box::new(tables::Table::of_one(dvc_key(path))),
            Self::TrainerState => Box::new(json::Whole::trainer_state()),
            Self::Latest => Box::new(json::Whole::latest()),
            Self::Params => Box::new(json::Whole::params()),
        }
    }

    /// How files of this format change.
    pub const fn growth(self) -> Growth {
        match self {
            Self::Events | Self::Wandb | Self::JsonLines | Self::Table | Self::DvcTable => Growth::Appended,
            Self::TrainerState => Growth::Rewritten,
            Self::Latest | Self::Params => Growth::Replaced,
        }
    }

    /// What the file at `path` belongs to: points of files of one place and kind make one series.
    pub fn place(self, path: &str) -> &str {
        let (directory, name) = split(path);
        match self {
            Self::Events | Self::Wandb | Self::Params => directory,
            Self::DvcTable => path.find("plots/metrics/").map_or(directory, |at| path[..at].trim_end_matches('/')),
            Self::Latest if name == "metrics.json" => directory,
            // Every checkpoint holds all that was logged up to it.
            Self::TrainerState => {
                let (outer, last) = split(directory);
                if last.starts_with("checkpoint-") { outer } else { directory }
            }
            // Hydra and others call it by what it is: then the directory says whose it is.
            _ if matches!(name, "metrics.csv" | "metrics.jsonl" | "log.csv" | "progress.csv" | "history.csv") => {
                directory
            }
            _ => path.rsplit_once('.').map_or(path, |(stem, _)| stem),
        }
    }

    /// The tool's name, for people.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Events => "tensorboard",
            Self::Wandb => "wandb",
            Self::JsonLines => "jsonl",
            Self::Table => "table",
            Self::DvcTable => "dvclive",
            Self::TrainerState => "trainer_state",
            Self::Latest => "latest",
            Self::Params => "params",
        }
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn by_name(directory: &str, name: &str) -> Option<Kind> {
    let is_below = |part: &str| directory == part || directory.ends_with(&format!("/{part}"));
    match name {
        "trainer_state.json" => Some(Kind::TrainerState),
        "metrics.json" | "all_results.json" | "train_results.json" | "eval_results.json" => Some(Kind::Latest),
        "hparams.yaml" => Some(Kind::Params),
        "params.yaml" if is_below("dvclive") => Some(Kind::Params),
        "config.yaml" if is_below(".hydra") => Some(Kind::Params),
        _ if name.ends_with(".tsv") && format!("/{directory}/").contains("/plots/metrics/") => Some(Kind::DvcTable),
        _ => None,
    }
}

/// Names without a telling ending that hold lines of JSON or a table.
fn is_sniffed(name: &str) -> bool {
    matches!(
        name,
        "log.txt" | "scalars.json" | "result.json" | "log.json" | "training.log" | "train.log" | "history.log"
    )
}

fn dvc_key(path: &str) -> String {
    let name = path.rsplit_once("plots/metrics/").map_or(path, |(_, name)| name);
    name.strip_suffix(".tsv").unwrap_or(name).to_owned()
}

/// Gives `name` with a bounded length.
fn clip(name: &str) -> &str {
    &name[..name.floor_char_boundary(MAX_KEY_BYTES)]
}
