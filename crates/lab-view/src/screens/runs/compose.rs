//! The query of a list, changed by choosing instead of typing: what is shown is always one text.

use lab_model::Summary;
use serde_json::Value;

use crate::Column;
use crate::query::{Expression, Literal, Operand, Operator, Place, Query, Sorting, quote};

/// Another text for the same list, changed by `change`; the same text where it is no query.
fn changed(query: &str, change: impl FnOnce(&mut Query)) -> String {
    let Ok(mut parsed) = Query::parse(query) else { return query.to_owned() };
    change(&mut parsed);
    parsed.to_string()
}

/// What a word such as `best(acc)` names.
fn operand(text: &str) -> Option<Operand> {
    Query::parse(&format!("sort:{text}")).ok()?.sort.pop().map(|by| by.by)
}

fn operands(texts: &[String]) -> Vec<Operand> {
    texts.iter().filter_map(|text| operand(text)).collect()
}

/// Sorted by this; the other way round when it was already.
pub(crate) fn sorted_by(query: &str, by: &str) -> String {
    let Some(by) = operand(by) else { return query.to_owned() };
    changed(query, |query| {
        let descending = match sorting_of(query) {
            Some((now, descending)) if now == by => !descending,
            _ => largest_first(&by),
        };
        let is_default = by.function.is_none() && by.key == "started" && descending;
        query.sort = if is_default { Vec::new() } else { vec![Sorting { by, descending }] };
    })
}

/// By what the list is sorted first, and whether the largest comes first. Newest first without a word.
pub(crate) fn sorting(query: &str) -> Option<(String, bool)> {
    let query = Query::parse(query).ok()?;
    sorting_of(&query).map(|(by, descending)| (by.to_string(), descending))
}

fn sorting_of(query: &Query) -> Option<(Operand, bool)> {
    match query.sort.first() {
        Some(first) => Some((first.by.clone(), first.descending)),
        None => operand("started").map(|by| (by, true)),
    }
}

/// Dates and durations tell most from the largest, and so do metrics of which more is better; words begin with A.
fn largest_first(by: &Operand) -> bool {
    const WORDS: [&str; 12] =
        ["name", "id", "status", "project", "script", "command", "host", "branch", "commit", "tags", "note", "failure"];
    by.function.is_some_and(|function| matches!(function, "count" | "step"))
        || !WORDS.contains(&by.key.as_str()) && !Summary::smaller_is_better(&by.key)
}

/// Runs that agree in these put together; none: one row for each run again.
pub(crate) fn grouped_by(query: &str, keys: &[String]) -> String {
    changed(query, |query| {
        query.group = operands(keys);
        // What was chosen for rows of runs says nothing about rows of groups, and the other way round.
        query.columns.clear();
        query.sort.clear();
    })
}

/// Only these columns; none: the usual ones.
pub(crate) fn with_columns(query: &str, keys: &[String]) -> String {
    changed(query, |query| query.columns = operands(keys))
}

/// The keys of `group:` or `columns:` as they are written.
pub(crate) fn groups_and_columns(query: &str) -> (Vec<String>, Vec<String>) {
    let Ok(query) = Query::parse(query) else { return Default::default() };
    let texts = |operands: &[Operand]| operands.iter().map(ToString::to_string).collect();
    (texts(&query.group), texts(&query.columns))
}

/// The runs of one group. `values` is the key of its row: in what the runs agree, as a JSON list.
pub(crate) fn opened(query: &str, values: &str) -> String {
    let values: Vec<Value> = serde_json::from_str(values).unwrap_or_default();
    changed(query, |query| {
        let grouped = std::mem::take(&mut query.group);
        let conditions = grouped.into_iter().zip(values).filter_map(|(by, value)| condition(by, value));
        let mut all: Vec<Expression> = query.filter.take().into_iter().collect();
        all.extend(conditions);
        query.filter = if all.len() > 1 { Some(Expression::And(all)) } else { all.pop() };
        query.columns.clear();
        query.limit = None;
    })
}

fn condition(by: Operand, value: Value) -> Option<Expression> {
    let literal = |text: String| Literal { text, place: Place::default() };
    let text = match value {
        Value::Null => {
            let has = Expression::Filter { name: "has", values: vec![literal(by.key)] };
            return Some(Expression::Not(Box::new(has)));
        }
        // A moment in milliseconds is nobody's word for a date.
        Value::Number(_) if matches!(by.key.as_str(), "started" | "ended") => return None,
        Value::Number(millis) if by.key == "took" => (millis.as_f64()? / 1000.0).to_string(),
        Value::Number(number) => number.as_f64()?.to_string(),
        Value::String(text) => text,
        _ => return None,
    };
    Some(Expression::Compare(by, Operator::Equal, literal(text)))
}

/// The word by which a list is sorted when the head of this column is clicked.
pub(crate) fn word_of(column: &Column) -> Option<String> {
    let word = match column.key.as_str() {
        "changed" | "exit_code" | "params" | "metrics" | "trend" | "runs" => return None,
        "duration_millis" => "took".to_owned(),
        "tags" | "note" | "command" | "id" | "name" | "project" | "started" | "status" => column.key.clone(),
        _ if column.title.ends_with(')') && operand(&column.title).is_some() => column.title.clone(),
        _ => quote(&column.title),
    };
    operand(&word).map(|by| by.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sorting_by_choice() {
        let check = |query: &str, by: &str, expected: &str| assert_eq!(sorted_by(query, by), expected, "{query} {by}");
        check("", "best(acc)", "sort:-best(acc)");
        check("sort:-best(acc)", "best(acc)", "sort:best(acc)");
        check("tag:x", "val/loss", "tag:x sort:val/loss");
        check("tag:x sort:lr", "name", "tag:x sort:name");
        check("", "started", "sort:started");
        check("sort:started", "started", "");
        check("acc >", "name", "acc >");
        assert_eq!(sorting("tag:x"), Some(("started".to_owned(), true)));
        assert_eq!(sorting("sort:val/loss"), Some(("val/loss".to_owned(), false)));
    }

    #[test]
    fn groups_open_into_their_runs() {
        let grouped = grouped_by("tag:x sort:lr", &["lr".into(), "optim.name".into()]);
        assert_eq!(grouped, "tag:x group:lr,optim.name");
        assert_eq!(opened(&grouped, r#"[0.1,"adam w"]"#), r#"tag:x and lr = 0.1 and optim.name = "adam w""#);
        assert_eq!(opened(&grouped, r#"[null,"sgd"]"#), "tag:x and not has:lr and optim.name = sgd");
        assert_eq!(opened("group:took", "[1500]"), "took = 1.5");
        assert_eq!(grouped_by(&grouped, &[]), "tag:x");
    }

    #[test]
    fn columns_by_choice_and_their_words() {
        assert_eq!(with_columns("tag:x", &["name".into(), "best(acc)".into()]), "tag:x columns:name,best(acc)");
        assert_eq!(with_columns("columns:name", &[]), "");
        assert_eq!(word_of(&Column::right("duration_millis", "Took", 4)).as_deref(), Some("took"));
        assert_eq!(word_of(&Column::right("", "learning rate", 4)).as_deref(), Some("\"learning rate\""));
        assert_eq!(word_of(&Column::right("best(acc)", "best(acc)", 4)).as_deref(), Some("best(acc)"));
        assert_eq!(word_of(&Column::left("changed", "Changed", 4)), None);
    }
}
