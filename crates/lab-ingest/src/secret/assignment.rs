//! Secrets that are known by the name that they are given: `password = "…"`, `api_key: …`.

use super::strength::{is_placeholder, looks_like_key, looks_like_password, looks_random};
use super::tokens::find as find_bytes;
use super::{Finding, names};

/// Parts of names that may be secret, in the spellings that occur.
pub(super) const NAME_PARTS: &[&str] = &[
    "assw",
    "ASSW",
    "assphrase",
    "ASSPHRASE",
    "ecret",
    "ECRET",
    "oken",
    "OKEN",
    "pi_key",
    "pikey",
    "pi-key",
    "piKey",
    "_KEY",
    "PIKEY",
    "ccess_key",
    "ccessKey",
    "rivate_key",
    "ncryption_key",
    "pwd",
    "_PWD",
    "_pass",
    "_PASS",
    "uthorization",
    "_DSN",
];

/// The longest name and the longest value that are looked at.
const MAX_NAME_BYTES: usize = 80;
const MAX_VALUE_BYTES: usize = 512;

/// How a value stands behind its name.
struct Value<'a> {
    start: usize,
    bytes: &'a [u8],
    quoted: bool,
    /// `name: value` or `NAME=value` as a whole line.
    line: bool,
}

/// Checks the name around `at`, and the value that it is given.
pub(super) fn find(bytes: &[u8], at: usize, strict: bool) -> Option<Finding> {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-".contains(byte);
    let before = bytes[at.saturating_sub(MAX_NAME_BYTES)..at].iter().rev().take_while(|byte| is_name(byte)).count();
    let after = bytes[at..].iter().take(MAX_NAME_BYTES).take_while(|byte| is_name(byte)).count();
    let (start, end) = (at - before, at + after);
    let value = value_of(bytes, start, end)?;
    let name = std::str::from_utf8(&bytes[start..end]).ok()?;
    if name.eq_ignore_ascii_case("authorization") {
        return basic(&value);
    }
    if !names::is_secret_in_text(name) || is_placeholder(value.bytes) {
        return None;
    }
    let is_password = names::is_password(name);
    let is_secret = looks_random(value.bytes) && !is_path(value.bytes)
        || (is_password && looks_like_password(value.bytes) && (value.quoted || strict || is_setting(&value)))
        || ((value.quoted || is_setting(&value)) && looks_like_key(value.bytes))
        || (strict && is_password && value.bytes.len() >= 4 && !is_identifier(value.bytes))
        || (is_password && is_login(bytes, start) && value.bytes.len() >= 4);
    let rule = if is_password { "password" } else { "secret-assignment" };
    is_secret.then(|| Finding { rule, range: value.start..value.start + value.bytes.len() })
}

/// The key of a `kaggle.json`: 32 hexadecimal digits beside a `"username"`.
pub(super) fn kaggle(bytes: &[u8], at: usize) -> Option<Finding> {
    let value = value_of(bytes, at + 1, at + 4)?;
    let is_key = value.bytes.len() == 32 && value.bytes.iter().all(u8::is_ascii_hexdigit);
    let near = &bytes[at.saturating_sub(200)..bytes.len().min(at + 200)];
    (is_key && find_bytes(near, b"\"username\"").is_some())
        .then(|| Finding { rule: "kaggle-key", range: value.start..value.start + 32 })
}

