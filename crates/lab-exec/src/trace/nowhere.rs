//! Where tracing cannot be done: says so.

use std::os::fd::BorrowedFd;

use super::Trace;
use super::record::{Event, Recorder};

/// No process has this name.
pub(crate) const NAME: &str = "";

/// What would trace.
#[derive(Debug)]
pub struct Tracer(());

impl Tracer {
    /// Does nothing.
    pub fn serve(self) {}
}

/// What would be done to the command before it starts.
#[derive(Debug)]
pub(crate) struct Hook(());

impl Hook {
    pub(crate) fn attach(&self) {}
    pub(crate) fn environment(&self) -> impl Iterator<Item = (&str, &std::ffi::OsStr)> {
        std::iter::empty()
    }
}

/// What would have been seen.
#[derive(Debug)]
pub(crate) struct Seen(());

impl Seen {
    pub(crate) fn flush(&self) {}
    pub(crate) fn descriptor(&self, _: BorrowedFd<'_>, _: bool) {}
}

/// What would be made ready.
#[derive(Debug)]
pub(crate) struct Standby(());

impl Standby {
    pub(crate) fn new() -> std::io::Result<Self> {
        Ok(Self(()))
    }
}

/// Says that it cannot be done here.
pub(crate) fn prepare(
    _: std::io::Result<Standby>,
    trace: &Trace,
    _: &std::ffi::OsStr,
    _: &std::path::Path,
) -> Option<(Tracer, Hook, Seen)> {
    let mut recorder = Recorder::new(trace);
    recorder.note(&Event::Untraced { why: "it can only be done on Linux (x86-64, aarch64)".to_owned() });
    recorder.flush();
    None
}
