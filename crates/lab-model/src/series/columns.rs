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

/// Reads as many whole numbers as there are slots; `None` unless exactly those are there.
pub(super) fn take_integers<'a>(mut bytes: &[u8], slots: impl Iterator<Item = &'a mut i64>) -> Option<()> {
    let (mut last, mut step) = (0_i64, 0_i64);
    for slot in slots {
        step = step.wrapping_add(unzigzag(take_varint(&mut bytes)?));
        last = last.wrapping_add(step);
        *slot = last;
    }
    bytes.is_empty().then_some(())
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

/// Reads as many values as there are slots; `None` unless exactly those are there.
pub(super) fn take_values<'a>(bytes: &[u8], count: usize, mut slots: impl Iterator<Item = &'a mut f64>) -> Option<()> {
    let (encoding, mut rest) = bytes.split_first()?;
    match *encoding {
        DECIMAL => {
            let (digits, mut rest) = rest.split_first()?;
            let scale = scale((*digits <= MAX_DIGITS).then_some(*digits)?);
            let mut last = 0_i64;
            for slot in slots {
                last = last.wrapping_add(unzigzag(take_varint(&mut rest)?));
                *slot = last as f64 / scale;
            }
            rest.is_empty().then_some(())
        }
        F32 => {
            let planes: [&[u8]; 4] = take_planes(&mut rest, count)?;
            for (row, slot) in (0..count).zip(&mut slots) {
                *slot = f64::from(f32::from_le_bytes(gathered(&planes, row)));
            }
            Some(())
        }
        F64 => {
            let planes: [&[u8]; 8] = take_planes(&mut rest, count)?;
            for (row, slot) in (0..count).zip(&mut slots) {
                *slot = f64::from_le_bytes(gathered(&planes, row));
            }
            Some(())
        }
        _ => None,
    }
}

/// One byte of each plane: a loop, which becomes a few moves, where `map` stays a call for each byte.
#[inline]
fn gathered<const N: usize>(planes: &[&[u8]; N], row: usize) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, plane) in bytes.iter_mut().zip(planes) {
        *byte = plane[row];
    }
    bytes
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
fn take_planes<'a, const N: usize>(bytes: &mut &'a [u8], count: usize) -> Option<[&'a [u8]; N]> {
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
