//! [`Query`] to a plan: keys get their meaning from what the notebook has, values from their keys.

use lab_engine::plan::{Comparison, Field, Filter, Order, Plan, Value};
use lab_engine::{Flag, Reader, RunField};
use lab_model::ProjectId;

use super::words::{self, FIELDS, STATES};
use super::{Expression, Literal, Operand, Operator, Query, QueryError, Vocabulary, literal};
use crate::format::Moment;

/// A query that knows what its words mean.
#[derive(Clone, PartialEq, Debug)]
pub struct Compiled {
    /// For the engine.
    pub plan: Plan,
    /// `columns:`, with what stands in each head.
    pub columns: Vec<(String, Column)>,
}

/// What a wished column shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Column {
    /// One of the list's own columns.
    Own(&'static str),
    /// A value.
    Field(Field),
}

/// The list's own columns and the words by which they may be wished for.
const OWN: &[(&str, &[&str])] = &[
    ("id", &["id"]),
    ("name", &["name"]),
    ("project", &["project"]),
    ("started", &["started"]),
    ("status", &["status"]),
    ("duration_millis", &["took", "duration", "duration_millis"]),
    ("changed", &["changed"]),
    ("tags", &["tags"]),
    ("note", &["note", "notes"]),
    ("command", &["command"]),
    ("exit_code", &["exit", "exit_code", "exit code"]),
    ("params", &["params", "parameters"]),
    ("metrics", &["metrics"]),
];

/// Gives the words of a query their meaning. `project` is where `@` looks.
///
/// # Errors
/// A key that nothing is called, a value that does not fit its key, a run that is not there.
pub fn compile(
    query: &Query,
    vocabulary: &Vocabulary,
    moment: &Moment,
    reader: &Reader,
    project: Option<&ProjectId>,
) -> Result<Compiled, QueryError> {
    let resolve = |run: &Literal, aspect: &str| {
        let row = reader.resolve(&run.text, project).map_err(|error| {
            let wrong = QueryError::new(error.message, run.place.0.clone());
            QueryError { hint: error.hint, ..wrong }
        })?;
        let print = crate::runs::fingerprint(&row);
        Ok(match aspect {
            "code" => print.code,
            "config" => print.config,
            "data" => print.data,
            _ => print.environment,
        }
        .map(|hash| hash.short(16)))
    };
    let compiler = Compiler { vocabulary, moment, resolve: &resolve };
    let mut plan = Plan { project: project.cloned(), now: moment.now, limit: query.limit, ..Plan::default() };
    if let Some(filter) = &query.filter {
        plan.filter = compiler.filter(filter)?;
        plan.hidden = mentions(&plan.filter, Flag::Hidden);
        plan.removed = mentions(&plan.filter, Flag::Removed);
    }
    plan.limit = query.limit.filter(|limit| *limit > 0);
    for by in &query.sort {
        plan.sort.push(Order { field: compiler.field(&by.by)?, descending: by.descending });
    }
    plan.group = query.group.iter().map(|operand| compiler.field(operand)).collect::<Result<_, _>>()?;
    let columns = query.columns.iter().map(|operand| compiler.column(operand)).collect::<Result<Vec<_>, _>>()?;
    let measured = columns.iter().filter_map(|(_, column)| match column {
        Column::Field(field) => Some(field.clone()),
        Column::Own("duration_millis") => Some(Field::Run(RunField::Duration)),
        Column::Own(_) => None,
    });
    plan.measured = measured.collect();
    Ok(Compiled { plan, columns })
}

/// Whether the condition is about this flag: then the runs that have it are looked at.
fn mentions(filter: &Filter, flag: Flag) -> bool {
    match filter {
        Filter::Flag(found) => *found == flag,
        Filter::All(parts) | Filter::Any(parts) => parts.iter().any(|part| mentions(part, flag)),
        Filter::Not(part) => mentions(part, flag),
        _ => false,
    }
}

/// The hash of an aspect of the run that a literal names; `None` when that run has none.
type Resolve<'a> = dyn Fn(&Literal, &str) -> Result<Option<String>, QueryError> + 'a;

struct Compiler<'a> {
    vocabulary: &'a Vocabulary,
    moment: &'a Moment,
    resolve: &'a Resolve<'a>,
}

