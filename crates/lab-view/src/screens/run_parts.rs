//! What is read beside the page of a run, each by itself so that none waits for the other: its log, one of its
//! files, its charts and lineage.

use std::sync::Arc;

use lab_engine::{Background, Error, ErrorKind, EventImage, LogWindow, Reader, Result, RunRow, event_images};
use lab_model::diff::PathDiff;
use lab_model::{Content, Hash, Kind, RelPath, RunId};
use lab_plot::{Chart, Image};
use serde::Serialize;

use super::run::{Part, RunView};
use crate::charts::{self, Along};
use crate::diff::{Span, TEXT_LIMIT_BYTES, coloured, is_binary};
use crate::format::{self, Moment};
use crate::lineage::{self, LineagePage};
use crate::list::{Cursor, Motion};
use crate::screen::{Screen, Shown, Stamp};
use crate::session::Effect;
use crate::{Diff, Line, Tone, changes, metrics};

/// Everything beside the page of a run.
#[derive(Default)]
pub struct RunParts {
    /// What it printed.
    pub log: Shown<LogScreen>,
    /// Where in the log the typed words stand.
    pub hits: Shown<HitsScreen>,
    /// The file under the cursor.
    pub file: Shown<FileScreen>,
    /// Charts and lineage.
    pub beside: Shown<BesideScreen>,
}

impl RunParts {
    /// Charts and lineage, when they are those of this run.
    pub fn beside_of(&self, run: &RunId) -> Option<&BesideView> {
        self.beside.page().filter(|beside| beside.run == *run)
    }

    /// Takes in what has come for the part that is shown, asks for what is missing.
    pub(crate) fn poll(&mut self, part: Part, background: &Background, stamp: Stamp, now: &Moment) -> bool {
        // Nothing in here tells ages.
        let stamp = Stamp { minute: 0, ..stamp };
        match part {
            Part::Overview | Part::Environment => self.beside.poll(background, stamp, now),
            Part::Log => {
                let mut changed = self.log.poll(background, stamp, now);
                if self.hits.poll(background, stamp, now) {
                    changed = true;
                    if std::mem::take(&mut self.hits.screen.jumps) {
                        self.next_hit(0);
                    }
                }
                changed
            }
            Part::Files => self.file.poll(background, Stamp::default(), now),
        }
    }

    pub(crate) const fn is_loading(&self) -> bool {
        self.log.is_loading() || self.hits.is_loading() || self.file.is_loading() || self.beside.is_loading()
    }

    /// Another run, or another file of it.
    pub(crate) fn enter(&mut self, run: &RunId, page: Option<&RunView>, row: usize) {
        let run = Some(run.clone());
        if self.log.screen.run != run {
            self.log.screen = LogScreen { run: run.clone(), ..LogScreen::default() };
            self.hits.screen = HitsScreen { run: run.clone(), ..HitsScreen::default() };
            self.beside.screen.run.clone_from(&run);
            self.file.screen = FileScreen { diff: self.file.screen.diff, ..FileScreen::default() };
        }
        let Some(page) = page.filter(|page| Some(&page.subject.run) == run.as_ref()) else { return };
        if page.subject.is_running && !self.log.screen.touched {
            self.log.screen.follow = true;
        }
        let path = page.files.as_ref().and_then(|files| files.paths.get(row).cloned());
        let snapshot = if row < page.outputs_from { page.snapshot } else { page.end_snapshot };
        let chosen = snapshot.zip(path);
        let screen = &mut self.file.screen;
        if page.part == Part::Files && screen.chosen != chosen {
            // The line that was found is in the file that is opened for it, and in no later one.
            screen.at = screen.at.take().filter(|_| screen.chosen.is_none());
            screen.chosen = chosen;
            screen.cursor = Cursor { height: screen.cursor.height, ..Cursor::in_text() };
            screen.aside = 0;
            screen.picture = usize::MAX;
        }
        screen.base = page.base_snapshot;
    }

    /// Forgets what was chosen; what was read stays until there is something newer.
    pub(crate) fn reset(&mut self) {
        self.log.screen = LogScreen::default();
        self.hits.screen = HitsScreen::default();
        self.file.screen = FileScreen::default();
    }

