//! A long series in few points, as far as they were logged.

use super::{MARK, Point, Series, Stored};

/// A series in at most some ten thousand points: of every stretch of equally many points the first, the lowest, the
/// highest, the last, and one that is NaN or infinite where there are any. No spike is lost.
///
/// Points are added one by one, so that the outline of a run that goes on costs what is new.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Outline {
    count: usize,
    lost: usize,
    /// Points of a stretch; 0 while all are kept.
    width: usize,
    /// What is left of whole stretches.
    kept: Vec<Point>,
    /// How many points are left of each.
    lengths: Vec<u8>,
    /// Points after the last whole stretch.
    open: Vec<Point>,
}

impl Outline {
    /// So many points are kept as they are.
    pub const WHOLE: usize = 1 << 14;
    /// Stretches at most; then two become one.
    const STRETCHES: usize = 1 << 13;
    /// Points of the first stretches.
    const FIRST_WIDTH: usize = 8;

    /// Of all `points`.
    pub fn of(points: &[Point]) -> Self {
        let mut outline = Self::default();
        points.iter().for_each(|point| outline.add(*point));
        outline
    }

    /// Of those points of a series record that are `wanted`, without holding more of them than it keeps; `None` where
    /// [`Series::decode`] finds something else.
    pub fn decode(bytes: &[u8], wanted: impl Fn(&Point) -> bool) -> Option<Self> {
        let mut outline = Self::default();
        let mut take = |point: Point| {
            if wanted(&point) {
                outline.add(point);
            }
        };
        if bytes.starts_with(&MARK) {
            Stored::of(bytes)?.each(&mut take)?;
        } else {
            Series::decode(bytes)?.points.into_iter().for_each(take);
        }
        Some(outline)
    }

    /// Adds the next point.
    pub fn add(&mut self, point: Point) {
        self.count += 1;
        self.lost += usize::from(!point.value.is_finite());
        self.open.push(point);
        if self.width == 0 && self.open.len() > Self::WHOLE {
            self.width = Self::FIRST_WIDTH;
            let points = std::mem::take(&mut self.open);
            let stretches = points.chunks_exact(self.width);
            self.open.extend_from_slice(stretches.remainder());
            stretches.for_each(|stretch| self.close(stretch));
        } else if self.open.len() == self.width {
            let stretch = std::mem::take(&mut self.open);
            self.close(&stretch);
            self.open = stretch;
            self.open.clear();
            if self.lengths.len() == Self::STRETCHES {
                self.halve();
            }
        }
    }

    /// Points that it stands for.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// How many of those are NaN or infinite.
    pub const fn lost(&self) -> usize {
        self.lost
    }

    /// Whether every point is kept.
    pub const fn is_whole(&self) -> bool {
        self.width == 0
    }

    /// What is kept, in the order in which it was logged.
    pub fn points(&self) -> impl Iterator<Item = &Point> {
        self.kept.iter().chain(&self.open)
    }

    fn close(&mut self, stretch: &[Point]) {
        let length = keep(stretch, &mut self.kept);
        self.lengths.push(length);
    }

    /// Makes one stretch of every two.
    fn halve(&mut self) {
        let (kept, lengths) = (std::mem::take(&mut self.kept), std::mem::take(&mut self.lengths));
        self.width *= 2;
        let mut start = 0;
        for pair in lengths.chunks(2) {
            let end = start + pair.iter().map(|length| usize::from(*length)).sum::<usize>();
            self.close(&kept[start..end]);
            start = end;
        }
    }
}

/// Keeps what matters of a stretch; tells how many points that are.
fn keep(stretch: &[Point], kept: &mut Vec<Point>) -> u8 {
    let mut places = [None; 5];
    let [first, low, high, last, lost] = &mut places;
    for (place, point) in stretch.iter().enumerate() {
        if !point.value.is_finite() {
            *lost = Some(place);
            continue;
        }
        first.get_or_insert(place);
        *last = Some(place);
        if low.is_none_or(|low: usize| point.value < stretch[low].value) {
            *low = Some(place);
        }
        if high.is_none_or(|high: usize| point.value > stretch[high].value) {
            *high = Some(place);
        }
    }
    places.sort_unstable();
    let mut length = 0;
    let mut before = None;
    for place in places.into_iter().flatten() {
        if before != Some(place) {
            kept.push(stretch[place]);
            length += 1;
        }
        before = Some(place);
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Time;

    fn point(step: i64, value: f64) -> Point {
        Point { step, time: Time(step * 10), value }
    }

    #[test]
    fn a_short_series_stays_as_it_is() {
        let points: Vec<Point> = (0..Outline::WHOLE as i64).map(|step| point(step, step as f64)).collect();
        let outline = Outline::of(&points);
        assert!(outline.is_whole());
        assert!(outline.points().eq(&points));
    }

    #[test]
    fn no_spike_and_no_gap_is_lost() {
        let mut points: Vec<Point> = (0..1_000_003).map(|step| point(step, (step as f64).sin())).collect();
        points[123_456].value = 1e9;
        points[654_321].value = -1e9;
        points[77].value = f64::NAN;
        let outline = Outline::of(&points);
        let kept: Vec<Point> = outline.points().copied().collect();
        assert_eq!((outline.count(), outline.lost(), outline.is_whole()), (1_000_003, 1, false));
        assert!(kept.len() <= 5 * Outline::STRETCHES + outline.width, "{}", kept.len());
        assert!(kept.is_sorted_by_key(|point| point.step));
        assert_eq!((kept.first(), kept.last()), (points.first(), points.last()));
        assert!([123_456, 654_321].iter().all(|step| kept.iter().any(|point| point.step == *step)));
        assert_eq!(kept.iter().filter(|point| point.value.is_nan()).count(), 1);

        points.iter_mut().for_each(|point| point.value = point.value.max(-2.0));
        let bytes = Series { key: "loss".into(), points: points.clone() }.encode();
        assert_eq!(Outline::decode(&bytes, |_| true), Some(Outline::of(&points)));
        let late = |point: &Point| point.step >= 990_000;
        assert_eq!(Outline::decode(&bytes, late), Some(Outline::of(&points[990_000..])));
        assert_eq!(Outline::decode(&bytes[1..], |_| true), None);
    }
}
