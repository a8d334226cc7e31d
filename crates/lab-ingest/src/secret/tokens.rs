//! Secrets that are known by their shape.

use super::Finding;
use super::strength::{is_placeholder, looks_random};

/// The rule of an AWS key id, beside which its secret stands.
pub(super) const AWS_KEY_ID: &str = "aws-access-key";

/// Which bytes a token goes on with.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Letters and digits.
    Plain,
    /// Capital letters and digits.
    Upper,
    /// Letters, digits, `_` and `-`.
    Url,
    /// Letters, digits, `_`, `-`, `.`.
    Dotted,
    /// Letters, digits, `/`, `+`, `=`.
    Base64,
}

/// A token that begins with a literal and goes on for a number of bytes.
#[derive(Clone, Copy)]
pub(super) struct Token {
    pub literal: &'static str,
    rule: &'static str,
    kind: Kind,
    /// Bytes after the literal, at least and at most.
    length: (usize, usize),
    /// Some literals are also words: the rest must look random.
    random: bool,
}

const fn t(literal: &'static str, rule: &'static str, kind: Kind, length: (usize, usize), random: bool) -> Token {
    Token { literal, rule, kind, length, random }
}

const MANY: usize = 4096;

pub(super) const TOKENS: &[Token] = &[
    t("AKIA", AWS_KEY_ID, Kind::Upper, (16, 16), false),
    t("ASIA", AWS_KEY_ID, Kind::Upper, (16, 16), true),
    t("ghp_", "github-token", Kind::Plain, (36, 255), false),
    t("gho_", "github-token", Kind::Plain, (36, 255), false),
    t("ghu_", "github-token", Kind::Plain, (36, 255), false),
    t("ghs_", "github-token", Kind::Plain, (36, 255), false),
    t("ghr_", "github-token", Kind::Plain, (36, 255), false),
    t("github_pat_", "github-token", Kind::Url, (50, 255), false),
    t("glpat-", "gitlab-token", Kind::Dotted, (20, 300), false),
    t("hf_", "huggingface-token", Kind::Plain, (30, 60), true),
    t("sk-", "openai-key", Kind::Url, (20, 300), true),
    t("xox", "slack-token", Kind::Url, (20, 300), true),
    t("hooks.slack.com/services/", "slack-webhook", Kind::Base64, (30, 100), false),
    t("sk_live_", "stripe-key", Kind::Plain, (16, 250), false),
    t("rk_live_", "stripe-key", Kind::Plain, (16, 250), false),
    t("AIza", "google-key", Kind::Url, (35, 35), false),
    t("ya29.", "google-token", Kind::Url, (40, MANY), false),
    t("npm_", "npm-token", Kind::Plain, (36, 36), true),
    t("pypi-AgE", "pypi-token", Kind::Url, (50, MANY), false),
    t("SG.", "sendgrid-key", Kind::Dotted, (60, 80), true),
    t("eyJ", "jwt", Kind::Dotted, (40, 16_384), false),
    t("dop_v1_", "digitalocean-token", Kind::Plain, (64, 64), false),
    t("AGE-SECRET-KEY-1", "age-key", Kind::Upper, (58, 58), false),
    t("nvapi-", "nvidia-key", Kind::Url, (40, 100), false),
    t("gsk_", "groq-key", Kind::Plain, (40, 80), true),
    t("r8_", "replicate-token", Kind::Plain, (37, 37), true),
    t("dckr_pat_", "docker-token", Kind::Url, (20, 60), false),
    t("ccountKey=", "azure-key", Kind::Base64, (60, 100), false),
];