/// The value behind a name that ends at `end`: behind an optional quote, spaces, `=`, `:`, `:=` or
/// `=>`; or a quoted one. `None` where none is given, as in a comparison.
fn value_of(bytes: &[u8], start: usize, end: usize) -> Option<Value<'_>> {
    let rest = &bytes[end..bytes.len().min(end + MAX_VALUE_BYTES + 64)];
    let mut at = usize::from(rest.first() == Some(&b'\\'));
    at += usize::from(matches!(rest.get(at), Some(b'"' | b'\'' | b'`')));
    at += usize::from(rest.get(at) == Some(&b']'));
    let name_end = at;
    at += blanks(&rest[at..]);
    let separator = at;
    let is_netrc = match rest.get(at)? {
        b'=' if rest.get(at + 1) == Some(&b'=') => return None,
        b'=' if rest.get(at + 1) == Some(&b'>') => {
            at += 2;
            false
        }
        b':' if rest.get(at + 1) == Some(&b':') => return None,
        b':' if rest.get(at + 1) == Some(&b'=') => {
            at += 2;
            false
        }
        b'=' | b':' => {
            at += 1;
            false
        }
        _ if separator > name_end && is_login(bytes, start) => true,
        _ => return None,
    };
    at += blanks(&rest[at..]);
    // `b"…"`, `r'…'`; a formatted string is made at run time.
    if matches!(rest.get(at), Some(b'b' | b'r' | b'u')) && matches!(rest.get(at + 1), Some(b'"' | b'\'')) {
        at += 1;
    }
    at += usize::from(rest.get(at) == Some(&b'\\') && rest.get(at + 1) == Some(&b'"'));
    let line_start = bytes[..start].iter().rev().take(40).take_while(|byte| **byte != b'\n').count();
    let line = &bytes[start - line_start..start];
    let is_line =
        line_start < 40 && line.iter().all(|byte| b" \t-\"'".contains(byte)) || line.trim_ascii() == b"export";
    match rest.get(at)? {
        quote @ (b'"' | b'\'' | b'`') => {
            let value = &rest[at + 1..];
            let length = value.iter().position(|byte| byte == quote || *byte == b'\n' || *byte == b'\\')?;
            let is_closed = value[length] == *quote || (value[length] == b'\\' && value.get(length + 1) == Some(quote));
            let value = &value[..length];
            is_closed.then_some(Value { start: end + at + 1, bytes: value, quoted: true, line: is_line })
        }
        _ => {
            let value = &rest[at..];
            let length = value.iter().position(|byte| !byte.is_ascii_graphic() || b"\"'`,;&)]}>|".contains(byte));
            let value = &value[..length.unwrap_or(value.len())];
            let glued = is_netrc || at == separator + 1 || rest[separator] == b':';
            let line = is_line && !rest[at + value.len()..].first().is_some_and(|byte| b",;)".contains(byte));
            let is_code =
                value.iter().any(|byte| b"([{".contains(byte)) || (is_identifier(value) && !looks_random(value));
            let is_code = is_code && !is_netrc;
            (!value.is_empty() && !is_code).then_some(Value {
                start: end + at,
                bytes: value,
                quoted: false,
                line: line && glued,
            })
        }
    }
}

/// A line of a settings file.
fn is_setting(value: &Value<'_>) -> bool {
    value.line && !is_identifier(value.bytes)
}

/// The Base64 of `Authorization: Basic …`; other schemes have rules of their own.
fn basic(value: &Value<'_>) -> Option<Finding> {
    let text = value.bytes;
    let prefix = if text.len() > 6 && text[..6].eq_ignore_ascii_case(b"basic ") { 6 } else { return None };
    let token = &text[prefix..];
    let is_base64 = token.len() >= 8 && token.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte));
    is_base64.then(|| Finding { rule: "basic-auth", range: value.start + prefix..value.start + text.len() })
}

/// Whether a `.netrc` entry goes on here: `machine … login … password …`.
fn is_login(bytes: &[u8], start: usize) -> bool {
    let before = &bytes[start.saturating_sub(200)..start];
    find_bytes(before, b"login ").is_some()
        && (find_bytes(before, b"machine ").is_some() || find_bytes(before, b"default").is_some())
}

/// A name or dotted name in code, without anything that only a value has.
fn is_identifier(value: &[u8]) -> bool {
    value.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_.".contains(byte))
        && !value.iter().any(u8::is_ascii_digit)
}

fn is_path(value: &[u8]) -> bool {
    value.starts_with(b"/") && value.iter().filter(|byte| **byte == b'/').count() > 1
        || value.starts_with(b"./")
        || value.starts_with(b"~/")
        || value.starts_with(b"http")
}

fn blanks(bytes: &[u8]) -> usize {
    bytes.iter().take(40).take_while(|byte| matches!(byte, b' ' | b'\t')).count()
}
