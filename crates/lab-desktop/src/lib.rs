//! The notebook in a window: paints what the session of `lab-view` holds, and tells it what a person did.
//!
//! Start with [`App`]: its `logic` polls the session, its `ui` paints, and what the person asked for is done after
//! the frame. One file for each place, named as in `lab-view`; `theme` is the one table from tones to colours and
//! sizes, `blocks` paints each kind of block once. This crate never reads a notebook, never computes what a page
//! says, never waits within a frame, and starts no thread.

mod app;
mod blocks;
mod charts;
mod code;
mod compare;
mod dialog;
mod diff;
mod drag;
mod files;
mod frame;
mod health;
mod icons;
mod images;
mod keys;
mod later;
mod log;
mod notes;
mod own;
mod projects;
mod restore;
mod run;
mod runs;
mod search;
mod table;
mod theme;
mod tree;
mod typed;
mod window;

pub use app::App;
pub use theme::dress;
pub use window::open;
