//! Reads the metrics of a run that goes on, again and again, each time only what is new.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use lab_ingest::metrics::JsonScanner;
use lab_ingest::params::flatten_config;
use lab_model::{Outline, Point, Series, Summary, Tally, Time};
use serde_json::Value;

use super::{FileNote, LivePoint, LiveRun};

/// Keeps its place in the live files.
pub struct LiveReader {
    start: Time,
    printed: Tail,
    logged: Tail,
    own: Tail,
    marks: Tail,
    samples: Tail,
    followed: Tail,
    scanner: JsonScanner,
    /// Up to which byte of the program's own file what was written when.
    written: Vec<(u64, Time)>,
    /// By the number that the live file uses: the index in `sources`.
    numbers: HashMap<usize, usize>,
    sources: Vec<Gathered>,
    params: BTreeMap<String, Value>,
    troubles: Vec<String>,
    /// What each series is called, as of the last look.
    named: BTreeMap<String, Place>,
    /// Of series that somebody draws.
    outlines: HashMap<Place, Outline>,
}

/// The first sources, which are always there.
const LOGGED: usize = 0;
const PRINTED: usize = 1;
const MACHINE: usize = 2;

/// A source, and one of its series.
type Place = (usize, usize);

/// How a line begins with which the Python module notes parameters.
const PARAMS_LINE: &str = "{\"lab\": \"params\"";

/// The series of one source.
#[derive(Default)]
struct Gathered {
    kind: String,
    place: String,
    path: String,
    series: Vec<Series>,
    /// Of each series.
    tallies: Vec<Tally>,
    index: HashMap<String, usize>,
    /// Keys come in the same order again and again: the one that is likely next.
    next: usize,
}

impl LiveReader {
    /// A reader at the beginning.
    pub fn new(live: &LiveRun, start: Time) -> Self {
        let source = |kind: &str| Gathered { kind: kind.to_owned(), ..Gathered::default() };
        Self {
            start,
            printed: Tail::new(live.printed_file()),
            logged: Tail::new(live.logged_file()),
            own: Tail::new(live.metrics_file()),
            marks: Tail::new(live.marks_file()),
            samples: Tail::new(live.samples_file()),
            followed: Tail::new(live.followed_file()),
            scanner: JsonScanner::default(),
            written: Vec::new(),
            numbers: HashMap::new(),
            sources: vec![source("logged"), source("printed"), source("machine")],
            params: BTreeMap::new(),
            troubles: Vec::new(),
            named: BTreeMap::new(),
            outlines: HashMap::new(),
        }
    }

    /// Reads what is new; false when nothing is, which costs five `stat` calls.
    pub fn poll(&mut self) -> bool {
        if self.followed.is_shorter() {
            // Another process has taken over and follows the files from their beginning.
            let numbers = std::mem::take(&mut self.numbers);
            self.followed.offset = 0;
            self.followed.file = None;
            for source in numbers.into_values() {
                self.sources[source].series.clear();
                self.sources[source].tallies.clear();
                self.sources[source].index.clear();
            }
            self.outlines.clear();
        }
        let is_new = self.own.has_more() | self.logged.has_more() | self.printed.has_more();
        let is_new = is_new | self.samples.has_more() | self.followed.has_more();
        if is_new {
            self.read_points();
            self.read_own();
            self.read_samples();
            self.read_followed();
            self.named = self.names();
        }
        is_new
    }

    /// All series as they stand, sorted by name.
    pub fn series(&self) -> Vec<Series> {
        let named = self.named.iter();
        named.map(|(key, place)| Series { key: key.clone(), points: self.at(*place).points.clone() }).collect()
    }

    /// One series as it stands.
    pub fn one_series(&self, key: &str) -> Option<Series> {
        let place = self.named.get(key)?;
        Some(Series { key: key.to_owned(), points: self.at(*place).points.clone() })
    }

    /// One series in few points; costs what has come since it was asked for before.
    pub fn outline(&mut self, key: &str) -> Option<&Outline> {
        let place = *self.named.get(key)?;
        let points = &self.sources[place.0].series[place.1].points;
        let outline = self.outlines.entry(place).or_default();
        points[outline.count().min(points.len())..].iter().for_each(|point| outline.add(*point));
        Some(outline)
    }

