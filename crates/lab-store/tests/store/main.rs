//! The notebook on disk, through the public interface alone.
#![expect(clippy::unwrap_used, reason = "these are tests, although this file is no test itself")]

mod common;
mod core;
mod crash;
mod damage;
mod gc;
mod python;
