use std::borrow::Cow;

use super::{Replace, Scanner};

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

    /// The line with every secret replaced; borrowed when there is none.
    pub fn redact<'t>(&mut self, scanner: &Scanner, line: &'t str, replace: &mut Replace<'_>) -> Cow<'t, str> {
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
