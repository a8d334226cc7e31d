//! The window without a window: every place is painted, says what its page says, and does what it is told.

#![expect(clippy::print_stdout, reason = "a test that is skipped says why")]

mod actions;
mod beside;
mod charts;
mod compare;
mod dock;
mod hostile;
mod notes;
mod pair;
mod parity;
mod places;
mod restore;
mod screen;
mod stage;
mod trouble;
