//! `lab show`: one run.

use lab_engine::{LogLine, Result};
use lab_view::{Log, format, show};

use crate::context::Context;
use crate::{sanitize, select};

/// The arguments of `lab show`.
#[derive(clap::Args, Debug)]
pub struct Show {
    /// The run
    #[arg(default_value = "@")]
    run: String,
    /// Its log
    #[arg(long, conflicts_with = "traceback")]
    log: bool,
    /// Each log line with its time since the start and its stream
    #[arg(long, requires = "log")]
    times: bool,
    /// Its traceback
    #[arg(long)]
    traceback: bool,
}

impl Show {
    /// Prints the run.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let reader = context.reader()?;
        let row = select::run(context, &reader, &self.run)?;
        if self.log {
            return self.print_log(context, &reader.log(&row)?);
        }
        let key = show::Key { run: row.start.run, moment: context.moment()? };
        let page = show::load(&reader, &key)?;
        if self.traceback {
            if context.global.json {
                context.print_json(&page.failure)?;
            } else {
                let text = sanitize::lines(page.failure.0.trim_end());
                context.print_text(&if text.is_empty() { text } else { text + "\n" })?;
            }
            return Ok(0);
        }
        context.print(&page)?;
        Ok(0)
    }

    fn print_log(&self, context: &Context, lines: &[LogLine]) -> Result<u8> {
        if context.global.json {
            let line =
                |line: &LogLine| serde_json::json!({"millis": line.millis, "stream": line.stream, "text": line.text});
            context.print_json(&lines.iter().map(line).collect::<Vec<_>>())?;
            return Ok(0);
        }
        let line = |line: &LogLine| {
            let text = sanitize::log(&line.text, true);
            if self.times { format!("{:>12} {:3} {text}", format::duration(line.millis), line.stream) } else { text }
        };
        let log = Log(lines.iter().map(line).collect());
        context.print_text(&log.0.iter().map(|line| format!("{line}\n")).collect::<String>())?;
        Ok(0)
    }
}
