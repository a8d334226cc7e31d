//! Files of JSON: lines that are appended, and objects that are written anew each time.

use serde_json::{Map, Value};

use super::{At, MAX_WHOLE_BYTES, Reader, Sink};
use crate::metrics::{JsonScanner, STEP_NAMES};
use crate::params::flatten_config;

/// The longest line.
const MAX_LINE_BYTES: usize = 1 << 20;

/// Whether the first line of a file says that it logs a run: an object with a step and a value. One that a
/// person named needs only a value.
pub(super) fn is_log_line(line: &str, is_named: bool) -> bool {
    let (mut has_step, mut has_value) = (false, false);
    JsonScanner::default().read(line, &mut |_, at, _| {
        has_step |= at.step.is_some();
        has_value = true;
    });
    has_value && (has_step || is_named)
}

/// Lines of JSON being read. Those that are no objects are passed over.
#[derive(Clone, Debug, Default)]
pub(super) struct Lines {
    scanner: JsonScanner,
    partial: Vec<u8>,
    /// The rest of a line that is too long.
    skipping: bool,
    has_complained: bool,
}

impl Lines {
    fn line(&mut self, line: &[u8], sink: &mut dyn Sink) {
        if std::mem::take(&mut self.skipping) {
            return;
        }
        let is_read = std::str::from_utf8(line).is_ok_and(|line| {
            line.trim().is_empty() || self.scanner.read(line, &mut |key, at, value| sink.point(key, at, value))
        });
        if !is_read {
            self.complain("a line that is no JSON object", sink);
        }
    }

    fn complain(&mut self, what: &str, sink: &mut dyn Sink) {
        if !std::mem::replace(&mut self.has_complained, true) {
            sink.trouble(what);
        }
    }
}

impl Reader for Lines {
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let (line, after) = (&rest[..end], &rest[end + 1..]);
            if self.partial.is_empty() {
                self.line(line, sink);
            } else {
                let mut whole = std::mem::take(&mut self.partial);
                whole.extend_from_slice(line);
                self.line(&whole, sink);
                whole.clear();
                self.partial = whole;
            }
            rest = after;
        }
        if self.skipping {
            return;
        }
        self.partial.extend_from_slice(rest);
        if self.partial.len() > MAX_LINE_BYTES {
            self.partial.clear();
            self.skipping = true;
            self.complain("a line of more than a megabyte", sink);
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        let last = std::mem::take(&mut self.partial);
        self.line(&last, sink);
    }
}

/// A file that is read as a whole.
pub(super) struct Whole {
    bytes: Vec<u8>,
    give: fn(&[u8], &mut dyn Sink) -> Option<()>,
}

impl Whole {
    pub(super) const fn trainer_state() -> Self {
        Self { bytes: Vec::new(), give: trainer_state }
    }

    pub(super) const fn latest() -> Self {
        Self { bytes: Vec::new(), give: latest }
    }

    pub(super) const fn params() -> Self {
        Self { bytes: Vec::new(), give: params }
    }
}

impl Reader for Whole {
    fn feed(&mut self, bytes: &[u8], _: &mut dyn Sink) {
        let room = MAX_WHOLE_BYTES + 1 - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        let bytes = std::mem::take(&mut self.bytes);
        if bytes.len() > MAX_WHOLE_BYTES {
            sink.trouble("it has more than 64 MiB");
        } else if !bytes.iter().all(u8::is_ascii_whitespace) && (self.give)(&bytes, sink).is_none() {
            // It may be half written just now; should it stay so, it was worth saying.
            sink.trouble("it is damaged or not whole");
        }
    }
}

/// Hugging Face's `trainer_state.json`: `log_history` has an object for each time that was logged.
fn trainer_state(bytes: &[u8], sink: &mut dyn Sink) -> Option<()> {
    let state = object(std::str::from_utf8(bytes).ok()?)?;
    for entry in state.get("log_history")?.as_array()? {
        let entry = entry.as_object()?;
        let at = At { step: entry.get("step").and_then(Value::as_i64), time_millis: None };
        values(entry, &mut |key, value| {
            if key != "step" {
                sink.point(key, at, value);
            }
        });
    }
    Some(())
}

/// The latest values; nested keys are joined with `/`.
fn latest(bytes: &[u8], sink: &mut dyn Sink) -> Option<()> {
    let mut state = object(std::str::from_utf8(bytes).ok()?)?;
    let step = STEP_NAMES.iter().find_map(|name| {
        let step = state.get(*name)?.as_i64()?;
        state.remove(*name);
        Some(step)
    });
    values(&state, &mut |key, value| sink.point(key, At { step, time_millis: None }, value));
    Some(())
}

fn params(bytes: &[u8], sink: &mut dyn Sink) -> Option<()> {
    for (name, value) in flatten_config("params.yaml", bytes).ok()? {
        sink.param(&name, &value);
    }
    Some(())
}

/// Gives all numbers below an object.
fn values(object: &Map<String, Value>, each: &mut dyn FnMut(&str, f64)) {
    let mut open: Vec<(String, &Map<String, Value>)> = vec![(String::new(), object)];
    while let Some((prefix, object)) = open.pop() {
        for (name, value) in object {
            let key = format!("{prefix}{name}");
            match value {
                Value::Object(inner) if key.len() < super::MAX_KEY_BYTES => open.push((format!("{key}/"), inner)),
                _ => number(value).filter(|_| !key.is_empty()).map_or((), |value| each(super::clip(&key), value)),
            }
        }
    }
}

/// A metric as a JSON value; also the words that stand for what JSON cannot say.
pub(super) fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::Bool(value) => Some(f64::from(u8::from(*value))),
        Value::String(text) => crate::metrics::non_finite(text),
        _ => None,
    }
}

fn object(text: &str) -> Option<Map<String, Value>> {
    match value(text)? {
        Value::Object(object) => Some(object),
        _ => None,
    }
}

/// A JSON value in which `NaN` and `Infinity` may stand bare, as Python writes them.
pub(super) fn value(text: &str) -> Option<Value> {
    serde_json::from_str(text).ok().or_else(|| serde_json::from_str(&quote_non_finite(text)?).ok())
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
