//! Numbers, sizes, times and ids as people read them. Pure.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit, Zoned};
use lab_model::{RunId, Time};
use serde_json::Value;

/// From when and where times are told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moment {
    /// Now.
    pub now: Time,
    /// The reader's time zone.
    pub zone: TimeZone,
}

impl Moment {
    /// `now`, told in the zone of this machine.
    pub fn local(now: Time) -> Self {
        Self { now, zone: TimeZone::system() }
    }

    /// `now`, told in UTC.
    pub fn utc(now: Time) -> Self {
        Self { now, zone: TimeZone::UTC }
    }

    /// How long ago `time` was: `just now`, `3 min ago`, `5 h ago`, `2 days ago`, then the date.
    pub fn age(&self, time: Time) -> String {
        let seconds = (self.now.0 - time.0).div_euclid(1000);
        match seconds {
            ..-60 => self.date(time),
            -60..10 => "just now".to_owned(),
            10..60 => format!("{seconds} s ago"),
            60..3600 => format!("{} min ago", seconds / 60),
            3600..86_400 => format!("{} h ago", seconds / 3600),
            86_400..172_800 => "1 day ago".to_owned(),
            172_800..604_800 => format!("{} days ago", seconds / 86_400),
            _ => self.date(time),
        }
    }

    /// Date and minute, without the year when it is this one.
    pub fn date(&self, time: Time) -> String {
        let (then, now) = (self.zoned(time), self.zoned(self.now));
        let pattern = if then.year() == now.year() { "%b %-d %H:%M" } else { "%Y-%m-%d" };
        then.strftime(pattern).to_string()
    }

    /// Date and second.
    pub fn exact(&self, time: Time) -> String {
        self.zoned(time).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    /// A date that a person typed (`2026-11-21`, `2026-11-21 10:30`) as the moment it begins.
    pub fn parse(&self, text: &str) -> Option<Time> {
        if let Ok(stamp) = text.parse::<Timestamp>() {
            return Some(Time(stamp.as_millisecond()));
        }
        let date: jiff::civil::DateTime =
            text.parse().or_else(|_| text.parse::<jiff::civil::Date>().map(|date| date.at(0, 0, 0, 0))).ok()?;
        Some(Time(date.to_zoned(self.zone.clone()).ok()?.timestamp().as_millisecond()))
    }

    /// The day so many days after this one, from its first moment to that of the next.
    pub fn day(&self, days: i64) -> Option<(Time, Time)> {
        self.span_of_day(self.zoned(self.now).date().checked_add(jiff::Span::new().try_days(days).ok()?).ok()?)
    }

    /// The day that holds `time`.
    pub fn day_of(&self, time: Time) -> Option<(Time, Time)> {
        self.span_of_day(self.zoned(time).date())
    }

    fn span_of_day(&self, date: jiff::civil::Date) -> Option<(Time, Time)> {
        let begin = |date: jiff::civil::Date| {
            let begin = date.to_zoned(self.zone.clone()).ok()?;
            Some(Time(begin.timestamp().as_millisecond()))
        };
        Some((begin(date)?, begin(date.tomorrow().ok()?)?))
    }

    /// By how many minutes the reader's clock was ahead of UTC, and the words for it: `UTC+02:00`.
    pub(crate) fn offset(&self, time: Time) -> (i32, String) {
        let minutes = self.zoned(time).offset().seconds() / 60;
        if minutes == 0 {
            return (0, "UTC".to_owned());
        }
        let sign = if minutes < 0 { '\u{2212}' } else { '+' };
        (minutes, format!("UTC{sign}{:02}:{:02}", minutes.abs() / 60, minutes.abs() % 60))
    }

    fn zoned(&self, time: Time) -> Zoned {
        Timestamp::from_millisecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH).to_zoned(self.zone.clone())
    }
}

/// A moment for programs: RFC 3339 in UTC, with milliseconds.
pub fn stamp(time: Time) -> String {
    let stamp = Timestamp::from_millisecond(time.0).unwrap_or(Timestamp::UNIX_EPOCH);
    let stamp = stamp.round(Unit::Millisecond).unwrap_or(stamp);
    format!("{stamp:.3}")
}

/// Bytes in powers of 1000 with three digits: `0 B`, `999 B`, `1.00 kB`, `212 kB`, `9.00 GB`.
pub fn bytes(count: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if count < 1000 {
        return format!("{count} B");
    }
    let mut value = count as f64;
    let mut unit = "B";
    for name in UNITS {
        if value < 999.5 {
            break;
        }
        value /= 1000.0;
        unit = name;
    }
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{value:.decimals$} {unit}")
}