/// Checks a token whose literal stands at `start`.
pub(super) fn token(bytes: &[u8], start: usize, token: &Token) -> Option<Finding> {
    // A dot in front is that of a longer text of the same kind, which would be read again and again.
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
    // `risk-…` is no `sk-…`, and in the middle of Base64 any four letters may stand.
    let inner = token.literal.starts_with("ccount") || token.literal.starts_with("hooks");
    if !inner && start > 0 && is_word(bytes[start - 1]) && !is_escape(bytes, start - 1) {
        return None;
    }
    let body_start = start + token.literal.len();
    let mut length = run(&bytes[body_start..], token.length.1.saturating_add(1), token.kind);
    // A dot at the end is the sentence's.
    while length > 0 && bytes[body_start + length - 1] == b'.' {
        length -= 1;
    }
    if length < token.length.0 || length > token.length.1 {
        return None;
    }
    let end = body_start + length;
    let body = &bytes[body_start..end];
    let is_real = match token.literal {
        "eyJ" => is_jwt(body),
        "sk-" => return sk(bytes, start, end),
        "xox" => b"abeoprs".contains(&body[0]) && body.contains(&b'-') && body.iter().any(u8::is_ascii_digit),
        "SG." => body.iter().filter(|byte| **byte == b'.').count() == 1,
        "ASIA" | "AKIA" => body.iter().any(u8::is_ascii_digit) || body.ends_with(b"EXAMPLE"),
        _ => true,
    };
    let is_random = !token.random || token.literal == "ASIA" || looks_random(body);
    let is_varied = body.iter().any(|byte| *byte != body[0]);
    let secret_start = if inner { body_start } else { start };
    (is_real && is_random && is_varied).then_some(Finding { rule: token.rule, range: secret_start..end })
}

/// Names what is known of a secret that was found by its name.
pub(super) fn sharpen(bytes: &[u8], found: Finding) -> Finding {
    let secret = &bytes[found.range.clone()];
    let shape = TOKENS.iter().filter(|shape| secret.starts_with(shape.literal.as_bytes()));
    let known =
        shape.filter_map(|shape| token(bytes, found.range.start, shape)).find(|known| known.range == found.range);
    known.unwrap_or(found)
}

/// `sk-…` of several services; style sheets use the prefix too.
fn sk(bytes: &[u8], start: usize, end: usize) -> Option<Finding> {
    let body = &bytes[start + 3..end];
    let digits = body.iter().filter(|byte| byte.is_ascii_digit()).count();
    let has = |is: fn(&u8) -> bool| body.iter().any(is);
    let is_random = digits >= 2 && looks_random(body) && (has(u8::is_ascii_uppercase) || body.len() >= 40);
    let rule = if body.starts_with(b"ant-") { "anthropic-key" } else { "openai-key" };
    is_random.then_some(Finding { rule, range: start..end })
}

fn is_jwt(body: &[u8]) -> bool {
    let parts: Vec<&[u8]> = body.split(|byte| *byte == b'.').collect();
    matches!(parts[..], [header, payload, signature]
        if header.len() >= 10 && payload.starts_with(b"eyJ") && payload.len() >= 10 && signature.len() >= 20)
}

/// Whether the byte is the last of an escape in front of a token: `\n`, or a colour such as `[32m`.
fn is_escape(bytes: &[u8], at: usize) -> bool {
    let is_letter = at > 0 && bytes[at - 1] == b'\\' && b"nrt".contains(&bytes[at]);
    let number = bytes[..at].iter().rev().take(12).take_while(|byte| byte.is_ascii_digit() || **byte == b';').count();
    is_letter || (bytes[at] == b'm' && bytes[..at - number].last() == Some(&b'['))
}

pub(super) fn run(bytes: &[u8], limit: usize, kind: Kind) -> usize {
    let belongs = |byte: &u8| match kind {
        Kind::Plain => byte.is_ascii_alphanumeric(),
        Kind::Upper => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
        Kind::Url => byte.is_ascii_alphanumeric() || b"_-".contains(byte),
        Kind::Dotted => byte.is_ascii_alphanumeric() || b"_-.".contains(byte),
        Kind::Base64 => byte.is_ascii_alphanumeric() || b"/+=".contains(byte),
    };
    bytes.iter().take(limit).take_while(|byte| belongs(byte)).count()
}

/// The secret beside an AWS key id: 40 bytes of Base64 within the next 200.
pub(super) fn aws_secret(bytes: &[u8], from: usize) -> Option<Finding> {
    let window = &bytes[from..bytes.len().min(from + 200)];
    let mut at = 0;
    while at < window.len() {
        let length = run(&window[at..], 200, Kind::Base64);
        let piece = &window[at..at + length];
        // `name=value` without quotes: the sign belongs to no secret.
        let piece_start =
            piece.iter().position(|byte| *byte == b'=').filter(|at| *at + 41 <= length).map_or(0, |at| at + 1);
        let secret = &piece[piece_start..];
        if secret.len() == 40 && looks_random(secret) && secret.iter().any(u8::is_ascii_uppercase) {
            let start = from + at + piece_start;
            return Some(Finding { rule: "aws-secret-key", range: start..start + 40 });
        }
        at += length + 1;
    }
    None
}

