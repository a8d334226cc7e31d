//! The working files of a run that goes on: `live/<run>/` in the notebook.
//!
//! Everything here is append-only text, so that whoever outlives the other (the supervisor, the
//! front, or the next `lab` command) can pick it up as it stands. When the run is over the files
//! become records and the directory goes.

mod read;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use lab_ingest::metrics::{At, Found, LineParser};
use lab_ingest::secret::{LineRedactor, Scanner};
use lab_model::{ProcessKey, RunId, Time};
use lab_store::SealKey;
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use read::LiveReader;

use crate::follow::{FollowSink, Source};
use crate::{Error, Result};

/// A line of a run's log.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LogLine {
    /// Milliseconds since the run's start.
    #[serde(rename = "t")]
    pub millis: u64,
    /// `out`, `err`, `tty` for a terminal, or `gap` where lines were left out.
    #[serde(rename = "s")]
    pub stream: String,
    /// The line without its end; colours as the program wrote them, secrets replaced.
    #[serde(rename = "x")]
    pub text: String,
}

/// A logged value as it stands in the live files.
#[derive(Serialize, Deserialize)]
struct LivePoint {
    k: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    s: Option<i64>,
    t: Time,
    /// The bits of the value, since JSON has no NaN.
    v: u64,
    /// The number of the followed file, where it came from one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    f: Option<usize>,
}

/// What else the live files say of a followed file.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum FileNote {
    /// From here on the number means this file.
    Source { f: usize, kind: String, place: String, path: String },
    /// A parameter that it holds.
    Param { f: usize, name: String, value: Value },
    /// What could not be read.
    Trouble { f: usize, words: String },
}

/// The directory of a run that goes on.
#[derive(Clone, Debug)]
pub struct LiveRun {
    /// `live/<run>`.
    pub directory: PathBuf,
}

/// Bytes of one part of the live log.
const SEGMENT_BYTES: u64 = 1 << 20;
/// A line without an end is cut here.
const LINE_BYTES: usize = 64 << 10;

impl LiveRun {
    /// The directory of `run` in the notebook's `live/`.
    pub fn new(live: &Path, run: &RunId) -> Self {
        Self { directory: live.join(run.as_str()) }
    }

    /// Makes the directory. `front` is the process that takes over should the supervisor die: while it
    /// lives the run is not lost.
    pub(crate) fn create(&self, front: &ProcessKey) -> Result<()> {
        let fail = |error| Error::disk("create", &self.directory, error);
        let front = serde_json::to_vec(front).expect("because a process key always serialises");
        // It gets its name only when it says whose it is: without that it would be taken for a leftover.
        let unnamed = self.directory.with_extension("new");
        std::fs::create_dir_all(&unnamed).map_err(fail)?;
        std::fs::write(unnamed.join("front.json"), front).map_err(fail)?;
        std::fs::rename(&unnamed, &self.directory).map_err(fail)
    }

    /// Bytes of everything in here: grows with every line and value.
    pub(crate) fn bytes(&self) -> u64 {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        entries.filter_map(|entry| entry.metadata().ok()).map(|metadata| metadata.len()).sum()
    }

    /// Another process looks after the run from now on.
    pub(crate) fn adopt(&self, front: &ProcessKey) -> Result<()> {
        let fail = |error| Error::disk("write", &self.directory, error);
        let front = serde_json::to_vec(front).expect("because a process key always serialises");
        let fresh = self.directory.join("front.new");
        std::fs::write(&fresh, front).map_err(fail)?;
        std::fs::rename(&fresh, self.directory.join("front.json")).map_err(fail)
    }

    /// The file that `$LAB_METRICS` names.
    pub(crate) fn metrics_file(&self) -> PathBuf {
        self.directory.join("metrics.user.jsonl")
    }

    /// Whole hashes of files that the start's snapshot only sampled.
    pub(crate) fn hashed_file(&self) -> PathBuf {
        self.directory.join("hashed.jsonl")
    }

    /// What the tracer saw of the files that the command opened.
    pub(crate) fn trace_file(&self) -> PathBuf {
        self.directory.join("files.jsonl")
    }

    /// The cells of a notebook that were executed.
    pub(crate) fn cells_file(&self) -> PathBuf {
        self.directory.join("cells.jsonl")
    }

    /// Hashes of big files that the command read, made beside it.
    pub(crate) fn used_file(&self) -> PathBuf {
        self.directory.join("used.jsonl")
    }

