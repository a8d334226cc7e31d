//! How the three columns of a series become bytes that compress well.
//!
//! Whole numbers are told by how much each differs from the one that the two before it let expect
//! (delta of deltas, after Gorilla: Pelkonen et al., VLDB 2015) in variable length. Values are told as
//! decimal fractions where that is exact, else as 4 or 8 bytes, of which all first bytes stand
//! together, then all second ones, and so on.

use std::ops::ControlFlow;

/// Most digits behind the point of values that are told as decimal fractions.
const MAX_DIGITS: u8 = 6;
/// Whole numbers up to here are exact as floats.
const MAX_EXACT: f64 = (1_u64 << 53) as f64;

const F64: u8 = 0;
const F32: u8 = 1;
const DECIMAL: u8 = 2;

/// Appends `value` seven bits at a time, lowest first.
pub(super) fn put_varint(mut value: u64, bytes: &mut Vec<u8>) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// Takes what [`put_varint`] wrote off the front.
#[inline]
pub(super) fn take_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if *byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// Appends a column with its length in bytes before it.
pub(super) fn put_column(bytes: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let mut column = Vec::new();
    write(&mut column);
    put_varint(column.len() as u64, bytes);
    bytes.append(&mut column);
}

/// Takes a column off the front.
pub(super) fn take_column<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(take_varint(bytes)?).ok()?;
    let (column, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(column)
}

/// Writes whole numbers.
pub(super) fn put_integers(values: impl Iterator<Item = i64>, bytes: &mut Vec<u8>) {
    let (mut last, mut step) = (0_i64, 0_i64);
    for value in values {
        let delta = value.wrapping_sub(last);
        put_varint(zigzag(delta.wrapping_sub(step)), bytes);
        (last, step) = (value, delta);
    }
}

/// Whole numbers that [`put_integers`] wrote.
pub(super) struct Integers<'a> {
    bytes: &'a [u8],
    last: i64,
    step: i64,
}

impl<'a> Integers<'a> {
    pub const fn of(bytes: &'a [u8]) -> Self {
        Self { bytes, last: 0, step: 0 }
    }

    /// Reads as many as there are slots; `None` when there are fewer.
    pub fn fill(&mut self, slots: &mut [i64]) -> Option<()> {
        for slot in slots {
            self.step = self.step.wrapping_add(unzigzag(take_varint(&mut self.bytes)?));
            self.last = self.last.wrapping_add(self.step);
            *slot = self.last;
        }
        Some(())
    }

