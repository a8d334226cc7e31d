mod columns;
mod outline;

use serde::{Deserialize, Serialize};

use crate::{Hash, Time};
pub use outline::Outline;

use columns::{BLOCK, Integers, Values, put_column, put_integers, put_values, put_varint, take_column, take_varint};

/// How a series record of this form begins. In one of the first form the key's length stands here,
/// which is never that large.
const MARK: [u8; 5] = [0xff, 0xff, 0xff, 0xff, 2];

/// One logged value.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
pub struct Point {
    /// The step, as logged or counted.
    pub step: i64,
    /// When it was logged.
    pub time: Time,
    /// The value; may be NaN or infinite.
    pub value: f64,
}

/// All points of one key, in the order in which they were logged.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Series {
    /// The metric's name, such as `val/loss`.
    pub key: String,
    /// The points.
    pub points: Vec<Point>,
}

/// What tables need of a series. NaN is counted but is never smallest or largest.
#[derive(Clone, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Summary {
    /// The metric's name.
    pub key: String,
    /// Points.
    pub count: u64,
    /// Step of the last point.
    pub last_step: i64,
    /// First value.
    #[serde(with = "float")]
    pub first: f64,
    /// Last value.
    #[serde(with = "float")]
    pub last: f64,
    /// Smallest value.
    #[serde(with = "float")]
    pub min: f64,
    /// Largest value.
    #[serde(with = "float")]
    pub max: f64,
    /// Points that are NaN.
    #[serde(default)]
    pub nan_count: u64,
    /// Mean of all values that are not NaN; NaN itself when there is none, or nobody noted it.
    #[serde(default = "unknown", with = "float")]
    pub mean: f64,
    /// The same of the last [`Summary::RECENT`] points.
    #[serde(default = "unknown", with = "float")]
    pub recent_mean: f64,
    /// Step of the first point with the smallest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_step: Option<i64>,
    /// Step of the first point with the largest value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_step: Option<i64>,
    /// When the last point was logged.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_time: Option<Time>,
}

const fn unknown() -> f64 {
    f64::NAN
}

/// A series in the notebook.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct SeriesRef {
    /// The record that holds the points.
    pub record: Hash,
    /// Its summary.
    #[serde(flatten)]
    pub summary: Summary,
}

impl Summary {
    /// So many points make [`Summary::recent_mean`].
    pub const RECENT: usize = 10;

    /// Whether a smaller value of this metric is better, guessed from its name: losses, errors,
    /// times and perplexities are to be small, everything else large.
    pub fn smaller_is_better(key: &str) -> bool {
        let key = key.to_lowercase();
        ["loss", "err", "mse", "mae", "rmse", "perplexity", "ppl", "nll", "time", "latency", "wer", "cer", "fid"]
            .iter()
            .any(|word| key.contains(word))
    }

    /// The best value by the guessed direction.
    pub fn best(&self) -> f64 {
        if Self::smaller_is_better(&self.key) { self.min } else { self.max }
    }

    /// The step of the best value by the guessed direction.
    pub fn best_step(&self) -> Option<i64> {
        if Self::smaller_is_better(&self.key) { self.min_step } else { self.max_step }
    }
}

/// A summary that grows with its series.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub struct Tally {
    ends: Option<[Point; 2]>,
    /// The lowest and the highest, once there is one that is not NaN.
    extremes: Option<[Point; 2]>,
    sum: f64,
    count: u64,
    nan_count: u64,
}

impl Tally {
    /// Takes the next point in.
    pub fn add(&mut self, point: Point) {
        self.count += 1;
        self.ends = Some([self.ends.map_or(point, |[first, _]| first), point]);
        if point.value.is_nan() {
            self.nan_count += 1;
            return;
        }
        self.sum += point.value;
        let [low, high] = self.extremes.get_or_insert([point, point]);
        if point.value < low.value {
            *low = point;
        }
        if point.value > high.value {
            *high = point;
        }
    }

    /// The summary of the points so far, `None` without any; `points` are those, or their last [`Summary::RECENT`].
    pub fn summary(&self, key: &str, points: &[Point]) -> Option<Summary> {
        let [first, last] = self.ends?;
        let recent = &points[points.len().saturating_sub(Summary::RECENT)..];
        let recent = recent.iter().map(|point| point.value).filter(|value| !value.is_nan());
        let (recent_sum, recent_count) = recent.fold((0.0, 0), |(sum, count), value| (sum + value, count + 1));
        Some(Summary {
            key: key.to_owned(),
            count: self.count,
            last_step: last.step,
            first: first.value,
            last: last.value,
            min: self.extremes.map_or(f64::NAN, |[low, _]| low.value),
            max: self.extremes.map_or(f64::NAN, |[_, high]| high.value),
            nan_count: self.nan_count,
            // 0/0 is NaN, which is what there is to say.
            mean: self.sum / (self.count - self.nan_count) as f64,
            recent_mean: recent_sum / f64::from(recent_count),
            min_step: self.extremes.map(|[low, _]| low.step),
            max_step: self.extremes.map(|[_, high]| high.step),
            last_time: Some(last.time),
        })
    }
}