    fn printed_file(&self) -> PathBuf {
        self.directory.join("metrics.log.jsonl")
    }

    fn logged_file(&self) -> PathBuf {
        self.directory.join("metrics.logged.jsonl")
    }

    /// Values out of followed files.
    fn followed_file(&self) -> PathBuf {
        self.directory.join("metrics.files.jsonl")
    }

    /// Up to where [`LiveRun::metrics_file`] was written when.
    fn marks_file(&self) -> PathBuf {
        self.directory.join("metrics.user.marks")
    }

    /// The directory that is followed.
    pub(crate) fn root_file(&self) -> PathBuf {
        self.directory.join("root")
    }

    fn samples_file(&self) -> PathBuf {
        self.directory.join("samples.jsonl")
    }

    /// Says whose run it is; made before its files are kept.
    pub(crate) fn front_file(&self) -> PathBuf {
        self.directory.join("front.json")
    }

    /// The front's process.
    pub(crate) fn front(&self) -> Option<ProcessKey> {
        serde_json::from_slice(&std::fs::read(self.front_file()).ok()?).ok()
    }

    /// Removes the directory; the run is in the packs now.
    pub(crate) fn remove(&self) {
        // Should this fail, the next command finds a directory of an ended run and tries again.
        let _ = std::fs::remove_dir_all(&self.directory);
    }

    /// The log segments, in order.
    pub(crate) fn segments(&self) -> Vec<PathBuf> {
        let entries = std::fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let mut segments: Vec<_> = entries
            .map(|entry| entry.path())
            .filter(|path| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"log-")))
            .collect();
        segments.sort();
        segments
    }

    /// The log as it stands.
    pub fn log(&self) -> Vec<LogLine> {
        self.parts().iter().flat_map(|bytes| parse_log(bytes)).collect()
    }

    /// The log as it stands, in parts of about a megabyte; where parts were left out, a `gap` line
    /// says so.
    pub(crate) fn parts(&self) -> Vec<Vec<u8>> {
        let mut expected = 0;
        let mut parts = Vec::new();
        for path in self.segments() {
            let number = path.file_stem().and_then(|stem| stem.to_str()?.strip_prefix("log-")?.parse::<u64>().ok());
            let (Some(number), Ok(bytes)) = (number, std::fs::read(&path)) else { continue };
            if number > expected {
                let millis = parse_log(bytes.split(|byte| *byte == b'\n').next().unwrap_or_default());
                let millis = millis.first().map_or(0, |line| line.millis);
                let text = format!("… about {} MiB of the log left out", ((number - expected) * SEGMENT_BYTES) >> 20);
                let mut gap = Vec::new();
                write_line(&mut gap, &LogLine { millis, stream: "gap".to_owned(), text });
                parts.push(gap);
            }
            expected = number + 1;
            parts.push(bytes);
        }
        parts
    }

    /// Appends values that `lab log` was given; one write, so that parallel callers do not mix.
    pub(crate) fn append_logged(&self, step: Option<i64>, time: Time, values: &[(String, f64)]) -> Result<()> {
        let mut lines = Vec::new();
        for (key, value) in values {
            write_line(&mut lines, &LivePoint { k: key.clone(), s: step, t: time, v: value.to_bits(), f: None });
        }
        let path = self.logged_file();
        append_file(&path)
            .and_then(|mut file| file.write_all(&lines))
            .map_err(|error| Error::disk("write", &path, error))
    }

    /// A reader that has read all that is there.
    pub fn reader(&self, start: Time) -> LiveReader {
        let mut reader = LiveReader::new(self, start);
        reader.poll();
        reader
    }
}

/// Reads lines of a log record or live segment.
pub(crate) fn parse_log(bytes: &[u8]) -> Vec<LogLine> {
    bytes.split(|byte| *byte == b'\n').filter_map(|line| serde_json::from_slice(line).ok()).collect()
}

pub(crate) fn append_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().append(true).create(true).mode(0o600).open(path)
}

pub(crate) fn write_line<T: Serialize>(buffer: &mut Vec<u8>, value: &T) {
    serde_json::to_writer(&mut *buffer, value).expect("because these types always serialise into memory");
    buffer.push(b'\n');
}

