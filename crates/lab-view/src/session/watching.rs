//! What the watcher says of itself, where it is shown.

use lab_engine::Lane;
use lab_engine::watch::{Question, WatchPlace, ask};

use super::{Route, Session};
use crate::screen::Stamp;
use crate::watch::{self, WatchPage};

/// What the watcher decided is not in the notebook: it is asked again so often.
const ASK_MILLIS: i64 = 2_000;

impl Session {
    /// What the watcher does and decided last, as far as it is known.
    pub fn watcher(&self) -> Option<&WatchPage> {
        self.watching.page()
    }

    /// Why the watcher does not say how it stands.
    pub fn watcher_error(&self) -> Option<&lab_engine::Error> {
        self.watching.error()
    }

    pub(super) fn poll_watching(&mut self, stamp: Stamp) -> bool {
        if !matches!(self.route(), Route::Health | Route::Projects) {
            return false;
        }
        let changed = self.watching.poll();
        let asked = u64::try_from(self.now.now.0.div_euclid(ASK_MILLIS)).unwrap_or(1).max(1);
        let stamp = Stamp { live: asked, ..stamp };
        let (background, moment) = (&self.background, self.now.clone());
        self.watching.want(&(), stamp, |()| {
            let config = background.config().clone();
            background.read(Lane::Page, move |_| {
                let answer = ask(&WatchPlace::new(&config), Question::Status)?;
                let status = answer.and_then(|answer| answer.status);
                Ok(watch::page(status.as_ref(), &moment))
            })
        });
        changed
    }
}
