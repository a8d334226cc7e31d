//! Turns what programs print and write into params, metrics, seeds, failures and found secrets.
//!
//! Everything here is a pure function over text or bytes; input may be hostile and is bounded.
//! Main places: [`params`] (command line and config files), [`metrics`] (lines that a program
//! prints), [`secret`] (finds and replaces credentials).
//!
//! This crate never reads a file, a clock or the environment, and never prints.

mod error;
pub mod failure;
pub mod frameworks;
pub mod metrics;
pub mod notebook;
pub mod params;
pub mod secret;
pub mod seeds;
pub mod table;
mod text;

pub use error::ConfigError;
