//! [`Query`] to text, such that reading the text gives the same query.

use std::fmt::{self, Display, Formatter};

use super::{Expression, Literal, Operand, Query};

impl Display for Query {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(filter) = &self.filter {
            parts.push(expression(filter, 0));
        }
        let operands = |all: &[Operand]| all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        if !self.sort.is_empty() {
            let one = |by: &super::Sorting| {
                let sign = if by.descending { "-" } else { "" };
                // A key that begins with a sign is quoted, or the sign would be taken for the order.
                match by.by.function {
                    None if by.by.key.starts_with(['-', '+']) => format!("{sign}{}", quoted(&by.by.key)),
                    _ => format!("{sign}{}", by.by),
                }
            };
            parts.push(format!("sort:{}", self.sort.iter().map(one).collect::<Vec<_>>().join(",")));
        }
        if !self.group.is_empty() {
            parts.push(format!("group:{}", operands(&self.group)));
        }
        if !self.columns.is_empty() {
            parts.push(format!("columns:{}", operands(&self.columns)));
        }
        parts.extend(self.limit.map(|limit| format!("limit:{limit}")));
        f.write_str(&parts.join(" "))
    }
}

impl Display for Operand {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self.function {
            Some(function) => write!(f, "{function}({})", word(&self.key)),
            None => f.write_str(&word(&self.key)),
        }
    }
}

impl Display for Literal {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&word(&self.text))
    }
}

/// `tightness` is that of what stands around: 0 nothing, 1 `or`, 2 `and`, 3 `not`.
fn expression(found: &Expression, tightness: u8) -> String {
    let join = |terms: &[Expression], own: u8, word: &str| {
        terms.iter().map(|term| expression(term, own)).collect::<Vec<_>>().join(word)
    };
    let (own, text) = match found {
        Expression::Or(terms) => (1, join(terms, 1, " or ")),
        Expression::And(terms) => (2, join(terms, 2, " and ")),
        Expression::Not(term) => return format!("not {}", expression(term, 3)),
        Expression::Compare(operand, operator, value) => return format!("{operand} {} {value}", operator.symbol()),
        Expression::Filter { name, values } => {
            let one = |value: &Literal| if value.text == "same" { quoted(&value.text) } else { value.to_string() };
            return format!("{name}:{}", values.iter().map(one).collect::<Vec<_>>().join(","));
        }
        Expression::Same { aspect, run } => return format!("{aspect}:same({run})"),
        Expression::Text(text) => return text.to_string(),
    };
    if tightness >= own { format!("({text})") } else { text }
}

/// A word, in quotation marks where it needs them.
pub fn word(text: &str) -> String {
    let special = |c: char| c.is_whitespace() || c.is_control() || "\"\\()<>=!~,:".contains(c);
    let reserved = ["and", "or", "not"].iter().any(|word| text.eq_ignore_ascii_case(word));
    if text.is_empty() || reserved || text.contains(special) { quoted(text) } else { text.to_owned() }
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