impl Series {
    /// The summary, `None` without points.
    pub fn summary(&self) -> Option<Summary> {
        let mut tally = Tally::default();
        self.points.iter().for_each(|point| tally.add(*point));
        tally.summary(&self.key, &self.points)
    }

    /// The body of a series record, as docs/format.md has it.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(32 + self.key.len() + self.points.len() * 10);
        bytes.extend_from_slice(&MARK);
        put_varint(self.key.len() as u64, &mut bytes);
        bytes.extend_from_slice(self.key.as_bytes());
        put_varint(self.points.len() as u64, &mut bytes);
        let points = || self.points.iter();
        put_column(&mut bytes, |column| put_integers(points().map(|point| point.step), column));
        put_column(&mut bytes, |column| put_integers(points().map(|point| point.time.0), column));
        let values: Vec<f64> = points().map(|point| point.value).collect();
        put_column(&mut bytes, |column| put_values(&values, column));
        bytes
    }

    /// Reads what [`Series::encode`] wrote, now or in an earlier form; `None` when the bytes are
    /// something else. Takes at most 24 times the memory of `bytes`.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&MARK) {
            return Self::decode_first_form(bytes);
        }
        let stored = Stored::of(bytes)?;
        let (key, mut points) = (stored.key.to_owned(), Vec::with_capacity(stored.count));
        stored.each(&mut |point| points.push(point))?;
        Some(Self { key, points })
    }

    /// The first form: the key's length (u32) and bytes, the count (u64), then all steps (i64), all
    /// times (i64), all values (f64), little-endian.
    fn decode_first_form(bytes: &[u8]) -> Option<Self> {
        let (length, rest) = bytes.split_first_chunk::<4>()?;
        let (key, rest) = rest.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (count, rest) = rest.split_first_chunk::<8>()?;
        let count = usize::try_from(u64::from_le_bytes(*count)).ok()?;
        if rest.len() != count.checked_mul(24)? {
            return None;
        }
        let word = |column: usize, row: usize| -> [u8; 8] {
            let at = (column * count + row) * 8;
            rest[at..at + 8].try_into().expect("because the length was checked above")
        };
        let point = |row| Point {
            step: i64::from_le_bytes(word(0, row)),
            time: Time(i64::from_le_bytes(word(1, row))),
            value: f64::from_le_bytes(word(2, row)),
        };
        Some(Self { key: String::from_utf8(key.to_vec()).ok()?, points: (0..count).map(point).collect() })
    }
}

/// A series record that is read from its first point to its last.
struct Stored<'a> {
    key: &'a str,
    count: usize,
    steps: Integers<'a>,
    times: Integers<'a>,
    values: Values<'a>,
}

impl<'a> Stored<'a> {
    fn of(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(&MARK)?;
        let length = usize::try_from(take_varint(&mut rest)?).ok()?;
        let (key, mut rest) = rest.split_at_checked(length)?;
        let count = usize::try_from(take_varint(&mut rest)?).ok()?;
        let [steps, times, values] = [take_column(&mut rest)?, take_column(&mut rest)?, take_column(&mut rest)?];
        // Every point takes a byte of each column, so that a lie about the count is found before it costs.
        if !rest.is_empty() || count > steps.len() {
            return None;
        }
        let (key, values) = (std::str::from_utf8(key).ok()?, Values::of(values, count)?);
        Some(Self { key, count, steps: Integers::of(steps), times: Integers::of(times), values })
    }

    /// Hands out every point; `None` unless the columns hold exactly so many.
    fn each(mut self, take: &mut impl FnMut(Point)) -> Option<()> {
        let (mut steps, mut times, mut values) = ([0; BLOCK], [0; BLOCK], [0.0; BLOCK]);
        let mut left = self.count;
        while left > 0 {
            let rows = left.min(BLOCK);
            self.steps.fill(&mut steps[..rows])?;
            self.times.fill(&mut times[..rows])?;
            self.values.fill(&mut values[..rows])?;
            for ((step, time), value) in steps.iter().zip(&times).zip(&values).take(rows) {
                take(Point { step: *step, time: Time(*time), value: *value });
            }
            left -= rows;
        }
        (self.steps.is_over() && self.times.is_over() && self.values.is_over()).then_some(())
    }
}

