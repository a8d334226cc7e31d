//! `lab note`: a person's words on a run.

use std::io::{IsTerminal, Read};
use std::path::Path;

use lab_engine::{Error, ErrorKind, Result};
use lab_model::{Change, NoteKind, Target};
use serde_json::json;

use crate::context::Context;
use crate::{error, select};

/// The arguments of `lab note`.
#[derive(clap::Args, Debug)]
pub struct Note {
    /// The run
    run: String,
    /// The words, Markdown; `-` reads them from standard input
    text: Vec<String>,
    /// They say why the run was made
    #[arg(long, conflicts_with = "outcome")]
    reason: bool,
    /// They say what came of it
    #[arg(long)]
    outcome: bool,
    /// Write them in $VISUAL or $EDITOR
    #[arg(long, short)]
    edit: bool,
}

impl Note {
    /// Writes the note down.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let row = select::run(context, &context.reader()?, &self.run)?;
        let kind = match (self.reason, self.outcome) {
            (true, _) => NoteKind::Reason,
            (_, true) => NoteKind::Outcome,
            _ => NoteKind::Note,
        };
        let before = row.notes.iter().rev().find(|(_, found, _)| *found == kind).map(|(_, _, text)| text.as_str());
        let text = self.words(context, before.or(row.start.reason.as_deref().filter(|_| self.reason)))?;
        if text.trim().is_empty() {
            return Err(error::usage("There are no words to note")
                .hint("give them as arguments, with `-` from standard input, or use --edit"));
        }
        let text = text.trim_end().to_owned();
        let target = Target::Run(row.start.run.clone());
        context.engine()?.edit(vec![(target, Change::Note { kind, text: text.clone() })])?;
        if context.global.json {
            context.print_json(&json!({ "run": row.start.run, "kind": kind, "text": text }))?;
        } else {
            context.say(&format!("noted on {}", select::label(&row)));
        }
        Ok(0)
    }

    fn words(&self, context: &Context, before: Option<&str>) -> Result<String> {
        if self.edit || (self.text.is_empty() && std::io::stdin().is_terminal()) {
            return edit(context, before.unwrap_or_default());
        }
        if self.text.is_empty() || self.text == ["-"] {
            let mut text = String::new();
            std::io::stdin()
                .read_to_string(&mut text)
                .map_err(|source| Error::new(ErrorKind::Disk, "Could not read standard input").because(source))?;
            return Ok(text);
        }
        Ok(self.text.join(" "))
    }
}

/// Lets the person write in their editor.
fn edit(context: &Context, before: &str) -> Result<String> {
    let config = context.config()?;
    let variable = |name: &str| config.variable(name).filter(|value| !value.is_empty()).map(str::to_owned);
    let editor = variable("VISUAL")
        .or_else(|| variable("EDITOR"))
        .ok_or_else(|| error::usage("No editor is set").hint("set $EDITOR, or give the words as arguments"))?;
    let place = variable("TMPDIR").unwrap_or_else(|| "/tmp".to_owned());
    let path = Path::new(&place).join(format!("lab-note-{}.md", rustix::process::getpid().as_raw_nonzero()));
    let failed = |source| Error::disk("write", &path, source);
    // A file that is there already may be somebody's trap.
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).open(&path).map_err(failed)?;
    std::io::Write::write_all(&mut file, before.as_bytes()).map_err(failed)?;
    drop(file);
    // As Git does it: the shell takes the editor's own arguments apart.
    let status =
        std::process::Command::new("/bin/sh").args(["-c", &format!("{editor} \"$1\""), "sh"]).arg(&path).status();
    let text = std::fs::read_to_string(&path).map_err(|source| Error::disk("read", &path, source));
    // It lies in the directory for temporary files; should it stay, nothing depends on it.
    let _ = std::fs::remove_file(&path);
    match status {
        Ok(status) if status.success() => text,
        Ok(_) => Err(Error::new(ErrorKind::Canceled, "The editor ended with an error; nothing was noted")),
        Err(source) => Err(Error::new(ErrorKind::Missing, "Could not start the editor").because(source)),
    }
}
