//! The window without a window: every place is painted, says what its page says, and does what it is told.

mod actions;
mod hostile;
mod parity;
mod restore;
mod screen;
mod stage;
mod trouble;
