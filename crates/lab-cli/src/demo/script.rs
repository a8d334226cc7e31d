//! What the demo writes and changes; `assets/demo/EDITS.md` describes it.

use std::path::Path;

use lab_engine::{Error, ErrorKind, Result};

const TRAIN: &str = include_str!("../../../../assets/demo/train.py");
const CONFIG: &str = include_str!("../../../../assets/demo/config.json");
const PENGUINS: &str = include_str!("../../../../assets/demo/penguins.csv");
const ABOUT_DATA: &str = include_str!("../../../../assets/demo/DATA.md");

/// One change to one file.
enum Edit {
    /// Text that stands exactly once is replaced.
    Replace { file: &'static str, old: &'static str, new: &'static str },
    /// Lines that hold the text go.
    DropLines { file: &'static str, with: &'static str },
}

/// An edit and a run.
pub struct Step {
    /// What the person does and why.
    pub title: &'static str,
    edit: Option<Edit>,
    /// Tags of the run.
    pub tags: &'static [&'static str],
    /// The run ends with a traceback.
    pub fails: bool,
}

const PLAIN: &str = r#"    scaled = [[([value / 1000 for value in x], y) for x, y in rows] for rows in (train, test)]
    return scaled[0], scaled[1]"#;

const STANDARDISED: &str = r#"    columns = list(zip(*(x for x, _ in train)))
    means = [sum(column) / len(column) for column in columns]
    variances = [sum((v - mean) ** 2 for v in column) / len(column) for column, mean in zip(columns, means)]

    def standardise(x):
        return [(v - mean) / math.sqrt(variance) for v, mean, variance in zip(x, means, variances)]

    return [(standardise(x), y) for x, y in train], [(standardise(x), y) for x, y in test]"#;

const RATE: &str = r#"        rate = config["learning_rate"]
"#;

const WRONG_DECAY: &str = r#"        rate = config["learning_rate"] / (1 + epoch / (epochs // 2 - epoch))
"#;

const RIGHT_DECAY: &str = r#"        rate = config["learning_rate"] * max(0.1, 1 - epoch / epochs)
"#;

/// The whole demo.
pub const STEPS: [Step; 7] = [
    Step { title: "1. The baseline", edit: None, tags: &["baseline"], fails: false },
    Step {
        title: "2. Config: a learning rate ten times larger",
        edit: Some(Edit::Replace {
            file: "config.json",
            old: "\"learning_rate\": 0.0001",
            new: "\"learning_rate\": 0.001",
        }),
        tags: &[],
        fails: false,
    },
    Step {
        title: "3. Code: standardise the measurements",
        edit: Some(Edit::Replace { file: "train.py", old: PLAIN, new: STANDARDISED }),
        tags: &[],
        fails: false,
    },
    Step {
        title: "4. Another seed: how much of it is chance?",
        edit: Some(Edit::Replace { file: "config.json", old: "\"seed\": 42", new: "\"seed\": 1" }),
        tags: &[],
        fails: false,
    },
    Step {
        title: "5. Data: drop the penguins that were not fully measured",
        edit: Some(Edit::DropLines { file: "penguins.csv", with: ",NA" }),
        tags: &[],
        fails: false,
    },
    Step {
        title: "6. Code: let the learning rate decay … and divide by zero",
        edit: Some(Edit::Replace { file: "train.py", old: RATE, new: WRONG_DECAY }),
        tags: &[],
        fails: true,
    },
    Step {
        title: "7. Code: the fix",
        edit: Some(Edit::Replace { file: "train.py", old: WRONG_DECAY, new: RIGHT_DECAY }),
        tags: &["best"],
        fails: false,
    },
];

/// Writes the experiment.
pub fn write_project(directory: &Path) -> Result<()> {
    let files = [("train.py", TRAIN), ("config.json", CONFIG), ("penguins.csv", PENGUINS), ("DATA.md", ABOUT_DATA)];
    for (name, text) in files {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(|error| Error::disk("write", &path, error))?;
    }
    Ok(())
}

impl Step {
    /// Makes the change.
    pub fn apply(&self, directory: &Path) -> Result<()> {
        let Some(edit) = &self.edit else { return Ok(()) };
        let file = match edit {
            Edit::Replace { file, .. } | Edit::DropLines { file, .. } => file,
        };
        let path = directory.join(file);
        let text = std::fs::read_to_string(&path).map_err(|error| Error::disk("read", &path, error))?;
        let changed = edit.change(&text).ok_or_else(|| {
            Error::new(ErrorKind::Bug, format!("The demo's edit does not fit {file}: {}", self.title))
        })?;
        std::fs::write(&path, changed).map_err(|error| Error::disk("write", &path, error))
    }
}

impl Edit {
    fn change(&self, text: &str) -> Option<String> {
        match self {
            Self::Replace { old, new, .. } => (text.matches(old).count() == 1).then(|| text.replacen(old, new, 1)),
            Self::DropLines { with, .. } => {
                Some(text.split_inclusive('\n').filter(|line| !line.contains(with)).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_edit_fits_the_files_as_shipped() {
        let mut files = std::collections::HashMap::from([
            ("train.py", TRAIN.to_owned()),
            ("config.json", CONFIG.to_owned()),
            ("penguins.csv", PENGUINS.to_owned()),
        ]);
        for step in &STEPS {
            let Some(edit) = &step.edit else { continue };
            let (Edit::Replace { file, .. } | Edit::DropLines { file, .. }) = edit;
            let changed = edit.change(&files[file]).unwrap_or_else(|| panic!("{}", step.title));
            assert_ne!(changed, files[file], "{}", step.title);
            files.insert(file, changed);
        }
        assert_eq!(files["penguins.csv"].lines().count(), 334);
    }
}
