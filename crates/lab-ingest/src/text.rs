//! Small parts of text that several readers need.

use std::borrow::Cow;

/// The text without terminal control sequences and control characters, tabs kept.
pub(crate) fn strip_controls(text: &str) -> Cow<'_, str> {
    if !text.bytes().any(|byte| byte < b' ' && byte != b'\t') {
        return Cow::Borrowed(text);
    }
    let mut plain = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        if c != '\x1b' {
            if c == '\t' || !c.is_control() {
                plain.push(c);
            }
            continue;
        }
        match chars.next() {
            // A control sequence ends with a letter or one of `@`…`~`.
            Some('[') => while chars.next().is_some_and(|c| !('\x40'..='\x7e').contains(&c)) {},
            // A system command ends with BEL or ESC \.
            Some(']') => {
                while let Some(c) = chars.next() {
                    if c == '\x07' || (c == '\x1b' && chars.next_if_eq(&'\\').is_some()) {
                        break;
                    }
                }
            }
            Some('(' | ')') => {
                chars.next();
            }
            _ => {}
        }
    }
    Cow::Owned(plain)
}

/// What is left on the screen of a line that was overwritten after carriage returns: the last part
/// that says something.
pub(crate) fn last_overwrite(text: &str) -> &str {
    text.rsplit('\r').find(|part| !part.trim().is_empty()).unwrap_or("")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_removed() {
        assert_eq!(strip_controls("a\x1b[1;31mb\x1b[0m\tc\x1b]0;title\x07d\x1b]8;;u\x1b\\e\x1b(Bf\x08"), "ab\tcdef");
        assert_eq!(strip_controls("\x1b[31"), "");
        assert_eq!(strip_controls("\x1b"), "");
        assert!(matches!(strip_controls("plain"), Cow::Borrowed("plain")));
        assert_eq!(last_overwrite("a\rb\r"), "b");
        assert_eq!(last_overwrite("\r\r"), "");
    }
}
