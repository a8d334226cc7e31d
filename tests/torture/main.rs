//! Fault tests: `lab` killed at every durable step and at random moments, a full disk, a read-only
//! notebook, many writers at once, a lost index.
//!
//! Each test does a small count by default; `LAB_TORTURE_PERCENT` of the full counts and `LAB_TORTURE_SEED` choose others
//! (`cargo xtask torture` sets them).

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test that cannot go on should stop, and its counts are for people"
)]

mod crowd;
mod disk;
mod kill_restore;
mod kill_run;
mod kill_trace;
mod world;
