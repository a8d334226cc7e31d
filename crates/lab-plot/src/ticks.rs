//! Where an axis has its ticks and what stands beside them.
//!
//! Steps of 1, 2 and 5 times a power of ten after Heckbert, *Nice Numbers for Graph Labels*,
//! Graphics Gems, 1990; the finest that gives no more ticks than wished.

/// Ticks of an axis.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Ticks {
    /// Places with their labels.
    pub major: Vec<(f64, String)>,
    /// Places without a label.
    pub minor: Vec<f64>,
    /// What every label is to be multiplied by, such as `×10⁻⁵`; mostly empty.
    pub factor: String,
}

/// Ticks at even steps.
pub fn linear(low: f64, high: f64, most: usize) -> Ticks {
    let (low, high) = (low.min(high), low.max(high));
    let Some(values) = steps(low, high, most, nice_step(low, high, most)) else { return Ticks::default() };
    let step = if values.len() > 1 { values[1] - values[0] } else { values.first().map_or(1.0, |value| value.abs()) };
    let (labels, factor) = labels(&values, step);
    Ticks { major: values.into_iter().zip(labels).collect(), minor: Vec::new(), factor }
}

/// Ticks at powers of ten; `low` and `high` are logarithms to the base of ten, and so are the ticks.
pub fn log(low: f64, high: f64, most: usize) -> Ticks {
    let (low, high) = (low.min(high), low.max(high));
    let (first, last) = (low.ceil() as i32, high.floor() as i32);
    if last - first < 1 {
        // Less than two powers of ten: the ticks are those of the numbers themselves.
        let mut ticks = linear(10f64.powf(low), 10f64.powf(high), most);
        ticks.major.iter_mut().for_each(|tick| tick.0 = tick.0.log10());
        ticks.major.retain(|tick| tick.0.is_finite());
        return ticks;
    }
    let every = ((last - first + 1) as usize).div_ceil(most.max(1)).max(1);
    let exponents: Vec<i32> = (first..=last).filter(|exponent| exponent.rem_euclid(every as i32) == 0).collect();
    let plain = exponents.iter().all(|exponent| (-3..=4).contains(exponent));
    let label = |exponent: &i32| {
        let words = if plain { decimal(10f64.powi(*exponent), (-exponent).max(0) as usize) } else { power(*exponent) };
        (f64::from(*exponent), words)
    };
    let minor = if every > 1 || last - first > 12 {
        (first..=last).map(f64::from).filter(|exponent| exponent.rem_euclid(every as f64) != 0.0).collect()
    } else {
        let times = |exponent: i32| (2..10).map(move |digit| f64::from(exponent) + f64::from(digit).log10());
        (first - 1..=last).flat_map(times).collect()
    };
    Ticks { major: exponents.iter().map(label).collect(), minor, factor: String::new() }
}

/// Ticks of a duration in seconds, all in one unit.
pub fn duration(low: f64, high: f64, most: usize) -> Ticks {
    const UNITS: [(f64, &str, &[f64]); 4] = [
        (1.0, "s", &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0]),
        (60.0, "min", &[1.0, 2.0, 5.0, 10.0, 15.0, 30.0]),
        (3600.0, "h", &[1.0, 2.0, 3.0, 6.0, 12.0]),
        (86_400.0, "d", &[1.0, 2.0, 7.0, 14.0, 28.0]),
    ];
    let (low, high) = (low.min(high), low.max(high));
    let rough = (high / 2.0 - low / 2.0) / most.max(1) as f64 * 2.0;
    if rough < 0.5 {
        let scaled = linear(low * 1000.0, high * 1000.0, most);
        let unit = |(value, label): (f64, String)| (value / 1000.0, format!("{label} ms"));
        return Ticks { major: scaled.major.into_iter().map(unit).collect(), ..scaled };
    }
    let fits = |(unit, name, counts): (f64, &'static str, &[f64])| {
        counts.iter().map(|count| unit * count).find(|step| *step >= rough).map(|step| (unit, name, step))
    };
    let found = UNITS.into_iter().find_map(fits);
    let (unit, name, step) = found.unwrap_or_else(|| {
        (86_400.0, "d", nice_step(low / 86_400.0, high / 86_400.0, most).unwrap_or(f64::MAX / 1e6) * 86_400.0)
    });
    let values = steps(low, high, most, Some(step)).unwrap_or_default();
    let (labels, factor) = labels(&values.iter().map(|value| value / unit).collect::<Vec<_>>(), step / unit);
    let labels = labels.into_iter().map(|label| format!("{label} {name}"));
    Ticks { major: values.iter().copied().zip(labels).collect(), minor: Vec::new(), factor }
}

