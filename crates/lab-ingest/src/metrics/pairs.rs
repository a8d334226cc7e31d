use super::Found;
use super::steps::is_step_word;

/// The longest key.
const MAX_KEY_BYTES: usize = 64;

/// Parts of a name that say that it measures how well something went.
const METRIC_WORDS: &[&str] = &[
    "loss",
    "losses",
    "acc",
    "accuracy",
    "error",
    "err",
    "rmse",
    "mse",
    "mae",
    "mape",
    "f1",
    "auc",
    "auroc",
    "ap",
    "map",
    "precision",
    "recall",
    "r2",
    "perplexity",
    "ppl",
    "bleu",
    "rouge",
    "wer",
    "cer",
    "fid",
    "iou",
    "miou",
    "dice",
    "reward",
    "return",
    "score",
    "lr",
    "nll",
    "elbo",
    "kl",
    "psnr",
    "ssim",
    "logloss",
    "mlogloss",
    "top1",
    "top5",
    "mcc",
    "kappa",
    "ndcg",
    "mrr",
    "likelihood",
    "entropy",
    "norm",
];

/// Words that may stand before a metric and belong to it.
const QUALIFIERS: &[&str] = &[
    "train",
    "training",
    "val",
    "valid",
    "validation",
    "test",
    "eval",
    "dev",
    "final",
    "best",
    "mean",
    "avg",
    "average",
    "total",
    "running",
    "min",
    "max",
    "median",
    "std",
    "cv",
    "oof",
    "macro",
    "micro",
    "weighted",
    "balanced",
    "grad",
];

/// Parts of a name whose number is no result.
const NOT_METRICS: &[&str] = &[
    "version",
    "port",
    "pid",
    "eta",
    "elapsed",
    "time",
    "date",
    "line",
    "rank",
    "device",
    "gpu",
    "cuda",
    "cpu",
    "seed",
    "python",
    "took",
    "id",
    "exit",
    "code",
    "status",
    "duration",
    "timestamp",
    "hour",
    "minute",
    "second",
    "hours",
    "minutes",
    "seconds",
    "epochs",
    "workers",
    "threads",
    "size",
    "page",
    "host",
    "num_workers",
    "v_num",
    "world_size",
    "commit",
    "revision",
    "sha",
    "uuid",
    "year",
    "month",
    "day",
];

/// Words that only sentences have.
const PROSE: &[&str] = &[
    "the", "is", "are", "was", "were", "to", "with", "from", "for", "found", "using", "see", "and", "a", "an", "at",
    "in", "on", "by", "this", "that", "it", "has", "have", "i", "we", "you", "warning", "info", "note", "error:", "or",
    "not",
];

const LEVELS: &[&str] = &["INFO", "DEBUG", "WARNING", "WARN", "ERROR", "CRITICAL", "TRACE", "FATAL", "NOTICE"];

pub(super) fn found(key: String, value: f64) -> Found {
    Found { key, step: None, time_millis: None, value }
}

/// All pairs of a name and a number. `has_step` says that the line names a step, and so that it is
/// likely to report something.
pub(super) fn read(text: &str, has_step: bool) -> Vec<Found> {
    let text = unwrap_calls(text);
    let text = if let Some(bar) = text.find("%|") { &text[bar + 2..] } else { &text };
    let mut pairs: Vec<Found> = Vec::new();
    for segment in segments(text) {
        read_segment(segment, has_step, &mut |key, value| {
            if let Some(present) = pairs.iter_mut().find(|pair| pair.key == key) {
                present.value = value;
            } else {
                pairs.push(found(key, value));
            }
        });
    }
    pairs
}

