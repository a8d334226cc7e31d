//! The terminal itself: taken over, given back, also after a panic.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crossterm::event::{DisableBracketedPaste, DisableMouseCapture, EnableBracketedPaste, EnableMouseCapture};
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen};
use crossterm::{cursor, execute, terminal};
use lab_engine::{Error, ErrorKind, Result};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// The terminal while it is ours; given back when this goes.
pub struct Screen {
    terminal: Terminal<CrosstermBackend<Wire>>,
    wire: Wire,
}

/// A frame on its way to the terminal: all of it is sent at once.
#[derive(Clone, Default)]
struct Wire(Arc<Mutex<Vec<u8>>>);

/// Between these a terminal that knows synchronized output shows nothing half done; others pass over them.
const BEGIN: &[u8] = b"\x1b[?2026h";
const END: &[u8] = b"\x1b[?2026l";
/// What a frame without any change comes to: the cursor, which is hidden already.
const NOTHING: &[u8] = b"\x1b[?25l";

impl Wire {
    fn send(&self) -> std::io::Result<()> {
        let bytes = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        if bytes.is_empty() || bytes == NOTHING {
            return Ok(());
        }
        let mut out = std::io::stdout().lock();
        out.write_all(&[BEGIN, &bytes, END].concat())?;
        out.flush()
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A terminal that does not answer within this time does not know the question.
const PATIENCE: Duration = Duration::from_millis(200);

fn fail(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::new(ErrorKind::Disk, "Could not use the terminal").because(error)
}

impl Screen {
    /// Takes the terminal over.
    ///
    /// # Errors
    /// [`ErrorKind::Usage`] when standard input or output is none.
    pub fn take() -> Result<Self> {
        if !std::io::stdin().is_terminal() || !std::io::stdout().is_terminal() {
            return Err(Error::new(ErrorKind::Usage, "`lab tui` needs a terminal")
                .hint("`lab ls`, `lab show` and `lab compare` print the same pages"));
        }
        give_back_on_panic();
        enter().map_err(fail)?;
        let wire = Wire::default();
        let terminal = Terminal::new(CrosstermBackend::new(wire.clone())).map_err(fail)?;
        Ok(Self { terminal, wire })
    }

    /// Paints a frame; only what changed is sent.
    pub fn paint(&mut self, paint: impl FnOnce(&mut ratatui::Frame<'_>)) -> Result<()> {
        self.terminal.draw(paint).map_err(fail)?;
        self.wire.send().map_err(fail)
    }

    /// Puts something on top of the frame at a place, and leaves the cursor where it is.
    pub fn put(&mut self, x: u16, y: u16, sequence: &str) -> Result<()> {
        write!(self.wire, "\u{1b}7\u{1b}[{};{}H{sequence}\u{1b}8", y + 1, x + 1)
            .and_then(|()| self.wire.send())
            .map_err(fail)
    }

    /// Asks the terminal something; its answer until it is whole, or what has come of it after some time.
    pub fn ask(&mut self, question: &str, is_whole: fn(&str) -> bool) -> Result<String> {
        let mut out = std::io::stdout().lock();
        out.write_all(question.as_bytes()).and_then(|()| out.flush()).map_err(fail)?;
        drop(out);
        let is_whole = |bytes: &[u8]| is_whole(&String::from_utf8_lossy(bytes));
        Ok(String::from_utf8_lossy(&lab_engine::terminal_answer(&is_whole, PATIENCE)).into_owned())
    }

    /// The size of a cell in pixels, as the terminal says; a usual one where it does not.
    pub fn cell(&self) -> (u16, u16) {
        let size = terminal::window_size().ok();
        let size = size.filter(|size| size.width > 0 && size.height > 0 && size.columns > 0 && size.rows > 0);
        size.map_or((10, 20), |size| (size.width / size.columns, size.height / size.rows))
    }

    /// Everything is sent again at the next frame.
    pub fn forget(&mut self) -> Result<()> {
        // `clear` would ask the terminal where its cursor is, and some do not answer.
        let size = self.terminal.size().map_err(fail)?;
        self.terminal.resize(size.into()).map_err(fail)
    }

    /// Gives the terminal back for a while: to an editor, or to the shell.
    pub fn lend<T>(&mut self, meanwhile: impl FnOnce() -> T) -> Result<T> {
        leave();
        let result = meanwhile();
        enter().map_err(fail)?;
        self.forget()?;
        Ok(result)
    }

    /// Puts text on the clipboard of the person's own machine, also over ssh (OSC 52 of xterm's control sequences).
    pub fn copy(&mut self, text: &str) -> Result<()> {
        let sequence = format!("\u{1b}]52;c;{}\u{7}", base64(text.as_bytes()));
        let mut out = std::io::stdout().lock();
        out.write_all(sequence.as_bytes()).and_then(|()| out.flush()).map_err(fail)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        leave();
    }
}

fn enter() -> std::io::Result<()> {
    terminal::enable_raw_mode()?;
    execute!(std::io::stdout(), EnterAlternateScreen, EnableMouseCapture, EnableBracketedPaste, cursor::Hide)
}

fn leave() {
    // Nothing can be done where this fails: the terminal is gone.
    let _ = execute!(std::io::stdout(), cursor::Show, DisableBracketedPaste, DisableMouseCapture, LeaveAlternateScreen);
    let _ = terminal::disable_raw_mode();
}

/// The message of a panic must be readable, and the shell usable.
fn give_back_on_panic() {
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        leave();
        before(panic);
    }));
}

/// Bytes as letters (RFC 4648).
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let bits = group.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - group.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place) & 63) as usize];
            text.push(if place <= group.len() { letter as char } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #[test]
    fn base64_as_rfc_4648_has_it() {
        for (plain, coded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")] {
            assert_eq!(super::base64(plain.as_bytes()), coded);
        }
    }
}
