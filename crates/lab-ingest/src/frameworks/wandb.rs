//! Weights & Biases' transaction log, `run-<id>.wandb`, the only file that an offline run has.
//!
//! Seven bytes of header, then a LevelDB log: blocks of 32 KiB counted from the file's start, in them
//! chunks of CRC-32 (u32), length (u16), type (1 whole, 2 first, 3 middle, 4 last) and data, which
//! together make `Record` messages. Sources: LevelDB's `doc/log_format.md`, `wandb_internal.proto`.

use serde_json::Value;

use super::wire::{Field, Fields, first};
use super::{At, Reader, Sink, clip};
use crate::metrics::{plausible_millis, whole};

/// How a file begins.
pub(super) const MAGIC: &[u8] = b":W&B";

const HEADER_BYTES: u64 = 7;
const BLOCK_BYTES: u64 = 32 << 10;
const CHUNK_HEADER_BYTES: usize = 7;
/// A longer record is not read: no history is that long.
const MAX_RECORD_BYTES: usize = 64 << 20;

/// A transaction log being read.
#[derive(Clone, Debug, Default)]
pub(super) struct Log {
    partial: Vec<u8>,
    /// Bytes of the file before `partial`.
    offset: u64,
    /// The chunks of a record so far.
    record: Vec<u8>,
    is_damaged: bool,
}

impl Reader for Log {
    fn feed(&mut self, bytes: &[u8], sink: &mut dyn Sink) {
        if self.is_damaged {
            return;
        }
        self.partial.extend_from_slice(bytes);
        let partial = std::mem::take(&mut self.partial);
        let used = self.chunks(&partial, sink);
        self.offset += used as u64;
        self.partial = partial;
        self.partial.drain(..used);
    }

    fn finish(&mut self, sink: &mut dyn Sink) {
        if !self.is_damaged && (!self.partial.is_empty() || !self.record.is_empty()) {
            sink.trouble("it ends in the middle of a record");
        }
    }
}

impl Log {
    /// Reads whole chunks and gives how many bytes they take.
    fn chunks(&mut self, bytes: &[u8], sink: &mut dyn Sink) -> usize {
        let mut used = 0;
        loop {
            let rest = &bytes[used..];
            if self.offset + (used as u64) < HEADER_BYTES {
                if rest.len() < HEADER_BYTES as usize {
                    return used;
                }
                used += HEADER_BYTES as usize;
                continue;
            }
            let room = (BLOCK_BYTES - (self.offset + used as u64) % BLOCK_BYTES) as usize;
            if room < CHUNK_HEADER_BYTES {
                // The end of a block is filled up with zeros.
                if rest.len() < room {
                    return used;
                }
                used += room;
                continue;
            }
            let Some([c0, c1, c2, c3, l0, l1, kind]) = rest.first_chunk().copied() else { return used };
            let length = usize::from(u16::from_le_bytes([l0, l1]));
            let Some(data) = rest.get(CHUNK_HEADER_BYTES..CHUNK_HEADER_BYTES + length) else { return used };
            if super::checksum::crc32(&[&[kind], data]) != u32::from_le_bytes([c0, c1, c2, c3])
                || length + CHUNK_HEADER_BYTES > room
            {
                self.is_damaged = true;
                sink.trouble("a checksum is wrong: what follows is not read");
                return bytes.len();
            }
            self.chunk(kind, data, sink);
            used += CHUNK_HEADER_BYTES + length;
        }
    }

    fn chunk(&mut self, kind: u8, data: &[u8], sink: &mut dyn Sink) {
        match kind {
            1 => record(data, sink),
            2 | 3 => {
                if kind == 2 {
                    self.record.clear();
                }
                if self.record.len() + data.len() <= MAX_RECORD_BYTES {
                    self.record.extend_from_slice(data);
                }
            }
            4 => {
                let mut whole = std::mem::take(&mut self.record);
                whole.extend_from_slice(data);
                record(&whole, sink);
            }
            _ => {}
        }
    }
}

/// Of all that a record can be, the history and the settings: the summary follows from the history.
fn record(record: &[u8], sink: &mut dyn Sink) {
    for (number, field) in Fields(record) {
        match (number, field) {
            (2, Field::Bytes(message)) => history(message, sink),
            (5, Field::Bytes(message)) => config(message, sink),
            // A run carries the settings that it began with.
            (17, Field::Bytes(run)) => first(run, 4).and_then(Field::bytes).map_or((), |message| config(message, sink)),
            _ => {}
        }
    }
}

/// `HistoryRecord`: 1 items, 2 the step.
fn history(message: &[u8], sink: &mut dyn Sink) {
    let mut at = At::default();
    let step = first(message, 2).and_then(Field::bytes).and_then(|step| first(step, 1)).and_then(Field::integer);
    at.step = step.map(u64::cast_signed);
    let mut values = Vec::new();
    items(message, 1, &mut |key, value| match key {
        "_step" => at.step = value.as_f64().and_then(whole).or(at.step),
        "_timestamp" => at.time_millis = value.as_f64().and_then(plausible_millis),
        "_runtime" | "_wandb" => {}
        _ => values.push((key.to_owned(), value)),
    });
    for (key, value) in values {
        give(&key, &value, at, sink);
    }
}

/// Numbers are points, also those in nested objects; media are files and stay where they are.
fn give(key: &str, value: &Value, at: At, sink: &mut dyn Sink) {
    let mut open = vec![(key.to_owned(), value)];
    while let Some((key, value)) = open.pop() {
        if let Value::Object(inner) = value {
            if !inner.contains_key("_type") && key.len() < super::MAX_KEY_BYTES {
                open.extend(inner.iter().map(|(name, value)| (format!("{key}/{name}"), value)));
            }
        } else if let Some(value) = super::json::number(value) {
            sink.point(clip(&key), at, value);
        }
    }
}

/// `ConfigRecord`: 1 the settings that are new.
fn config(message: &[u8], sink: &mut dyn Sink) {
    items(message, 1, &mut |key, value| {
        if key != "_wandb" && !key.starts_with("_wandb/") {
            settings(key, &value, sink);
        }
    });
}

/// Nested settings are named as those of config files are.
fn settings(key: &str, value: &Value, sink: &mut dyn Sink) {
    let mut open = vec![(key.to_owned(), value)];
    while let Some((key, value)) = open.pop() {
        match value {
            Value::Object(inner) if !inner.is_empty() && key.len() < super::MAX_KEY_BYTES => {
                open.extend(inner.iter().map(|(name, value)| (format!("{key}.{name}"), value)));
            }
            _ => sink.param(clip(&key), value),
        }
    }
}

/// Items of the field `wanted`: 1 the key, 2 the key in parts, 16 the value as JSON.
fn items(message: &[u8], wanted: u64, each: &mut dyn FnMut(&str, Value)) {
    for item in Fields(message).filter(|(number, _)| *number == wanted).filter_map(|(_, field)| field.bytes()) {
        let mut key = first(item, 1).and_then(Field::text).unwrap_or_default().to_owned();
        if key.is_empty() {
            let parts = Fields(item).filter(|(number, _)| *number == 2).filter_map(|(_, field)| field.text());
            key = parts.collect::<Vec<_>>().join("/");
        }
        let value = first(item, 16).and_then(Field::text).and_then(super::json::value);
        if let (Some(value), false) = (value, key.is_empty()) {
            each(&key, value);
        }
    }
}
