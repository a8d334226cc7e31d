//! Finds credentials in files, command lines, variables and log lines, and replaces them.
//!
//! Two grades of care: files are read so that ordinary source code is left alone (a constant, a
//! placeholder, a variable's name is no secret); command lines, variables and logs are read more
//! strictly, since nothing is lost when a harmless value is replaced by its keyed hash.

mod assignment;
mod line;
mod names;
mod scan;
mod strength;
mod tokens;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Read;
use std::ops::Range;

use serde_json::Value;

pub use line::LineRedactor;
pub use names::{is_secret_name, secret_file_name};
pub use scan::Scanner;

/// Gives the text that stands in for a secret; gets the secret and the rule that found it.
pub type Replace<'a> = dyn FnMut(&str, &str) -> String + 'a;

/// A secret in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// Which kind, such as `github-token`.
    pub rule: &'static str,
    /// Where the secret itself stands, in bytes.
    pub range: Range<usize>,
}

impl Scanner {
    /// All secrets in a file, in order, not overlapping.
    pub fn find(&self, bytes: &[u8]) -> Vec<Finding> {
        self.scan(bytes, false)
    }

    /// The rule of the first secret in a file's bytes; text in UTF-16, as Windows writes it, is read
    /// too. `None` for bytes that are no text.
    pub fn rule_in(&self, bytes: &[u8]) -> Option<&'static str> {
        let first = |bytes: &[u8]| self.find(bytes).first().map(|finding| finding.rule);
        match text_kind(bytes) {
            TextKind::Plain => first(bytes),
            TextKind::Wide(unit) => first(narrow(bytes, unit).as_bytes()),
            TextKind::Binary => None,
        }
    }

    /// As [`Scanner::rule_in`] for a file that is too large to be held: hands out the rule as soon as
    /// one matches.
    ///
    /// # Errors
    /// Those of `reader`.
    pub fn rule_in_stream(&self, reader: &mut dyn Read) -> std::io::Result<Option<&'static str>> {
        let mut window = Vec::with_capacity(WINDOW_BYTES);
        let mut kind = None;
        loop {
            let room = (WINDOW_BYTES - window.len()) as u64;
            let read = (&mut *reader).take(room).read_to_end(&mut window)?;
            let kind = *kind.get_or_insert_with(|| text_kind(&window));
            let found = match kind {
                TextKind::Plain => self.find(&window).first().map(|finding| finding.rule),
                TextKind::Wide(unit) => self.find(narrow(&window, unit).as_bytes()).first().map(|found| found.rule),
                TextKind::Binary => return Ok(None),
            };
            if found.is_some() || (read as u64) < room {
                return Ok(found);
            }
            // What began in this window is seen whole in the next one. An even number keeps wide text in step.
            window.drain(..window.len() - OVERLAP_BYTES);
        }
    }

    /// The text with every secret replaced; borrowed when there is none. For command lines,
    /// variables and single log lines; see [`LineRedactor`] for secrets of several lines.
    pub fn redact<'t>(&self, text: &'t str, replace: &mut Replace<'_>) -> Cow<'t, str> {
        let found = self.scan(text.as_bytes(), true);
        if found.is_empty() {
            return Cow::Borrowed(text);
        }
        let mut redacted = String::with_capacity(text.len());
        let mut end = 0;
        for Finding { rule, range } in found {
            // Rules only match ASCII, so that a range never cuts a character; should one do so, the
            // whole text is the secret.
            let (Some(before), Some(secret)) = (text.get(end..range.start), text.get(range.clone())) else {
                return Cow::Owned(replace(text, rule));
            };
            redacted.push_str(before);
            redacted.push_str(&replace(secret, rule));
            end = range.end;
        }
        redacted.push_str(&text[end..]);
        Cow::Owned(redacted)
    }

    /// A command line with every secret replaced: `--api-key x`, `--api-key=x`, `token=x`,
    /// `user:password@host` in URLs, and tokens by their shape.
    pub fn redact_argv(&self, argv: &[String], replace: &mut Replace<'_>) -> Vec<String> {
        let mut redacted = Vec::with_capacity(argv.len());
        let mut name: Option<&str> = None;
        for argument in argv {
            let is_option = argument.starts_with('-') && argument.len() > 1;
            let text = match (name, argument.split_once('=')) {
                (Some(name), _) if !argument.starts_with("--") => self.redact_named(name, argument, replace),
                (_, Some((key, value))) if is_option_name(key) => {
                    let redacted = self.redact_named(key.trim_start_matches(['-', '+']), value, replace);
                    // A value that is scanned with its name shows more.
                    if redacted == value {
                        self.redact(argument, replace).into_owned()
                    } else {
                        format!("{key}={redacted}")
                    }
                }
                _ => self.redact(argument, replace).into_owned(),
            };
            redacted.push(text);
            name = match argument.as_str() {
                // `wandb login KEY`, `curl -u user:password`
                "login" => Some("login-token"),
                "-u" | "--user" if argv[0].ends_with("curl") => Some("user-password"),
                _ if is_option && !argument.contains('=') => Some(argument.trim_start_matches('-')),
                _ => None,
            };
        }
        redacted
    }

    /// A variable's or option's value: replaced as a whole when the name says that it is secret,
    /// else scanned. Truth values and nothing are never secrets.
    pub fn redact_named(&self, name: &str, value: &str, replace: &mut Replace<'_>) -> String {
        let is_empty_word =
            ["", "true", "false", "none", "null", "0", "1"].iter().any(|word| value.eq_ignore_ascii_case(word));
        // A number is a password, or a count that has a telling name by chance.
        let is_count = value.len() < 8 && value.bytes().all(|byte| byte.is_ascii_digit()) && !names::is_password(name);
        if is_secret_name(name) && !is_empty_word && !is_count {
            return replace(value, "secret-name");
        }
        if names::is_weak_secret_name(name) && strength::looks_random(value.as_bytes()) {
            return replace(value, "secret-name");
        }
        self.redact(value, replace).into_owned()
    }

    /// Variables with every secret replaced.
    pub fn redact_variables(
        &self,
        variables: &BTreeMap<String, String>,
        replace: &mut Replace<'_>,
    ) -> BTreeMap<String, String> {
        variables.iter().map(|(name, value)| (name.clone(), self.redact_named(name, value, replace))).collect()
    }

    /// Parameters with every secret replaced, by the last part of the key or by the value.
    pub fn redact_params(
        &self,
        params: &BTreeMap<String, Value>,
        replace: &mut Replace<'_>,
    ) -> BTreeMap<String, Value> {
        params.iter().map(|(key, value)| (key.clone(), self.redact_value(key, value, replace))).collect()
    }

    fn redact_value(&self, key: &str, value: &Value, replace: &mut Replace<'_>) -> Value {
        let name = key.rsplit('.').find(|part| part.parse::<usize>().is_err()).unwrap_or(key);
        match value {
            // Alone, as in `db.pass`, the word says nothing in a program; in settings it is a password.
            Value::String(text) if matches!(name, "pass" | "pwd") && !text.is_empty() => {
                Value::String(replace(text, "secret-name"))
            }
            Value::String(text) => Value::String(self.redact_named(name, text, replace)),
            Value::Number(number) => {
                let text = number.to_string();
                let redacted = self.redact_named(name, &text, replace);
                if redacted == text { value.clone() } else { Value::String(redacted) }
            }
            Value::Array(list) => Value::Array(list.iter().map(|item| self.redact_value(key, item, replace)).collect()),
            Value::Object(map) => Value::Object(
                map.iter().map(|(name, item)| (name.clone(), self.redact_value(name, item, replace))).collect(),
            ),
            Value::Null | Value::Bool(_) => value.clone(),
        }
    }
}

/// A large file is searched in parts of this size, and what is in this much of it, twice.
const WINDOW_BYTES: usize = 2 << 20;
const OVERLAP_BYTES: usize = 32 << 10;
/// So much of a file says whether it is text.
const PROBE_BYTES: usize = 8 << 10;

#[derive(Clone, Copy)]
enum TextKind {
    Plain,
    /// UTF-16; makes a unit of two bytes.
    Wide(fn([u8; 2]) -> u16),
    Binary,
}

fn text_kind(bytes: &[u8]) -> TextKind {
    match bytes {
        [0xff, 0xfe, ..] => TextKind::Wide(u16::from_le_bytes),
        [0xfe, 0xff, ..] => TextKind::Wide(u16::from_be_bytes),
        _ if bytes[..bytes.len().min(PROBE_BYTES)].contains(&0) => TextKind::Binary,
        _ => TextKind::Plain,
    }
}

fn narrow(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair))).map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

fn is_option_name(key: &str) -> bool {
    let name = key.trim_start_matches(['-', '+']);
    !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte))
}

#[cfg(test)]
mod tests;
