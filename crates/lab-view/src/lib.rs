//! Pages: what a place in the notebook shows, as plain data made of a few kinds of blocks.
//!
//! Start with [`Cell`], [`Table`] and [`Blocks`], then with a page such as [`show::RunPage`]: each
//! page has a key (everything it depends on) and a `load` that reads it from a notebook. The
//! command line prints a page or its JSON.
//!
//! This crate never prints, never writes to a notebook, and knows no terminal, window, pixel or colour.

mod actions;
pub mod ansi;
mod block;
mod changes;
pub mod charts;
mod chips;
pub mod compare;
pub mod coverage;
mod diff;
pub mod export;
pub mod files;
pub mod format;
pub mod grep;
pub mod health;
mod highlight;
mod input;
pub mod lineage;
pub mod list;
pub mod metrics;
pub mod projects;
pub mod query;
pub mod reports;
pub mod restore;
pub mod runs;
pub mod screen;
pub mod screens;
pub mod seeds;
pub mod session;
pub mod settings;
pub mod show;
pub mod suspects;
pub mod tree;
pub mod watch;

pub use actions::{ACTIONS, ActionId, ActionRow, Group, by_key, explain_key};
pub use block::{Align, Block, Blocks, Cell, Column, Field, Fields, Line, Log, Prose, Row, Section, Table, Tone};
pub use chips::{ASPECTS, Aspect, Chips};
pub use diff::{Diff, DiffLine, Hunk, Sign, Span, TEXT_LIMIT_BYTES, coloured, is_binary};
pub use highlight::Syntax;
pub use input::{Input, Typing};
