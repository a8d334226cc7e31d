use std::borrow::Cow;

use super::{Replace, Scanner};
use crate::text::strip_controls;

/// The most lines that one private key is taken to have.
const MAX_KEY_LINES: u32 = 400;

/// Replaces secrets in the lines of one stream, private keys over several lines included.
#[derive(Clone, Debug, Default)]
pub struct LineRedactor {
    /// Lines since a private key began, while it lasts.
    key_lines: Option<u32>,
}

impl LineRedactor {
    /// A redactor at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// The line with every secret replaced; borrowed when there is none. A line in colour that holds
    /// one loses its control sequences: they may stand in front of a secret, or in its middle.
    pub fn redact<'t>(&mut self, scanner: &Scanner, line: &'t str, replace: &mut Replace<'_>) -> Cow<'t, str> {
        let plain = strip_controls(line);
        if let Cow::Owned(plain) = &plain {
            let before = self.key_lines;
            let redacted = self.redact_plain(scanner, plain, replace);
            if before.is_some() || redacted != plain.as_str() {
                return Cow::Owned(redacted.into_owned());
            }
            // What no screen shows, such as the address of a link, is searched too.
            return scanner.redact(line, replace);
        }
        self.redact_plain(scanner, line, replace)
    }

    fn redact_plain<'t>(&mut self, scanner: &Scanner, line: &'t str, replace: &mut Replace<'_>) -> Cow<'t, str> {
        if let Some(lines) = self.key_lines {
            let is_end = line.contains("-----END");
            self.key_lines = (!is_end && lines < MAX_KEY_LINES).then_some(lines + 1);
            let key = line.trim_matches(|c: char| !c.is_ascii_alphanumeric() && !"+/=".contains(c));
            if is_end || key.is_empty() {
                return Cow::Borrowed(line);
            }
            return Cow::Owned(replace(key, "private-key"));
        }
        if let Some(at) = line.find("-----BEGIN ")
            && line[at..].contains("PRIVATE KEY")
            && !line[at..].contains("-----END")
        {
            self.key_lines = Some(0);
        }
        scanner.redact(line, replace)
    }
}
