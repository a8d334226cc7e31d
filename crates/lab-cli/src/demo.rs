//! `lab demo`: a small real experiment, run, compared and restored.
//!
//! Everything goes through the very same path as `lab run` and `lab restore`; nothing is staged.

mod script;
mod tree;

use std::path::{Path, PathBuf};

use lab_engine::{
    Engine, EngineConfig, Error, ErrorKind, Reader, RestoreOptions, RestoreTarget, Result, RunRequest, RunRow,
};
use lab_model::{Project, RunId};
use lab_view::coverage::CoveragePage;
use lab_view::format::Moment;
use lab_view::{Tone, compare, runs, show};
use serde_json::json;

use crate::context::Context;
use crate::{paint, select};
use script::Step;
use tree::Tree;

/// The arguments of `lab demo`.
#[derive(clap::Args, Debug)]
#[command(after_help = "The demo keeps a notebook of its own in DIR/notebook; yours is not touched.")]
pub struct Demo {
    /// A directory that is new or empty
    #[arg(default_value = "lab-demo", value_hint = clap::ValueHint::DirPath)]
    directory: PathBuf,
}

/// A run of the demo and a copy of its files taken just before it.
struct Kept {
    run: RunId,
    copy: Tree,
}

impl Demo {
    /// Shows everything.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let mut config = context.config()?;
        need_python(&config)?;
        let directory = config.cwd.join(&self.directory);
        let project_dir = directory.join("project");
        refuse_full(&directory)?;
        std::fs::create_dir_all(&project_dir).map_err(|error| Error::disk("create", &project_dir, error))?;
        script::write_project(&project_dir)?;
        config.notebook = directory.join("notebook");
        config.cwd.clone_from(&project_dir);
        std::env::set_current_dir(&project_dir).map_err(|error| Error::disk("enter", &project_dir, error))?;
        let engine = Engine::open(config)?;
        let (project, _) = engine.init(&project_dir, Some("penguins"))?;
        let stage = Stage { context, engine, project, directory: project_dir };
        stage.play(&directory)
    }
}

/// The experiment is written in Python.
fn need_python(config: &EngineConfig) -> Result<()> {
    let path = config.variable("PATH").unwrap_or("/usr/local/bin:/usr/bin:/bin");
    let found = std::env::split_paths(path).map(|directory| directory.join("python3")).find(|path| path.is_file());
    found.map(|_| ()).ok_or_else(|| {
        Error::new(ErrorKind::Missing, "The demo's experiment needs Python 3, and there is no python3 on the PATH")
            .hint("install Python 3 (Debian: apt install python3), or go on with your own program: lab run -- COMMAND")
    })
}

fn refuse_full(directory: &Path) -> Result<()> {
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries.count(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => 0,
        Err(error) => return Err(Error::disk("read", directory, error)),
    };
    if entries == 0 {
        return Ok(());
    }
    let shown = crate::sanitize::line(&directory.to_string_lossy());
    Err(crate::error::usage(format!("The demo wants a directory that is new or empty: {shown}"))
        .hint("name another one: lab demo DIR"))
}

/// Where the demo takes place.
struct Stage<'a> {
    context: &'a Context,
    engine: Engine,
    project: Project,
    directory: PathBuf,
}

