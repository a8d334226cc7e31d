use serde_json::{Number, Value};

/// The value that a text on a command line or in an INI file stands for: whole number, number,
/// truth value, nothing, simple list, or the text itself. Numbers that would change when written
/// again, such as `007`, stay text.
pub fn typed(text: &str) -> Value {
    match text {
        "true" | "True" => return Value::Bool(true),
        "false" | "False" => return Value::Bool(false),
        "null" | "None" => return Value::Null,
        _ => {}
    }
    if let Some(number) = number(text) {
        return Value::Number(number);
    }
    if let Some(inner) = quoted(text) {
        return Value::String(inner.to_owned());
    }
    if let Some(inner) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
        return list(text, inner);
    }
    Value::String(text.to_owned())
}

fn quoted(text: &str) -> Option<&str> {
    let inner = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inner('"').or_else(|| inner('\''))
}

fn number(text: &str) -> Option<Number> {
    let digits = text.trim_start_matches(['-', '+']);
    let leading_zero = digits.len() > 1 && digits.starts_with('0') && digits.as_bytes()[1].is_ascii_digit();
    if text.len() - digits.len() > 1 || leading_zero || !digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') {
        return None;
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(text.parse().ok()?)
}

/// A list of scalars; anything deeper is read as JSON or stays text.
fn list(text: &str, inner: &str) -> Value {
    if inner.contains(['[', '{', '(']) {
        return serde_json::from_str(text).unwrap_or_else(|_| Value::String(text.to_owned()));
    }
    if inner.trim().is_empty() {
        return Value::Array(Vec::new());
    }
    Value::Array(inner.split(',').map(|item| typed(item.trim())).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn values_are_typed() {
        for (text, expected) in [
            ("5", json!(5)),
            ("-5", json!(-5)),
            ("0", json!(0)),
            ("0.5", json!(0.5)),
            (".5", json!(0.5)),
            ("1e-3", json!(0.001)),
            ("1e999", json!("1e999")),
            ("99999999999999999999", json!("99999999999999999999")),
            ("--5", json!("--5")),
            ("nan", json!("nan")),
            ("inf", json!("inf")),
            ("-inf", json!("-inf")),
            ("1.2.3", json!("1.2.3")),
            ("0123", json!("0123")),
            ("\"5\"", json!("5")),
            ("\"", json!("\"")),
            ("[a, 1]", json!(["a", 1])),
            ("[[1,2],[3]]", json!([[1, 2], [3]])),
            ("[", json!("[")),
            ("[]", json!([])),
            ("", json!("")),
            ("yes", json!("yes")),
        ] {
            assert_eq!(typed(text), expected, "{text}");
        }
    }
}