    /// Looks for words in the log; nothing ends the search.
    pub(crate) fn find(&mut self, words: String) {
        self.hits.screen.jumps = !words.is_empty();
        self.hits.screen.words = words;
    }

    /// Goes so many pictures of an event file on.
    pub(crate) fn next_picture(&mut self, by: i64) {
        let Some((page, place)) = self.file.page().and_then(|page| Some((page, page.picture?))) else { return };
        let place = (place as i64 + by).rem_euclid(page.pictures.len() as i64);
        self.file.screen.picture = usize::try_from(place).unwrap_or(0);
    }

    /// Goes so many hits on; 0 stays when one is on screen.
    pub(crate) fn next_hit(&mut self, by: i64) {
        let Some(hits) = self.hits.page().filter(|_| self.hits.is_current()) else { return };
        let log = &mut self.log.screen;
        let at = log.at.unwrap_or(log.cursor.top);
        let found = match by {
            0 => hits.iter().find(|hit| **hit >= at).or(hits.first()),
            1.. => hits.iter().find(|hit| **hit > at).or(hits.first()),
            _ => hits.iter().rev().find(|hit| **hit < at).or(hits.last()),
        };
        if let Some(hit) = found {
            log.show(*hit);
        }
    }
}

/// The log of a run.
pub struct LogScreen {
    /// What is on screen of it.
    pub cursor: Cursor,
    /// Stays at its end.
    pub follow: bool,
    /// The line that was jumped to.
    pub at: Option<usize>,
    /// So many columns lie left of what is shown.
    pub aside: usize,
    run: Option<RunId>,
    /// A person has scrolled.
    touched: bool,
}

impl Default for LogScreen {
    fn default() -> Self {
        Self { cursor: Cursor::in_text(), follow: false, at: None, aside: 0, run: None, touched: false }
    }
}

/// Which lines of which log; `None` are the last ones.
#[derive(Clone, PartialEq, Debug)]
pub struct LogKey {
    run: RunId,
    window: Option<(usize, usize)>,
}

/// Some lines of a log.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LogView {
    /// Whose.
    pub run: RunId,
    /// The lines.
    #[serde(skip)]
    pub window: LogWindow,
}

/// Of a log that is followed so many last lines are read.
const TAIL: usize = 400;

impl LogScreen {
    pub(crate) fn moved(&mut self, change: impl FnOnce(&mut Cursor)) {
        let before = self.cursor.top;
        change(&mut self.cursor);
        if self.cursor.top != before {
            self.touched = true;
            self.at = None;
            self.follow = self.cursor.top + self.cursor.height >= self.cursor.total;
        }
    }

    pub(crate) fn toggle_follow(&mut self) {
        self.touched = true;
        self.follow = !self.follow;
        if self.follow {
            self.cursor.go(Motion::Last);
        }
    }

    /// Brings a line into sight, with some lines above it.
    pub(crate) fn show(&mut self, line: usize) {
        self.touched = true;
        self.follow = false;
        self.at = Some(line);
        // The log may not have been read yet.
        self.cursor.total = self.cursor.total.max(line + 1 + self.cursor.height);
        let seen = self.cursor.visible();
        if line < seen.start + 1 || line + 1 >= seen.end {
            self.cursor.go(Motion::To(line.saturating_sub(self.cursor.height / 3)));
        }
    }
}

fn row_of(reader: &Reader, run: &RunId) -> Result<RunRow> {
    let missing = || Error::new(ErrorKind::Missing, format!("There is no run {run}"));
    reader.run(run)?.ok_or_else(missing)
}

impl Screen for LogScreen {
    type Key = LogKey;
    type Page = LogView;
    type Action = ();

    fn key(&self) -> Option<LogKey> {
        let window = self.cursor.window();
        let window = (!self.follow).then_some((window.start, window.len()));
        Some(LogKey { run: self.run.clone()?, window })
    }