/// A duration: `0 ms`, `840 ms`, `3.2 s`, `2 min 5 s`, `3 h 20 min`, `4 days 2 h`.
pub fn duration(millis: u64) -> String {
    let seconds = (millis + 500) / 1000;
    let pair = |large: u64, large_unit: &str, small: u64, small_unit: &str| {
        if small == 0 { format!("{large} {large_unit}") } else { format!("{large} {large_unit} {small} {small_unit}") }
    };
    match millis {
        0..1000 => format!("{millis} ms"),
        1000..9_950 => format!("{:.1} s", millis as f64 / 1000.0),
        _ if seconds < 60 => format!("{seconds} s"),
        _ if seconds < 3600 => pair(seconds / 60, "min", seconds % 60, "s"),
        _ if seconds < 86_400 => pair(seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => {
            let days = seconds / 86_400;
            pair(days, if days == 1 { "day" } else { "days" }, seconds % 86_400 / 3600, "h")
        }
    }
}

/// A time since a start, as short as it can be told: `0.4`, `1:01`, `1:01:01`.
pub fn clock(millis: u64) -> String {
    let seconds = millis / 1000;
    match seconds {
        0..60 => format!("{}.{:01}", seconds, millis % 1000 / 100),
        60..3600 => format!("{}:{:02}", seconds / 60, seconds % 60),
        _ => format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60),
    }
}

/// A number with at most `digits` significant digits, without needless zeros: `0.9312`, `12350`,
/// `1.2e-7`. Whole numbers are never shortened.
pub fn number(value: f64, digits: usize) -> String {
    if value.is_nan() {
        return "NaN".to_owned();
    }
    if value.is_infinite() {
        return if value > 0.0 { "∞" } else { "-∞" }.to_owned();
    }
    if value == 0.0 {
        return "0".to_owned();
    }
    if value.fract() == 0.0 && value.abs() < 1e15 {
        return format!("{value:.0}");
    }
    let magnitude = value.abs().log10().floor() as i32;
    if !(-4..15).contains(&magnitude) {
        let text = format!("{value:.*e}", digits.saturating_sub(1));
        let (mantissa, exponent) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{exponent}", trim_zeros(mantissa));
    }
    let decimals = usize::try_from(digits as i32 - 1 - magnitude).unwrap_or(0);
    trim_zeros(&format!("{value:.decimals$}")).to_owned()
}

fn trim_zeros(text: &str) -> &str {
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { text }
}

/// A difference with its sign: `+0.02`, `-1.3`, `±0`.
pub fn signed(value: f64, digits: usize) -> String {
    if value == 0.0 {
        "±0".to_owned()
    } else if value > 0.0 {
        format!("+{}", number(value, digits))
    } else {
        number(value, digits)
    }
}

/// A mean with its spread, both to the first digit of the spread, or the second where that begins with 1:
/// `0.934 ± 0.004`.
pub fn spread(mean: f64, deviation: f64) -> String {
    let usual = deviation > 1e-9 && deviation < 1e9;
    if !usual {
        return format!("{} ± {}", number(mean, 6), number(deviation, 2));
    }
    let place = deviation.log10().floor() as i32;
    let leading = deviation / 10_f64.powi(place);
    let decimals = usize::try_from(i32::from(leading < 1.95) - place).unwrap_or(0);
    format!("{mean:.decimals$} ± {deviation:.decimals$}")
}

/// A count with its noun: `1 file`, `41 files`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 {
        return format!("1 {noun}");
    }
    let plural = match noun.strip_suffix('y') {
        Some(stem) if !noun.ends_with("ey") => format!("{stem}ies"),
        _ => format!("{noun}s"),
    };
    format!("{} {plural}", grouped(number))
}

/// A whole number with a thin mark at every third digit: `20,000`.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Longer values are cut for people; programs get them whole.
const VALUE_CHARS: usize = 48;

/// A parameter's value on one line: text without quotes, everything else as JSON, cut when long.
pub fn value(value: &Value) -> String {
    let text = whole_value(value);
    if text.chars().count() <= VALUE_CHARS {
        return text;
    }
    text.chars().take(VALUE_CHARS - 1).chain(['…']).collect()
}

fn whole_value(value: &Value) -> String {
    match value {
        Value::String(text) => lab_model::display_bytes(text.as_bytes()),
        Value::Number(given) => match given.as_f64() {
            Some(float) if given.is_f64() => number(float, 6),
            _ => given.to_string(),
        },
        other => lab_model::display_bytes(other.to_string().as_bytes()),
    }
}

/// How many characters of each id tell all of `ids` apart; at least four.
pub fn unique_length(ids: &[&RunId]) -> usize {
    let mut sorted: Vec<&str> = ids.iter().map(|id| id.as_str()).collect();
    sorted.sort_unstable();
    sorted.dedup();
    let shared = |pair: &[&str]| pair[0].bytes().zip(pair[1].bytes()).take_while(|(left, right)| left == right).count();
    sorted.windows(2).map(|pair| shared(pair) + 1).max().unwrap_or(0).clamp(4, 12)
}

