//! What an interface shows in one place, and how a page comes to it without anybody waiting.

use lab_engine::{Background, Error, Lane, Pending, Reader, Result};
use serde::Serialize;

use crate::format::Moment;
use crate::session::Effect;

/// One place in the notebook that a person can look at: the choices around a page. The page itself is
/// read on another thread, from the key alone.
pub trait Screen {
    /// Everything that the page depends on.
    type Key: Clone + PartialEq + Send + 'static;
    /// What is shown.
    type Page: Serialize + Send + 'static;
    /// What a person can do here that is not in [`crate::ACTIONS`].
    type Action;
    /// Which thread reads the page.
    const LANE: Lane = Lane::Page;

    /// The key of the page that should be shown now; `None` when there is nothing to show.
    fn key(&self) -> Option<Self::Key>;

    /// Reads the page.
    ///
    /// # Errors
    /// Those of the reader.
    fn load(reader: &Reader, key: &Self::Key, moment: &Moment) -> Result<Self::Page>;

    /// A new page has come: choices that it has no place for are corrected.
    fn arrived(&mut self, page: &Self::Page);

    /// Carries an action out. What goes beyond this screen is asked for as effects.
    fn act(&mut self, action: Self::Action, page: Option<&Self::Page>) -> Vec<Effect>;
}

/// How fresh a page is: the notebook's revision, that of runs that go on, and the minute in which ages were told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stamp {
    /// See [`Background::revision`].
    pub revision: u64,
    /// See [`Background::live_revision`]; 0 where nothing that goes on is shown.
    pub live: u64,
    /// Minutes since 1970.
    pub minute: i64,
}

impl Stamp {
    /// Whether what was read as of this is good enough when `wanted` is asked for.
    fn covers(self, wanted: Self) -> bool {
        let live = if wanted.live == 0 { 0 } else { self.live };
        Self { live, ..self } == wanted
    }
}

/// A page that is there, on its way, or both: the old one stays until the new one is here, and of
/// several wishes the last one counts.
pub struct Loaded<K, P> {
    shown: Option<(K, Stamp, P)>,
    failed: Option<(K, Stamp, Error)>,
    pending: Option<(K, Stamp, Pending<P>)>,
    generation: u64,
}

impl<K, P> Default for Loaded<K, P> {
    fn default() -> Self {
        Self { shown: None, failed: None, pending: None, generation: 0 }
    }
}

impl<K: Clone + PartialEq, P> Loaded<K, P> {
    /// The newest page there is; it may be one for another key while the right one is on its way.
    pub fn page(&self) -> Option<&P> {
        self.shown.as_ref().map(|(_, _, page)| page)
    }

    /// So many pages have come: what is derived from one holds as long as this does.
    pub const fn generation(&self) -> u64 {
        self.generation
    }

    /// The page, when it is the one for this key.
    pub fn page_for(&self, key: &K) -> Option<&P> {
        self.shown.as_ref().filter(|(of, ..)| of == key).map(|(_, _, page)| page)
    }

    /// Why the last wish could not be fulfilled.
    pub fn error(&self) -> Option<&Error> {
        self.failed.as_ref().map(|(_, _, error)| error)
    }

    /// Whether something is on its way.
    pub const fn is_loading(&self) -> bool {
        self.pending.is_some()
    }

    /// Takes what has come. True when there is something new to show.
    pub fn poll(&mut self) -> bool {
        let Some(answer) = self.pending.as_ref().and_then(|(_, _, pending)| pending.poll()) else { return false };
        let Some((key, stamp, _)) = self.pending.take() else { return false };
        match answer {
            Ok(page) => {
                self.shown = Some((key, stamp, page));
                self.failed = None;
                self.generation += 1;
            }
            // A page that went out of date says less than the error, but is still worth reading.
            Err(error) => self.failed = Some((key, stamp, error)),
        }
        true
    }

    /// Asks for the page of `key` as of `stamp`, unless it is there or on its way; true when it asked.
    pub fn want(&mut self, key: &K, stamp: Stamp, ask: impl FnOnce(K) -> Pending<P>) -> bool {
        if let Some((of, _, _)) = &self.pending {
            // One question at a time: should the notebook change faster than pages are read, they still come.
            if of == key {
                return false;
            }
        } else {
            let is_fresh = |of: &K, at: &Stamp| of == key && at.covers(stamp);
            if self.shown.as_ref().is_some_and(|(of, at, _)| is_fresh(of, at)) && self.failed.is_none()
                || self.failed.as_ref().is_some_and(|(of, at, _)| is_fresh(of, at))
            {
                return false;
            }
        }
        self.pending = Some((key.clone(), stamp, ask(key.clone())));
        true
    }