/// Ticks of dates, in milliseconds since 1970-01-01 UTC, told by a clock that is so many minutes ahead of it.
pub fn time(low: f64, high: f64, most: usize, zone_minutes: i32) -> Ticks {
    const SECOND: f64 = 1000.0;
    const DAY: f64 = 86_400.0 * SECOND;
    const STEPS: [f64; 17] = [
        SECOND,
        2.0 * SECOND,
        5.0 * SECOND,
        15.0 * SECOND,
        30.0 * SECOND,
        60.0 * SECOND,
        120.0 * SECOND,
        300.0 * SECOND,
        900.0 * SECOND,
        1800.0 * SECOND,
        3600.0 * SECOND,
        7200.0 * SECOND,
        10_800.0 * SECOND,
        21_600.0 * SECOND,
        43_200.0 * SECOND,
        DAY,
        2.0 * DAY,
    ];
    let ahead = f64::from(zone_minutes) * 60.0 * SECOND;
    let [low, high] = [low, high].map(|end| end + ahead);
    // Years that have four digits; what lies beyond is no date.
    let (low, high) = (low.min(high).max(-6.2e13), low.max(high).min(2.5e14));
    let rough = (high - low) / most.max(1) as f64;
    let found = STEPS.into_iter().find(|step| *step >= rough);
    let step = found.unwrap_or_else(|| nice_step(low / DAY, high / DAY, most).unwrap_or(1.0).max(1.0) * DAY);
    let label = |value: f64| {
        let days = (value / DAY).floor();
        let seconds = ((value - days * DAY) / SECOND).round() as i64;
        let (year, month, day) = civil(days as i64);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        if step >= 100.0 * DAY {
            format!("{year}-{month:02}")
        } else if seconds == 0 {
            format!("{} {day}", MONTHS[month - 1])
        } else if step < 60.0 * SECOND {
            format!("{hour:02}:{minute:02}:{second:02}")
        } else {
            format!("{hour:02}:{minute:02}")
        }
    };
    let values = steps(low, high, most, Some(step)).unwrap_or_default();
    Ticks { major: values.into_iter().map(|value| (value - ahead, label(value))).collect(), ..Ticks::default() }
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Year, month and day of a day since 1970-01-01 in the Gregorian calendar, counted in eras of 400
/// years that begin in March, so that the leap day is the last of its year.
fn civil(days: i64) -> (i64, usize, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let year = year_of_era + era * 400 + i64::from(month >= 10);
    (year, (if month < 10 { month + 3 } else { month - 9 }) as usize, day)
}

/// A step of 1, 2 or 5 times a power of ten, which gives at most `most` ticks.
fn nice_step(low: f64, high: f64, most: usize) -> Option<f64> {
    let rough = (high / most.max(1) as f64) - (low / most.max(1) as f64);
    if !rough.is_finite() || rough < 1e-300 {
        return None;
    }
    let power = 10f64.powf(rough.log10().floor());
    // A hair of slack, so that 0.30000000000000004 is not too much for 0.3.
    let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * power >= rough * (1.0 - 1e-9))?;
    let step = factor * power;
    step.is_finite().then_some(step)
}

/// Multiples of the step from `low` to `high`; one more than `most` at the utmost.
fn steps(low: f64, high: f64, most: usize, step: Option<f64>) -> Option<Vec<f64>> {
    let step = step?;
    let slack = 1e-9;
    let (first, last) = ((low / step - slack).ceil(), (high / step + slack).floor());
    if !first.is_finite() || !last.is_finite() || last - first > most as f64 + 2.0 {
        return None;
    }
    let mut values: Vec<f64> =
        (0..=(last - first).max(-1.0) as i64).map(|count| (first + count as f64) * step).collect();
    if last < first {
        values.clear();
    }
    values.dedup();
    values.truncate(most.max(2) + 1);
    // Minus zero is zero.
    Some(values.into_iter().map(|value| value + 0.0).collect())
}

/// Labels that differ from each other by `step`, and what all of them are to be multiplied by.
fn labels(values: &[f64], step: f64) -> (Vec<String>, String) {
    let largest = values.iter().fold(0.0f64, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return (values.iter().map(|_| "0".to_owned()).collect(), String::new());
    }
    let decimals = |unit: f64| (-(step / unit).log10() - 1e-9).ceil().clamp(0.0, 12.0) as usize;
    if !(1e-3..1e15).contains(&largest) {
        let exponent = largest.log10().floor() as i32;
        let unit = 10f64.powi(exponent);
        let label = |value: &f64| if *value == 0.0 { "0".to_owned() } else { decimal(value / unit, decimals(unit)) };
        return (values.iter().map(label).collect(), format!("×{}", power(exponent)));
    }
    let (unit, suffix) = match largest {
        1e12.. => (1e12, "T"),
        1e9.. => (1e9, "G"),
        1e6.. => (1e6, "M"),
        1e4.. => (1e3, "k"),
        _ => (1.0, ""),
    };
    let label = |value: &f64| match *value {
        0.0 => "0".to_owned(),
        value => decimal(value / unit, decimals(unit)) + suffix,
    };
    (values.iter().map(label).collect(), String::new())
}

/// A number with a real minus sign; zero has no sign.
fn decimal(value: f64, decimals: usize) -> String {
    let text = format!("{:.decimals$}", value.abs());
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !zero { format!("\u{2212}{text}") } else { text }
}