/// What a run prints, on its way into the live files.
pub(crate) struct LiveWriter {
    live: LiveRun,
    start: Time,
    scanner: Scanner,
    key: SealKey,
    metrics: LineParser,
    /// By stream: a private key is printed over many lines.
    redactors: BTreeMap<&'static str, LineRedactor>,
    partial: BTreeMap<&'static str, Vec<u8>>,
    log: Vec<u8>,
    points: Vec<u8>,
    followed: Vec<u8>,
    sources: BTreeMap<Source, usize>,
    /// Bytes of the program's own file as of the last tick.
    marked_bytes: u64,
    millis: u64,
    segment: u64,
    segment_bytes: u64,
    limit_bytes: u64,
    /// The last lines, for the report of a failure.
    pub tail: std::collections::VecDeque<String>,
    pub counts: LogCounts,
    /// The first write that failed; after it nothing more is written and the run goes on.
    pub error: Option<std::io::Error>,
}

/// What was seen of a log, as it goes into the run's end.
#[derive(Clone, Default, Debug)]
pub(crate) struct LogCounts {
    pub lines: u64,
    pub bytes: u64,
    pub left_out_bytes: u64,
}

impl LiveWriter {
    pub fn new(live: LiveRun, start: Time, key: SealKey, limit_bytes: u64) -> Self {
        let segment = live.segments().len() as u64;
        // Whoever takes over follows the files from their beginning.
        let _ = std::fs::remove_file(live.followed_file());
        Self {
            live,
            start,
            scanner: Scanner::new(),
            key,
            metrics: LineParser::new(),
            redactors: BTreeMap::new(),
            partial: BTreeMap::new(),
            log: Vec::new(),
            points: Vec::new(),
            followed: Vec::new(),
            sources: BTreeMap::new(),
            marked_bytes: 0,
            millis: 0,
            segment,
            segment_bytes: 0,
            limit_bytes,
            tail: std::collections::VecDeque::new(),
            counts: LogCounts::default(),
            error: None,
        }
    }

