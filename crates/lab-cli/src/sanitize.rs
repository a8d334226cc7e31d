//! Text from outside, made safe for a terminal.

/// One line: every control character becomes visible.
pub fn line(text: &str) -> String {
    lab_model::display_bytes(text.as_bytes())
}

/// Several lines: line ends stay, tabs become blanks, everything else becomes visible.
pub fn lines(text: &str) -> String {
    let mut safe = Vec::new();
    for part in text.split('\n') {
        safe.push(line(&part.trim_end_matches('\r').replace('\t', "    ")));
    }
    safe.join("\n")
}

/// A line of a program's log: its colours stay, every other control goes. What a carriage return
/// wrote over is dropped, as on a screen.
pub fn log(text: &str, colors: bool) -> String {
    let text = text.trim_end_matches('\r');
    let text = text.rsplit('\r').next().unwrap_or(text);
    let mut safe = String::with_capacity(text.len());
    let mut colored = false;
    let mut rest = text;
    while let Some(start) = rest.find('\u{1b}') {
        safe.push_str(&plain(&rest[..start]));
        let (sequence, after) = escape(&rest[start..]);
        if colors && is_color(sequence) {
            safe.push_str(sequence);
            colored = true;
        }
        rest = after;
    }
    safe.push_str(&plain(rest));
    if colored {
        safe.push_str("\u{1b}[0m");
    }
    safe
}

fn plain(text: &str) -> String {
    line(&text.replace('\t', "    ").replace('\u{8}', ""))
}

/// Splits an escape sequence off the front.
fn escape(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let end = match bytes.get(1) {
        // CSI: parameters, then one final byte.
        Some(b'[') => bytes[2..].iter().position(|byte| (0x40..0x7f).contains(byte)).map(|at| at + 3),
        // OSC and other strings: up to BEL or ESC \.
        Some(b']' | b'P' | b'_' | b'^' | b'X') => bytes[2..].iter().enumerate().find_map(|(at, byte)| match byte {
            7 => Some(at + 3),
            0x1b => Some((at + 4).min(bytes.len())),
            _ => None,
        }),
        Some(byte) if byte.is_ascii() => Some(2),
        _ => Some(1),
    };
    // A sequence that never ends swallows the line.
    let end = end.unwrap_or(bytes.len());
    if text.is_char_boundary(end) { text.split_at(end) } else { (text, "") }
}

fn is_color(sequence: &str) -> bool {
    let body = sequence.strip_prefix("\u{1b}[").and_then(|body| body.strip_suffix('m'));
    body.is_some_and(|body| body.bytes().all(|byte| byte.is_ascii_digit() || byte == b';' || byte == b':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_stay_and_everything_else_goes() {
        for (text, expected) in [
            ("plain", "plain"),
            ("\u{1b}[31mred\u{1b}[0m", "\u{1b}[31mred\u{1b}[0m\u{1b}[0m"),
            ("a\u{1b}[2Jb", "ab"),
            ("\u{1b}]0;title\u{7}x", "x"),
            ("\u{1b}]8;;http://e\u{1b}\\link", "link"),
            ("10%\r50%\r100%\r", "100%"),
            ("\u{1b}[31", ""),
            ("\u{1b}", ""),
            ("\u{1b}é", "é"),
            ("a\u{7}b", "a\\u{7}b"),
            ("a\tb", "a    b"),
            ("\u{1b}[?25lx", "x"),
        ] {
            assert_eq!(log(text, true), expected, "{text:?}");
        }
        assert_eq!(log("\u{1b}[31mred\u{1b}[0m", false), "red");
    }

    #[test]
    fn lines_keep_their_ends() {
        assert_eq!(lines("a\r\n\tb\u{1b}[2J"), "a\n    b\\u{1b}[2J");
        assert_eq!(line("a\nb"), "a\\nb");
    }
}
