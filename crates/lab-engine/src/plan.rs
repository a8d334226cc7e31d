//! What a list of runs is asked for, as plain data: [`crate::Reader::runs_table`] carries it out.

use lab_model::{ProjectId, Time};
use lab_store::{Flag, MetricPart, RunField, RunRow};

/// Which runs, in which order, told one by one or by groups.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Plan {
    /// Only this project's.
    pub project: Option<ProjectId>,
    /// Only those for which this is true.
    pub filter: Filter,
    /// By these, the first before the next; then newest first. Missing values come last.
    pub sort: Vec<Order>,
    /// Runs that agree in all of these are one group.
    pub group: Vec<Field>,
    /// Of these every row tells the value, and every group mean and spread.
    pub measured: Vec<Field>,
    /// So many are passed over.
    pub offset: usize,
    /// At most so many rows or groups.
    pub limit: Option<usize>,
    /// Hidden runs too.
    pub hidden: bool,
    /// Removed runs too.
    pub removed: bool,
    /// The moment to which runs that go on have taken their time.
    pub now: Time,
}

/// One order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// By what.
    pub field: Field,
    /// Largest first.
    pub descending: bool,
}

/// What can be asked of every run. At most one value each.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Field {
    /// A parameter.
    Param(String),
    /// A metric.
    Metric(String, MetricPart),
    /// A field of the run.
    Run(RunField),
    /// When it started, milliseconds since 1970.
    Started,
    /// When it ended, milliseconds since 1970.
    Ended,
    /// How it stands.
    Status,
    /// The name of its project.
    Project,
    /// What its command is compared by: the script, else the program.
    Script,
    /// Its tags, a blank between.
    Tags,
    /// Notes, reasons and outcomes, each on its line.
    Notes,
}

/// A condition. What is compared with a missing value is neither true nor false, and neither is its
/// opposite (Kleene's three-valued logic); a run is listed when the whole is true.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Filter {
    /// Always true.
    #[default]
    Every,
    /// True when all are.
    All(Vec<Filter>),
    /// True when one is.
    Any(Vec<Filter>),
    /// True when it is false.
    Not(Box<Filter>),
    /// A comparison; unknown where the value is missing.
    Compare(Field, Comparison, Value),
    /// Whether the text stands in it, whatever the case; false where there is nothing.
    Contains(Field, String),
    /// Whether it is exactly this, whatever the case; false where there is nothing.
    Is(Field, String),
    /// Whether the text begins it, whatever the case; false where there is nothing.
    Begins(Field, String),
    /// Whether there is a value.
    Has(Field),
    /// Whether it has this tag.
    Tag(String),
    /// Whether it is marked so.
    Flag(Flag),
    /// Whether the text stands in name, status, command, notes, is a tag, or begins the id.
    Text(String),
}

/// How a value is compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// The same.
    Equal,
    /// Another.
    Unequal,
    /// Less.
    Less,
    /// Less or the same.
    AtMost,
    /// More.
    More,
    /// More or the same.
    AtLeast,
}

/// A value of a field.
#[derive(Clone, PartialEq, Debug)]
pub enum Value {
    /// There is none.
    Missing,
    /// A number; may be NaN.
    Number(f64),
    /// A text.
    Text(String),
}

/// What a [`Plan`] gives.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RunsTable {
    /// Runs that fit, in all.
    pub total: u64,
    /// The runs of the window, when there are no groups.
    pub rows: Vec<RunRow>,
    /// Of each of these rows the measured fields.
    pub values: Vec<Vec<Value>>,
    /// The groups of the window.
    pub groups: Vec<Group>,
    /// Groups in all.
    pub group_total: u64,
}

/// Runs that agree in all fields that they were grouped by.
#[derive(Clone, PartialEq, Debug)]
pub struct Group {
    /// The values in which they agree.
    pub key: Vec<Value>,
    /// How many.
    pub runs: u64,
    /// Of every measured field.
    pub measured: Vec<Measured>,
}

/// Mean and spread of numbers; missing ones and NaN do not count.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Measured {
    /// How many numbers.
    pub count: u64,
    /// Their mean; NaN when there are none.
    pub mean: f64,
    /// Their standard deviation (that of a sample); NaN for fewer than two.
    pub deviation: f64,
}
