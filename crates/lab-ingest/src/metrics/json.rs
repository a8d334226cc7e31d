use std::ops::Range;

use super::{At, Found};

/// The longest JSON line that is read.
pub(super) const MAX_LINE_BYTES: usize = 1 << 20;
/// The most values of one line.
const MAX_VALUES: usize = 2000;
/// The longest key.
const MAX_KEY_BYTES: usize = 256;
/// The deepest nesting that is read.
const MAX_DEPTH: usize = 64;

/// Names of the step, the first that is there counts.
pub(crate) const STEP_NAMES: &[&str] = &[
    "step",
    "_step",
    "global_step",
    "trainer/global_step",
    "iteration",
    "iter",
    "training_iteration",
    "num_updates",
    "timestep",
    "total_timesteps",
    "time/total_timesteps",
];
/// Names of the moment, likewise.
pub(crate) const TIME_NAMES: &[&str] = &["time", "_timestamp", "timestamp", "_time", "wall_time"];

/// The metrics of one JSON object, such as a line of `$LAB_METRICS`; `None` when the line is no
/// object. `step` (also `_step`, `global_step` and others; else a whole `epoch`) is the step; `time`
/// (also `_timestamp`, `timestamp`) the seconds or milliseconds since 1970. Nested keys are joined with
/// `/`. Bare `NaN` and `Infinity` are accepted, and so are these words as text.
pub fn json_line(line: &str) -> Option<Vec<Found>> {
    let mut found = Vec::new();
    let is_object = JsonScanner::default().read(line, &mut |key, at, value| {
        found.push(Found { key: key.to_owned(), step: at.step, time_millis: at.time_millis, value });
    });
    is_object.then_some(found)
}

/// Reads lines of JSON without a tree in between: `NaN` is no JSON, floats must be exact to the last
/// bit, and a million of them should cost little.
#[derive(Clone, Debug, Default)]
pub struct JsonScanner {
    /// The keys of the line, one after another.
    keys: String,
    values: Vec<Entry>,
    /// What the `key` of `{"key": "loss", "value": 0.3}` says.
    named: Option<String>,
}

#[derive(Clone, Debug)]
struct Entry {
    key: Range<usize>,
    value: f64,
    /// A number as JSON writes it, and so perhaps a step.
    is_number: bool,
    is_outermost: bool,
}

impl JsonScanner {
    /// Gives the values of one line to `each`; false, and nothing is given, when the line is no object.
    pub fn read(&mut self, line: &str, each: &mut dyn FnMut(&str, At, f64)) -> bool {
        let line = line.trim();
        if !line.starts_with('{') || line.len() > MAX_LINE_BYTES {
            return false;
        }
        self.keys.clear();
        self.values.clear();
        self.named = None;
        let mut cursor = Cursor { text: line, at: 0 };
        if cursor.object(self, 0..0, 0).is_none() || cursor.at != line.len() {
            return false;
        }
        self.give(each);
        true
    }

    fn give(&self, each: &mut dyn FnMut(&str, At, f64)) {
        let find = |names: &[&str], fits: &dyn Fn(f64) -> bool| {
            names.iter().find_map(|name| {
                let is_it =
                    |entry: &Entry| entry.is_number && entry.is_outermost && self.keys[entry.key.clone()] == **name;
                self.values.iter().position(is_it).filter(|at| fits(self.values[*at].value))
            })
        };
        let time = find(TIME_NAMES, &|value| plausible_millis(value).is_some());
        let step = find(STEP_NAMES, &|value| whole(value).is_some());
        let step = step.or_else(|| find(&["epoch"], &|value| whole(value).is_some()));
        let value_of = |at: Option<usize>| at.map(|at| self.values[at].value);
        let at = At { step: value_of(step).and_then(whole), time_millis: value_of(time).and_then(plausible_millis) };
        if let (Some(name), Some(value)) =
            (&self.named, self.values.iter().find(|entry| &self.keys[entry.key.clone()] == "value"))
        {
            each(name, at, value.value);
            return;
        }
        for (place, entry) in self.values.iter().enumerate() {
            if Some(place) != step && Some(place) != time {
                each(&self.keys[entry.key.clone()], at, entry.value);
            }
        }
    }

    fn add(&mut self, key: Range<usize>, value: f64, is_number: bool, depth: usize) {
        if self.values.len() < MAX_VALUES && !key.is_empty() && key.len() <= MAX_KEY_BYTES {
            self.values.push(Entry { key, value, is_number, is_outermost: depth == 1 });
        }
    }
}