    /// Takes what the program wrote to `stream`.
    pub fn output(&mut self, stream: &'static str, millis: u64, bytes: &[u8]) {
        self.counts.bytes += bytes.len() as u64;
        let mut pending = self.partial.remove(stream).unwrap_or_default();
        pending.extend_from_slice(bytes);
        let mut rest = &pending[..];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.line(stream, millis, &rest[..end]);
            rest = &rest[end + 1..];
        }
        let mut rest = rest.to_vec();
        while rest.len() >= 2 * LINE_BYTES {
            rest = self.cut(stream, millis, &rest);
        }
        if !rest.is_empty() {
            self.partial.insert(stream, rest);
        }
    }

    /// Takes the beginning of a line that does not end, and gives back the rest. A secret may stand
    /// across any place at which the line is cut, so more than what goes is searched before.
    fn cut(&mut self, stream: &'static str, millis: u64, bytes: &[u8]) -> Vec<u8> {
        if let Some(at) = bytes.iter().rposition(|byte| *byte == b'\r') {
            self.line(stream, millis, &bytes[..at]);
            return bytes[at + 1..].to_vec();
        }
        // Not in the middle of a word: its other half is still to come.
        let whole = bytes.iter().rposition(u8::is_ascii_whitespace).filter(|at| *at > LINE_BYTES);
        let (searched, unseen) = bytes.split_at(whole.unwrap_or(bytes.len()));
        let text = String::from_utf8_lossy(searched);
        let key = &self.key;
        let text = self.scanner.redact(&text, &mut |secret, rule| redacted(key, secret, rule));
        let at = text.floor_char_boundary(LINE_BYTES);
        self.line(stream, millis, &text.as_bytes()[..at]);
        [&text.as_bytes()[at..], unseen].concat()
    }

    fn line(&mut self, stream: &'static str, millis: u64, bytes: &[u8]) {
        // A progress bar rewrites its line again and again; what stands at the end is the line.
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let bytes = bytes.rsplit(|byte| *byte == b'\r').find(|part| !part.is_empty()).unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes);
        let key = &self.key;
        let redactor = self.redactors.entry(stream).or_default();
        let text = redactor.redact(&self.scanner, &text, &mut |secret, rule| redacted(key, secret, rule));
        for Found { key, step, time_millis, value } in self.metrics.feed_line(&text) {
            let time = Time(time_millis.unwrap_or(self.start.0 + millis.cast_signed()));
            write_line(&mut self.points, &LivePoint { k: key, s: step, t: time, v: value.to_bits(), f: None });
        }
        self.counts.lines += 1;
        if self.tail.len() >= 400 {
            self.tail.pop_front();
        }
        self.tail.push_back(text.clone().into_owned());
        write_line(&mut self.log, &LogLine { millis, stream: stream.to_owned(), text: text.into_owned() });
        if self.log.len() as u64 >= SEGMENT_BYTES / 4 {
            self.flush();
        }
    }

    /// Notes a sample of machine use.
    pub fn sample(&mut self, values: &BTreeMap<String, f64>) {
        let mut line = Vec::new();
        write_line(&mut line, values);
        let result = append_file(&self.live.samples_file()).and_then(|mut file| file.write_all(&line));
        self.note(result);
    }

    /// Notes how far the program's own file goes now, and writes what is buffered.
    pub fn tick(&mut self, millis: u64) {
        self.millis = millis;
        let bytes = std::fs::metadata(self.live.metrics_file()).map_or(0, |metadata| metadata.len());
        if bytes > self.marked_bytes {
            self.marked_bytes = bytes;
            let mark = format!("{bytes} {}\n", self.start.0 + millis.cast_signed());
            let result = append_file(&self.live.marks_file()).and_then(|mut file| file.write_all(mark.as_bytes()));
            self.note(result);
        }
        self.flush();
    }

    /// Writes what is buffered.
    pub fn flush(&mut self) {
        if self.error.is_some() {
            self.log.clear();
            self.points.clear();
            self.followed.clear();
            return;
        }
        if !self.log.is_empty() {
            let path = self.live.directory.join(format!("log-{:06}.jsonl", self.segment));
            let result = append_file(&path).and_then(|mut file| file.write_all(&self.log));
            self.segment_bytes += self.log.len() as u64;
            self.log.clear();
            self.note(result);
            if self.segment_bytes >= SEGMENT_BYTES {
                self.next_segment();
            }
        }
        if !self.points.is_empty() {
            let result = append_file(&self.live.printed_file()).and_then(|mut file| file.write_all(&self.points));
            self.points.clear();
            self.note(result);
        }
        if !self.followed.is_empty() {
            let result = append_file(&self.live.followed_file()).and_then(|mut file| file.write_all(&self.followed));
            self.followed.clear();
            self.note(result);
        }
    }

    /// Starts another segment; beyond the limit the oldest one of the second half goes, so that
    /// the beginning and the end of a long log are always there.
    fn next_segment(&mut self) {
        self.segment += 1;
        self.segment_bytes = 0;
        let kept = (self.limit_bytes / SEGMENT_BYTES).max(2);
        let segments = self.live.segments();
        if segments.len() as u64 > kept {
            let oldest = &segments[(kept / 2) as usize];
            let bytes = std::fs::metadata(oldest).map_or(0, |metadata| metadata.len());
            if std::fs::remove_file(oldest).is_ok() {
                self.counts.left_out_bytes += bytes;
            }
        }
    }

    fn note(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            self.error.get_or_insert(error);
        }
    }

    /// Writes the last lines, also those without an end.
    pub fn close(&mut self, millis: u64) {
        for (stream, bytes) in std::mem::take(&mut self.partial) {
            self.line(stream, millis, &bytes);
        }
        self.tick(millis);
    }

    /// The number of a followed file, which is told the first time.
    fn source(&mut self, source: &Source) -> usize {
        if let Some(number) = self.sources.get(source) {
            return *number;
        }
        let f = self.sources.len();
        self.sources.insert(source.clone(), f);
        let Source { kind, place, path } = source.clone();
        write_line(&mut self.followed, &FileNote::Source { f, kind: kind.to_owned(), place, path });
        f
    }
}

impl FollowSink for LiveWriter {
    fn point(&mut self, source: &Source, key: &str, at: At, value: f64) {
        let f = Some(self.source(source));
        let time = Time(at.time_millis.unwrap_or(self.start.0 + self.millis.cast_signed()));
        write_line(&mut self.followed, &LivePoint { k: key.to_owned(), s: at.step, t: time, v: value.to_bits(), f });
        if self.followed.len() as u64 >= SEGMENT_BYTES / 4 {
            self.flush();
        }
    }