    fn load(reader: &Reader, key: &LogKey, _: &Moment) -> Result<LogView> {
        let row = row_of(reader, &key.run)?;
        let (first, most) = key.window.map_or((None, TAIL), |(first, most)| (Some(first), most));
        Ok(LogView { run: key.run.clone(), window: reader.log_window(&row, first, most)? })
    }

    fn arrived(&mut self, page: &LogView) {
        if self.run.as_ref() == Some(&page.run) {
            self.cursor.set_total(page.window.total);
            if self.follow {
                self.cursor.go(Motion::Last);
            }
        }
    }

    fn act(&mut self, (): (), _: Option<&LogView>) -> Vec<Effect> {
        Vec::new()
    }
}

/// Where words stand in a log.
#[derive(Default)]
pub struct HitsScreen {
    /// The words; nothing is looked for when empty.
    pub words: String,
    run: Option<RunId>,
    /// The first hit is to be brought into sight when it is known.
    jumps: bool,
}

/// More hits than this are not counted.
pub const MOST_HITS: usize = 100_000;

impl Screen for HitsScreen {
    type Key = (RunId, String);
    type Page = Vec<usize>;
    type Action = ();

    fn key(&self) -> Option<Self::Key> {
        self.run.clone().filter(|_| !self.words.is_empty()).map(|run| (run, self.words.clone()))
    }

    fn load(reader: &Reader, (run, words): &Self::Key, _: &Moment) -> Result<Vec<usize>> {
        reader.log_find(&row_of(reader, run)?, words, MOST_HITS)
    }

    fn arrived(&mut self, _: &Vec<usize>) {}

    fn act(&mut self, (): (), _: Option<&Vec<usize>>) -> Vec<Effect> {
        Vec::new()
    }
}

/// One file of a snapshot.
pub struct FileScreen {
    /// What is on screen of it.
    pub cursor: Cursor,
    /// Its changes against the base run are shown, not its content.
    pub diff: bool,
    /// A line that was found in it, from 0.
    pub at: Option<usize>,
    /// So many columns lie left of what is shown.
    pub aside: usize,
    /// Which of the pictures in an event file is shown, from 0; beyond the last it is the last.
    pub picture: usize,
    chosen: Option<(Hash, RelPath)>,
    base: Option<Hash>,
}

impl Default for FileScreen {
    fn default() -> Self {
        Self {
            cursor: Cursor::in_text(),
            diff: false,
            at: None,
            aside: 0,
            picture: usize::MAX,
            chosen: None,
            base: None,
        }
    }
}

/// Which file of which snapshot, and against which other one.
#[derive(Clone, PartialEq, Debug)]
pub struct FileKey {
    snapshot: Hash,
    path: RelPath,
    against: Option<Hash>,
    picture: usize,
}

/// A file, or its changes.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct FileView {
    /// The path.
    pub path: RelPath,
    /// What it is, when that is not its text.
    pub note: Line,
    /// Its lines.
    #[serde(skip)]
    pub lines: Vec<Vec<Span>>,
    /// Its changes against the base run.
    pub diff: Option<Diff>,
    /// What it shows, when it is a PNG or a JPEG.
    #[serde(skip)]
    pub image: Option<Arc<Image>>,
    /// Which of `pictures` that is, in a file that holds several.
    pub picture: Option<usize>,
    /// The tag and the step of each of them.
    pub pictures: Vec<(String, i64)>,
}

impl FileScreen {
    /// The snapshot and the path of the file.
    pub(crate) fn chosen(&self) -> Option<(Hash, RelPath)> {
        self.chosen.clone()
    }

    /// The path of the file.
    pub fn path(&self) -> Option<&RelPath> {
        self.chosen.as_ref().map(|(_, path)| path)
    }
}

impl Screen for FileScreen {
    type Key = FileKey;
    type Page = FileView;
    type Action = ();

    fn key(&self) -> Option<FileKey> {
        let (snapshot, path) = self.chosen.clone()?;
        Some(FileKey { snapshot, path, against: self.base.filter(|_| self.diff), picture: self.picture })
    }

