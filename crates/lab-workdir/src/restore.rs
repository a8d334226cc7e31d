//! Puts a tree in place: the differences between two snapshots become a [`Plan`], and [`apply`] carries it
//! out so that a crash at any moment leaves the tree old, new, or finishable by [`resume`]. [`write_new`]
//! writes a tree into a new directory, wholly or not at all.
//!
//! How [`apply`] works: every new file is written into a staging directory on the same file system and made
//! durable; then the journal says so; then each is swapped with what is there by one rename. What was there
//! waits in the staging directory until everything is in place and durable.
//!
//! What this module never does: follow a link in a parent's place, write through a hard link, remove a
//! directory that is not empty, replace something that is no longer what the plan saw (the new content
//! goes beside it as `name.lab-conflict`), create special files, or touch a path that [`is_reserved`].
//! It hashes nothing and knows no notebook: contents come through a callback.

mod apply;
mod error;
pub mod fault;
mod journal;
mod new;
mod outcome;
mod place;
mod plan;
mod planner;
mod rename;
mod reserved;
mod root;
mod sink;
mod stage;
mod tidy;

#[cfg(test)]
mod tests;

pub use apply::{Target, apply, resume};
pub use error::{ContentError, RestoreError, Result};
pub use journal::{Pending, Phase, pending};
pub use new::{Destination, write_new};
pub use outcome::{Applied, Left, LeftReason, Resumed, Written};
pub use plan::{
    Action, EntryState, Kept, KeptReason, Plan, PlanOptions, RootChange, RootMetadata, Step, Unrestorable,
    UnrestorableReason,
};
pub use planner::plan;
pub use reserved::{STAGE_PREFIX, is_reserved};

/// Fills a file: called with its path, its state and where its bytes go. Large writes are fast ones.
pub type WriteContent<'a> =
    dyn FnMut(&lab_model::RelPath, &EntryState, &mut dyn std::io::Write) -> std::result::Result<(), ContentError> + 'a;

/// Told of bytes done and bytes in all.
pub type Progress<'a> = dyn FnMut(u64, u64) + 'a;