impl Stage<'_> {
    fn play(&self, home: &Path) -> Result<u8> {
        self.heading("A real experiment: which species is a penguin?");
        self.tell("344 penguins, a trainer in plain Python, a config file. Each step changes one thing and runs it.\n");
        let mut kept = Vec::new();
        for step in script::STEPS {
            kept.push(self.step(&step)?);
        }
        let reader = self.engine.reader()?;
        self.show_list(&reader)?;
        self.show_comparison(&reader, &kept)?;
        self.show_coverage(&reader, &kept)?;
        let new_folder = self.prove_copy(&reader, &kept[1], home)?;
        self.prove_in_place(&reader, &kept[1])?;
        self.say_next(home)?;
        if self.context.global.json {
            let runs: Vec<&str> = kept.iter().map(|kept| kept.run.as_str()).collect();
            let value = json!({
                "notebook": home.join("notebook"), "project": self.directory, "runs": runs,
                "restored_to": new_folder, "identical": true,
            });
            self.context.print_json(&value)?;
        }
        Ok(0)
    }

    fn moment(&self) -> Moment {
        Moment::local(self.engine.now())
    }

    fn heading(&self, text: &str) {
        let style = anstyle::Style::new().bold();
        self.tell(&format!("{style}── {text}{style:#}"));
    }

    /// Prints text, unless JSON is wanted; a broken pipe ends nothing.
    fn tell(&self, text: &str) {
        if !self.context.global.json {
            let _ = self.context.print_text(&format!("{text}\n"));
        }
    }

    fn page<P: lab_view::Blocks>(&self, page: &P) {
        self.tell(&paint::page(page, &paint::Style::of_stdout()));
    }

    /// Edits, copies the files aside, runs.
    fn step(&self, step: &Step) -> Result<Kept> {
        step.apply(&self.directory)?;
        let copy = Tree::read(&self.directory)?;
        let style = paint::tone(Tone::Accent);
        self.tell(&format!("{}\n{style}$ lab run -- python3 train.py{style:#}", step.title));
        let request = RunRequest {
            argv: vec!["python3".into(), "train.py".into()],
            reason: Some(step.title.to_owned()),
            tags: step.tags.iter().map(|tag| (*tag).to_owned()).collect(),
            project: Some(self.directory.clone()),
            ..RunRequest::default()
        };
        let outcome = self.engine.run(&request, &mut |_| ())?;
        for warning in &outcome.warnings {
            self.context.warn(&crate::sanitize::line(warning));
        }
        if (outcome.exit_code != 0) != step.fails {
            let message = format!("The demo's run ended with exit code {}: {}", outcome.exit_code, step.title);
            return Err(Error::new(ErrorKind::Bug, message).hint("what it printed stands above"));
        }
        let run = outcome.run.ok_or_else(|| Error::new(ErrorKind::Disk, "The demo's run could not be kept"))?;
        let reader = self.engine.reader()?;
        let row = self.row(&reader, &run)?;
        let headline = show::headline(&reader, &row, reader.base_of(&row)?.as_ref())?;
        let muted = paint::tone(Tone::Muted);
        self.tell(&format!("{muted}kept as{muted:#} {}\n{}\n", select::label(&row), paint::sentence(&headline)));
        Ok(Kept { run, copy })
    }

    fn row(&self, reader: &Reader, run: &RunId) -> Result<RunRow> {
        reader.run(run)?.ok_or_else(|| Error::new(ErrorKind::Bug, format!("The run {run} is not in the notebook")))
    }

    fn show_list(&self, reader: &Reader) -> Result<()> {
        self.heading("lab ls");
        let key = runs::Key {
            project: Some(self.project.id.clone()),
            query: String::new(),
            offset: 0,
            limit: None,
            all: false,
            moment: self.moment(),
        };
        self.page(&runs::load(reader, &key)?);
        Ok(())
    }

    /// The step from the second run to the third is the one that helped.
    fn show_comparison(&self, reader: &Reader, kept: &[Kept]) -> Result<()> {
        let (left, right) = (self.row(reader, &kept[1].run)?, self.row(reader, &kept[2].run)?);
        self.heading(&format!("lab diff {} {}", left.name, right.name));
        let key = compare::Key {
            left: compare::Which::Run(left.start.run),
            right: compare::Which::Run(right.start.run),
            only: Vec::new(),
            moment: self.moment(),
        };
        self.page(&compare::load(reader, &key)?);
        Ok(())
    }

    fn show_coverage(&self, reader: &Reader, kept: &[Kept]) -> Result<()> {
        self.heading("lab coverage");
        let last = self.row(reader, &kept[kept.len() - 1].run)?;
        if let Some(snapshot) = last.start.snapshot {
            self.page(&CoveragePage::of(&reader.snapshot(&snapshot)?));
        }
        Ok(())
    }

    /// Restores an old state to a new directory and compares it with the copy, byte for byte.
    fn prove_copy(&self, reader: &Reader, kept: &Kept, home: &Path) -> Result<PathBuf> {
        let row = self.row(reader, &kept.run)?;
        let destination = home.join("restored");
        self.heading(&format!("lab restore {} --to {}", row.name, destination.display()));
        let snapshot = row.start.snapshot.ok_or_else(|| Error::new(ErrorKind::Bug, "The run has no snapshot"))?;
        self.engine.restore_to(&snapshot, &destination, &[], &mut |_, _| (), &|| false)?;
        let files = kept.copy.check_same(&Tree::read(&destination)?)?;
        let good = paint::tone(Tone::Good);
        self.tell(&format!(
            "{good}byte-identical{good:#} to the copy taken at run time: {files} files, names, contents, modes, times\n"
        ));
        Ok(destination)
    }

    /// Restores the same state in place, proves it, and takes it back.
    fn prove_in_place(&self, reader: &Reader, kept: &Kept) -> Result<()> {
        let row = self.row(reader, &kept.run)?;
        let present = Tree::read(&self.directory)?;
        self.heading(&format!("lab restore {}", row.name));
        let target = RestoreTarget::Run(kept.run.clone());
        let options = RestoreOptions::default();
        let plan = self.engine.plan_restore(&self.project, &target, &options, &mut |_, _| ())?;
        let label = select::label(&row);
        self.page(&lab_view::restore::page(&plan, &label));
        let outcome = self.engine.apply_restore(&plan, &mut |_, _| (), &|| false)?;
        self.page(&lab_view::restore::done(&outcome, &plan, &label));
        let files = kept.copy.check_within(&Tree::read(&self.directory)?)?;
        let good = paint::tone(Tone::Good);
        self.tell(&format!("{good}byte-identical{good:#} again: {files} files\n"));
        self.heading("lab undo");
        let plan = self.engine.plan_undo(&self.project, &mut |_, _| ())?;
        self.engine.apply_restore(&plan, &mut |_, _| (), &|| false)?;
        present.check_same(&Tree::read(&self.directory)?)?;
        self.tell(&format!("{good}exactly as before{good:#}\n"));
        Ok(())
    }

    fn say_next(&self, home: &Path) -> Result<()> {
        self.heading("What to try next");
        let shown = |path: &Path| lab_view::format::command(&[path.to_string_lossy().into_owned()]);
        let (project, notebook) = (shown(&self.directory), shown(&home.join("notebook")));
        self.tell(&format!(
            "  cd {project}\n  export LAB_NOTEBOOK={notebook}\n\n  \
             lab ls                        the runs again\n  \
             lab show @-1                  the run that failed, its traceback first\n  \
             lab diff tag:baseline @       the first run against the last\n  \
             lab grep standardise          every run whose code holds the word\n  \
             lab run -- python3 train.py --lr 0.01\n\n\
             Then, in a project of your own and with `unset LAB_NOTEBOOK`:  lab run -- COMMAND"
        ));
        Ok(())
    }
}