    fn load(reader: &Reader, key: &FileKey, _: &Moment) -> Result<FileView> {
        let (note, lines) = (Line::default(), Vec::new());
        let mut view = FileView {
            path: key.path.clone(),
            note,
            lines,
            diff: None,
            image: None,
            picture: None,
            pictures: Vec::new(),
        };
        let Some(entry) = reader.entry(&key.snapshot, &key.path)? else { return Ok(view) };
        if let Some(base) = &key.against {
            let left = reader.entry(base, &key.path)?;
            let same = left.as_ref().is_some_and(|left| left.content.hash() == entry.content.hash());
            if same {
                view.note = Line::of("The same as in the base run", Tone::Good);
            } else {
                let path = key.path.clone();
                view.diff = Some(changes::diff(reader, &PathDiff { path, left, right: Some(entry) }));
            }
            return Ok(view);
        }
        let size = format::bytes(entry.size);
        let says = |words: String| Line::of(words, Tone::Muted);
        view.note = match (entry.kind, &entry.content) {
            (Kind::Symlink, _) => says(format!("A link to {}", lab_model::display_bytes(&entry.target))),
            (Kind::File, Content::Copied(_) | Content::Sealed(_)) if is_picture(&key.path, entry.size) => {
                let read = Image::read(key.path.to_string(), &reader.content(&entry)?);
                let pixels = read.as_ref().map(|image| format!("{} × {} pixels, ", image.width, image.height));
                view.image = read.map(|image| Arc::new(image.within(SIDE_MAX)));
                says(format!("A picture, {}{size}: `e` opens a copy", pixels.unwrap_or_default()))
            }
            (Kind::File, Content::Copied(_) | Content::Sealed(_)) if is_event_file(&key.path, entry.size) => {
                pictured(&mut view, &reader.content(&entry)?, key.picture);
                return Ok(view);
            }
            (Kind::File, Content::Copied(_)) if entry.size as usize > TEXT_LIMIT_BYTES => {
                says(format!("{size}: too large to be shown here, `e` opens a copy"))
            }
            (Kind::File, Content::Copied(_)) => {
                let bytes = reader.content(&entry)?;
                if is_binary(&bytes) {
                    says(format!("Binary, {size}"))
                } else {
                    view.lines = coloured(&key.path.to_string(), &String::from_utf8_lossy(&bytes));
                    Line::default()
                }
            }
            _ => says(format!("{size}, not in the notebook: only its hash is")),
        };
        Ok(view)
    }

    fn arrived(&mut self, page: &FileView) {
        self.cursor.set_total(page.lines.len());
        if let Some(at) = self.at.filter(|_| self.path() == Some(&page.path)) {
            self.cursor.go(Motion::To(at.saturating_sub(self.cursor.height / 3)));
        }
    }

    fn act(&mut self, (): (), _: Option<&FileView>) -> Vec<Effect> {
        Vec::new()
    }
}

/// Pictures of more bytes are not decoded, and more pixels along a side are not told apart on a screen.
const PICTURE_BYTES: u64 = 32 << 20;
pub(crate) const SIDE_MAX: usize = 1024;

fn is_picture(path: &RelPath, size_bytes: u64) -> bool {
    let path = path.to_string().to_lowercase();
    size_bytes <= PICTURE_BYTES && [".png", ".jpg", ".jpeg"].iter().any(|end| path.ends_with(end))
}

/// Whether TensorBoard would take it for one of its own: it looks for the same word.
fn is_event_file(path: &RelPath, size_bytes: u64) -> bool {
    size_bytes <= PICTURE_BYTES && path.to_string().contains("tfevents")
}

