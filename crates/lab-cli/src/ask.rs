//! Asking before something changes.

use std::io::{BufRead, IsTerminal, Write};

use lab_engine::{Error, ErrorKind, Result};

use crate::context::Context;

/// Asks `question`; without a terminal `--yes` must have been given.
///
/// # Errors
/// [`ErrorKind::Usage`] when nobody can be asked, [`ErrorKind::Canceled`] when the answer is no.
pub fn confirm(context: &Context, question: &str, yes: bool) -> Result<()> {
    if yes {
        return Ok(());
    }
    if context.global.json || !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::new(ErrorKind::Usage, "Nothing was changed: there is no terminal to ask in")
            .hint("pass --yes to go on without being asked"));
    }
    let mut err = std::io::stderr().lock();
    // Should the question not reach the person, no answer comes and nothing changes.
    let _ = write!(err, "\n{question} [y/N] ").and_then(|()| err.flush());
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    match (read, answer.trim().to_lowercase().as_str()) {
        (Ok(_), "y" | "yes") => Ok(()),
        _ => Err(Error::new(ErrorKind::Canceled, "Nothing was changed")),
    }
}
