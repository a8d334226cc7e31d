use serde::{Deserialize, Serialize};

use crate::{Hash, Time};

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
}

impl Series {
    /// The summary, `None` without points.
    pub fn summary(&self) -> Option<Summary> {
        let (first, last) = (self.points.first()?, self.points.last()?);
        let values = || self.points.iter().map(|point| point.value);
        Some(Summary {
            key: self.key.clone(),
            count: self.points.len() as u64,
            last_step: last.step,
            first: first.value,
            last: last.value,
            min: values().fold(f64::NAN, f64::min),
            max: values().fold(f64::NAN, f64::max),
            nan_count: values().filter(|value| value.is_nan()).count() as u64,
        })
    }

    /// The body of a series record: the key's length (u32) and bytes, the count (u64), then all
    /// steps (i64), all times (i64), all values (f64), little-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(12 + self.key.len() + self.points.len() * 24);
        bytes.extend_from_slice(&(self.key.len() as u32).to_le_bytes());
        bytes.extend_from_slice(self.key.as_bytes());
        bytes.extend_from_slice(&(self.points.len() as u64).to_le_bytes());
        self.points.iter().for_each(|point| bytes.extend_from_slice(&point.step.to_le_bytes()));
        self.points.iter().for_each(|point| bytes.extend_from_slice(&point.time.0.to_le_bytes()));
        self.points.iter().for_each(|point| bytes.extend_from_slice(&point.value.to_le_bytes()));
        bytes
    }

    /// Reads what [`Series::encode`] wrote; `None` when the bytes are something else.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
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

    #[test]
    fn record_round_trip() {
        let series = series(&[1.0, f64::INFINITY, -0.5]);
        let bytes = series.encode();
        assert_eq!(Series::decode(&bytes), Some(series));
        assert_eq!(Series::decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(Series::decode(b""), None);
    }

    #[test]
    fn summary_passes_over_nan() {
        let summary = series(&[3.0, f64::NAN, 1.0, 2.0]).summary().unwrap();
        assert_eq!((summary.min, summary.max, summary.last, summary.nan_count), (1.0, 3.0, 2.0, 1));
        assert_eq!(summary.best(), 1.0);
        let json = serde_json::to_string(&series(&[f64::NAN]).summary()).unwrap();
        assert!(json.contains("\"NaN\""), "{json}");
        assert!(serde_json::from_str::<Summary>(&json).unwrap().last.is_nan());
    }
}