    pub const fn is_over(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// Writes values, bit by bit as they are.
pub(super) fn put_values(values: &[f64], bytes: &mut Vec<u8>) {
    if let Some(digits) = decimal_digits(values) {
        bytes.extend([DECIMAL, digits]);
        let scale = scale(digits);
        let mut last = 0_i64;
        for value in values {
            let whole = (value * scale).round() as i64;
            put_varint(zigzag(whole - last), bytes);
            last = whole;
        }
    } else if values.iter().all(|value| f64::from(*value as f32).to_bits() == value.to_bits()) {
        bytes.push(F32);
        put_planes(values, bytes, |value| (value as f32).to_bits().to_le_bytes());
    } else {
        bytes.push(F64);
        put_planes(values, bytes, |value| value.to_bits().to_le_bytes());
    }
}

/// Values that [`put_values`] wrote.
pub(super) enum Values<'a> {
    Decimal { bytes: &'a [u8], scale: f64, last: i64 },
    F32([&'a [u8]; 4]),
    F64([&'a [u8]; 8]),
}

impl<'a> Values<'a> {
    /// `count` of them, which those of one width have exactly room for.
    pub fn of(bytes: &'a [u8], count: usize) -> Option<Self> {
        let (encoding, bytes) = bytes.split_first()?;
        Some(match *encoding {
            DECIMAL => {
                let (digits, bytes) = bytes.split_first()?;
                let scale = scale((*digits <= MAX_DIGITS).then_some(*digits)?);
                Self::Decimal { bytes, scale, last: 0 }
            }
            F32 => Self::F32(planes(bytes, count)?),
            F64 => Self::F64(planes(bytes, count)?),
            _ => return None,
        })
    }

    /// Reads as many as there are slots, at most [`BLOCK`]; `None` when there are fewer.
    pub fn fill(&mut self, slots: &mut [f64]) -> Option<()> {
        match self {
            Self::Decimal { bytes, scale, last } => {
                for slot in slots {
                    *last = last.wrapping_add(unzigzag(take_varint(bytes)?));
                    *slot = *last as f64 / *scale;
                }
            }
            Self::F32(planes) => {
                let words = joined(planes, slots.len())?;
                let value = |word: u64| f64::from(f32::from_bits(word as u32));
                slots.iter_mut().zip(words).for_each(|(slot, word)| *slot = value(word));
            }
            Self::F64(planes) => {
                let words = joined(planes, slots.len())?;
                slots.iter_mut().zip(words).for_each(|(slot, word)| *slot = f64::from_bits(word));
            }
        }
        Some(())
    }

    pub const fn is_over(&self) -> bool {
        match self {
            Self::Decimal { bytes, .. } => bytes.is_empty(),
            Self::F32(planes) => planes[0].is_empty(),
            Self::F64(planes) => planes[0].is_empty(),
        }
    }
}

/// Rows of the columns that are read together: small enough to stay near the processor.
pub(super) const BLOCK: usize = 128;

/// Takes the next rows off each plane and puts their bytes together. Plane by plane, so that many rows go at once.
fn joined<const N: usize>(planes: &mut [&[u8]; N], rows: usize) -> Option<[u64; BLOCK]> {
    let mut words = [0; BLOCK];
    for (place, plane) in planes.iter_mut().enumerate() {
        let (bytes, rest) = plane.split_at_checked(rows)?;
        words.iter_mut().zip(bytes).for_each(|(word, byte)| *word |= u64::from(*byte) << (8 * place));
        *plane = rest;
    }
    Some(words)
}

/// How many digits behind the point tell every value exactly.
fn decimal_digits(values: &[f64]) -> Option<u8> {
    let is_exact = |value: f64, digits| {
        let whole = (value * scale(digits)).round();
        whole.abs() < MAX_EXACT && (whole / scale(digits)).to_bits() == value.to_bits()
    };
    let digits = values.iter().try_fold(0, |digits, value| {
        match (digits..=MAX_DIGITS).find(|digits| is_exact(*value, *digits)) {
            Some(digits) => ControlFlow::Continue(digits),
            None => ControlFlow::Break(()),
        }
    });
    // With more digits than it needs itself, a value may be too large.
    digits.continue_value().filter(|digits| values.iter().all(|value| is_exact(*value, *digits)))
}

fn scale(digits: u8) -> f64 {
    const SCALES: [f64; MAX_DIGITS as usize + 1] = [1.0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6];
    SCALES[usize::from(digits)]
}

fn put_planes<const N: usize>(values: &[f64], bytes: &mut Vec<u8>, split: impl Fn(f64) -> [u8; N]) {
    let start = bytes.len();
    bytes.resize(start + N * values.len(), 0);
    for (row, value) in values.iter().enumerate() {
        for (plane, byte) in split(*value).into_iter().enumerate() {
            bytes[start + plane * values.len() + row] = byte;
        }
    }
}

/// All of `bytes`, in N equal parts of `count`.
fn planes<const N: usize>(bytes: &[u8], count: usize) -> Option<[&[u8]; N]> {
    if bytes.len() != count.checked_mul(N)? {
        return None;
    }
    Some(std::array::from_fn(|plane| &bytes[plane * count..(plane + 1) * count]))
}

const fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)).cast_unsigned()
}

const fn unzigzag(value: u64) -> i64 {
    (value >> 1).cast_signed() ^ -((value & 1).cast_signed())
}
