//! The course of the main metric of each run in sight, read bit by bit beside the list.

use std::collections::HashMap;

use lab_engine::{Background, Lane, Pending, Reader, Result, RunRow};
use lab_model::{Point, RunId, Summary};

use crate::screen::Stamp;
use crate::screens::Subject;
use crate::{Tone, metrics};

/// The course of a metric in a few steps.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Trend {
    /// Heights from 0 to [`HIGHEST`], in the order of time; `None` where there is only NaN.
    pub levels: Vec<Option<u8>>,
    /// Whether it became better.
    pub tone: Tone,
}

/// The largest height of a [`Trend`].
pub const HIGHEST: u8 = 7;
/// So many heights at most.
const STEPS: usize = 8;
/// So many runs are read at once: other pages wait for no more than that.
const AT_ONCE: usize = 8;
/// More runs than this are forgotten together.
const MOST: usize = 4096;

/// What has been read so far.
#[derive(Default)]
pub struct Trends {
    /// By run: as of when, nothing for runs that are over.
    known: HashMap<RunId, (Option<Stamp>, Option<Trend>)>,
    pending: Option<Pending<Vec<Found>>>,
}

type Found = (RunId, Option<Stamp>, Option<Trend>);

impl Trends {
    /// The course of a run's main metric, when it is known.
    pub fn of(&self, run: &RunId) -> Option<&Trend> {
        self.known.get(run)?.1.as_ref()
    }

    /// Takes what has come and asks for some of what is missing. True when there is something new.
    pub(crate) fn poll(&mut self, background: &Background, stamp: Stamp, in_sight: &[Subject]) -> bool {
        let answer = self.pending.as_ref().and_then(Pending::poll);
        let is_new = answer.is_some();
        if let Some(answer) = answer {
            self.pending = None;
            if self.known.len() > MOST {
                self.known.clear();
            }
            // A run that cannot be read has no line; its page says why.
            self.known.extend(answer.into_iter().flatten().map(|(run, as_of, trend)| (run, (as_of, trend))));
        }
        let stamp = Stamp { minute: 0, ..stamp };
        if self.pending.is_none() {
            let wanted: Vec<RunId> = in_sight
                .iter()
                .filter(|subject| match self.known.get(&subject.run) {
                    None => true,
                    // What goes on is looked at again; what has ended since is so once more.
                    Some((as_of, _)) => as_of.is_some_and(|as_of| as_of != stamp),
                })
                .take(AT_ONCE)
                .map(|subject| subject.run.clone())
                .collect();
            if !wanted.is_empty() {
                self.pending = Some(background.read(Lane::Page, move |reader| Ok(read(reader, wanted, stamp))));
            }
        }
        is_new
    }
}

fn read(reader: &Reader, runs: Vec<RunId>, stamp: Stamp) -> Vec<Found> {
    let one = |run: RunId| match reader.run(&run) {
        Ok(Some(row)) => {
            let as_of = row.end.is_none().then_some(stamp);
            (run, as_of, course(reader, &row).unwrap_or_default())
        }
        _ => (run, None, None),
    };
    runs.into_iter().map(one).collect()
}

fn course(reader: &Reader, row: &RunRow) -> Result<Option<Trend>> {
    let summaries = reader.summaries(row)?;
    let Some(main) = metrics::main_metric(&summaries).filter(|main| main.count > 1) else { return Ok(None) };
    let outline = reader.outline(row, &main.key)?;
    let points: Vec<Point> = outline.iter().flat_map(|outline| outline.points()).copied().collect();
    Ok(trend(main, &points))
}

/// The points in [`STEPS`] heights, each the mean of as many points as the next.
fn trend(main: &Summary, points: &[Point]) -> Option<Trend> {
    let steps = STEPS.min(points.len());
    let mean = |step: usize| {
        let part = &points[step * points.len() / steps..(step + 1) * points.len() / steps];
        let numbers: Vec<f64> = part.iter().map(|point| point.value).filter(|value| value.is_finite()).collect();
        (!numbers.is_empty()).then(|| numbers.iter().sum::<f64>() / numbers.len() as f64)
    };
    let means: Vec<Option<f64>> = (0..steps).map(mean).collect();
    let known = || means.iter().copied().flatten();
    let (low, high) = (known().fold(f64::INFINITY, f64::min), known().fold(f64::NEG_INFINITY, f64::max));
    let height = |value: f64| {
        let part = if high > low { (value - low) / (high - low) } else { 0.5 };
        (part * f64::from(HIGHEST)).round() as u8
    };
    let (first, last) = (known().next()?, known().last()?);
    let change = metrics::change(&main.key, first, last).tone;
    Some(Trend { levels: means.iter().map(|mean| mean.map(height)).collect(), tone: change })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(key: &str, values: &[f64]) -> Option<Trend> {
        let point = |(step, value): (usize, &f64)| Point { step: step as i64, time: lab_model::Time(0), value: *value };
        let points: Vec<Point> = values.iter().enumerate().map(point).collect();
        trend(&Summary { key: key.to_owned(), ..Summary::default() }, &points)
    }

    #[test]
    fn a_course_in_a_few_heights() {
        let rising: Vec<f64> = (0..800).map(f64::from).collect();
        let found = of("acc", &rising).unwrap();
        assert_eq!(found.levels, (0..8).map(Some).collect::<Vec<_>>());
        assert_eq!(found.tone, Tone::Good);
        assert_eq!(of("loss", &rising).unwrap().tone, Tone::Bad);
        let found = of("loss", &[3.0, f64::NAN, 1.0]).unwrap();
        assert_eq!((found.levels, found.tone), (vec![Some(7), None, Some(0)], Tone::Good));
        assert_eq!(of("loss", &[f64::NAN, f64::NAN]), None);
        assert_eq!(of("loss", &[2.0, 2.0]).unwrap().levels, [Some(4), Some(4)]);
    }
}