    /// All series of a run that is over: also the last line without an end, and without copying.
    pub fn into_series(mut self) -> Vec<Series> {
        self.read_rest();
        let named = self.names();
        let mut take = |(source, index): Place| std::mem::take(&mut self.sources[source].series[index].points);
        named.into_iter().map(|(key, place)| Series { key, points: take(place) }).collect()
    }

    /// The summaries of all series.
    pub fn summaries(&self) -> Vec<Summary> {
        let summary = |(key, (source, index)): (&String, &Place)| {
            let Gathered { tallies, series, .. } = &self.sources[*source];
            tallies[*index].summary(key, &series[*index].points)
        };
        self.named.iter().filter_map(summary).collect()
    }

    /// Parameters out of followed files.
    pub const fn params(&self) -> &BTreeMap<String, Value> {
        &self.params
    }

    /// What could not be read of followed files, in words.
    pub fn troubles(&self) -> &[String] {
        &self.troubles
    }

    fn read_points(&mut self) {
        let Self { logged, printed, sources, .. } = self;
        for (tail, source) in [(printed, PRINTED), (logged, LOGGED)] {
            tail.lines(&mut |line, _| {
                if let Ok(point) = serde_json::from_slice::<LivePoint>(line) {
                    sources[source].add(&point.k, point.s, point.t, f64::from_bits(point.v));
                }
            });
        }
    }

    fn read_own(&mut self) {
        let Self { marks, written, own, scanner, sources, params, .. } = self;
        marks.lines(&mut |line, _| {
            let mark = std::str::from_utf8(line).ok().and_then(|line| line.split_once(' '));
            if let Some((Ok(bytes), Ok(time))) = mark.map(|(bytes, time)| (bytes.parse(), time.parse())) {
                written.push((bytes, Time(time)));
            }
        });
        let latest = own.modified().unwrap_or(self.start);
        own.lines(&mut |line, end| {
            let Ok(line) = std::str::from_utf8(line) else { return };
            // A line carries no time of ours: that of the look that first saw it is the nearest.
            if line.starts_with(PARAMS_LINE) {
                let found = flatten_config("params.json", line.as_bytes()).unwrap_or_default().into_iter();
                params
                    .extend(found.filter_map(|(name, value)| Some((name.strip_prefix("params.")?.to_owned(), value))));
                return;
            }
            let seen = written.get(written.partition_point(|(bytes, _)| *bytes < end)).map_or(latest, |mark| mark.1);
            scanner.read(line, &mut |key, at, value| {
                sources[LOGGED].add(key, at.step, at.time_millis.map_or(seen, Time), value);
            });
        });
    }

    fn read_rest(&mut self) {
        let Self { own, scanner, sources, start, .. } = self;
        let Some(rest) = own.rest().and_then(|rest| String::from_utf8(rest).ok()) else { return };
        let seen = own.modified().unwrap_or(*start);
        scanner.read(&rest, &mut |key, at, value| {
            sources[LOGGED].add(key, at.step, at.time_millis.map_or(seen, Time), value);
        });
    }

    fn read_samples(&mut self) {
        let Self { samples, start, sources, .. } = self;
        samples.lines(&mut |line, _| {
            let Ok(sample) = serde_json::from_slice::<BTreeMap<String, f64>>(line) else { return };
            let millis = sample.get("t").copied().unwrap_or_default() as i64;
            for (key, value) in sample.iter().filter(|(key, _)| *key != "t") {
                sources[MACHINE].add(&format!("sys/{key}"), Some(millis), Time(start.0 + millis), *value);
            }
        });
    }

    fn read_followed(&mut self) {
        let Self { followed, numbers, sources, params, troubles, .. } = self;
        followed.lines(&mut |line, _| {
            if line.starts_with(b"{\"k\"") {
                if let Ok(LivePoint { k, s, t, v, f: Some(f) }) = serde_json::from_slice(line)
                    && let Some(source) = numbers.get(&f)
                {
                    sources[*source].add(&k, s, t, f64::from_bits(v));
                }
                return;
            }
            match serde_json::from_slice(line) {
                Ok(FileNote::Source { f, kind, place, path }) => {
                    let is_same = |source: &Gathered| source.kind == kind && source.place == place;
                    let known = sources.iter().position(is_same).unwrap_or(sources.len());
                    if known == sources.len() {
                        sources.push(Gathered { kind, place, path, ..Gathered::default() });
                    }
                    numbers.insert(f, known);
                }
                Ok(FileNote::Param { name, value, .. }) => {
                    params.insert(name, value);
                }
                Ok(FileNote::Trouble { f, words }) => {
                    let path = numbers.get(&f).map_or("", |source| sources[*source].path.as_str());
                    troubles.push(format!("metrics in {path}: {words}"));
                }
                Err(_) => {}
            }
        });
    }

