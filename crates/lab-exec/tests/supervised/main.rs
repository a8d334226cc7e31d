//! Runs commands as `lab run` does, with and without a terminal, and kills whoever can be killed.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on fails, and says what it leaves out"
)]

mod helped;
mod pipes;
mod support;
mod terminal;
mod traced;