/// Floats in JSON: numbers, or the strings `NaN`, `Infinity`, `-Infinity`, which JSON cannot say.
mod float {
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(value: &f64, serializer: S) -> Result<S::Ok, S::Error> {
        if value.is_finite() {
            serializer.serialize_f64(*value)
        } else if value.is_nan() {
            serializer.serialize_str("NaN")
        } else if *value > 0.0 {
            serializer.serialize_str("Infinity")
        } else {
            serializer.serialize_str("-Infinity")
        }
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Raw {
            Number(f64),
            Text(String),
        }
        match Raw::deserialize(deserializer)? {
            Raw::Number(value) => Ok(value),
            Raw::Text(text) => match text.as_str() {
                "NaN" => Ok(f64::NAN),
                "Infinity" => Ok(f64::INFINITY),
                "-Infinity" => Ok(f64::NEG_INFINITY),
                _ => Err(serde::de::Error::custom("not a number")),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(values: &[f64]) -> Series {
        let points = values.iter().enumerate();
        let points = points.map(|(step, value)| Point { step: step as i64, time: Time(9), value: *value }).collect();
        Series { key: "loss".into(), points }
    }

    #[track_caller]
    fn check_round_trip(points: Vec<Point>) -> usize {
        let series = Series { key: "val/löss".into(), points };
        let bytes = series.encode();
        let decoded = Series::decode(&bytes).unwrap();
        let bits = |series: &Series| -> Vec<_> {
            series.points.iter().map(|point| (point.step, point.time, point.value.to_bits())).collect()
        };
        assert_eq!((&decoded.key, bits(&decoded)), (&series.key, bits(&series)));
        for length in 0..bytes.len().min(400) {
            assert_eq!(Series::decode(&bytes[..length]), None, "{length}");
        }
        bytes.len()
    }

    #[test]
    fn record_round_trip() {
        check_round_trip(Vec::new());
        let bits = |bits| f64::from_bits(bits);
        let odd = [0.0, -0.0, f64::NAN, bits(0x7ff0_0000_dead_beef), f64::INFINITY, f64::MIN, 5e-324, 0.1, 1e300];
        check_round_trip(series(&odd).points);
        check_round_trip(series(&[1.0, f64::INFINITY, -0.5]).points);
        let extremes = [i64::MIN, i64::MAX, 0, -1, i64::MIN];
        let point = |step| Point { step, time: Time(step.wrapping_mul(-3)), value: 1.0 };
        check_round_trip(extremes.map(point).to_vec());
        let many = |value: fn(i64) -> f64| -> Vec<Point> {
            (0..1000)
                .map(|step| Point { step, time: Time(1_700_000_000_000 + step * 10), value: value(step) })
                .collect()
        };
        // A byte for the step, one for the time, and the value: whole numbers and decimal fractions take
        // little, floats of 4 bytes stay such.
        assert!(check_round_trip(many(|step| step as f64)) < 3_200);
        assert!(check_round_trip(many(|step| step as f64 / 1e4)) < 3_200);
        assert!(check_round_trip(many(|step| f64::from((step as f32).sin()))) < 6_200);
        assert!(check_round_trip(many(|step| (step as f64).sin())) < 10_200);
        assert!(check_round_trip(many(|step| if step == 7 { 9e15 } else { 0.000_001 })) < 10_200);
    }

    #[test]
    fn the_first_form_is_read() {
        let mut bytes = vec![4, 0, 0, 0];
        bytes.extend_from_slice(b"loss");
        bytes.extend_from_slice(&2_u64.to_le_bytes());
        [0_i64, 1, 9, 9].iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        [1.5_f64, -0.5].iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        assert_eq!(Series::decode(&bytes), Some(series(&[1.5, -0.5])));
        assert_eq!(Series::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Series::decode(b""), None);
    }

    proptest::proptest! {
        #[test]
        fn hostile_bytes_are_refused_or_read(mut bytes in proptest::collection::vec(0_u8.., 0..200), marked: bool) {
            if marked {
                bytes.splice(0..0, MARK);
            }
            let length = bytes.len();
            proptest::prop_assert!(Series::decode(&bytes).is_none_or(|series| series.points.len() <= length));
        }
    }

    #[test]
    fn summary_passes_over_nan() {
        let summary = series(&[3.0, f64::NAN, 1.0, 2.0]).summary().unwrap();
        assert_eq!((summary.min, summary.max, summary.last, summary.nan_count), (1.0, 3.0, 2.0, 1));
        assert_eq!((summary.best(), summary.best_step()), (1.0, Some(2)));
        assert_eq!((summary.mean, summary.recent_mean, summary.last_time), (2.0, 2.0, Some(Time(9))));
        let old = r#"{"key":"loss","count":1,"last_step":0,"first":1.0,"last":1.0,"min":1.0,"max":1.0}"#;
        let old: Summary = serde_json::from_str(old).unwrap();
        assert!(old.mean.is_nan() && old.best_step().is_none());
        let json = serde_json::to_string(&series(&[f64::NAN]).summary()).unwrap();
        assert!(json.contains("\"NaN\""), "{json}");
        assert!(serde_json::from_str::<Summary>(&json).unwrap().last.is_nan());
    }
}
