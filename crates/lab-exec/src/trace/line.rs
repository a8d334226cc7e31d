//! The line of a file that was read, written by hand: there is one for every file that a run opens, and what writes
//! any value as JSON takes four times as long.

use super::record::State;

/// Appends what `serde_json` would write of an [`Event::Read`](super::Event::Read), and the end of the line; false when
/// the path is not plain text, and nothing is written.
pub(super) fn read(buffer: &mut Vec<u8>, path: &[u8], state: &State) -> bool {
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if !path.iter().all(is_plain) {
        return false;
    }
    let mut end = End { bytes: [0; END_BYTES_MAX], start: END_BYTES_MAX };
    end.put(b"]}}\n");
    end.time(state.changed);
    end.put(br#"],"changed":["#);
    end.time(state.modified);
    end.put(br#","modified":["#);
    end.number(state.size);
    end.put(br#"","state":{"size":"#);
    buffer.extend_from_slice(br#"{"e":"read","path":""#);
    buffer.extend_from_slice(path);
    buffer.extend_from_slice(&end.bytes[end.start..]);
    true
}

/// More than what follows the path ever takes.
const END_BYTES_MAX: usize = 192;

/// What follows the path, written from its end, as digits come.
struct End {
    bytes: [u8; END_BYTES_MAX],
    start: usize,
}

impl End {
    fn put(&mut self, bytes: &[u8]) {
        self.start -= bytes.len();
        self.bytes[self.start..][..bytes.len()].copy_from_slice(bytes);
    }

    fn time(&mut self, (seconds, nanos): (i64, u32)) {
        self.number(nanos.into());
        self.put(b",");
        self.number(seconds.unsigned_abs());
        if seconds < 0 {
            self.put(b"-");
        }
    }

    fn number(&mut self, mut number: u64) {
        while number >= 100 {
            self.put(&DIGITS[(number % 100) as usize]);
            number /= 100;
        }
        let last = DIGITS[number as usize];
        self.put(if number >= 10 { &last } else { &last[1..] });
    }
}

/// All pairs of digits.
const DIGITS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Event;
    use lab_model::FilePath;

    #[test]
    fn a_line_is_what_serde_would_write() {
        let state = |size, seconds, nanos| State { size, modified: (seconds, nanos), changed: (-seconds, 7) };
        for (path, is_plain) in [
            ("data/a b.csv", true),
            ("/x/[1]~{}", true),
            ("", true),
            ("ä", false),
            ("a\"b", false),
            ("a\\b", false),
            ("a\nb", false),
            ("a\u{7f}", false),
        ] {
            for state in [state(0, 0, 0), state(u64::MAX, 1_800_000_000, 999_999_999), state(10, i64::MAX, u32::MAX)] {
                let mut found = b"before\n".to_vec();
                assert_eq!(read(&mut found, path.as_bytes(), &state), is_plain, "{path:?}");
                let event = Event::Read { path: FilePath::from_bytes(path.as_bytes()), state };
                let line = if is_plain { serde_json::to_string(&event).unwrap() + "\n" } else { String::new() };
                assert_eq!(String::from_utf8(found).unwrap(), format!("before\n{line}"));
            }
        }
    }
}
