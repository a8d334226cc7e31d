//! The notebook: how large it is, and what can be done for it.

use lab_engine::{Reader, Result};

use crate::ActionId;
use crate::format::Moment;
use crate::health::{self, HealthPage};
use crate::list::Cursor;
use crate::screen::Screen;
use crate::session::Effect;

/// What can be done for it, in the order of how often it is.
pub const WORK: [ActionId; 5] =
    [ActionId::Verify, ActionId::VerifyDeep, ActionId::Collect, ActionId::Rebuild, ActionId::WatchService];

/// Where the notebook lies, and which work is chosen.
pub struct HealthScreen {
    /// A place in [`WORK`].
    pub cursor: Cursor,
    notebook: String,
}

impl HealthScreen {
    pub(crate) fn new(notebook: String) -> Self {
        Self { cursor: Cursor { total: WORK.len(), ..Cursor::default() }, notebook }
    }
}

impl Screen for HealthScreen {
    type Key = String;
    type Page = HealthPage;
    type Action = ();

    fn key(&self) -> Option<String> {
        Some(self.notebook.clone())
    }

    fn load(reader: &Reader, notebook: &String, _: &Moment) -> Result<HealthPage> {
        health::load(reader, notebook)
    }

    fn arrived(&mut self, _: &HealthPage) {}

    fn act(&mut self, (): (), _: Option<&HealthPage>) -> Vec<Effect> {
        Vec::new()
    }
}
