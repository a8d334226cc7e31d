//! Values as people write them: moments and durations.

use lab_model::Time;

use crate::format::Moment;

const UNITS: [(&str, f64); 16] = [
    ("ms", 1.0),
    ("s", 1e3),
    ("sec", 1e3),
    ("m", 6e4),
    ("min", 6e4),
    ("h", 3.6e6),
    ("hour", 3.6e6),
    ("hours", 3.6e6),
    ("d", 8.64e7),
    ("day", 8.64e7),
    ("days", 8.64e7),
    ("w", 6.048e8),
    ("week", 6.048e8),
    ("weeks", 6.048e8),
    ("y", 3.1536e10),
    ("year", 3.1536e10),
];

/// A duration in milliseconds: `90` (seconds), `500ms`, `1h30m`, `2d`.
pub(super) fn duration(text: &str) -> Option<f64> {
    if let Ok(seconds) = text.parse::<f64>() {
        return (seconds.is_finite() && seconds >= 0.0).then_some(seconds * 1e3);
    }
    let mut rest = text;
    let mut millis = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(rest.len());
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
        let unit = UNITS.iter().find(|(unit, _)| unit.eq_ignore_ascii_case(&rest[..letters]))?;
        millis += number * unit.1;
        rest = &rest[letters..];
    }
    (!text.is_empty()).then_some(millis)
}

/// The moments that a text covers, from the first to just before the second: a day for a date, nothing
/// for an exact moment. `2d` is two days ago, `yesterday` the whole of it.
pub(super) fn moments(text: &str, moment: &Moment) -> Option<(Time, Time)> {
    let at = |time: Time| Some((time, time));
    match text.to_ascii_lowercase().as_str() {
        "now" => return at(moment.now),
        "today" => return moment.day(0),
        "yesterday" => return moment.day(-1),
        _ => {}
    }
    if text.bytes().any(|byte| byte.is_ascii_alphabetic())
        && let Some(millis) = duration(text)
    {
        return at(Time(moment.now.0 - millis as i64));
    }
    let start = moment.parse(text)?;
    let is_date = text.len() == 10 && !text.contains([':', 'T', 't', ' ']);
    if is_date { moment.day_of(start) } else { at(start) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        let table = [
            ("90", Some(90e3)),
            ("500ms", Some(500.0)),
            ("1h30m", Some(5.4e6)),
            ("2D", Some(1.728e8)),
            ("1.5h", Some(5.4e6)),
            ("h", None),
            ("1x", None),
            ("-5", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(duration(text), expected, "{text}");
        }
    }

    #[test]
    fn moments_are_read() {
        let day = 86_400_000;
        let moment = Moment::utc(Time(20_000 * day + 5));
        let table = [
            ("now", Some((20_000 * day + 5, 20_000 * day + 5))),
            ("2d", Some((19_998 * day + 5, 19_998 * day + 5))),
            ("today", Some((20_000 * day, 20_001 * day))),
            ("yesterday", Some((19_999 * day, 20_000 * day))),
            ("1970-01-02", Some((day, 2 * day))),
            ("1970-01-02T01:00", Some((day + 3_600_000, day + 3_600_000))),
            ("5", None),
            ("soon", None),
        ];
        for (text, expected) in table {
            assert_eq!(moments(text, &moment), expected.map(|(from, to)| (Time(from), Time(to))), "{text}");
        }
    }
}
