//! Errors on their way out.

use std::io::{self, Write};
use std::process::ExitCode;

use anstream::AutoStream;
use lab_engine::{Error, ErrorKind};
use lab_view::Tone;

use crate::context::color_choice;
use crate::paint;

/// Prints an error with its hint and gives the exit code.
pub fn report(error: &Error, json: bool) -> ExitCode {
    let mut out = AutoStream::new(io::stderr().lock(), color_choice(&io::stderr()));
    let message = error.to_string();
    let text = if json {
        let kind = format!("{:?}", error.kind).to_lowercase();
        let value = serde_json::json!({
            "error": { "kind": kind, "message": message, "hint": error.hint, "exit_code": error.kind.exit_code() }
        });
        format!("{value:#}")
    } else {
        let (bad, accent) = (paint::tone(Tone::Bad), paint::tone(Tone::Accent));
        let hint =
            error.hint.as_ref().map(|hint| format!("\n{accent}hint{accent:#}: {}", crate::sanitize::lines(hint)));
        format!("{bad}error{bad:#}: {}{}", crate::sanitize::lines(&message), hint.unwrap_or_default())
    };
    // Where standard error is closed only the exit code can tell.
    let _ = writeln!(out, "{text}");
    ExitCode::from(error.kind.exit_code())
}

/// A failure to print.
pub fn output(error: io::Error) -> Error {
    Error::new(ErrorKind::Disk, "Could not write the output").because(error)
}

/// Whether nobody reads the output any more, as in `lab ls | head -1`.
pub fn is_broken_pipe(error: &Error) -> bool {
    let source = error.source.as_ref().and_then(|source| source.downcast_ref::<io::Error>());
    source.is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

/// A wrong request.
pub fn usage(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::Usage, message)
}
