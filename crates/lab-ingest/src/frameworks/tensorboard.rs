//! TensorBoard's event files, as tensorboardX, PyTorch, TensorFlow, JAX and Lightning write them.
//!
//! A file is a sequence of records: length (u64), masked CRC-32C of the length, an `Event` message,
//! masked CRC-32C of it. Sources: `tensorflow/core/lib/io/record_writer.h`, `event.proto`,
//! `summary.proto`, `tensor.proto`, and the hyperparameter plugin's `api.proto`.
//!
//! A histogram becomes four series: its mean and its 5 %, 50 % and 95 % quantiles, interpolated within a
//! bucket. Images, sounds and texts stay in the file.

use std::collections::HashMap;

use serde_json::Value;

use super::wire::{Field, Fields, first};
use super::{At, Reader, Sink, clip};
use crate::text::strip_controls;

/// A longer record is not read: no scalar is that long.
const MAX_RECORD_BYTES: usize = 64 << 20;
/// Tags whose plugin is remembered.
const MAX_TAGS: usize = 100_000;
const HEADER_BYTES: usize = 12;

/// An event file being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Events {
    partial: Vec<u8>,
    /// Bytes of a too long record that are still to come.
    skip_bytes: u64,
    /// By tag: what its first event says of it; later ones say nothing.
    plugins: HashMap<String, Plugin>,
    is_damaged: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Plugin {
    Scalars,
    Histograms,
    Other,
}

impl Reader for Events {
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        let mut bytes = bytes;
        if self.skip_bytes > 0 {
            let skipped = self.skip_bytes.min(bytes.len() as u64);
            self.skip_bytes -= skipped;
            bytes = &bytes[skipped as usize..];
        }
        if self.is_damaged {
            return;
        }
        if self.partial.is_empty() {
            let used = self.records(bytes, sink);
            self.partial.extend_from_slice(&bytes[used.min(bytes.len())..]);
        } else {
            self.partial.extend_from_slice(bytes);
            let partial = std::mem::take(&mut self.partial);
            let used = self.records(&partial, sink);
            self.partial = partial;
            self.partial.drain(..used.min(self.partial.len()));
        }
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        if !self.is_damaged && (!self.partial.is_empty() || self.skip_bytes > 0) {
            sink.trouble("it ends in the middle of a record");
        }
    }
}

impl Events {
    /// Reads whole records and gives how many bytes they take.
    fn records(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let mut used = 0;
        while let Some(header) = bytes[used..].first_chunk::<HEADER_BYTES>() {
            let (length, sum) = header.split_at(8);
            let stored = u32::from_le_bytes(sum.try_into().expect("because the header has twelve bytes"));
            if super::checksum::masked_crc32c(length) != stored {
                self.damaged(sink);
                return bytes.len();
            }
            let length = u64::from_le_bytes(length.try_into().expect("because eight bytes were split off"));
            let rest = &bytes[used + HEADER_BYTES..];
            if length > MAX_RECORD_BYTES as u64 {
                sink.trouble("a record of more than 64 MiB is passed over");
                let whole = length.saturating_add(4);
                self.skip_bytes = whole.saturating_sub(rest.len() as u64);
                used += HEADER_BYTES + usize::try_from(whole).unwrap_or(usize::MAX).min(rest.len());
                continue;
            }
            let Some((record, rest)) = rest.split_at_checked(length as usize) else { break };
            let Some(sum) = rest.first_chunk() else { break };
            if super::checksum::masked_crc32c(record) != u32::from_le_bytes(*sum) {
                self.damaged(sink);
                return bytes.len();
            }
            self.event(record, sink);
            used += HEADER_BYTES + length as usize + 4;
        }
        used
    }

    /// What follows a damaged record cannot be found again with certainty.
    fn damaged(&mut self, sink: &mut dyn Sink) {
        self.is_damaged = true;
        sink.trouble("a checksum is wrong: what follows is not read");
    }

