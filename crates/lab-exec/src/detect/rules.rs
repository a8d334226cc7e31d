//! Decides which of the programs that start are runs. Pure: looks at nothing but its arguments.

use std::fmt;
use std::path::Path;

use super::{Ancestor, Program};

/// What a project says of its runs; the `[watch]` table of `lab.toml`.
///
/// Patterns know `*` (any text, slashes too) and `?` (one character). One matches a program when it
/// matches its name, its script or module, or its whole command line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rules {
    /// Always a run, however short, unless it lies outside the project.
    pub run: Vec<String>,
    /// Never a run; what it starts may be one.
    pub ignore: Vec<String>,
    /// How long a program that no pattern names must live to be kept as a run, in milliseconds.
    pub minimum_millis: u64,
}

impl Default for Rules {
    fn default() -> Self {
        Self { run: Vec::new(), ignore: Vec::new(), minimum_millis: 1000 }
    }
}

/// What a program is to a project.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// A run of its own.
    Run {
        /// A run that ends sooner than this is not kept; 0 when the project names it.
        minimum_millis: u64,
    },
    /// A part of the run that an ancestor is.
    Part {
        /// The ancestor's number.
        of: i32,
    },
    /// Not a run.
    No(Reason),
}

/// Why a program is not a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Reason {
    /// Neither its directory nor its script nor its arguments lie in the project.
    Outside,
    /// A Jupyter kernel; its cells are runs, not the process.
    Kernel,
}

impl fmt::Display for Reason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Outside => "outside the project",
            Self::Kernel => "a Jupyter kernel",
        })
    }
}

/// Decides. `recorded` says whether an ancestor is a recorded run already, or its command.
pub fn judge(program: &Program, rules: &Rules, project_root: &Path, recorded: &dyn Fn(&Ancestor) -> bool) -> Verdict {
    if let Some(ancestor) = program.ancestors.iter().find(|ancestor| recorded(ancestor)) {
        return Verdict::Part { of: ancestor.pid };
    }
    if program.cwd.starts_with(project_root) {
        return Verdict::Run { minimum_millis: rules.minimum_millis };
    }
    Verdict::No(Reason::Outside)
}