/// Shows a picture of an event file, and tells which one.
fn pictured(view: &mut FileView, file: &[u8], wanted: usize) {
    let images = event_images(file);
    let size = format::bytes(file.len() as u64);
    let Some(last) = images.len().checked_sub(1) else {
        view.note =
            Line::of(format!("An event file without pictures, {size}: its metrics are in the charts"), Tone::Muted);
        return;
    };
    let place = wanted.min(last);
    let image = &images[place];
    let name = lab_model::display_bytes(image.tag.as_bytes());
    let read = Image::read(name.clone(), image.encoded);
    let mut note = Line::of(name, Tone::Accent);
    note.push(format!(" at step {}", image.step), Tone::Plain);
    let more = if last > 0 { ": n and N go on" } else { "" };
    note.push(format!(" · picture {} of {}{more}", place + 1, images.len()), Tone::Muted);
    if read.is_none() {
        note.push(" · it is no PNG or JPEG", Tone::Warn);
    }
    view.note = note;
    view.picture = Some(place);
    let told = |image: &EventImage| (lab_model::display_bytes(image.tag.as_bytes()), image.step);
    view.pictures = images.iter().map(told).collect();
    view.image = read.map(|image| Arc::new(image.within(SIDE_MAX)));
}

/// What stands beside the overview.
#[derive(Default)]
pub struct BesideScreen {
    run: Option<RunId>,
}

/// A chart with the key of its metric.
pub type KeyedChart = (String, Chart);

/// Charts of a run, and where its files come from and went.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct BesideView {
    /// Whose.
    pub run: RunId,
    /// The main metrics, then the machine's use, each with its key.
    pub charts: Vec<KeyedChart>,
    /// Inputs and outputs.
    pub lineage: LineagePage,
}

impl BesideView {
    /// The charts of what the run logged, and those of the machine's use.
    pub fn charts_apart(&self) -> (&[KeyedChart], &[KeyedChart]) {
        self.charts.split_at(self.charts.iter().take_while(|(key, _)| !metrics::is_machine_use(key)).count())
    }
}

/// Main metrics that get a chart.
const CHARTS: usize = 4;
/// Of the machine's use only what people look at gets a chart.
const MACHINE_CHARTS: usize = 4;

/// The charts of a run's main metrics and of the machine's use, at most so many of each, with their keys.
pub(crate) fn charts_of(
    reader: &Reader,
    row: &RunRow,
    (most, most_of_machine): (usize, usize),
    moment: &Moment,
) -> Result<Vec<(String, Chart)>> {
    let summaries = vec![reader.summaries(row)?];
    let mut keys = metrics::main_keys(&summaries, most);
    let drawn = |summary: &&lab_model::Summary| summary.count > 1;
    let machine = summaries[0].iter().filter(|summary| metrics::is_machine_use(&summary.key)).filter(drawn);
    keys.extend(machine.take(most_of_machine).map(|summary| summary.key.clone()));
    keys.retain(|key| summaries[0].iter().any(|summary| summary.key == *key && summary.count > 1));
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let runs = vec![row.start.run.clone()];
    let logged = keys.iter().take_while(|key| !metrics::is_machine_use(key)).count();
    let mut charts = Vec::new();
    // The machine knows of no steps.
    for (metrics, along) in [(&keys[..logged], Along::Step), (&keys[logged..], Along::Relative)] {
        if !metrics.is_empty() {
            let (runs, metrics) = (runs.clone(), metrics.to_vec());
            let wanted = charts::Key { runs, metrics, along, columns: Some(200), ..charts::Key::default() };
            charts.extend(charts::load(reader, &wanted, moment)?.charts);
        }
    }
    charts.iter_mut().for_each(|chart| chart.y.label.clear());
    Ok(keys.into_iter().zip(charts).collect())
}

impl Screen for BesideScreen {
    type Key = RunId;
    type Page = BesideView;
    type Action = ();

    fn key(&self) -> Option<RunId> {
        self.run.clone()
    }

    fn load(reader: &Reader, run: &RunId, moment: &Moment) -> Result<BesideView> {
        let row = row_of(reader, run)?;
        let charts = charts_of(reader, &row, (CHARTS, MACHINE_CHARTS), moment)?;
        let lineage = lineage::load(reader, &lineage::Key { run: run.clone() })?;
        Ok(BesideView { run: run.clone(), charts, lineage })
    }

    fn arrived(&mut self, _: &BesideView) {}

    fn act(&mut self, (): (), _: Option<&BesideView>) -> Vec<Effect> {
        Vec::new()
    }
}