/// A command as a person would type it: words with blanks or other special characters in quotes.
pub fn command(argv: &[String]) -> String {
    let plain = |c: char| c.is_alphanumeric() || "-_./=:,+@%~^".contains(c);
    let word = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            lab_model::display_bytes(format!("'{}'", word.replace('\'', r"'\''")).as_bytes())
        }
    };
    argv.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// A list as people say it, cut after `most`: `a, b and 3 more`.
pub fn some_of(items: &[String], most: usize) -> String {
    if items.len() <= most {
        return items.join(", ");
    }
    format!("{} and {} more", items[..most].join(", "), items.len() - most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_digits() {
        for (count, expected) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (9_994, "9.99 kB"),
            (9_996, "10.0 kB"),
            (212_345, "212 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (9_000_000_000, "9.00 GB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(count), expected, "{count}");
        }
    }

    #[test]
    fn durations() {
        for (millis, expected) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1000, "1.0 s"),
            (9_940, "9.9 s"),
            (9_960, "10 s"),
            (59_499, "59 s"),
            (59_500, "1 min"),
            (125_000, "2 min 5 s"),
            (3_600_000, "1 h"),
            (12_000_000, "3 h 20 min"),
            (90_000_000, "1 day 1 h"),
            (352_800_000, "4 days 2 h"),
        ] {
            assert_eq!(duration(millis), expected, "{millis}");
        }
    }

    #[test]
    fn numbers_keep_significant_digits() {
        for (value, expected) in [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (0.93, "0.93"),
            (0.931_249, "0.9312"),
            (12_350.0, "12350"),
            (12_350.7, "12351"),
            (0.000_12, "0.00012"),
            (0.000_000_12, "1.2e-7"),
            (-1.5e-9, "-1.5e-9"),
            (1e300, "1e300"),
            (f64::NAN, "NaN"),
            (f64::NEG_INFINITY, "-∞"),
        ] {
            assert_eq!(number(value, 4), expected, "{value}");
        }
        assert_eq!(signed(0.02, 3), "+0.02");
        assert_eq!(signed(0.0, 3), "±0");
        assert_eq!(signed(-3.0, 3), "-3");
    }

    #[test]
    fn ages_then_dates() {
        let moment = Moment::utc(Time(1_795_262_400_000));
        let ago = |seconds: i64| moment.age(Time(moment.now.0 - seconds * 1000));
        assert_eq!(ago(0), "just now");
        assert_eq!(ago(-30), "just now");
        assert_eq!(ago(59), "59 s ago");
        assert_eq!(ago(200), "3 min ago");
        assert_eq!(ago(7300), "2 h ago");
        assert_eq!(ago(90_000), "1 day ago");
        assert_eq!(ago(6 * 86_400), "6 days ago");
        assert_eq!(ago(8 * 86_400), "Nov 13 12:00");
        assert_eq!(ago(400 * 86_400), "2025-10-17");
        assert_eq!(ago(-86_400), "Nov 22 12:00");
        assert_eq!(moment.age(Time(i64::MIN / 2)), "1970-01-01");
        assert_eq!(stamp(moment.now), "2026-11-21T12:00:00.000Z");
        assert_eq!(moment.parse("2026-11-21"), Some(Time(1_795_219_200_000)));
        assert_eq!(moment.parse("soon"), None);
    }

    #[test]
    fn ids_are_as_long_as_they_must_be() {
        let id = |text: &str| text.parse::<RunId>().unwrap();
        let (a, b, c) = (id("abcdefghjkmn"), id("abcdexghjkmn"), id("zzzzzzzzzzzz"));
        assert_eq!(unique_length(&[&a, &c]), 4);
        assert_eq!(unique_length(&[&a, &b, &c]), 6);
        assert_eq!(unique_length(&[&a, &a]), 4);
        assert_eq!(unique_length(&[]), 4);
    }

    #[test]
    fn words_and_commands() {
        assert_eq!(count(1, "file"), "1 file");
        assert_eq!(count(20_000, "entry"), "20,000 entries");
        assert_eq!(count(0, "key"), "0 keys");
        let argv: Vec<String> = ["python", "train.py", "--note", "it's", ""].map(String::from).into();
        assert_eq!(command(&argv), r"python train.py --note 'it'\''s' ''");
        assert_eq!(command(&["a\u{1b}[2J".to_owned()]), r"'a\u{1b}[2J'");
        assert_eq!(some_of(&["a".into(), "b".into(), "c".into()], 2), "a, b and 1 more");
        assert_eq!(value(&serde_json::json!(0.1)), "0.1");
        assert_eq!([clock(0), clock(61_000), clock(3_661_000)], ["0.0", "1:01", "1:01:01"]);
        assert_eq!(value(&serde_json::json!("a\nb")), r"a\nb");
        assert_eq!(value(&serde_json::json!([1, 2])), "[1,2]");
        assert_eq!(value(&serde_json::json!("é".repeat(60))).chars().count(), 48);
    }
}