    fn event(&mut self, event: &[u8], sink: &mut dyn Sink) {
        let mut at = At { step: Some(0), time_millis: None };
        for (number, field) in Fields(event) {
            match (number, field) {
                (1, Field::Fixed64(bits)) => at.time_millis = millis(f64::from_bits(bits)),
                (2, Field::Varint(step)) => at.step = Some(step.cast_signed()),
                _ => {}
            }
        }
        let values = Fields(event).filter(|(number, _)| *number == 5).filter_map(|(_, field)| field.bytes());
        for summary in values {
            for value in Fields(summary).filter(|(number, _)| *number == 1).filter_map(|(_, field)| field.bytes()) {
                self.value(value, at, sink);
            }
        }
    }

    fn value(&mut self, value: &[u8], at: At, sink: &mut dyn Sink) {
        let Some(tag) = first(value, 1).and_then(Field::text) else { return };
        let tag = clip(tag);
        if let Some(metadata) = first(value, 9).and_then(Field::bytes)
            && let Some(plugin) = first(metadata, 1).and_then(Field::bytes)
        {
            let name = first(plugin, 1).and_then(Field::text).unwrap_or_default();
            if name == "hparams" {
                params(first(plugin, 2).and_then(Field::bytes).unwrap_or_default(), sink);
            }
            let plugin = match name {
                "scalars" => Plugin::Scalars,
                "histograms" => Plugin::Histograms,
                _ => Plugin::Other,
            };
            if self.plugins.len() < MAX_TAGS {
                self.plugins.entry(tag.to_owned()).or_insert(plugin);
            }
        }
        for (number, field) in Fields(value) {
            match (number, field) {
                (2, Field::Fixed32(bits)) => sink.point(tag, at, f64::from(f32::from_bits(bits))),
                (5, Field::Bytes(histogram)) => old_histogram(tag, histogram, at, sink),
                (8, Field::Bytes(tensor)) => match self.plugins.get(tag) {
                    Some(Plugin::Other) => {}
                    Some(Plugin::Histograms) => new_histogram(tag, tensor, at, sink),
                    _ => {
                        let mut numbers = numbers(tensor);
                        if let (Some(value), None) = (numbers.next(), numbers.next()) {
                            sink.point(tag, at, value);
                        }
                    }
                },
                _ => {}
            }
        }
    }
}

fn millis(seconds: f64) -> Option<i64> {
    (seconds.abs() < 1e14).then_some((seconds * 1e3) as i64)
}

const FLOAT: u64 = 1;
const DOUBLE: u64 = 2;
const INT32: u64 = 3;
const UINT8: u64 = 4;
const INT64: u64 = 9;
const BOOL: u64 = 10;

/// The numbers of a tensor: as raw bytes, packed, or one by one.
fn numbers(tensor: &[u8]) -> Box<dyn Iterator<Item = f64> + '_> {
    let kind = first(tensor, 1).and_then(Field::integer).unwrap_or_default();
    if let Some(content) = first(tensor, 4).and_then(Field::bytes).filter(|content| !content.is_empty()) {
        return match kind {
            FLOAT => Box::new(words(content).map(|word| f64::from(f32::from_le_bytes(word)))),
            DOUBLE => Box::new(words(content).map(f64::from_le_bytes)),
            INT32 => Box::new(words(content).map(|word| f64::from(i32::from_le_bytes(word)))),
            INT64 => Box::new(words(content).map(|word| i64::from_le_bytes(word) as f64)),
            UINT8 | BOOL => Box::new(content.iter().map(|byte| f64::from(*byte))),
            _ => Box::new(std::iter::empty()),
        };
    }
    let field = match kind {
        FLOAT => 5,
        DOUBLE => 6,
        INT32 | UINT8 => 7,
        INT64 => 10,
        BOOL => 11,
        _ => return Box::new(std::iter::empty()),
    };
    let fields = Fields(tensor).filter(move |(number, _)| *number == field);
    Box::new(fields.flat_map(move |(_, field)| one_or_packed(field, kind)))
}

