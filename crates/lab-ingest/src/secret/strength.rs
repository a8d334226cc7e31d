//! How much a value looks like a secret and not like a word or a name.

/// Words that stand where a secret is to be put.
const PLACEHOLDERS: &[&str] = &[
    "your",
    "my_",
    "my-",
    "xxx",
    "changeme",
    "change_me",
    "change-me",
    "example",
    "dummy",
    "placeholder",
    "todo",
    "fake",
    "test",
    "insert",
    "replace",
    "enter",
    "none",
    "null",
    "undefined",
    "default",
    "sample",
    "secret",
    "password",
    "passwd",
    "token",
    "api_key",
    "apikey",
    "api-key",
    "redacted",
    "hidden",
    "***",
    "...",
    "123456",
    "abcdef",
    "foo",
    "bar",
    "some",
    "the_",
    "os.",
    "env",
    "process.",
    "config",
    "settings",
    "self.",
    "args.",
    "user:",
    "pass",
];

/// Whether a value only stands for a secret: `changeme`, `<token>`, `${VAR}`, `{{ x }}`, `%s`.
pub(super) fn is_placeholder(value: &[u8]) -> bool {
    let Some(first) = value.first() else { return true };
    if b"$<{%*".contains(first) || value.ends_with(b">") || value.ends_with(b"}") || value.ends_with(b"*") {
        return true;
    }
    if value.iter().all(|byte| byte == first)
        || value.windows(4).any(|four| matches!(four, b"xxxx" | b"XXXX" | b"****" | b"...."))
    {
        return true;
    }
    if value.windows(2).any(|two| matches!(two, b"${" | b"{{" | b"%(" | b"$(")) {
        return true;
    }
    // A word in front of something random, such as `test-8f3a…`, is part of a real value.
    let starts = |word: &&str| value.len() >= word.len() && value[..word.len()].eq_ignore_ascii_case(word.as_bytes());
    PLACEHOLDERS.iter().any(|word| starts(word) && !looks_random(&value[word.len()..]))
}

/// Whether a value looks drawn at random: at least 16 bytes, of which a piece mixes letters and
/// digits without being a word with a number.
pub(super) fn looks_random(value: &[u8]) -> bool {
    if value.len() < 16 || value.len() > 4096 || entropy_bits(value) < 3.0 {
        return false;
    }
    let mixed = |piece: &[u8]| {
        let digits = piece.iter().filter(|byte| byte.is_ascii_digit()).count();
        let changes = piece.windows(2).filter(|two| class(two[0]) != class(two[1])).count();
        let is_mixed = piece.len() >= 12 && digits >= 2 && piece.len() - digits >= 2;
        let is_hex = piece.len() >= 32 && piece.iter().all(u8::is_ascii_hexdigit);
        is_mixed && (is_hex || changes * 5 >= piece.len())
    };
    if value.split(|byte| !byte.is_ascii_alphanumeric()).any(mixed) {
        return true;
    }
    let classes = [u8::is_ascii_lowercase, u8::is_ascii_uppercase, u8::is_ascii_digit];
    value.len() >= 30 && classes.iter().all(|is| value.iter().any(is)) && entropy_bits(value) >= 4.2
}

/// Whether a literal could be a password that somebody chose: letters with digits or signs, and no
/// name of anything.
pub(super) fn looks_like_password(value: &[u8]) -> bool {
    if value.len() < 8 || value.len() > 128 || value.iter().any(|byte| !byte.is_ascii_graphic()) {
        return false;
    }
    let letters = value.iter().any(u8::is_ascii_alphabetic);
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let signs = value.iter().any(|byte| b"!@#$%^&*+?~".contains(byte));
    let is_call = value.iter().any(|byte| b"()[]{}<>,;\"'`\\".contains(byte));
    letters && !is_call && (signs || digits >= 2) && !value.starts_with(b"/") && !value.windows(3).any(|w| w == b"://")
}

/// Whether a short value that is given to the name of a key or token could be one: at least 12
/// bytes, with a piece in which letters and digits alternate.
pub(super) fn looks_like_key(value: &[u8]) -> bool {
    let digits = value.iter().filter(|byte| byte.is_ascii_digit()).count();
    let changes = |piece: &[u8]| piece.windows(2).filter(|two| class(two[0]) != class(two[1])).count();
    let is_mixed = |piece: &[u8]| piece.len() >= 5 && changes(piece) >= 3 && piece.iter().any(u8::is_ascii_digit);
    value.len() >= 12
        && digits >= 3
        && looks_like_password(value)
        && value.split(|byte| !byte.is_ascii_alphanumeric()).any(is_mixed)
}

/// Shannon entropy of the bytes, in bits per byte.
fn entropy_bits(value: &[u8]) -> f64 {
    let mut counts = [0u32; 256];
    value.iter().for_each(|byte| counts[usize::from(*byte)] += 1);
    let total = value.len() as f64;
    counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| f64::from(*count) / total)
        .map(|share| -share * share.log2())
        .sum()
}

fn class(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => 0,
        b'a'..=b'z' => 1,
        b'A'..=b'Z' => 2,
        _ => 3,
    }
}
