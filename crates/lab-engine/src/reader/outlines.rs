//! Long metrics in few points. Reading one is work: it is decompressed, checked and decoded, on all cores when there are
//! several, and what is left of it is remembered.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use lab_model::{Hash, Outline, Point};
use lab_store::{Decoder, Found, RunRow, SealKey};

use super::Reader;
use crate::{Error, ErrorKind, Result};

/// Outlines of records, by their ids.
#[derive(Default)]
pub(super) struct Outlines {
    known: HashMap<Hash, Arc<Outline>>,
    /// Of the part that was looked at closer last.
    closer: HashMap<Hash, ([f64; 2], Arc<Outline>)>,
}

/// When outlines have more points than this they are forgotten together: 48 MB.
const MOST_POINTS: usize = 2_000_000;
/// On both sides of what is looked at closer, so many times its width is kept too: for moving and zooming out.
const MARGIN: f64 = 1.5;
/// So many bytes are read sooner than a thread has started.
const SMALL_BYTES: u64 = 1 << 20;
/// More threads would only wait for memory.
const MOST_THREADS: usize = 8;

/// Which points of the record at a place are looked at.
type Wanted<'a> = &'a (dyn Fn(usize, &Point) -> bool + Sync);

impl Outlines {
    /// Forgets what is too much.
    fn trim(&mut self) {
        let points = |outlines: &mut dyn Iterator<Item = &Arc<Outline>>| -> usize {
            outlines.map(|outline| outline.points().count()).sum()
        };
        if points(&mut self.known.values()) > MOST_POINTS {
            self.known.clear();
        }
        if points(&mut self.closer.values().map(|(_, outline)| outline)) > MOST_POINTS {
            self.closer.clear();
        }
    }
}

impl Reader {
    /// One metric of a run, as [`Reader::outlines`] gives it.
    ///
    /// # Errors
    /// See [`Reader::outlines`].
    pub fn outline(&self, row: &RunRow, key: &str) -> Result<Option<Arc<Outline>>> {
        Ok(self.outlines(&[row], key)?.pop().flatten())
    }

    /// One metric of each run in at most some ten thousand points, also of runs that go on; nothing where a run does
    /// not have it. Remembered: to look again costs what has come since.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a record is missing.
    pub fn outlines(&self, rows: &[&RunRow], key: &str) -> Result<Vec<Option<Arc<Outline>>>> {
        let records: Vec<Option<Hash>> = rows.iter().map(|row| record(row, key)).collect();
        let mut found: HashMap<Hash, Arc<Outline>> = {
            let known = &self.outlines.borrow().known;
            records.iter().flatten().filter_map(|id| Some((*id, Arc::clone(known.get(id)?)))).collect()
        };
        let mut unknown: Vec<Hash> = records.iter().flatten().filter(|id| !found.contains_key(id)).copied().collect();
        unknown.sort_unstable();
        unknown.dedup();
        if !unknown.is_empty() {
            let read = self.read_outlines(&unknown, &|_, _| true)?;
            found.extend(unknown.into_iter().zip(read));
            let mut outlines = self.outlines.borrow_mut();
            outlines.trim();
            outlines.known.extend(found.iter().map(|(id, outline)| (*id, Arc::clone(outline))));
        }
        let of_row = |(row, id): (&&RunRow, &Option<Hash>)| match id {
            Some(id) => found.get(id).map(Arc::clone),
            None if row.end.is_some() => None,
            None => self.followed(row, |live| live.outline(key).cloned()).map(Arc::new),
        };
        Ok(rows.iter().zip(&records).map(of_row).collect())
    }

    /// Outlines of the part of a metric of runs that are over, of which the points lie from `range[0]` to `range[1]` by
    /// `place`, and of some more on both sides. The last one of a metric is remembered for as long as it `fits`.
    ///
    /// # Errors
    /// [`ErrorKind::Damaged`] when a record is missing.
    pub fn closer(
        &self,
        rows: &[&RunRow],
        key: &str,
        [low, high]: [f64; 2],
        place: &(dyn Fn(&RunRow, &Point) -> f64 + Sync),
        fits: &dyn Fn(&RunRow, &Outline) -> bool,
    ) -> Result<Vec<Option<Arc<Outline>>>> {
        let records: Vec<Option<Hash>> = rows.iter().map(|row| record(row, key)).collect();
        let known = |(row, id): (&&RunRow, &Option<Hash>)| {
            let outlines = self.outlines.borrow();
            let (window, outline) = outlines.closer.get(id.as_ref()?)?;
            let fits = window[0] <= low && high <= window[1] && fits(row, outline);
            fits.then(|| Arc::clone(outline))
        };
        let mut found: Vec<_> = rows.iter().zip(&records).map(known).collect();
        let unknown: Vec<(usize, Hash)> =
            (0..rows.len()).filter(|at| found[*at].is_none()).filter_map(|at| Some((at, records[at]?))).collect();
        let ids: Vec<Hash> = unknown.iter().map(|(_, id)| *id).collect();
        let margin = (high - low) * MARGIN;
        let window = [low - margin, high + margin];
        let inside = |at: usize, point: &Point| (window[0]..=window[1]).contains(&place(rows[unknown[at].0], point));
        let read = self.read_outlines(&ids, &inside)?;
        let mut outlines = self.outlines.borrow_mut();
        outlines.trim();
        for ((at, id), outline) in unknown.iter().zip(read) {
            outlines.closer.insert(*id, (window, Arc::clone(&outline)));
            found[*at] = Some(outline);
        }
        Ok(found)
    }

    fn read_outlines(&self, ids: &[Hash], wanted: Wanted<'_>) -> Result<Vec<Arc<Outline>>> {
        let found = ids.iter().map(|id| Ok(self.store().find(id)?)).collect::<Result<Vec<_>>>()?;
        let (key, next) = (self.key(), AtomicUsize::new(0));
        let work = || {
            let (mut decoder, mut done) = (Decoder::default(), Vec::new());
            loop {
                let at = next.fetch_add(1, Ordering::Relaxed);
                let Some(found) = found.get(at) else { return done };
                done.push((at, read_outline(found, &mut decoder, key, &|point| wanted(at, point))));
            }
        };
        let bytes: u64 = found.iter().map(Found::raw_length).sum();
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = if bytes < SMALL_BYTES { 1 } else { cores.min(MOST_THREADS).min(found.len()) };
        let mut done = std::thread::scope(|scope| {
            let start = |_| std::thread::Builder::new().name("lab-outline".to_owned()).spawn_scoped(scope, work).ok();
            // Where the system gives no more threads it takes longer.
            let others: Vec<_> = (1..threads).filter_map(start).collect();
            let mut done = work();
            for other in others {
                done.extend(other.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
            }
            done
        });
        done.sort_unstable_by_key(|(at, _)| *at);
        done.into_iter().map(|(_, outline)| outline).collect()
    }
}

/// The record of a metric of a run that is over.
fn record(row: &RunRow, key: &str) -> Option<Hash> {
    let series = &row.end.as_ref()?.series;
    series.iter().find(|series| series.summary.key == key).map(|series| series.record)
}

fn read_outline(
    found: &Found,
    decoder: &mut Decoder,
    key: Option<&SealKey>,
    wanted: &dyn Fn(&Point) -> bool,
) -> Result<Arc<Outline>> {
    let outline = Outline::decode(&found.read(decoder, key)?, wanted);
    let damaged = || Error::new(ErrorKind::Damaged, format!("A series record is damaged: {}", found.id()));
    outline.map(Arc::new).ok_or_else(damaged)
}