    fn param(&mut self, source: &Source, name: &str, value: &Value) {
        let f = self.source(source);
        let key = &self.key;
        let one = BTreeMap::from([(name.to_owned(), value.clone())]);
        let one = self.scanner.redact_params(&one, &mut |secret, rule| redacted(key, secret, rule));
        for (name, value) in one {
            write_line(&mut self.followed, &FileNote::Param { f, name, value });
        }
    }

    fn trouble(&mut self, source: &Source, words: &str) {
        let f = self.source(source);
        write_line(&mut self.followed, &FileNote::Trouble { f, words: words.to_owned() });
    }
}

/// What stands in the place of a secret: its kind and the first digits of a keyed hash, which
/// answer "the same as last time?" and nothing else.
pub(crate) fn redacted(key: &SealKey, secret: &str, rule: &str) -> String {
    format!("[{rule}:{}]", key.hash(secret.as_bytes()).short(8))
}

#[cfg(test)]
mod tests {
    use lab_model::Point;

    use super::*;

    fn writer(directory: &Path, limit_bytes: u64) -> LiveWriter {
        let live = LiveRun { directory: directory.to_owned() };
        LiveWriter::new(live, Time(1000), SealKey::new(&[7; 32]), limit_bytes)
    }

    #[test]
    fn lines_are_cut_kept_and_their_metrics_found() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path(), 1 << 30);
        writer.output("out", 5, b"step=1 loss=0.5\nhalf ");
        writer.output("err", 6, b"10%\r20%\r\n");
        writer.output("out", 7, b"a line");
        writer.close(9);
        let live = LiveRun { directory: directory.path().to_owned() };
        let told: Vec<_> = live.log().into_iter().map(|line| (line.millis, line.stream, line.text)).collect();
        let line = |millis, stream: &str, text: &str| (millis, stream.to_owned(), text.to_owned());
        assert_eq!(told, [line(5, "out", "step=1 loss=0.5"), line(6, "err", "20%"), line(9, "out", "half a line")]);
        let series = live.reader(Time(1000)).into_series();
        assert_eq!(series.len(), 1);
        assert_eq!(series[0].points, [Point { step: 1, time: Time(1005), value: 0.5 }]);
    }

    #[test]
    fn a_long_log_keeps_its_beginning_and_its_end() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path(), 4 * SEGMENT_BYTES);
        let line = [b'x'; 1000];
        for number in 0..12_000 {
            writer.output("out", number, format!("{number} ").as_bytes());
            writer.output("out", number, &line);
            writer.output("out", number, b"\n");
        }
        writer.close(12_000);
        let lines = LiveRun { directory: directory.path().to_owned() }.log();
        assert!(lines.first().unwrap().text.starts_with("0 "));
        assert!(lines.last().unwrap().text.starts_with("11999 "));
        assert!(writer.counts.left_out_bytes > 0);
        assert!(lines.len() < 7000, "{}", lines.len());
    }

    #[test]
    fn a_secret_across_the_cut_of_a_long_line_is_found() {
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        for before in [LINE_BYTES - 60, LINE_BYTES - 20, LINE_BYTES, 2 * LINE_BYTES - 20, 2 * LINE_BYTES + 5] {
            let directory = tempfile::tempdir().unwrap();
            let mut writer = writer(directory.path(), 1 << 30);
            let line = format!("{} {token} {}\n", "é".repeat(before / 2), "y".repeat(3 * LINE_BYTES));
            for part in line.as_bytes().chunks(30_001) {
                writer.output("out", 1, part);
            }
            writer.close(2);
            let lines = LiveRun { directory: directory.path().to_owned() }.log();
            let text: String = lines.iter().map(|line| line.text.as_str()).collect();
            assert!(!text.contains("a1B2c3D4e5F6"), "{before}");
            assert_eq!(text.matches("[github-token:").count(), 1, "{before}");
            assert_eq!(text.matches('y').count() + text.matches('é').count(), before / 2 + 3 * LINE_BYTES, "{before}");
            assert!(lines.len() >= 2, "{before}");
        }
    }

    #[test]
    fn secrets_do_not_reach_the_log() {
        let directory = tempfile::tempdir().unwrap();
        let mut writer = writer(directory.path(), 1 << 30);
        let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
        writer.output("out", 1, format!("token {token}\n").as_bytes());
        writer.close(2);
        let text = std::fs::read_to_string(directory.path().join("log-000000.jsonl")).unwrap();
        assert!(!text.contains(&token), "{text}");
        assert!(text.contains('['), "{text}");
    }
}
