//! Progress bars on standard error: only in a terminal, only when something takes long.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::context::Context;

/// What a bar counts.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Bytes.
    Bytes,
    /// Files.
    Files,
}

/// Nothing is shown before this much time has gone.
const PATIENCE: Duration = Duration::from_millis(500);

/// Shows how long work goes on.
pub struct Progress {
    title: &'static str,
    unit: Unit,
    started: Instant,
    wanted: bool,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// A bar that is not shown yet.
    pub fn new(context: &Context, title: &'static str, unit: Unit) -> Self {
        let wanted = !context.global.quiet && !context.global.json && std::io::stderr().is_terminal();
        Self { title, unit, started: Instant::now(), wanted, bar: None }
    }

    /// Says how far it is.
    pub fn set(&mut self, done: u64, total: u64) {
        if !self.wanted || (self.bar.is_none() && self.started.elapsed() < PATIENCE) {
            return;
        }
        let (title, unit) = (self.title, self.unit);
        let bar = self.bar.get_or_insert_with(|| bar(title, unit));
        bar.set_length(total.max(done));
        bar.set_position(done);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar(title: &'static str, unit: Unit) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(10));
    let template = match unit {
        Unit::Bytes => "{msg} [{bar:24}] {decimal_bytes}/{decimal_total_bytes} {eta} left",
        Unit::Files => "{msg} [{bar:24}] {human_pos}/{human_len} {eta} left",
    };
    let style = ProgressStyle::with_template(template).expect("because the template is fixed and tested");
    bar.set_style(style.progress_chars("=> "));
    bar.set_message(title);
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_templates_are_valid() {
        drop(bar("x", Unit::Bytes));
        drop(bar("x", Unit::Files));
    }
}
