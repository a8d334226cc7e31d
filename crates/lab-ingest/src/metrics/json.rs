use serde_json::{Map, Value};

use super::Found;

/// The longest JSON line that is read.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;
/// The most values of one line.
const MAX_VALUES: usize = 2000;
/// The longest key.
const MAX_KEY_BYTES: usize = 256;

/// The metrics of one JSON object, such as a line of `$LAB_METRICS`; `None` when the line is no
/// object. `step` (also `_step`, `global_step`; else a whole `epoch`) is the step; `time` (also
/// `_timestamp`, `timestamp`) the seconds or milliseconds since 1970. Nested keys are joined with
/// `/`. Bare `NaN` and `Infinity` are accepted, and so are these words as text.
pub fn json_line(line: &str) -> Option<Vec<Found>> {
    let line = line.trim();
    if !line.starts_with('{') || line.len() > MAX_LINE_BYTES {
        return None;
    }
    let mut object: Map<String, Value> = match serde_json::from_str(line) {
        Ok(object) => object,
        Err(_) => serde_json::from_str(&quote_non_finite(line)?).ok()?,
    };
    let time_millis = ["time", "_timestamp", "timestamp", "_time"].iter().find_map(|key| take_time(&mut object, key));
    let step = ["step", "_step", "global_step"].iter().find_map(|key| {
        let step = whole(object.get(*key)?)?;
        object.remove(*key);
        Some(step)
    });
    let step = step.or_else(|| {
        let epoch = object.get("epoch")?.as_i64()?;
        object.remove("epoch");
        Some(epoch)
    });
    let mut found = Vec::new();
    if let (Some(Value::String(key)), Some(value)) = (object.get("key"), object.get("value").and_then(number)) {
        found.push(Found { key: key.clone(), step, time_millis, value });
        return Some(found);
    }
    collect(&mut String::new(), &object, &mut |key, value| {
        if found.len() < MAX_VALUES {
            found.push(Found { key: key.to_owned(), step, time_millis, value });
        }
    });
    Some(found)
}

fn collect(prefix: &mut String, object: &Map<String, Value>, add: &mut dyn FnMut(&str, f64)) {
    let length = prefix.len();
    for (key, value) in object {
        if length > 0 {
            prefix.push('/');
        }
        prefix.push_str(key);
        if prefix.len() <= MAX_KEY_BYTES && !key.is_empty() {
            if let Value::Object(inner) = value {
                collect(prefix, inner, add);
            } else if let Some(value) = number(value) {
                add(prefix, value);
            }
        }
        prefix.truncate(length);
    }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::String(text) => match text.as_str() {
            "NaN" | "nan" => Some(f64::NAN),
            "Infinity" | "inf" | "+Infinity" => Some(f64::INFINITY),
            "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
            _ => None,
        },
        _ => None,
    }
}

fn whole(value: &Value) -> Option<i64> {
    value
        .as_i64()
        .or_else(|| value.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 1e15).map(|v| v as i64))
}

/// A plausible moment; a duration called `time` stays a metric.
fn take_time(object: &mut Map<String, Value>, key: &str) -> Option<i64> {
    let value = object.get(key)?.as_f64()?;
    let millis = if value > 1e11 { value } else { value * 1000.0 };
    if !(1e11..1e14).contains(&millis) {
        return None;
    }
    object.remove(key);
    Some(millis as i64)
}

/// Puts bare `NaN`, `Infinity` and `-Infinity` between quotes, as JSON cannot say them; `None`
/// when there are none.
fn quote_non_finite(line: &str) -> Option<String> {
    let mut quoted = String::with_capacity(line.len() + 16);
    let (mut in_string, mut escaped, mut changed) = (false, false, false);
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let word = ["NaN", "Infinity", "-Infinity"].into_iter().find(|word| !in_string && rest.starts_with(word));
        if let Some(word) = word {
            quoted.extend(["\"", word, "\""]);
            rest = &rest[word.len()..];
            changed = true;
            continue;
        }
        if in_string && escaped {
            escaped = false;
        } else if in_string && c == '\\' {
            escaped = true;
        } else if c == '"' {
            in_string = !in_string;
        }
        quoted.push(c);
        rest = &rest[c.len_utf8()..];
    }
    changed.then_some(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_read() {
        let found =
            json_line(r#" {"_step": 7, "time": 1700000000.5, "a": {"b": 1, "c": "x"}, "d": true, "l": [1]} "#).unwrap();
        let told: Vec<_> = found.iter().map(|f| (f.key.as_str(), f.step, f.time_millis, f.value)).collect();
        assert_eq!(
            told,
            [("a/b", Some(7), Some(1_700_000_000_500), 1.0), ("d", Some(7), Some(1_700_000_000_500), 1.0)]
        );
        assert_eq!(json_line(r#"{"time": 3.5}"#).unwrap()[0].key, "time");
        assert_eq!(json_line(r#"{"key": "loss", "value": 2, "step": 1.0}"#).unwrap()[0].key, "loss");
        assert_eq!(json_line(r#"{"epoch": 2, "loss": 1}"#).unwrap()[0].step, Some(2));
        assert_eq!(json_line("{}").unwrap(), []);
    }

    #[test]
    fn what_json_cannot_say_is_accepted() {
        let found = json_line(r#"{"a": NaN, "b": -Infinity, "NaN \" x": Infinity, "s": "NaN"}"#).unwrap();
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|found| !found.value.is_finite()));
    }

    #[test]
    fn bad_lines_are_none() {
        for line in ["", "{", "[1]", "3", "{'a': 1}", "{\"a\": NaNs}", "{\"a\": 1} x"] {
            assert_eq!(json_line(line), None, "{line}");
        }
    }
}
