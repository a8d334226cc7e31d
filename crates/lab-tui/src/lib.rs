//! The notebook in a terminal: paints what the session of `lab-view` holds, and tells it what a person did.
//!
//! One file for each place, named as in `lab-view`; `theme` is the one table from tones to colours,
//! `text` the one way for text from outside to the screen. This crate never reads a notebook, never
//! computes what a page says, and sends the terminal no control but its own.

mod ansi;
mod blocks;
mod charts;
mod compare;
mod dialog;
mod diff;
mod events;
mod files;
mod frame;
mod health;
mod keys;
mod log;
mod markdown;
mod notes;
mod picture;
mod projects;
mod restore;
mod run;
mod runs;
mod search;
mod table;
mod terminal;
mod text;
mod theme;

use lab_engine::{EngineConfig, Result};
use lab_model::Project;
use lab_view::session::Session;
use ratatui::buffer::Buffer;
use ratatui::layout::Rect;

use frame::{Paint, Splits};
use picture::Graphics;

pub use theme::{Depth, Theme};

/// What would be on a screen of so many columns and rows, as lines of text without colours: for tests and
/// documentation. `settle` lets the session take in what other threads read.
pub fn shot(
    session: &mut Session,
    theme: &Theme,
    columns: u16,
    rows: u16,
    settle: &mut dyn FnMut(&mut Session),
) -> String {
    let area = Rect::new(0, 0, columns, rows);
    // A frame finds out how much room there is; after a few frames nothing is wished for any more.
    for _ in 0..MOST_FRAMES {
        settle(session);
        let mut buffer = Buffer::empty(area);
        let (mut zones, mut wishes, mut placed) = (Vec::new(), Vec::new(), Vec::new());
        let (splits, mut handles) = (Splits::default(), Vec::new());
        let mut paint = Paint {
            buffer: &mut buffer,
            theme,
            session,
            zones: &mut zones,
            wishes: &mut wishes,
            placed: &mut placed,
            graphics: Graphics::Blocks,
            cursor: None,
            splits: &splits,
            handles: &mut handles,
        };
        frame::paint(&mut paint, area);
        if wishes.is_empty() {
            return text_of(&buffer);
        }
        wishes.into_iter().for_each(|wish| session.act(wish));
    }
    "The frame wishes for something else again and again".to_owned()
}

/// More frames than this are never needed until a screen is right.
const MOST_FRAMES: usize = 10;

fn text_of(buffer: &Buffer) -> String {
    let mut text = String::new();
    for y in buffer.area.top()..buffer.area.bottom() {
        let mut line = String::new();
        let mut x = buffer.area.left();
        while x < buffer.area.right() {
            let symbol = buffer[(x, y)].symbol();
            line.push_str(symbol);
            x += text::width(symbol).max(1) as u16;
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Opens the notebook on the terminal and stays until the person leaves.
///
/// # Errors
/// [`lab_engine::ErrorKind::Usage`] when there is no terminal.
pub fn open(config: EngineConfig, project: Option<Project>, theme: Theme) -> Result<()> {
    events::Interface::start(config, project, theme)?.run()
}
