//! Places where tests stop a restore to prove that it can be finished.
//!
//! A point costs one relaxed load when nothing is set.

use std::cell::RefCell;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What happens at a point.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultAction {
    /// The process ends at once, as by `kill -9`.
    Abort,
    /// The thread panics.
    Panic,
}

type Hook = Box<dyn FnMut(&'static str)>;

/// How many of `NAMED` and the threads' hooks are set.
static SET: AtomicUsize = AtomicUsize::new(0);
static NAMED: Mutex<Option<(String, u32, FaultAction)>> = Mutex::new(None);

thread_local! {
    static HOOK: RefCell<Option<Hook>> = const { RefCell::new(None) };
}

/// Does `action` at the point called `name`, in any thread, after it was passed `skip` times; replaces what
/// was set before.
pub fn set(name: &str, skip: u32, action: FaultAction) {
    let mut named = NAMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if named.replace((name.to_owned(), skip, action)).is_none() {
        SET.fetch_add(1, Ordering::Relaxed);
    }
}

/// Runs `work` with `hook` called at every point that this thread comes to.
pub fn with_hook<T>(hook: impl FnMut(&'static str) + 'static, work: impl FnOnce() -> T) -> T {
    struct Unset;
    impl Drop for Unset {
        fn drop(&mut self) {
            HOOK.with_borrow_mut(|hook| *hook = None);
            SET.fetch_sub(1, Ordering::Relaxed);
        }
    }
    HOOK.with_borrow_mut(|place| *place = Some(Box::new(hook)));
    SET.fetch_add(1, Ordering::Relaxed);
    let _unset = Unset;
    work()
}

/// A place at which a restore can be stopped.
pub(super) fn point(name: &'static str) {
    if SET.load(Ordering::Relaxed) != 0 {
        reached(name);
    }
}

#[cold]
fn reached(name: &'static str) {
    // Taken out while it runs: a hook that panics must not leave the cell borrowed.
    if let Some(mut hook) = HOOK.with_borrow_mut(Option::take) {
        hook(name);
        HOOK.with_borrow_mut(|place| *place = Some(hook));
    }
    let action = match &mut *NAMED.lock().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((wanted, 0, action)) if wanted == name => *action,
        Some((wanted, skip, _)) if wanted == name => {
            *skip -= 1;
            return;
        }
        _ => return,
    };
    match action {
        FaultAction::Abort => std::process::abort(),
        FaultAction::Panic => panic!("stopped at {name}"),
    }
}
