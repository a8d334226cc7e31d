//! The line of a file that was read, written by hand: there is one for every file that a run opens, and what writes
//! any value as JSON takes four times as long.

use super::record::State;

/// Appends what `serde_json` would write of an [`Event::Read`](super::Event::Read), and the end of the line; false when
/// the path is not plain text, and nothing is written.
pub(super) fn read(buffer: &mut Vec<u8>, path: &[u8], state: &State) -> bool {
    /// Everything but the path.
    const BYTES_MAX: usize = 192;
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    if !path.iter().all(is_plain) {
        return false;
    }
    buffer.reserve(BYTES_MAX + path.len());
    buffer.extend_from_slice(br#"{"e":"read","path":""#);
    buffer.extend_from_slice(path);
    buffer.extend_from_slice(br#"","state":{"size":"#);
    number(buffer, state.size);
    for (name, (seconds, nanos)) in [(&br#","modified":["#[..], state.modified), (br#"],"changed":["#, state.changed)] {
        buffer.extend_from_slice(name);
        if seconds < 0 {
            buffer.push(b'-');
        }
        number(buffer, seconds.unsigned_abs());
        buffer.push(b',');
        number(buffer, nanos.into());
    }
    buffer.extend_from_slice(b"]}}\n");
    true
}

fn number(buffer: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    buffer.extend_from_slice(&digits[start..]);
}

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
