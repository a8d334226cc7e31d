//! The window without a window: what is painted, and what comes of what a person does.

mod charts;
mod compare;
mod places;
mod stage;
