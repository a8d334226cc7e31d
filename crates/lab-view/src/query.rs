//! The query language of every list of runs: `acc > 0.9 and tag:baseline sort:-best(acc)`.
//!
//! [`Query::parse`] makes plain data of a text, [`Query`] prints itself as a text that means the same,
//! [`compile`] turns it into a plan for the engine, [`complete`] offers what could come next.
//! `docs/query.md` tells people about it.

mod compile;
mod complete;
mod literal;
mod parse;
mod print;
mod words;

use std::fmt;
use std::ops::Range;

pub use compile::{Column, Compiled, compile};
pub use complete::{Completion, Vocabulary, complete};
pub use print::word as quote;
pub use words::{DIRECTIVES, FIELDS, FILTERS, FUNCTIONS, Name};

/// What a text asks for.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Query {
    /// The condition; all runs fit when there is none.
    pub filter: Option<Expression>,
    /// `sort:`, the first before the next.
    pub sort: Vec<Sorting>,
    /// `group:`.
    pub group: Vec<Operand>,
    /// `columns:`.
    pub columns: Vec<Operand>,
    /// `limit:`; 0 for all.
    pub limit: Option<usize>,
}

/// A condition.
#[derive(Clone, PartialEq, Debug)]
pub enum Expression {
    /// `a and b`, at least two.
    And(Vec<Expression>),
    /// `a or b`, at least two.
    Or(Vec<Expression>),
    /// `not a`.
    Not(Box<Expression>),
    /// `lr <= 1e-3`.
    Compare(Operand, Operator, Literal),
    /// `tag:baseline`, `status:failed,killed`: one of these.
    Filter {
        /// Which, one of [`FILTERS`].
        name: &'static str,
        /// One of these.
        values: Vec<Literal>,
    },
    /// `code:same(@)`.
    Same {
        /// `code`, `config`, `data` or `env`.
        aspect: &'static str,
        /// The run that it is compared with.
        run: Literal,
    },
    /// A word that stands somewhere.
    Text(Literal),
}

/// What is compared, sorted or grouped by: `lr`, `best(val/loss)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Operand {
    /// One of [`FUNCTIONS`].
    pub function: Option<&'static str>,
    /// The key as written, its prefix included.
    pub key: String,
    /// Where it stands.
    pub place: Place,
}

/// A word as written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Literal {
    /// Without quotes.
    pub text: String,
    /// Where it stands.
    pub place: Place,
}

/// One order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sorting {
    /// By what.
    pub by: Operand,
    /// `-`: largest first.
    pub descending: bool,
}

/// What stands between an operand and a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operator {
    /// `=`
    Equal,
    /// `!=`
    Unequal,
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    More,
    /// `>=`
    AtLeast,
    /// `~`: the text stands in it.
    Contains,
}

/// Bytes of the text that something came from. All places are equal: what a query means does not
/// depend on where its words stand.
#[derive(Clone, Debug, Default)]
pub struct Place(pub Range<usize>);

impl PartialEq for Place {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Place {}

/// What is wrong with a query, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct QueryError {
    /// What is wrong.
    pub message: String,
    /// The bytes of the text that it is about; empty at a place where something is missing.
    pub place: Range<usize>,
    /// What would be possible there.
    pub hint: Option<String>,
}

impl QueryError {
    pub(crate) fn new(message: impl Into<String>, place: Range<usize>) -> Self {
        Self { message: message.into(), place, hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// What is wrong and what would be possible, in one line.
    pub fn in_one_line(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} · {hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// The query with carets below what is wrong.
    pub fn told(&self, text: &str) -> String {
        let before = text.get(..self.place.start).unwrap_or(text).chars().count();
        let width = text.get(self.place.clone()).map_or(1, |wrong| wrong.chars().count()).max(1);
        let text: String = text.chars().map(|c| if c.is_whitespace() { ' ' } else { c }).collect();
        format!("{}\n  {text}\n  {}{}", self.message, " ".repeat(before), "^".repeat(width))
    }
}

impl QueryError {
    /// The same for people: a wrong request, told under the text that it is about.
    pub fn into_usage(self, text: &str) -> lab_engine::Error {
        let error = lab_engine::Error::new(lab_engine::ErrorKind::Usage, self.told(text));
        lab_engine::Error { hint: self.hint, ..error }
    }
}

impl Query {
    /// Both conditions at once; the orders, groups, columns and limit of `other` where it has any.
    #[must_use]
    pub fn narrowed(self, other: Self) -> Self {
        fn or<T>(first: Vec<T>, second: Vec<T>) -> Vec<T> {
            if first.is_empty() { second } else { first }
        }
        let filter = match (self.filter, other.filter) {
            (Some(left), Some(right)) => Some(Expression::And(vec![left, right])),
            (left, right) => left.or(right),
        };
        Self {
            filter,
            sort: or(other.sort, self.sort),
            group: or(other.group, self.group),
            columns: or(other.columns, self.columns),
            limit: other.limit.or(self.limit),
        }
    }
}

/// The head of a column that shows an operand.
pub(crate) fn title(operand: &Operand) -> String {
    match operand.function {
        Some(function) => format!("{function}({})", operand.key),
        None => operand.key.clone(),
    }
}

impl fmt::Display for QueryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for QueryError {}

#[cfg(test)]
mod tests;