    /// Every series under the name that it has in the run.
    ///
    /// Places of one kind that use the same names are told apart by the part of the path that differs. Where two
    /// sources use one name, the one that tells values more exactly has it: what the program logged itself, then tables
    /// and JSON, then W&B, then TensorBoard, whose floats have four bytes, and last what it printed. The other one goes
    /// when it says the same; else it is named with its kind.
    fn names(&self) -> BTreeMap<String, Place> {
        let mut order: Vec<usize> = (0..self.sources.len()).collect();
        order.sort_by_key(|source| self.sources[*source].rank());
        let mut named: BTreeMap<String, Place> = BTreeMap::new();
        for source in order {
            let prefix = self.prefix(source);
            let Gathered { kind, series, .. } = &self.sources[source];
            for (index, series) in series.iter().enumerate().filter(|(_, series)| !series.points.is_empty()) {
                let name = format!("{prefix}{}", series.key);
                match named.get(&name) {
                    None => {
                        named.insert(name, (source, index));
                    }
                    Some(first) if self.sources[source].is_repeated(series, self.at(*first)) => {}
                    Some(_) => {
                        named.entry(format!("{name} ({kind})")).or_insert((source, index));
                    }
                }
            }
        }
        named
    }

    fn at(&self, (source, index): Place) -> &Series {
        &self.sources[source].series[index]
    }

    /// What tells a source from others of its kind that use the same names: the part of its place that is not
    /// common to all of them.
    fn prefix(&self, source: usize) -> String {
        let own = &self.sources[source];
        if source <= MACHINE {
            return String::new();
        }
        let clashes = |other: &&Gathered| {
            other.kind == own.kind && own.series.iter().any(|series| other.index.contains_key(&series.key))
        };
        let parts = |place: &'_ str| -> Vec<String> {
            place.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let alike = self.sources[MACHINE + 1..].iter().filter(clashes);
        let places: Vec<Vec<String>> = alike.map(|other| parts(&other.place)).collect();
        if places.len() < 2 {
            return String::new();
        }
        let shortest = places.iter().map(Vec::len).min().unwrap_or_default();
        let is_common = |at: &usize| places.iter().all(|place| place[*at] == places[0][*at]);
        let common = (0..shortest).take_while(is_common).count();
        parts(&own.place)[common..].iter().map(|part| format!("{part}/")).collect()
    }
}

impl Gathered {
    fn add(&mut self, key: &str, step: Option<i64>, time: Time, value: f64) {
        let at = match self.series.get(self.next) {
            Some(series) if series.key == key => self.next,
            _ => *self.index.entry(key.to_owned()).or_insert_with(|| {
                self.series.push(Series { key: key.to_owned(), points: Vec::new() });
                self.tallies.push(Tally::default());
                self.series.len() - 1
            }),
        };
        self.next = if at + 1 < self.series.len() { at + 1 } else { 0 };
        let points = &mut self.series[at].points;
        let step = step.unwrap_or_else(|| points.last().map_or(0, |last| last.step.saturating_add(1)));
        let point = Point { step, time, value };
        points.push(point);
        self.tallies[at].add(point);
    }

    /// The lower, the more exact.
    fn rank(&self) -> u8 {
        match self.kind.as_str() {
            "logged" | "machine" => 0,
            "wandb" => 2,
            "tensorboard" => 3,
            "latest" => 4,
            "printed" => 5,
            _ => 1,
        }
    }

    /// Whether `first`, which has the name already, says all that this source's series says. What was printed
    /// is a rounded echo when there is as much of the other.
    fn is_repeated(&self, series: &Series, first: &Series) -> bool {
        if self.kind == "printed" {
            return series.points.len() <= first.points.len();
        }
        let fact = |point: &Point| (point.step, (point.value as f32).to_bits());
        let known: HashSet<(i64, u32)> = first.points.iter().map(fact).collect();
        series.points.iter().all(|point| known.contains(&fact(point)))
    }
}

