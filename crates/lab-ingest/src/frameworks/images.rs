//! Pictures in TensorBoard's event files.
//!
//! Sources: `record_writer.h`, `event.proto`, `summary.proto` and `tensor.proto` of TensorFlow, and the layout of the
//! images plugin: a tensor of strings, width and height first, then one encoded picture each.

use super::checksum::masked_crc32c;
use super::clip;
use super::wire::{Field, Fields, first};

/// A picture in an event file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventImage<'a> {
    /// What it is called.
    pub tag: &'a str,
    /// The step at which it was written.
    pub step: i64,
    /// Its bytes, as a rule a PNG.
    pub encoded: &'a [u8],
}

/// More pictures of a file are not told.
const MOST: usize = 10_000;
/// Bytes of a record before and behind its body.
const FRAME_BYTES: usize = 16;
const STRING: u64 = 7;

/// The pictures of an event file, those with the same name together, in the order of their steps. What follows a
/// damaged record is not read.
pub fn event_images(file: &[u8]) -> Vec<EventImage<'_>> {
    let mut found = Vec::new();
    let mut rest = file;
    while let Some((event, behind)) = record(rest) {
        rest = behind;
        let step = first(event, 2).and_then(Field::integer).unwrap_or_default().cast_signed();
        for summary in Fields(event).filter(|(number, _)| *number == 5).filter_map(|(_, field)| field.bytes()) {
            for value in Fields(summary).filter(|(number, _)| *number == 1).filter_map(|(_, field)| field.bytes()) {
                let tag = first(value, 1).and_then(Field::text).map(clip).unwrap_or_default();
                found.extend(encoded(value).map(|encoded| EventImage { tag, step, encoded }));
            }
        }
        if found.len() >= MOST {
            break;
        }
    }
    found.truncate(MOST);
    found.sort_by_key(|image| (image.tag, image.step));
    found
}

/// The next whole record, and what follows it.
fn record(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<8>()?;
    let (sum, rest) = rest.split_first_chunk::<4>()?;
    let wanted =
        usize::try_from(u64::from_le_bytes(*length)).ok().filter(|wanted| wanted + FRAME_BYTES <= bytes.len())?;
    let (body, rest) = rest.split_at_checked(wanted)?;
    let (sum_of_body, rest) = rest.split_first_chunk::<4>()?;
    let is_whole =
        masked_crc32c(length) == u32::from_le_bytes(*sum) && masked_crc32c(body) == u32::from_le_bytes(*sum_of_body);
    is_whole.then_some((body, rest))
}

/// The encoded pictures of a value: of the old form one, of the images plugin as many as there are.
fn encoded(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let old = first(value, 4).and_then(Field::bytes).and_then(|image| first(image, 4)).and_then(Field::bytes);
    let plugin = first(value, 9).and_then(Field::bytes).and_then(|metadata| first(metadata, 1));
    let name = plugin.and_then(Field::bytes).and_then(|plugin| first(plugin, 1)).and_then(Field::text);
    let tensor = first(value, 8).and_then(Field::bytes).filter(|_| name.is_none_or(|name| name == "images"));
    let tensor = tensor.filter(|tensor| first(tensor, 1).and_then(Field::integer) == Some(STRING)).unwrap_or_default();
    let strings = Fields(tensor).filter(|(number, _)| *number == 8).filter_map(|(_, field)| field.bytes());
    old.into_iter().chain(strings.skip(2)).filter(|encoded| !encoded.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(number: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![number << 3 | 2, u8::try_from(body.len()).unwrap()];
        bytes.extend(body);
        bytes
    }

    fn event(step: u8, value: &[u8]) -> Vec<u8> {
        let body = [vec![2 << 3, step], field(5, &field(1, value))].concat();
        let length = (body.len() as u64).to_le_bytes();
        let sums = [masked_crc32c(&length).to_le_bytes(), masked_crc32c(&body).to_le_bytes()];
        [&length[..], &sums[0], &body, &sums[1]].concat()
    }

    #[test]
    fn pictures_of_both_forms_are_found_in_the_order_of_their_steps() {
        let old = |tag: &str, png: &str| [field(1, tag.as_bytes()), field(4, &field(4, png.as_bytes()))].concat();
        let strings = ["8", "8", "one", "two"].map(|text| field(8, text.as_bytes())).concat();
        let tensor = [vec![1 << 3, STRING as u8], strings].concat();
        let new = [field(1, b"new"), field(8, &tensor), field(9, &field(1, &field(1, b"images")))].concat();
        let scalar = [field(1, b"loss"), vec![2 << 3 | 5, 0, 0, 128, 63]].concat();
        let mut file =
            [event(7, &old("a", "later")), event(1, &scalar), event(3, &new), event(2, &old("a", "early"))].concat();
        let told = |file: &[u8]| {
            let images = event_images(file).into_iter();
            images
                .map(|image| format!("{} {} {}", image.tag, image.step, image.encoded.escape_ascii()))
                .collect::<Vec<_>>()
        };
        assert_eq!(told(&file), ["a 2 early", "a 7 later", "new 3 one", "new 3 two"]);
        // The last record is damaged, or ends too early.
        let last = file.len() - 6;
        assert_eq!(told(&file[..last]), ["a 7 later", "new 3 one", "new 3 two"]);
        file[last] ^= 1;
        assert_eq!(told(&file).len(), 3);
        assert_eq!(told(b"no event file at all"), [""; 0]);
    }
}