impl Compiler<'_> {
    fn filter(&self, expression: &Expression) -> Result<Filter, QueryError> {
        let all = |terms: &[Expression]| terms.iter().map(|term| self.filter(term)).collect::<Result<Vec<_>, _>>();
        Ok(match expression {
            Expression::And(terms) => Filter::All(all(terms)?),
            Expression::Or(terms) => Filter::Any(all(terms)?),
            Expression::Not(term) => Filter::Not(Box::new(self.filter(term)?)),
            Expression::Text(text) => Filter::Text(text.text.clone()),
            Expression::Same { aspect, run } => {
                let field = words::field(aspect).expect("because every aspect is a field");
                let value = (self.resolve)(run, aspect)?;
                // What is not known of that run is not known to be the same.
                Filter::Compare(field, Comparison::Equal, value.map_or(Value::Missing, Value::Text))
            }
            Expression::Filter { name, values } => {
                let mut any =
                    values.iter().map(|value| self.named(name, value)).collect::<Result<Vec<_>, QueryError>>()?;
                if any.len() == 1 { any.remove(0) } else { Filter::Any(any) }
            }
            Expression::Compare(operand, operator, value) => self.compare(operand, *operator, value)?,
        })
    }

    fn named(&self, name: &'static str, value: &Literal) -> Result<Filter, QueryError> {
        let text = value.text.clone();
        let bad = |message: String, hint: &str| QueryError::new(message, value.place.0.clone()).hint(hint);
        Ok(match name {
            "tag" => Filter::Tag(text),
            "is" | "status" => {
                let known = if name == "is" { &STATES[..] } else { &STATES[3..] };
                let word = known
                    .iter()
                    .find(|word| word.eq_ignore_ascii_case(&text))
                    .ok_or_else(|| bad(format!("No run is ever {text}"), &format!("there are {}", known.join(", "))))?;
                match *word {
                    "starred" => Filter::Flag(Flag::Starred),
                    "hidden" => Filter::Flag(Flag::Hidden),
                    "removed" => Filter::Flag(Flag::Removed),
                    status => Filter::Is(Field::Status, status.to_owned()),
                }
            }
            "has" => {
                let operand = Operand { function: None, key: text, place: value.place.clone() };
                Filter::Has(self.field(&operand)?)
            }
            "since" | "until" => {
                let (from, _) = literal::moments(&text, self.moment).ok_or_else(|| bad_moment(value))?;
                let comparison = if name == "since" { Comparison::AtLeast } else { Comparison::Less };
                Filter::Compare(Field::Started, comparison, Value::Number(from.0 as f64))
            }
            "id" | "commit" | "code" | "config" | "data" | "env" => {
                let field = words::field(name).expect("because these filters are fields too");
                Filter::Begins(field, text)
            }
            name => Filter::Contains(words::field(name).expect("because the other filters are fields too"), text),
        })
    }

    fn compare(&self, operand: &Operand, operator: Operator, value: &Literal) -> Result<Filter, QueryError> {
        let field = self.field(operand)?;
        let comparison = match operator {
            Operator::Equal => Comparison::Equal,
            Operator::Unequal => Comparison::Unequal,
            Operator::Less => Comparison::Less,
            Operator::AtMost => Comparison::AtMost,
            Operator::More => Comparison::More,
            Operator::AtLeast => Comparison::AtLeast,
            Operator::Contains => return Ok(Filter::Contains(field, value.text.clone())),
        };
        let number = |comparison, number: f64| Filter::Compare(field.clone(), comparison, Value::Number(number));
        Ok(match &field {
            Field::Started | Field::Ended => {
                let (from, to) = literal::moments(&value.text, self.moment).ok_or_else(|| bad_moment(value))?;
                let (from, to, is_span) = (from.0 as f64, to.0 as f64, from != to);
                let within = Filter::All(vec![number(Comparison::AtLeast, from), number(Comparison::Less, to)]);
                match comparison {
                    Comparison::Equal if is_span => within,
                    Comparison::Unequal if is_span => Filter::Not(Box::new(within)),
                    Comparison::AtMost if is_span => number(Comparison::Less, to),
                    // Since yesterday: from its first moment.
                    Comparison::More if is_span => number(Comparison::AtLeast, from),
                    comparison => number(comparison, from),
                }
            }
            Field::Run(RunField::Duration) => {
                let millis = literal::duration(&value.text).ok_or_else(|| {
                    QueryError::new(format!("{} is no duration", value.text), value.place.0.clone())
                        .hint("such as 90s, 5m, 1h30m, 2d")
                })?;
                number(comparison, millis)
            }
            Field::Metric(..) | Field::Run(RunField::Exit) => {
                let found = value.text.parse::<f64>().map_err(|_| {
                    QueryError::new(format!("{} is no number", value.text), value.place.0.clone())
                        .hint(format!("`{operand}` is a number in every run"))
                })?;
                number(comparison, found)
            }
            _ => Filter::Compare(field, comparison, Value::Text(value.text.clone())),
        })
    }

    /// What an operand names.
    fn field(&self, operand: &Operand) -> Result<Field, QueryError> {
        let key = operand.key.as_str();
        let part = words::part(operand.function);
        let metric = |name: &str| Field::Metric(name.to_owned(), part);
        let param = |name: &str| Field::Param(name.to_owned());
        let (params, metrics) = (&self.vocabulary.params, &self.vocabulary.metrics);
        if operand.function.is_none()
            && let Some(field) = words::field(key)
        {
            return Ok(field);
        }
        let params: &[String] = if operand.function.is_some() { &[] } else { params };
        let exact = |names: &[String]| names.iter().any(|name| name == key);
        match (exact(params), exact(metrics)) {
            (true, true) => {
                return Err(QueryError::new(format!("{key} is a parameter and a metric"), operand.place.0.clone())
                    .hint(format!("write param.{key} or metric.{key}")));
            }
            (true, false) => return Ok(param(key)),
            (false, true) => return Ok(metric(key)),
            (false, false) => {}
        }
        let scoped = |scope: &str| key.strip_prefix(scope);
        let (key, params, metrics) = match (scoped("param.").or(scoped("config.")), scoped("metric.")) {
            (Some(rest), _) => (rest, params, &[][..]),
            (_, Some(rest)) => (rest, &[][..], &metrics[..]),
            _ => (key, params, &metrics[..]),
        };
        let exact = |names: &[String]| names.iter().any(|name| name == key);
        if exact(params) {
            return Ok(param(key));
        }
        if exact(metrics) {
            return Ok(metric(key));
        }
        // `lr` is `optim.lr` as long as nothing else could be meant.
        let last = |name: &&String| name.rsplit(['.', '/']).next() == Some(key);
        let mut found: Vec<(String, Field)> =
            params.iter().filter(last).map(|name| (name.clone(), param(name))).collect();
        found.extend(metrics.iter().filter(last).map(|name| (name.clone(), metric(name))));
        match found.len() {
            1 => Ok(found.remove(0).1),
            0 => Err(self.unknown(operand, params, metrics)),
            count => {
                let names: Vec<String> = found.into_iter().map(|(name, _)| name).collect();
                Err(QueryError::new(format!("{key} can mean {count} things"), operand.place.0.clone())
                    .hint(format!("write {}", crate::format::some_of(&names, 5))))
            }
        }
    }

    fn unknown(&self, operand: &Operand, params: &[String], metrics: &[String]) -> QueryError {
        let key = &operand.key;
        let what = if operand.function.is_some() { "No metric" } else { "Nothing" };
        let fields = FIELDS.iter().map(|field| field.name).filter(|_| operand.function.is_none());
        let names = params.iter().chain(metrics).map(String::as_str);
        let near = words::alike(key, names.clone().chain(fields));
        let error = QueryError::new(format!("{what} is called {key}"), operand.place.0.clone());
        if !near.is_empty() {
            return error.hint(format!("did you mean {}?", near.join(", ")));
        }
        let names: Vec<String> = names.map(str::to_owned).collect();
        if names.is_empty() {
            return error.hint("no run has parameters or metrics yet");
        }
        error.hint(format!("there are {}", crate::format::some_of(&names, 8)))
    }

    fn column(&self, operand: &Operand) -> Result<(String, Column), QueryError> {
        let own = OWN.iter().find(|(_, names)| names.iter().any(|name| name.eq_ignore_ascii_case(&operand.key)));
        if let (None, Some((key, _))) = (operand.function, own) {
            return Ok((operand.key.clone(), Column::Own(key)));
        }
        Ok((super::title(operand), Column::Field(self.field(operand)?)))
    }
}

fn bad_moment(value: &Literal) -> QueryError {
    QueryError::new(format!("{} is no date", value.text), value.place.0.clone())
        .hint("such as 2026-01-31, 2026-01-31T12:30, yesterday, 2d (two days ago)")
}
