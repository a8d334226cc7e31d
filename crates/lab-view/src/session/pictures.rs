//! Pictures that notes show, read where nobody waits for them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use lab_engine::{Lane, Pending};
use lab_model::note;
use lab_plot::Image;

use super::{Route, Session};
use crate::screens::notes::{NotesView, Piece, pieces};
use crate::screens::run_parts::SIDE_MAX;

/// Pictures are read of so many notes before and after the one under the cursor.
const NOTES_BEFORE: usize = 3;
const NOTES_AFTER: usize = 8;
/// So many are kept though nobody sees them.
const MOST_KEPT: usize = 32;

/// What is known of pictures.
#[derive(Default)]
pub(super) struct Pictures {
    known: HashMap<String, Option<Arc<Image>>>,
    pending: Option<(String, Pending<Option<Image>>)>,
    /// Those that the painter shows.
    pub(super) shown: Vec<String>,
}

impl Pictures {
    /// Something was done: pictures that could not be seen may be there now.
    pub(super) fn look_again(&mut self) {
        self.known.retain(|_, image| image.is_some());
        // Whoever reads just now may have come too early.
        self.pending = None;
    }

    pub(super) const fn is_loading(&self) -> bool {
        self.pending.is_some()
    }
}

impl Session {
    /// A picture that a note shows: `None` while it is on its way, `Some(None)` when there is none to be seen.
    pub fn picture(&self, source: &str) -> Option<Option<&Arc<Image>>> {
        self.pictures.known.get(source).map(Option::as_ref)
    }

    /// Takes in the picture that has come, asks for the next one that is missing.
    pub(super) fn poll_pictures(&mut self) -> bool {
        let answer = self.pictures.pending.as_ref().and_then(|(_, pending)| pending.poll());
        let is_new = answer.is_some();
        if let Some(answer) = answer
            && let Some((source, _)) = self.pictures.pending.take()
        {
            // One that is gone, or cannot be read, is none.
            self.pictures.known.insert(source, answer.ok().flatten().map(Arc::new));
        }
        if self.pictures.pending.is_none() {
            let wanted = self.wanted_pictures();
            if self.pictures.known.len() > MOST_KEPT {
                self.pictures.known.retain(|source, _| wanted.contains(source));
            }
            let missing = wanted.into_iter().find(|source| !self.pictures.known.contains_key(source));
            self.pictures.pending = missing.map(|source| (source.clone(), self.read_picture(source)));
        }
        is_new
    }

    fn wanted_pictures(&self) -> Vec<String> {
        let row = self.notes.screen.cursor.row;
        let around = |page: &NotesView| {
            let notes = page.notes.iter().skip(row.saturating_sub(NOTES_BEFORE)).take(NOTES_BEFORE + 1 + NOTES_AFTER);
            notes.flat_map(|note| sources(&note.text)).collect::<Vec<_>>()
        };
        let page = self.notes.page().filter(|_| matches!(self.route(), Route::Notes));
        let mut wanted = page.map(around).unwrap_or_default();
        wanted.extend(self.pictures.shown.iter().cloned());
        wanted
    }

    fn read_picture(&self, source: String) -> Pending<Option<Image>> {
        let root = self.project().map(|project| project.root.clone()).unwrap_or_default();
        self.background.read(Lane::Page, move |reader| {
            let bytes = match note::kept(&source) {
                Some(picture) => Some(reader.picture(&picture)?),
                None => {
                    lab_engine::picture_file(&Path::new(&root).join(source.strip_prefix("file://").unwrap_or(&source)))?
                }
            };
            let image = bytes.and_then(|bytes| Image::read(source, &bytes));
            Ok(image.map(|image| image.within(SIDE_MAX)))
        })
    }
}

/// Where the pictures of a note are.
fn sources(text: &str) -> impl Iterator<Item = String> {
    let picture = |piece| match piece {
        Piece::Picture { source, .. } => Some(source.to_owned()),
        Piece::Words(_) | Piece::Chart(_) => None,
    };
    pieces(text).into_iter().filter_map(picture)
}