/// `tensor(0.3)` is its number; the arguments of any other call are settings, not results.
fn unwrap_calls(text: &str) -> String {
    let mut rest = text;
    let mut plain = String::with_capacity(text.len());
    while let Some(open) = rest.find('(') {
        let before = &rest[..open];
        let name_start = before
            .rfind(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let name = &before[name_start..];
        let after = &rest[open + 1..];
        if name.ends_with("tensor") || name.starts_with("np.") || name.starts_with("numpy.") {
            plain.push_str(&before[..name_start]);
            rest = after;
            continue;
        }
        let close = after.find(')').unwrap_or(after.len());
        if !name.is_empty() && after[..close].contains('=') {
            plain.push_str(&before[..name_start]);
            rest = after.get(close + 1..).unwrap_or("");
            continue;
        }
        plain.push_str(before);
        plain.push('(');
        rest = after;
    }
    plain.push_str(rest);
    plain
}

/// Cuts a line at commas, bars, brackets, tabs and dashes between spaces.
fn segments(text: &str) -> impl Iterator<Item = &str> {
    let bytes = text.as_bytes();
    let mut start = 0;
    let mut cuts = Vec::new();
    for (at, byte) in bytes.iter().enumerate() {
        let next = bytes.get(at + 1).copied().unwrap_or(b' ');
        let is_cut = match byte {
            b';' | b'|' | b'[' | b']' | b'(' | b')' | b'{' | b'}' | b'\t' => true,
            // `12,345` is one number, which is passed over.
            b',' => !next.is_ascii_digit(),
            b'-' => next == b' ' && at > 0 && bytes[at - 1] == b' ',
            _ => false,
        };
        if is_cut {
            cuts.push(&text[start..at]);
            start = at + 1;
        }
    }
    cuts.push(&text[start..]);
    cuts.into_iter()
}

fn read_segment(segment: &str, has_step: bool, add: &mut dyn FnMut(String, f64)) {
    let mut rest = segment;
    // Behind another colon: `module:function:12`.
    let mut is_chained = false;
    loop {
        let Some(separator) = rest.find([':', '=']) else {
            read_words(rest, has_step, add);
            return;
        };
        let (before, after) = (&rest[..separator], &rest[separator + 1..]);
        let glued = !after.starts_with(' ') && !before.ends_with(' ');
        let is_colon = rest.as_bytes()[separator] == b':';
        let Some((value, tail)) = number(after.trim_start()) else {
            // What stands before a separator without a number may itself report something:
            // `loss 0.3 epoch: x`.
            read_words(before, has_step, add);
            rest = after;
            is_chained = glued && is_colon;
            continue;
        };
        let is_place = is_chained && glued && value.fract() == 0.0 && !before.contains(' ');
        is_chained = false;
        if let Some(key) = key_of(before, glued && is_colon, value, tail).filter(|_| !is_place) {
            add(key, value);
        }
        rest = tail;
    }
}

/// `loss 0.31 acc 0.9`: only names that are known to be metrics.
fn read_words(text: &str, has_step: bool, add: &mut dyn FnMut(String, f64)) {
    let words: Vec<&str> = text.split_ascii_whitespace().collect();
    for at in 1..words.len() {
        let name = words[at - 1];
        if !is_metric(name) || !is_plain(name) {
            continue;
        }
        let Some((value, tail)) = number(words[at]) else { continue };
        let is_result = words[at].contains(['.', 'e', '%']) || has_step || !value.is_finite();
        if is_result && tail.is_empty() {
            add(qualified(&words[..at]), value);
        }
    }
}

/// The name before a separator, when it is a metric's. `glued` is a colon without spaces.
fn key_of(before: &str, glued: bool, value: f64, tail: &str) -> Option<String> {
    let before = before.replace("'s ", " ");
    let before = before.trim_matches(|c: char| c.is_whitespace() || "'\"`*->•#".contains(c));
    let mut words: Vec<&str> = before.split_ascii_whitespace().collect();
    if let Some(level) = words.iter().rposition(|word| LEVELS.contains(word)) {
        words.drain(..=level);
    }
    // Clock times and step counts in front of the name: `12:30:45 loss`, `epoch 3 loss`.
    let is_count = |word: &&str| word.starts_with(|c: char| c.is_ascii_digit());
    while words.len() > 1 && (is_count(&words[0]) || (is_step_word(words[0]) && is_count(&words[1]))) {
        words.remove(0);
    }
    let last = *words.last()?;
    let known = is_metric(last);
    if is_step_word(last) || is_not_metric(last) {
        return None;
    }
    // `train.py:12`, `localhost:8080`.
    if glued && !known && (last.contains('.') || (value.fract() == 0.0 && value >= 1024.0)) {
        return None;
    }
    let follows_prose = !tail.trim_start().is_empty() && !tail.contains([':', '=']) && !tail.starts_with('%');
    let key = if known && (words.len() > 3 || has_prose(&words)) {
        qualified(&words)
    } else if words.len() > 3 || has_prose(&words) || (follows_prose && !known) {
        return None;
    } else {
        words.join(" ")
    };
    let is_name = key.len() <= MAX_KEY_BYTES && key.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let is_time_of_day = last.bytes().all(|byte| byte.is_ascii_digit());
    (is_name && !is_time_of_day && key.split(' ').all(is_plain)).then_some(key)
}

/// The last word with the qualifier before it.
fn qualified(words: &[&str]) -> String {
    match words {
        [.., qualifier, name] if QUALIFIERS.contains(&qualifier.to_ascii_lowercase().as_str()) => {
            format!("{qualifier} {name}")
        }
        [.., name] => (*name).to_owned(),
        [] => String::new(),
    }
}

fn has_prose(words: &[&str]) -> bool {
    words.iter().any(|word| PROSE.contains(&word.to_ascii_lowercase().as_str()) || word.ends_with(['.', '?', '!']))
}

fn is_plain(word: &str) -> bool {
    word.len() <= MAX_KEY_BYTES
        && word.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
        && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_/.@-".contains(&byte))
}

fn parts(word: &str) -> impl Iterator<Item = &str> {
    word.split(['_', '-', '/', '.', '@'])
}

fn is_metric(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    parts(&word).any(|part| METRIC_WORDS.contains(&part))
}

fn is_not_metric(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    NOT_METRICS.contains(&word.as_str()) || (!is_metric(&word) && parts(&word).any(|part| NOT_METRICS.contains(&part)))
}

/// A number at the start of the text that ends where a value may end, and what follows it. A
/// percent sign belongs to it and does not change it.
fn number(text: &str) -> Option<(f64, &str)> {
    let bytes = text.as_bytes();
    let sign = usize::from(matches!(bytes.first(), Some(b'+' | b'-')));
    let words = ["nan", "infinity", "inf"];
    let word =
        words.iter().find(|word| text.get(sign..sign + word.len()).is_some_and(|t| t.eq_ignore_ascii_case(word)));
    let mut end = match word {
        Some(word) => sign + word.len(),
        None => sign + digits(&bytes[sign..])?,
    };
    let value: f64 = text[..end].parse().ok()?;
    if bytes.get(end) == Some(&b'%') {
        end += 1;
    }
    let tail = &text[end..];
    let tail = if matches!(tail, "." | "'" | "\"") { "" } else { tail };
    tail.starts_with([' ', '±']).then_some(()).or_else(|| tail.is_empty().then_some(()))?;
    Some((value, tail))
}

/// Length of an unsigned number.
fn digits(bytes: &[u8]) -> Option<usize> {
    let run = |from: usize| bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let whole = run(0);
    let mut end = whole;
    if bytes.get(end) == Some(&b'.') {
        let fraction = run(end + 1);
        if whole + fraction == 0 {
            return None;
        }
        // `0.9.` at the end of a sentence, `1.2.3` of a version: the caller looks at what follows.
        if fraction > 0 {
            end += 1 + fraction;
        } else if whole > 0 && bytes.len() > end + 1 {
            end += 1;
        }
    }
    if end == 0 {
        return None;
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let exponent = if bytes.len() > end + 1 + sign { run(end + 1 + sign) } else { 0 };
        if exponent > 0 {
            end += 1 + sign + exponent;
        }
    }
    Some(end)
}