fn one_or_packed(field: Field<'_>, kind: u64) -> Box<dyn Iterator<Item = f64> + '_> {
    match field {
        Field::Fixed32(bits) => Box::new(std::iter::once(f64::from(f32::from_bits(bits)))),
        Field::Fixed64(bits) => Box::new(std::iter::once(f64::from_bits(bits))),
        Field::Varint(value) => Box::new(std::iter::once(value.cast_signed() as f64)),
        Field::Bytes(packed) => match kind {
            FLOAT => Box::new(words(packed).map(|word| f64::from(f32::from_le_bytes(word)))),
            DOUBLE => Box::new(words(packed).map(f64::from_le_bytes)),
            _ => {
                let mut rest = packed;
                Box::new(std::iter::from_fn(move || {
                    super::wire::varint(&mut rest).map(|value| value.cast_signed() as f64)
                }))
            }
        },
    }
}

fn words<const N: usize>(bytes: &[u8]) -> impl Iterator<Item = [u8; N]> {
    bytes.as_chunks().0.iter().copied()
}

/// Buckets that end at `limit` and hold `weight`, in order.
type Bucket = (f64, f64, f64);

/// `HistogramProto`: 1 smallest, 2 largest, 3 count, 4 sum, 6 upper ends, 7 weights.
fn old_histogram(tag: &str, histogram: &[u8], at: At, sink: &mut dyn Sink) {
    let list = |wanted: u64| -> Vec<f64> {
        let fields = Fields(histogram).filter(|(number, _)| *number == wanted);
        fields.flat_map(|(_, field)| one_or_packed(field, DOUBLE)).collect()
    };
    let one = |wanted| list(wanted).first().copied().unwrap_or_default();
    let (min, max, count, sum) = (one(1), one(2), one(3), one(4));
    let mut start = min;
    let buckets: Vec<Bucket> = list(6)
        .into_iter()
        .zip(list(7))
        .map(|(limit, weight)| {
            let bucket = (start.clamp(min.min(max), max.max(min)), limit.clamp(min.min(max), max.max(min)), weight);
            start = limit;
            bucket
        })
        .collect();
    quantiles(tag, sum / count, &buckets, at, sink);
}

/// The histogram plugin's tensor: rows of left end, right end, weight.
fn new_histogram(tag: &str, tensor: &[u8], at: At, sink: &mut dyn Sink) {
    let numbers: Vec<f64> = numbers(tensor).collect();
    let buckets: Vec<Bucket> =
        numbers.as_chunks().0.iter().map(|[left, right, weight]| (*left, *right, *weight)).collect();
    let count: f64 = buckets.iter().map(|(_, _, weight)| weight).sum();
    let sum: f64 = buckets.iter().map(|(left, right, weight)| (left + right) / 2.0 * weight).sum();
    quantiles(tag, sum / count, &buckets, at, sink);
}

fn quantiles(tag: &str, mean: f64, buckets: &[Bucket], at: At, sink: &mut dyn Sink) {
    let count: f64 = buckets.iter().map(|(_, _, weight)| weight).sum();
    if count <= 0.0 || !count.is_finite() {
        return;
    }
    sink.point(&format!("{tag}/mean"), at, mean);
    for (name, share) in [("p05", 0.05), ("p50", 0.5), ("p95", 0.95)] {
        let mut left_over = share * count;
        for (left, right, weight) in buckets {
            if left_over <= *weight && *weight > 0.0 {
                sink.point(&format!("{tag}/{name}"), at, left + (right - left) * left_over / weight);
                break;
            }
            left_over -= weight;
        }
    }
}

/// `HParamsPluginData`: 3 session_start_info, in it 1 a map from name to `google.protobuf.Value`.
fn params(content: &[u8], sink: &mut dyn Sink) {
    let Some(info) = first(content, 3).and_then(Field::bytes) else { return };
    for entry in Fields(info).filter(|(number, _)| *number == 1).filter_map(|(_, field)| field.bytes()) {
        let Some(name) = first(entry, 1).and_then(Field::text) else { continue };
        let value = match Fields(first(entry, 2).and_then(Field::bytes).unwrap_or_default()).next() {
            Some((2, Field::Fixed64(bits))) => plain_number(f64::from_bits(bits)),
            Some((3, Field::Bytes(text))) => Value::from(strip_controls(&String::from_utf8_lossy(text))),
            Some((4, Field::Varint(value))) => Value::from(value != 0),
            _ => continue,
        };
        sink.param(clip(name), &value);
    }
}

/// The plugin knows floats only; 32.0 was 32.
fn plain_number(value: f64) -> Value {
    crate::metrics::whole(value).map_or_else(|| Value::from(value), Value::from)
}
