//! What all commands share: the options, the notebook, and a place to print.

use std::cell::OnceCell;
use std::io::{IsTerminal, Write};

use anstream::{AutoStream, ColorChoice};
use lab_engine::{Engine, EngineConfig, Error, ErrorKind, Reader, Result};
use lab_model::Project;
use lab_view::Blocks;
use lab_view::format::Moment;
use serde::Serialize;

use crate::cli::{Global, When};
use crate::paint;

/// What all commands share.
pub struct Context {
    /// The shared options.
    pub global: Global,
    engine: OnceCell<Engine>,
}

impl Context {
    /// Takes the options; opens nothing.
    pub fn new(global: &Global) -> Result<Self> {
        if let Some(directory) = &global.work_in {
            std::env::set_current_dir(directory).map_err(|error| Error::disk("enter", directory, error))?;
        }
        match global.color {
            When::Auto => {}
            When::Always => ColorChoice::Always.write_global(),
            When::Never => ColorChoice::Never.write_global(),
        }
        Ok(Self { global: global.clone(), engine: OnceCell::new() })
    }

    /// What enters from outside.
    pub fn config(&self) -> Result<EngineConfig> {
        EngineConfig::from_system(self.global.notebook.clone())
    }

    /// The notebook, which must be there already.
    pub fn engine(&self) -> Result<&Engine> {
        self.open(Engine::open_existing)
    }

    /// The notebook, made when it is missing.
    pub fn engine_or_new(&self) -> Result<&Engine> {
        self.open(Engine::open)
    }

    fn open(&self, open: fn(EngineConfig) -> Result<Engine>) -> Result<&Engine> {
        if self.engine.get().is_none() {
            let engine = open(self.config()?)?;
            for warning in engine.warnings() {
                self.warn(&warning);
            }
            // The cell was empty a moment ago, and nobody else is here.
            let _ = self.engine.set(engine);
        }
        Ok(self.engine.get().expect("because it was set just now"))
    }

    /// A reader of the notebook.
    pub fn reader(&self) -> Result<Reader> {
        self.engine()?.reader()
    }

    /// Now, told in the reader's time zone.
    pub fn moment(&self) -> Result<Moment> {
        Ok(Moment::local(self.engine()?.now()))
    }

    /// The project that holds the working directory.
    pub fn project(&self) -> Result<Option<Project>> {
        let engine = self.engine()?;
        engine.project_of(&engine.config().cwd)
    }

    /// The project that holds the working directory, without which the command makes no sense.
    pub fn need_project(&self) -> Result<Project> {
        self.project()?.ok_or_else(|| {
            Error::new(ErrorKind::Missing, "This directory belongs to no project")
                .hint("`lab init` makes it one; `lab projects` lists those there are; -C DIR works elsewhere")
        })
    }

    /// Prints a page, or its JSON.
    pub fn print<P: Blocks + Serialize>(&self, page: &P) -> Result<()> {
        self.print_in(page, &paint::Style::of_stdout())
    }

    /// Prints a page in this style, or its JSON.
    pub fn print_in<P: Blocks + Serialize>(&self, page: &P, style: &paint::Style) -> Result<()> {
        if self.global.json {
            return self.print_json(page);
        }
        self.print_text(&paint::page(page, style))
    }

    /// Prints any value as JSON.
    pub fn print_json(&self, value: &impl Serialize) -> Result<()> {
        let text = serde_json::to_string_pretty(value)
            .map_err(|error| Error::new(ErrorKind::Bug, "Could not write JSON").because(error))?;
        self.print_text(&format!("{text}\n"))
    }

    /// Prints text that may hold styles; they are dropped where they do not belong.
    pub fn print_text(&self, text: &str) -> Result<()> {
        let mut out = AutoStream::new(std::io::stdout().lock(), color_choice(&std::io::stdout()));
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(crate::error::output)
    }

    /// Prints bytes as they are.
    pub fn print_bytes(&self, bytes: &[u8]) -> std::io::Result<()> {
        std::io::stdout().lock().write_all(bytes)
    }

    /// Tells the person something beside the output, unless quiet.
    pub fn say(&self, text: &str) {
        if !self.global.quiet {
            self.tell(text);
        }
    }

    /// Warns the person, quiet or not.
    pub fn warn(&self, text: &str) {
        let style = paint::tone(lab_view::Tone::Warn);
        self.tell(&format!("{style}warning{style:#}: {text}"));
    }

    fn tell(&self, text: &str) {
        let mut out = AutoStream::new(std::io::stderr().lock(), color_choice(&std::io::stderr()));
        // Where standard error is closed there is nobody to tell.
        let _ = writeln!(out, "{text}");
    }
}

/// Whether colours go to this stream: `--color`, then `NO_COLOR` and the like, then the terminal.
pub fn color_choice<S: IsTerminal + anstream::stream::RawStream>(stream: &S) -> ColorChoice {
    match ColorChoice::global() {
        ColorChoice::Auto => AutoStream::choice(stream),
        choice => choice,
    }
}
