//! The notebook in a terminal: paints what the session of `lab-view` holds, and tells it what a person did.
//!
//! One file for each place, named as in `lab-view`; [`theme`] is the one table from tones to colours,
//! [`text`] the one way for text from outside to the screen. This crate never reads a notebook, never
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
mod notes;
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

pub use theme::{Depth, Theme};

/// One frame as text, line by line, as a terminal of this size would show it: for tests and documentation. What the
/// painter finds out about the room is told to the session, as in the running interface.
pub fn picture(session: &mut Session, theme: &Theme, columns: u16, rows: u16) -> String {
    let area = Rect::new(0, 0, columns, rows);
    loop {
        let mut buffer = Buffer::empty(area);
        let (mut zones, mut wishes) = (Vec::new(), Vec::new());
        let mut paint =
            frame::Paint { buffer: &mut buffer, theme, session, zones: &mut zones, wishes: &mut wishes, cursor: None };
        frame::paint(&mut paint, area);
        if wishes.is_empty() {
            return lines(&buffer);
        }
        wishes.into_iter().for_each(|wish| session.act(wish));
    }
}

fn lines(buffer: &Buffer) -> String {
    let row = |y: u16| {
        let mut text = String::new();
        let mut covered = 0;
        for x in 0..buffer.area.width {
            let symbol = buffer[(x, y)].symbol();
            // A wide letter stands in the first of its two cells.
            if covered == 0 {
                text.push_str(symbol);
                covered = text::width(symbol).max(1);
            }
            covered -= 1;
        }
        text.trim_end().to_owned() + "\n"
    };
    (0..buffer.area.height).map(row).collect()
}

/// Opens the notebook on the terminal and stays until the person leaves.
///
/// # Errors
/// [`lab_engine::ErrorKind::Usage`] when there is no terminal.
pub fn open(config: EngineConfig, project: Option<Project>, theme: Theme) -> Result<()> {
    events::Interface::start(config, project, theme)?.run()
}