/// A private key between its PEM lines. The line alone, as code that reads keys has it, is none.
pub(super) fn pem(bytes: &[u8], start: usize) -> Option<Finding> {
    let rest = &bytes[start..bytes.len().min(start + 20_000)];
    let label = &rest[11..rest.len().min(60)];
    let label_end = find(label, b"-----")?;
    find(&label[..label_end], b"PRIVATE KEY")?;
    let body_start = 11 + label_end + 5;
    let body = &rest[body_start..];
    let end = find(body, b"-----").unwrap_or(body.len());
    let is_key = |byte: &&u8| byte.is_ascii_alphanumeric() || b"+/=".contains(byte);
    let is_filler = |byte: &&u8| is_key(byte) || b"\r\n\t \\\"',:-|#".contains(byte);
    let body = &body[..end];
    let filled = body.iter().take_while(is_filler).count();
    let key_bytes = body[..filled].iter().filter(is_key).count();
    let letters = body[..filled].iter().filter(|byte| byte.is_ascii_uppercase()).count();
    // Text between the lines is an explanation and no key.
    (key_bytes >= 40 && letters * 8 >= key_bytes && !is_repeated(&body[..filled]))
        .then_some(Finding { rule: "private-key", range: start + body_start..start + body_start + filled })
}

fn is_repeated(body: &[u8]) -> bool {
    let mut seen = [false; 256];
    body.iter().for_each(|byte| seen[usize::from(*byte)] = true);
    seen.iter().filter(|seen| **seen).count() < 12
}

/// The password of `scheme://user:password@host`; `start` is that of `://`.
pub(super) fn url(bytes: &[u8], start: usize, strict: bool) -> Option<Finding> {
    if start == 0 || !bytes[start - 1].is_ascii_alphanumeric() {
        return None;
    }
    let from = start + 3;
    let rest = &bytes[from..bytes.len().min(from + 300)];
    let stop = rest.iter().position(|byte| !byte.is_ascii_graphic() || b"/\"'`<>\\?#,;|()".contains(byte));
    let authority = &rest[..stop.unwrap_or(rest.len())];
    let at_sign = authority.iter().rposition(|byte| *byte == b'@')?;
    let host = &authority[at_sign + 1..];
    let user = &authority[..at_sign];
    let (offset, password) = match user.iter().position(|byte| *byte == b':') {
        Some(colon) => (colon + 1, &user[colon + 1..]),
        // A long user without a password is a token.
        None if looks_random(user) => (0, user),
        None => return None,
    };
    let is_host = host.first().is_some_and(|byte| byte.is_ascii_alphanumeric() || b"[{$".contains(byte));
    let is_variable = password.first().is_some_and(|byte| b"${<%*".contains(byte)) || password.contains(&b'{');
    let is_secret = if strict {
        !password.is_empty()
    } else {
        password.len() >= 4 && !is_placeholder(password) && !host.starts_with(b"example.") && password.len() < 200
    };
    let range = from + offset..from + offset + password.len();
    (is_host && is_secret && !is_variable).then_some(Finding { rule: "url-password", range })
}

/// The token of an `Authorization: Bearer …` header.
pub(super) fn bearer(bytes: &[u8], start: usize) -> Option<Finding> {
    let from = start + "earer ".len();
    if start == 0 || !matches!(bytes[start - 1], b'B' | b'b') {
        return None;
    }
    let length = bytes[from..]
        .iter()
        .take(MANY)
        .take_while(|byte| byte.is_ascii_alphanumeric() || b"._~+/=-".contains(byte))
        .count();
    let token = &bytes[from..from + length];
    (looks_random(token) && !is_placeholder(token))
        .then_some(Finding { rule: "bearer-token", range: from..from + length })
}

pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}
