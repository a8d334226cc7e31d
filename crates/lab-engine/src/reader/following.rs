//! Metrics as they grow, and long ones in few points: what an interface asks for again and again.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use lab_model::{Hash, Outline, Point, RunId};
use lab_store::RunRow;

use super::Reader;
use crate::Result;
use crate::live::LiveReader;

/// Runs that go on, each with what has been read of it. Readers of one interface share them.
#[derive(Default)]
pub(crate) struct Following(Mutex<HashMap<RunId, Arc<Mutex<LiveReader>>>>);

/// Outlines of records, by their ids.
#[derive(Default)]
pub(super) struct Outlines {
    known: HashMap<Hash, Arc<Outline>>,
    /// Of the part that was looked at closer last.
    closer: HashMap<Hash, ([f64; 2], Arc<Outline>)>,
}

impl Outlines {
    /// Makes room for one more.
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

/// When outlines have more points than this they are forgotten together: 48 MB.
const MOST_POINTS: usize = 2_000_000;

/// On both sides of what is looked at closer, so many times its width is kept too: for moving and zooming out.
const MARGIN: f64 = 1.5;

impl Reader {
    /// Looks at the metrics of a run that goes on; reads only what is new.
    pub(super) fn followed<T>(&self, row: &RunRow, look: impl FnOnce(&mut LiveReader) -> T) -> T {
        let reader = {
            let mut all = self.following.0.lock().unwrap_or_else(PoisonError::into_inner);
            if !all.contains_key(&row.start.run) {
                // Those of runs that are over are not asked for again.
                all.retain(|run, _| self.live.join(run.as_str()).exists());
            }
            let new = || Arc::new(Mutex::new(LiveReader::new(&self.live(row), row.start.time)));
            Arc::clone(all.entry(row.start.run.clone()).or_insert_with(new))
        };
        let mut reader = reader.lock().unwrap_or_else(PoisonError::into_inner);
        reader.poll();
        look(&mut reader)
    }

    /// The same reader, which shares what it follows with others.
    pub(crate) fn following(self, following: Arc<Following>) -> Self {
        Self { following, ..self }
    }

    /// One metric of a run in at most some ten thousand points, also of a run that goes on. Remembered: to look again
    /// costs what has come since.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] when its record is missing.
    pub fn outline(&self, row: &RunRow, key: &str) -> Result<Option<Arc<Outline>>> {
        let Some(end) = &row.end else {
            return Ok(self.followed(row, |live| live.outline(key).cloned()).map(Arc::new));
        };
        let Some(found) = end.series.iter().find(|series| series.summary.key == key) else { return Ok(None) };
        if let Some(known) = self.outlines.borrow().known.get(&found.record) {
            return Ok(Some(Arc::clone(known)));
        }
        let outline = Arc::new(Outline::of(&self.series_record(&found.record)?.points));
        let mut outlines = self.outlines.borrow_mut();
        outlines.trim();
        outlines.known.insert(found.record, Arc::clone(&outline));
        Ok(Some(outline))
    }

    /// An outline of the part of a metric whose points lie from `range[0]` to `range[1]` by `place`, and of some more
    /// on both sides. The last one of a metric is remembered for as long as it `fits`.
    ///
    /// # Errors
    /// [`crate::ErrorKind::Damaged`] when its record is missing.
    pub fn closer(
        &self,
        row: &RunRow,
        key: &str,
        [low, high]: [f64; 2],
        place: &dyn Fn(&Point) -> f64,
        fits: &dyn Fn(&Outline) -> bool,
    ) -> Result<Option<Arc<Outline>>> {
        let series = row.end.as_ref().map_or(&[][..], |end| &end.series);
        let Some(found) = series.iter().find(|series| series.summary.key == key) else { return Ok(None) };
        if let Some((window, outline)) = self.outlines.borrow().closer.get(&found.record)
            && window[0] <= low
            && high <= window[1]
            && fits(outline)
        {
            return Ok(Some(Arc::clone(outline)));
        }
        let margin = (high - low) * MARGIN;
        let window = [low - margin, high + margin];
        let mut points = self.series_record(&found.record)?.points;
        points.retain(|point| (window[0]..=window[1]).contains(&place(point)));
        let outline = Arc::new(Outline::of(&points));
        let mut outlines = self.outlines.borrow_mut();
        outlines.trim();
        outlines.closer.insert(found.record, (window, Arc::clone(&outline)));
        Ok(Some(outline))
    }
}
