//! Runs commands as `lab run` does, with and without a terminal, and kills whoever can be killed.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod pipes;
mod support;
mod terminal;
mod traced;