    /// As of when the page of this key is.
    fn as_of(&self, key: &K) -> Option<Stamp> {
        self.shown.as_ref().filter(|(of, ..)| of == key).map(|(_, stamp, _)| *stamp)
    }
}

/// A screen together with its page.
pub struct Shown<S: Screen> {
    /// The choices.
    pub screen: S,
    loaded: Loaded<S::Key, S::Page>,
    pace: Pace,
}

/// How long a page takes to come, in milliseconds.
#[derive(Default)]
struct Pace {
    asked: i64,
    arrived: i64,
}

/// While runs go on their page is read again after so many times the time that it took: it takes no more than a part
/// of a core, however large it is.
const REST: i64 = 9;

impl Pace {
    fn is_resting(&self, now: i64) -> bool {
        let took = self.arrived - self.asked;
        (0..took * REST).contains(&(now - self.arrived))
    }
}

impl<S: Screen + Default> Default for Shown<S> {
    fn default() -> Self {
        Self::of(S::default())
    }
}

impl<S: Screen> Shown<S> {
    /// A screen that has choices to begin with.
    pub fn of(screen: S) -> Self {
        Self { screen, loaded: Loaded::default(), pace: Pace::default() }
    }

    /// The newest page there is.
    pub fn page(&self) -> Option<&S::Page> {
        self.loaded.page()
    }

    /// So many pages have come: what is derived from one holds as long as this does.
    pub const fn generation(&self) -> u64 {
        self.loaded.generation()
    }

    /// Whether the page is the one that the choices ask for.
    pub fn is_current(&self) -> bool {
        self.screen.key().is_some_and(|key| self.loaded.page_for(&key).is_some())
    }

    /// Why there is no page, or no newer one.
    pub fn error(&self) -> Option<&Error> {
        self.loaded.error()
    }

    /// Whether a page is on its way.
    pub const fn is_loading(&self) -> bool {
        self.loaded.is_loading()
    }

    /// Carries an action out.
    pub fn act(&mut self, action: S::Action) -> Vec<Effect> {
        self.screen.act(action, self.loaded.page())
    }

    /// The choices are new: those that the page has no place for are corrected.
    pub(crate) fn settle(&mut self) {
        if let Some(page) = self.loaded.page() {
            self.screen.arrived(page);
        }
    }

    /// Takes what has come, asks for what is missing. True when there is something new to show.
    pub(crate) fn poll(&mut self, background: &Background, stamp: Stamp, moment: &Moment) -> bool {
        let changed = self.loaded.poll();
        let now = moment.now.0;
        if changed {
            self.pace.arrived = now;
        }
        if changed && let Some(page) = self.loaded.page() {
            self.screen.arrived(page);
        }
        if let Some(key) = self.screen.key() {
            let rests = self.pace.is_resting(now) && stamp.live != 0;
            let live = self.loaded.as_of(&key).filter(|_| rests).map_or(stamp.live, |shown| shown.live);
            let (stamp, moment) = (Stamp { live, ..stamp }, moment.clone());
            let ask = |key| background.read(S::LANE, move |reader| S::load(reader, &key, &moment));
            if self.loaded.want(&key, stamp, ask) {
                self.pace.asked = now;
            }
        }
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_takes_long_is_not_read_again_at_once() {
        let pace = Pace { asked: 100, arrived: 150 };
        assert_eq!([150, 599, 600].map(|now| pace.is_resting(now)), [true, true, false]);
        // Nothing has come yet, or the next one is on its way.
        assert!(!Pace::default().is_resting(0));
        assert!(!Pace { asked: 700, arrived: 150 }.is_resting(710));
    }

    #[test]
    fn what_nobody_sees_grow_needs_no_newer_page() {
        let read = Stamp { revision: 3, live: 7, minute: 1 };
        assert!(read.covers(Stamp { live: 0, ..read }));
        assert!(!read.covers(Stamp { live: 8, ..read }));
        assert!(!read.covers(Stamp { revision: 4, live: 0, minute: 1 }));
    }
}
