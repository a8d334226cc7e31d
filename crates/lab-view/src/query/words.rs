//! The words of the language: one table each, from which errors, completion and the reference take them.

use lab_engine::plan::Field;
use lab_engine::{MetricPart, RunField};

/// A word with what it means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Name {
    /// The word.
    pub name: &'static str,
    /// What it means, for completion.
    pub help: &'static str,
}

const fn name(name: &'static str, help: &'static str) -> Name {
    Name { name, help }
}

/// What stands before a parenthesis.
pub const FUNCTIONS: &[Name] = &[
    name("best", "smallest or largest value of a metric, whichever is better"),
    name("last", "last value of a metric"),
    name("first", "first value of a metric"),
    name("min", "smallest value of a metric"),
    name("max", "largest value of a metric"),
    name("mean", "mean of all values of a metric"),
    name("count", "number of points of a metric"),
    name("step", "last step of a metric"),
];

/// What stands before a colon and is a condition.
pub const FILTERS: &[Name] = &[
    name("tag", "has this tag"),
    name("is", "starred, hidden, removed, or a status"),
    name("status", "running, done, failed, killed or lost"),
    name("has", "has a value for this key"),
    name("name", "the name holds this text"),
    name("note", "a note, reason or outcome holds this text"),
    name("command", "the command line holds this text"),
    name("failure", "the error holds this text"),
    name("script", "the script is called so"),
    name("project", "the project is called so"),
    name("host", "ran on this machine"),
    name("branch", "ran on this Git branch"),
    name("commit", "the Git commit begins so"),
    name("id", "the id begins so"),
    name("since", "started at or after this moment"),
    name("until", "started before this moment"),
    name("code", "same(RUN): the same code as that run"),
    name("config", "same(RUN): the same configuration as that run"),
    name("data", "same(RUN): the same data as that run"),
    name("env", "same(RUN): the same environment as that run"),
];

/// What stands before a colon and shapes the list.
pub const DIRECTIVES: &[Name] = &[
    name("sort", "order by these, - before one for largest first"),
    name("group", "put runs together that agree in these"),
    name("columns", "show these columns"),
    name("limit", "at most so many rows, 0 for all"),
];

/// Fields of the run itself, which can be compared, sorted and grouped by.
pub const FIELDS: &[Name] = &[
    name("started", "when it started"),
    name("ended", "when it ended"),
    name("took", "how long it took"),
    name("status", "how it stands"),
    name("exit", "exit code"),
    name("name", "name"),
    name("id", "id"),
    name("project", "project"),
    name("script", "script or program"),
    name("command", "command line"),
    name("host", "machine"),
    name("branch", "Git branch"),
    name("commit", "Git commit"),
    name("code", "fingerprint of the code"),
    name("config", "fingerprint of the configuration"),
    name("data", "fingerprint of the data"),
    name("env", "fingerprint of the environment"),
    name("tags", "tags"),
    name("note", "notes"),
    name("failure", "what a failed run said"),
];

/// Aspects of the fingerprint.
pub(super) const ASPECTS: [&str; 4] = ["code", "config", "data", "env"];
/// What `is:` knows.
pub(super) const STATES: [&str; 8] = ["starred", "hidden", "removed", "running", "done", "failed", "killed", "lost"];

/// The word of a table as it stands there.
pub(super) fn find(table: &'static [Name], word: &str) -> Option<&'static str> {
    table.iter().map(|name| name.name).find(|name| name.eq_ignore_ascii_case(word))
}

/// The field of one of [`FIELDS`].
pub(super) fn field(word: &str) -> Option<Field> {
    Some(match find(FIELDS, word)? {
        "started" => Field::Started,
        "ended" => Field::Ended,
        "took" => Field::Run(RunField::Duration),
        "status" => Field::Status,
        "exit" => Field::Run(RunField::Exit),
        "name" => Field::Run(RunField::Name),
        "id" => Field::Run(RunField::Id),
        "project" => Field::Project,
        "script" => Field::Script,
        "command" => Field::Run(RunField::Command),
        "host" => Field::Run(RunField::Host),
        "branch" => Field::Run(RunField::Branch),
        "commit" => Field::Run(RunField::Commit),
        "code" => Field::Run(RunField::Code),
        "config" => Field::Run(RunField::Config),
        "data" => Field::Run(RunField::Data),
        "env" => Field::Run(RunField::Environment),
        "tags" => Field::Tags,
        "note" => Field::Notes,
        _ => Field::Run(RunField::Failure),
    })
}

/// The part of a metric that a function takes.
pub(super) fn part(function: Option<&str>) -> MetricPart {
    match function {
        Some("best") => MetricPart::Best,
        Some("first") => MetricPart::First,
        Some("min") => MetricPart::Min,
        Some("max") => MetricPart::Max,
        Some("mean") => MetricPart::Mean,
        Some("count") => MetricPart::Count,
        Some("step") => MetricPart::Step,
        _ => MetricPart::Last,
    }
}

/// The candidates that are spelled most like `word`, the best first.
pub(super) fn alike<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let lower = word.to_lowercase();
    let mut found: Vec<(usize, &str)> = candidates
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let tail = other.rsplit(['.', '/']).next().unwrap_or_default();
            let distance = distance(&lower, &other).min(distance(&lower, tail));
            let near = distance <= (lower.chars().count() / 3).max(1) || (lower.len() > 1 && other.contains(&lower));
            near.then_some((distance, candidate))
        })
        .collect();
    found.sort_unstable();
    found.dedup();
    found.into_iter().map(|(_, candidate)| candidate).take(4).collect()
}

/// Letters to be put in, taken away, changed or swapped with the next (optimal string alignment).
fn distance(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let mut rows = vec![vec![0; right.len() + 1]; left.len() + 1];
    for i in 0..=left.len() {
        for j in 0..=right.len() {
            rows[i][j] = match (i, j) {
                (0, _) => j,
                (_, 0) => i,
                _ => {
                    let changed = rows[i - 1][j - 1] + usize::from(left[i - 1] != right[j - 1]);
                    let one = (rows[i - 1][j] + 1).min(rows[i][j - 1] + 1).min(changed);
                    let swapped = i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1];
                    if swapped { one.min(rows[i - 2][j - 2] + 1) } else { one }
                }
            };
        }
    }
    rows[left.len()][right.len()]
}
