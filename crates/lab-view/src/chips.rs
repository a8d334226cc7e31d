//! The four parts of a fingerprint, each equal to or different from a base run's.

use lab_model::Fingerprint;
use serde::Serialize;

use crate::{Cell, Line, Tone};

/// One part of a fingerprint.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Aspect {
    /// Files with the role code.
    Code,
    /// Config files and parameters.
    Config,
    /// Data files and inputs.
    Data,
    /// Interpreter, packages, variables.
    Environment,
}

/// All aspects, in reading order.
pub const ASPECTS: [Aspect; 4] = [Aspect::Code, Aspect::Config, Aspect::Data, Aspect::Environment];

impl Aspect {
    /// The word for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Code => "code",
            Self::Config => "config",
            Self::Data => "data",
            Self::Environment => "env",
        }
    }
}

/// What the four chips say.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Chips {
    /// Aspects that differ from the base.
    pub changed: Vec<Aspect>,
    /// Aspects that are the same.
    pub equal: Vec<Aspect>,
    /// There is nothing to compare with.
    pub first: bool,
}

impl Chips {
    /// The chips of `run` against `base`.
    ///
    /// An environment that is not known yet on one side is neither equal nor changed.
    pub fn of(run: &Fingerprint, base: Option<&Fingerprint>) -> Self {
        let Some(base) = base else { return Self { first: true, ..Self::default() } };
        let mut chips = Self::default();
        for aspect in ASPECTS {
            let (left, right) = match aspect {
                Aspect::Code => (base.code, run.code),
                Aspect::Config => (base.config, run.config),
                Aspect::Data => (base.data, run.data),
                Aspect::Environment => (base.environment, run.environment),
            };
            if aspect == Aspect::Environment && left.is_some() != right.is_some() {
                continue;
            }
            if left == right { chips.equal.push(aspect) } else { chips.changed.push(aspect) }
        }
        chips
    }

    /// For a table: the words of what changed, `=` when nothing did, `first` without a base.
    pub fn cell(&self) -> Cell {
        let words: Vec<&str> = self.changed.iter().map(|aspect| aspect.name()).collect();
        let cell = if self.first {
            Cell::new("first", Tone::Muted)
        } else if words.is_empty() {
            Cell::new("=", Tone::Muted)
        } else {
            Cell::new(words.join(" "), Tone::Changed)
        };
        cell.with(if self.first { serde_json::Value::Null } else { words.into() })
    }

    /// For a page: each aspect with its mark, `code ≠  config =  data =  env =`.
    pub fn line(&self) -> Line {
        let mut line = Line::default();
        for aspect in ASPECTS {
            let (mark, tone) = if self.changed.contains(&aspect) {
                ("≠", Tone::Changed)
            } else if self.equal.contains(&aspect) {
                ("=", Tone::Muted)
            } else {
                continue;
            };
            if !line.is_empty() {
                line.push("  ", Tone::Plain);
            }
            line.push(format!("{} {mark}", aspect.name()), tone);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use lab_model::{Domain, Hash};

    use super::*;

    #[test]
    fn changed_equal_unknown_and_first() {
        let hash = |text: &str| Some(Hash::of(Domain::Content, text.as_bytes()));
        let base = Fingerprint { code: hash("a"), config: hash("c"), data: None, environment: hash("e") };
        let run = Fingerprint { code: hash("b"), data: hash("d"), environment: None, ..base };
        let chips = Chips::of(&run, Some(&base));
        assert_eq!(chips.changed, [Aspect::Code, Aspect::Data]);
        assert_eq!(chips.equal, [Aspect::Config]);
        assert_eq!(chips.cell().text, "code data");
        assert_eq!(chips.line().text(), "code ≠  config =  data ≠");
        assert_eq!(Chips::of(&base, Some(&base)).cell().text, "=");
        assert_eq!(Chips::of(&base, None).cell().text, "first");
    }
}
