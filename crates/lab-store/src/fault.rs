//! Places at which a test can stop the program: one before and after every durable step.
//!
//! Nothing here is armed in ordinary use; a point then costs one relaxed load.

use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::{Result, StoreError};

/// Every point, in no particular order.
pub const POINTS: &[&str] = &[
    "pack-created",
    "pack-written",
    "pack-synced",
    "directory-synced",
    "index-begun",
    "index-committed",
    "pack-sealed",
    "gc-marked",
    "gc-copied",
    "gc-synced",
    "gc-indexed",
    "gc-moved",
    "gc-deleted",
    "purge-copied",
    "purge-indexed",
    "purge-deleted",
    "rebuild-built",
    "rebuild-moved",
];

/// What happens when a point is reached.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// The process ends at once, as by `kill -9`.
    Abort,
    /// The step fails with [`StoreError::Fault`], and nothing is cleaned up.
    Stop,
}

struct Fault {
    point: String,
    /// How many times the point is passed before the action.
    skip: u32,
    action: Action,
}

static ARMED: AtomicBool = AtomicBool::new(false);
static PROCESS: Mutex<Option<Fault>> = Mutex::new(None);

thread_local! {
    static THREAD: RefCell<Option<Fault>> = const { RefCell::new(None) };
}

/// Arms `point` for the whole process: the action happens after it was passed `skip` times.
pub fn set(point: &str, skip: u32, action: Action) {
    if let Ok(mut fault) = PROCESS.lock() {
        *fault = Some(Fault { point: point.to_owned(), skip, action });
    }
    ARMED.store(true, Ordering::Relaxed);
}

/// Arms `point` for this thread alone, so that tests can run side by side.
pub fn set_for_thread(point: &str, skip: u32, action: Action) {
    THREAD.with_borrow_mut(|fault| *fault = Some(Fault { point: point.to_owned(), skip, action }));
    ARMED.store(true, Ordering::Relaxed);
}

/// Disarms what [`set_for_thread`] armed; says whether it was still waiting.
pub fn clear_for_thread() -> bool {
    THREAD.with_borrow_mut(Option::take).is_some()
}

/// Marks a durable step.
pub(crate) fn point(name: &'static str) -> Result<()> {
    if ARMED.load(Ordering::Relaxed) { reached(name) } else { Ok(()) }
}

fn reached(name: &'static str) -> Result<()> {
    debug_assert!(POINTS.contains(&name), "{name} is not listed");
    let mut action = THREAD.with_borrow_mut(|fault| take(fault, name));
    if action.is_none() {
        action = PROCESS.lock().ok().and_then(|mut fault| take(&mut fault, name));
    }
    match action {
        None => Ok(()),
        Some(Action::Stop) => Err(StoreError::Fault { point: name }),
        Some(Action::Abort) => std::process::abort(),
    }
}

fn take(fault: &mut Option<Fault>, name: &str) -> Option<Action> {
    let armed = fault.as_mut().filter(|fault| fault.point == name)?;
    if armed.skip > 0 {
        armed.skip -= 1;
        return None;
    }
    fault.take().map(|fault| fault.action)
}
