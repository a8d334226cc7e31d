//! Pictures that both of two runs wrote, and that differ.

use lab_engine::{Reader, Result};
use lab_model::Entry;
use lab_model::diff::PathDiff;
use lab_plot::Image;
use serde::Serialize;

use crate::changes::{self, Side};
use crate::format;

/// More pictures than this nobody holds against each other.
const MOST_PAIRS: usize = 24;
/// More pixels along a side are not seen beside each other.
const SIDE_MAX: usize = 1200;

/// One picture as two runs wrote it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ImagePair {
    /// The file's path.
    pub path: String,
    /// Their sizes in pixels, or which of the two is missing.
    pub note: String,
    /// The older one.
    pub left: Option<Image>,
    /// The newer one.
    pub right: Option<Image>,
}

/// The PNG files that are not the same at the ends of two runs.
///
/// # Errors
/// Those of the reader.
pub(super) fn pairs(reader: &Reader, left: &Side, right: &Side) -> Result<Vec<ImagePair>> {
    let end = |side: &Side| {
        let row = side.row.as_ref()?;
        row.end.as_ref().and_then(|end| end.snapshot).or(row.start.snapshot)
    };
    let files = changes::files(reader, end(left).as_ref(), end(right).as_ref())?;
    let is_picture = |found: &&PathDiff| found.path.to_string().to_lowercase().ends_with(".png");
    let read = |entry: &Option<Entry>, path: &str| {
        let bytes = reader.content(entry.as_ref()?).ok()?;
        Some(Image::from_png(path, &bytes)?.within(SIDE_MAX))
    };
    let pair = |found: &PathDiff| {
        let path = found.path.to_string();
        let (left, right) = (read(&found.left, &path), read(&found.right, &path));
        let size = |image: &Option<Image>| {
            image.as_ref().map_or_else(|| "none".to_owned(), |image| format!("{} × {}", image.width, image.height))
        };
        let (before, after) = (size(&left), size(&right));
        let note = if before == after { before } else { format!("{before} → {after}") };
        ImagePair { path: lab_model::display_bytes(path.as_bytes()), note, left, right }
    };
    let mut pairs: Vec<ImagePair> = files.iter().filter(is_picture).take(MOST_PAIRS).map(pair).collect();
    pairs.retain(|pair| pair.left.is_some() || pair.right.is_some());
    Ok(pairs)
}

/// What is said above them.
pub fn title(pairs: &[ImagePair]) -> String {
    format!("{} that differ", format::count(pairs.len() as u64, "picture"))
}