/// A power of ten, `10⁻⁵`.
fn power(exponent: i32) -> String {
    let raised = |c| match c {
        '-' => '⁻',
        '1' => '¹',
        '2' => '²',
        '3' => '³',
        digit => char::from_u32('⁰' as u32 + digit as u32 - '0' as u32).unwrap_or(digit),
    };
    format!("10{}", exponent.to_string().chars().map(raised).collect::<String>())
}

/// A number as people read it in the middle of a chart: four digits, a real minus sign.
pub fn number(value: f64) -> String {
    // What is smaller than this has no power of ten to be divided by.
    if value.abs() < 1e-300 {
        return "0".to_owned();
    }
    if !value.is_finite() {
        return if value.is_nan() {
            "NaN"
        } else if value > 0.0 {
            "∞"
        } else {
            "\u{2212}∞"
        }
        .to_owned();
    }
    let exponent = value.abs().log10().floor() as i32;
    if !(-4..6).contains(&exponent) {
        let digits = decimal(value / 10f64.powi(exponent), 2);
        return format!("{digits}×{}", power(exponent));
    }
    let text = decimal(value, (3 - exponent).max(0) as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(ticks: &Ticks) -> String {
        let labels: Vec<&str> = ticks.major.iter().map(|tick| tick.1.as_str()).collect();
        format!("{} {}", labels.join(" "), ticks.factor).trim_end().to_owned()
    }

    #[test]
    fn linear_ticks() {
        let check = |low, high, most, expected: &str| assert_eq!(words(&linear(low, high, most)), expected);
        check(0.0, 1.0, 6, "0 0.2 0.4 0.6 0.8 1.0");
        check(0.0, 1.0, 3, "0 0.5 1.0");
        check(-1.0, 1.0, 5, "−1.0 −0.5 0 0.5 1.0");
        check(0.0, 97.0, 5, "0 20 40 60 80");
        check(0.0, 9000.0, 5, "0 2000 4000 6000 8000");
        check(0.0, 50_000.0, 6, "0 10k 20k 30k 40k 50k");
        check(0.0, 1.2e6, 4, "0 0.5M 1.0M");
        check(0.0, 0.00031, 4, "0 1 2 3 ×10⁻⁴");
        check(2.3, 2.31, 4, "2.300 2.305 2.310");
        check(0.0, 4e20, 5, "0 1 2 3 4 ×10²⁰");
        check(-1e308, 1e308, 5, "−1.0 −0.5 0 0.5 1.0 ×10³⁰⁸");
        check(0.3, 0.3, 5, "");
    }

    #[test]
    fn log_ticks() {
        let check = |low: f64, high: f64, most, expected: &str| {
            assert_eq!(words(&log(low.log10(), high.log10(), most)), expected);
        };
        check(0.01, 10.0, 5, "0.01 0.1 1 10");
        check(1e-6, 1.0, 8, "10⁻⁶ 10⁻⁵ 10⁻⁴ 10⁻³ 10⁻² 10⁻¹ 10⁰");
        check(1e-6, 1.0, 4, "10⁻⁶ 10⁻⁴ 10⁻² 10⁰");
        check(0.2, 0.9, 5, "0.2 0.4 0.6 0.8");
        assert!(log(-2.0, 1.0, 5).minor.len() > 20);
    }

    #[test]
    fn duration_ticks() {
        let check = |high, most, expected: &str| assert_eq!(words(&duration(0.0, high, most)), expected);
        check(0.5, 5, "0 ms 100 ms 200 ms 300 ms 400 ms 500 ms");
        check(40.0, 5, "0 s 10 s 20 s 30 s 40 s");
        check(5400.0, 4, "0 min 30 min 60 min 90 min");
        check(36_000.0, 4, "0 h 3 h 6 h 9 h");
        check(1e6, 4, "0 d 7 d");
        check(1e9, 3, "0 d 5k d 10k d");
    }

    #[test]
    fn time_ticks() {
        let start = 1_795_262_400_000.0; // 2026-11-21 12:00 UTC
        let check =
            |millis: f64, most, expected: &str| assert_eq!(words(&time(start, start + millis, most, 0)), expected);
        check(20_000.0, 3, "12:00:00 12:00:15");
        check(3_600_000.0, 4, "12:00 12:15 12:30 12:45 13:00");
        check(86_400_000.0, 4, "12:00 18:00 Nov 22 06:00 12:00");
        check(40.0 * 86_400_000.0, 4, "Nov 23 Dec 3 Dec 13 Dec 23");
        let ahead = time(start, start + 3_600_000.0, 4, 330);
        assert_eq!(words(&ahead), "17:30 17:45 18:00 18:15 18:30");
        assert_eq!(ahead.major[0].0, start);
        assert_eq!(civil(0), (1970, 1, 1));
        assert_eq!(civil(19_782), (2024, 2, 29));
        assert_eq!(civil(-1), (1969, 12, 31));
    }

    #[test]
    fn single_numbers() {
        let all = [0.0, 0.5, 123.456, -0.001_234, 1e6, 1.5e-7, f64::NAN, 12345.0].map(number);
        assert_eq!(all, ["0", "0.5", "123.5", "−0.001234", "1.00×10⁶", "1.50×10⁻⁷", "NaN", "12345"]);
    }
}
