//! Charts from files that a run wrote.

use lab_engine::{Error, ErrorKind, Reader, Result, RunRow};
use lab_model::{Entry, RelPath};
use lab_plot::{Axis, Chart, Image, Layer};

use super::{matrix, name};
use crate::format;

/// Pictures in one chart at most, and pixels along a side of each: more is not seen on paper.
const IMAGES: usize = 36;
const SIDE_MAX: usize = 256;

/// The confusion matrix of a run: the file that is named, otherwise the first CSV with *confusion* in its path.
///
/// # Errors
/// [`ErrorKind::Missing`] without such a file, [`ErrorKind::Usage`] when it is no table.
pub fn confusion(reader: &Reader, row: &RunRow, path: Option<&RelPath>) -> Result<Chart> {
    let fits = |found: &RelPath| match path {
        Some(path) => found == path,
        None => has_extension(found, "csv") && found.to_string().to_lowercase().contains("confusion"),
    };
    let Some((path, entry)) = files(reader, row)?.into_iter().find(|(found, _)| fits(found)) else {
        return Err(match path {
            Some(path) => not_there(row, path),
            None => Error::new(ErrorKind::Missing, format!("{} has no confusion matrix", name(row)))
                .hint("name the file: --file results/confusion.csv"),
        });
    };
    let bytes = reader.content(&entry)?;
    let (rows, columns, values) = matrix::parse(&String::from_utf8_lossy(&bytes)).ok_or_else(|| {
        Error::new(ErrorKind::Usage, format!("This is no table of counts: {path}"))
            .hint("a table of numbers with or without names, or one line `true,predicted` for each example")
    })?;
    let layers = vec![Layer::Heat { rows, columns, values }];
    Ok(Chart { title: name(row), x: Axis::new("predicted"), y: Axis::new("true"), layers, ..Chart::default() })
}

/// The pictures of runs; of several those without any are passed over, unless none has one.
///
/// # Errors
/// Those of [`images`].
pub fn images_of(reader: &Reader, rows: &[RunRow], path: Option<&RelPath>) -> Result<Vec<Chart>> {
    let mut charts = Vec::new();
    let mut last = None;
    for row in rows {
        match images(reader, row, path) {
            Err(error) if rows.len() > 1 && path.is_none() && error.kind == ErrorKind::Missing => last = Some(error),
            chart => charts.push(chart?),
        }
    }
    match last.filter(|_| charts.is_empty()) {
        Some(_) => Err(Error::new(ErrorKind::Missing, format!("None of the {} runs wrote a PNG file", rows.len()))),
        None => Ok(charts),
    }
}

/// The PNG files of a run: all, or what lies at or below `path`.
///
/// # Errors
/// [`ErrorKind::Missing`] when there are none.
pub fn images(reader: &Reader, row: &RunRow, path: Option<&RelPath>) -> Result<Chart> {
    let mut files = files(reader, row)?;
    let is_below = |found: &RelPath, path: &RelPath| {
        let mut parts = found.parts();
        path.parts().all(|part| parts.next() == Some(part))
    };
    files.retain(|(found, _)| has_extension(found, "png") && path.is_none_or(|path| is_below(found, path)));
    if files.is_empty() {
        return Err(match path {
            Some(path) => not_there(row, path),
            None => Error::new(ErrorKind::Missing, format!("{} has no PNG files", name(row))),
        });
    }
    let (mut images, mut unread) = (Vec::new(), 0);
    for (path, entry) in files.iter().take(IMAGES) {
        let bytes = reader.content(entry).ok();
        match bytes.and_then(|bytes| Image::from_png(path.to_string(), &bytes)) {
            Some(image) => images.push(image.within(SIDE_MAX)),
            None => unread += 1,
        }
    }
    let mut notes = Vec::new();
    if unread > 0 {
        notes.push(format!("{} left out: not kept, or no PNG", format::count(unread, "picture")));
    }
    if files.len() > IMAGES {
        notes.push(format!("The first {IMAGES} of {} pictures", files.len()));
    }
    Ok(Chart { title: name(row), layers: vec![Layer::Images { images }], notes, ..Chart::default() })
}

/// The files at the end of a run, or at its start where it has no end.
fn files(reader: &Reader, row: &RunRow) -> Result<Vec<(RelPath, Entry)>> {
    let snapshot = row.end.as_ref().and_then(|end| end.snapshot).or(row.start.snapshot);
    snapshot.map_or_else(|| Ok(Vec::new()), |snapshot| reader.files(&snapshot))
}

fn has_extension(path: &RelPath, extension: &str) -> bool {
    path.to_string().to_lowercase().ends_with(&format!(".{extension}"))
}

fn not_there(row: &RunRow, path: &RelPath) -> Error {
    Error::new(ErrorKind::Missing, format!("{} has no file {path}", name(row))).hint("`lab files RUN` lists its files")
}