/// A growing file of lines.
struct Tail {
    path: PathBuf,
    file: Option<File>,
    offset: u64,
}

impl Tail {
    const fn new(path: PathBuf) -> Self {
        Self { path, file: None, offset: 0 }
    }

    fn has_more(&mut self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() > self.offset)
    }

    fn is_shorter(&self) -> bool {
        std::fs::metadata(&self.path).is_ok_and(|metadata| metadata.len() < self.offset)
    }

    fn modified(&self) -> Option<Time> {
        let since = std::fs::metadata(&self.path).ok()?.modified().ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
        i64::try_from(since.as_millis()).ok().map(Time)
    }

    /// Gives every line that is new and has an end, and the offset behind it.
    fn lines(&mut self, each: &mut dyn FnMut(&[u8], u64)) {
        const PART_BYTES: usize = 256 << 10;
        if self.file.is_none() {
            self.file = File::open(&self.path).ok();
        }
        let Some(file) = &self.file else { return };
        let mut buffer = Vec::new();
        loop {
            let filled = buffer.len();
            buffer.resize(filled + PART_BYTES, 0);
            let count = file.read_at(&mut buffer[filled..], self.offset + filled as u64).unwrap_or(0);
            buffer.truncate(filled + count);
            if count == 0 {
                return;
            }
            let Some(end) = buffer.iter().rposition(|byte| *byte == b'\n') else { continue };
            let mut at = self.offset;
            for line in buffer[..end].split(|byte| *byte == b'\n') {
                at += line.len() as u64 + 1;
                each(line, at);
            }
            self.offset += end as u64 + 1;
            buffer.drain(..=end);
        }
    }

    /// What stands behind the last whole line: all of a line when its program forgot or did not get to end it.
    fn rest(&self) -> Option<Vec<u8>> {
        const MOST_BYTES: u64 = 1 << 20;
        let file = self.file.as_ref()?;
        let length = file.metadata().ok()?.len().saturating_sub(self.offset).min(MOST_BYTES);
        let mut bytes = vec![0; length as usize];
        file.read_exact_at(&mut bytes, self.offset).ok()?;
        Some(bytes)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::live::append_file;

    #[test]
    fn what_is_told_bit_by_bit_is_what_is_told_at_once() {
        let directory = tempfile::tempdir().unwrap();
        let live = LiveRun { directory: directory.path().to_owned() };
        let mut bit_by_bit = LiveReader::new(&live, Time(0));
        assert!(!bit_by_bit.poll());
        let mut file = append_file(&live.metrics_file()).unwrap();
        for step in 0..500 {
            let loss = if step == 250 { "NaN".to_owned() } else { (f64::from(step - 300).abs()).to_string() };
            write!(file, "{{\"step\": {step}, \"loss\": {loss}, \"acc\": {step}}}\n{{\"st").unwrap();
            assert!(bit_by_bit.poll());
            writeln!(file, "ep\": {step}, \"late/lr\": 1}}").unwrap();
            if step % 50 == 0 {
                assert_eq!(bit_by_bit.outline("loss").map(Outline::count), Some(step as usize + 1));
            }
        }
        bit_by_bit.poll();
        let at_once = live.reader(Time(0));
        // When a value was seen first depends on who looked when.
        let values = |reader: &LiveReader| {
            let untimed = |summary| format!("{:?}", Summary { last_time: None, ..summary });
            let summaries: Vec<String> = reader.summaries().into_iter().map(untimed).collect();
            let fact = |point: &Point| (point.step, point.value.to_bits());
            let points = |series: &Series| (series.key.clone(), series.points.iter().map(fact).collect::<Vec<_>>());
            (summaries, reader.series().iter().map(points).collect::<Vec<_>>())
        };
        assert!(values(&bit_by_bit) == values(&at_once));
        let summaries: Vec<Summary> = at_once.series().iter().filter_map(Series::summary).collect();
        assert_eq!(format!("{:?}", at_once.summaries()), format!("{summaries:?}"));
        let one = at_once.one_series("loss").unwrap();
        assert_eq!(format!("{one:?}"), format!("{:?}", at_once.series()[2]));
        let outline = bit_by_bit.outline("loss").unwrap();
        assert_eq!((outline.count(), outline.lost(), outline.points().count()), (500, 1, 500));
        assert!(bit_by_bit.outline("none").is_none());
    }
}