struct Cursor<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    /// Passes over space, `byte` and space.
    fn take(&mut self, byte: u8) -> Option<()> {
        self.space();
        (self.peek()? == byte).then_some(())?;
        self.at += 1;
        self.space();
        Some(())
    }

    fn word(&mut self, word: &str) -> Option<()> {
        self.text[self.at..].starts_with(word).then(|| self.at += word.len())
    }

    fn object(&mut self, scanner: &mut JsonScanner, prefix: Range<usize>, depth: usize) -> Option<()> {
        (depth < MAX_DEPTH).then_some(())?;
        self.at += 1;
        self.space();
        if self.peek()? == b'}' {
            self.at += 1;
            return Some(());
        }
        loop {
            let name = self.string()?;
            self.take(b':')?;
            let start = scanner.keys.len();
            if !prefix.is_empty() && prefix.len() + name.len() < MAX_KEY_BYTES {
                scanner.keys.extend_from_within(prefix.clone());
                scanner.keys.push('/');
            }
            scanner.keys.push_str(&name);
            let key = start..scanner.keys.len();
            if depth == 0 && name == "key" && self.peek()? == b'"' {
                scanner.named = Some(self.string()?.into_owned());
            } else {
                self.value(scanner, key, depth + 1)?;
            }
            self.space();
            match self.peek()? {
                b',' => self.take(b',')?,
                b'}' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn value(&mut self, scanner: &mut JsonScanner, key: Range<usize>, depth: usize) -> Option<()> {
        match self.peek()? {
            b'{' => self.object(scanner, key, depth),
            b'[' => self.list(scanner, depth),
            b'"' => {
                let text = self.string()?;
                if let Some(value) = non_finite(&text) {
                    scanner.add(key, value, false, depth);
                }
                Some(())
            }
            b't' => self.word("true").map(|()| scanner.add(key, 1.0, false, depth)),
            b'f' => self.word("false").map(|()| scanner.add(key, 0.0, false, depth)),
            b'n' => self.word("null"),
            b'N' => self.word("NaN").map(|()| scanner.add(key, f64::NAN, false, depth)),
            b'I' => self.word("Infinity").map(|()| scanner.add(key, f64::INFINITY, false, depth)),
            b'-' if self.text[self.at..].starts_with("-I") => {
                self.word("-Infinity").map(|()| scanner.add(key, f64::NEG_INFINITY, false, depth))
            }
            _ => {
                let value = self.number()?;
                scanner.add(key, value, true, depth);
                Some(())
            }
        }
    }

    /// Passes over a list: a metric is one number.
    fn list(&mut self, scanner: &mut JsonScanner, depth: usize) -> Option<()> {
        (depth < MAX_DEPTH).then_some(())?;
        self.at += 1;
        self.space();
        if self.peek()? == b']' {
            self.at += 1;
            return Some(());
        }
        let (keys, values) = (scanner.keys.len(), scanner.values.len());
        loop {
            self.value(scanner, 0..0, depth + 1)?;
            scanner.keys.truncate(keys);
            scanner.values.truncate(values);
            self.space();
            match self.peek()? {
                b',' => self.take(b',')?,
                b']' => {
                    self.at += 1;
                    return Some(());
                }
                _ => return None,
            }
        }
    }

    fn number(&mut self) -> Option<f64> {
        let bytes = &self.text.as_bytes()[self.at..];
        let length = bytes.iter().take_while(|byte| byte.is_ascii_digit() || b"+-.eE".contains(byte)).count();
        let first = bytes.iter().find(|byte| **byte != b'-')?;
        first.is_ascii_digit().then_some(())?;
        let value = self.text[self.at..self.at + length].parse().ok()?;
        self.at += length;
        Some(value)
    }

    fn string(&mut self) -> Option<std::borrow::Cow<'a, str>> {
        (self.peek()? == b'"').then_some(())?;
        let start = self.at;
        let bytes = self.text.as_bytes();
        let mut at = start + 1;
        let mut escaped = false;
        loop {
            match bytes.get(at)? {
                b'"' => break,
                b'\\' => {
                    escaped = true;
                    at += 2;
                }
                _ => at += 1,
            }
        }
        self.at = at + 1;
        if escaped {
            return serde_json::from_str::<String>(self.text.get(start..=at)?).ok().map(Into::into);
        }
        Some(self.text[start + 1..at].into())
    }
}

/// What programs write for values that are no finite numbers.
pub(crate) fn non_finite(text: &str) -> Option<f64> {
    match text {
        "NaN" | "nan" => Some(f64::NAN),
        "Infinity" | "inf" | "+Infinity" => Some(f64::INFINITY),
        "-Infinity" | "-inf" => Some(f64::NEG_INFINITY),
        _ => None,
    }
}

/// A step is a whole number.
pub(crate) fn whole(value: f64) -> Option<i64> {
    (value.fract() == 0.0 && value.abs() < 1e15).then_some(value as i64)
}

/// A plausible moment in seconds or milliseconds since 1970, as milliseconds; a duration called `time`
/// stays a metric.
pub(crate) fn plausible_millis(value: f64) -> Option<i64> {
    let millis = if value > 1e11 { value } else { value * 1000.0 };
    (1e11..1e14).contains(&millis).then_some(millis as i64)
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
        let found = json_line(r#"{"iter": 4, "epoch": 1, "loss": 0.1, "l": [[{"a": 1}], "x"], "é\u0041": 2}"#).unwrap();
        let told: Vec<_> = found.iter().map(|f| (f.key.as_str(), f.step, f.value)).collect();
        assert_eq!(told, [("epoch", Some(4), 1.0), ("loss", Some(4), 0.1), ("éA", Some(4), 2.0)]);
    }

    #[test]
    fn floats_are_exact() {
        for text in ["0.1", "1e-7", "123456789.123456789", "0.30000000000000004", "2.2250738585072011e-308"] {
            assert_eq!(json_line(&format!("{{\"a\": {text}}}")).unwrap()[0].value, text.parse::<f64>().unwrap());
        }
        assert!(json_line(&"{\"a\":".repeat(100_000)).is_none());
        assert!(json_line(&format!("{{\"a\":{}", "[".repeat(100_000))).is_none());
    }

    #[test]
    fn what_json_cannot_say_is_accepted() {
        let found = json_line(r#"{"a": NaN, "b": -Infinity, "NaN \" x": Infinity, "s": "NaN"}"#).unwrap();
        assert_eq!(found.len(), 4);
        assert!(found.iter().all(|found| !found.value.is_finite()));
    }

    #[test]
    fn bad_lines_are_none() {
        for line in [
            "",
            "{",
            "[1]",
            "3",
            "{'a': 1}",
            "{\"a\": NaNs}",
            "{\"a\": 1} x",
            "{\"a\": +1}",
            "{\"a\": 1,}",
            "{\"a\": 1.2.3}",
        ] {
            assert_eq!(json_line(line), None, "{line}");
        }
    }
}
