//! A notebook in trouble: the window says so, goes on, and loses nothing.

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use crate::stage::{Stage, config};
use egui_kittest::kittest::Queryable;
use lab_engine::Engine;
use lab_model::{Change, NoteKind, RunId, Target};
use lab_testkit::{Small, small_notebook, small_project};
use lab_view::ActionId;
use lab_view::session::{Action, DialogAction, Route};

const SIZE: [f32; 2] = [1280.0, 800.0];

/// Every place can be gone to, and is painted.
fn walk(stage: &mut Stage, run: &RunId) {
    let places = [Route::Projects, Route::Runs, Route::Notes, Route::Search, Route::Health, Route::Run(run.clone())];
    for route in places {
        stage.act(Action::Go(route.clone()));
        stage.act(Action::Dialog(DialogAction::Close));
        assert!(!stage.painted().trim().is_empty(), "nothing is painted in {route:?}");
    }
    stage.act(Action::Go(Route::Runs));
}

fn star(stage: &mut Stage) {
    stage.act(Action::Go(Route::Runs));
    stage.act(Action::Do(ActionId::Star));
}

#[test]
fn a_damaged_index_is_said_and_can_be_made_anew() {
    let small = small_notebook();
    let (notebook, project, run) = (small.notebook(), small.project.clone(), small.runs[0].clone());
    for end in ["notebook.db-wal", "notebook.db-shm"] {
        let _ = std::fs::remove_file(notebook.join(end));
    }
    std::fs::write(notebook.join("notebook.db"), b"no database at all".repeat(1000)).unwrap();
    let mut stage = Stage::on(config(&notebook), Some(project), small, SIZE);
    assert!(stage.told().contains("cannot be used"), "{}", stage.told());
    walk(&mut stage, &run);
    stage.act(Action::Go(Route::Health));
    stage.press("Start: Rebuild index");
    assert!(stage.told().contains("The index is new"), "{}", stage.told());
    stage.act(Action::Go(Route::Runs));
    assert!(stage.told().contains("brave-otter"), "{}", stage.told());
}

#[test]
fn a_notebook_that_goes_away_is_said_and_comes_back() {
    let small = small_notebook();
    let (notebook, project, run) = (small.notebook(), small.project.clone(), small.runs[0].clone());
    let mut stage = Stage::on(config(&notebook), Some(project), small, SIZE);
    let away = notebook.with_file_name("away");
    std::fs::rename(&notebook, &away).unwrap();
    star(&mut stage);
    assert!(!stage.session().notices().is_empty());
    walk(&mut stage, &run);
    std::fs::rename(&away, &notebook).unwrap();
    star(&mut stage);
    assert!(stage.told().contains("brave-otter"), "{}", stage.told());
}

/// Another process that holds the index for writing until its input ends.
fn holder(notebook: &Path) -> Option<Child> {
    let script = "import sqlite3, sys\n\
                  c = sqlite3.connect(sys.argv[1], isolation_level=None)\n\
                  c.execute('BEGIN IMMEDIATE')\nprint('held', flush=True)\nsys.stdin.read()";
    let mut command = Command::new("python3");
    command.args(["-c", script]).arg(notebook.join("notebook.db")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().ok()?;
    let mut line = String::new();
    BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
    (line == "held\n").then_some(child)
}

#[test]
fn what_another_process_holds_is_written_when_it_lets_go() {
    let small = small_notebook();
    let (notebook, project, run) = (small.notebook(), small.project.clone(), small.runs[0].clone());
    let mut stage = Stage::on(config(&notebook), Some(project), small, SIZE);
    let Some(mut holder) = holder(&notebook) else {
        println!("skipped: python3 is not here to hold the notebook");
        return;
    };
    let session = stage.harness.state_mut().session_mut();
    session.act(Action::Do(ActionId::Star));
    // The window goes on: everything can be read, and what is asked for waits.
    for route in [Route::Notes, Route::Health, Route::Run(run), Route::Runs] {
        stage.harness.state_mut().session_mut().act(Action::Go(route));
        stage.harness.run_steps(2);
    }
    assert!(!stage.session().jobs().is_empty());
    holder.stdin.take().unwrap().flush().unwrap();
    holder.wait().unwrap();
    stage.settle();
    assert!(stage.session().notices().is_empty(), "{}", stage.told());
    let starred = stage.session().runs.page().unwrap().at(0).unwrap().starred;
    assert!(starred, "{}", stage.told());
}

/// A small file system of its own with the notebook on it; `None` where this user cannot mount one.
struct Mounted(PathBuf);

impl Mounted {
    fn with(small: &Small, size: &str) -> Option<Self> {
        let place = small.notebook().with_file_name("mounted");
        std::fs::create_dir_all(&place).expect("a place to mount at");
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "lab-test"]).arg(&place);
        if !mount.stderr(Stdio::null()).status().ok()?.success() {
            println!("skipped: mounting a small file system is not allowed here");
            return None;
        }
        let copied = Command::new("cp").arg("-a").arg(small.notebook()).arg(&place).status().expect("cp");
        assert!(copied.success());
        Some(Self(place))
    }

    fn notebook(&self) -> PathBuf {
        self.0.join("notebook")
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_full_disk_is_said_and_what_was_written_stays_a_draft() {
    let small = small_notebook();
    let Some(mounted) = Mounted::with(&small, "4m") else { return };
    let (project, run) = (small.project.clone(), small.runs[0].clone());
    let mut stage = Stage::on(config(&mounted.notebook()), Some(project), small, SIZE);
    let mut filler = std::fs::File::create(mounted.0.join("filler")).unwrap();
    let mut fill = || while filler.write_all(&[7; 4096]).is_ok() {};
    fill();
    stage.act(Action::Go(Route::Notes));
    stage.press("New note");
    stage.harness.get_by_label("Note").focus();
    stage.harness.event(egui::Event::Text("Costs nothing, is worth much".to_owned()));
    stage.settle();
    // Threads that look around may have given room back meanwhile.
    fill();
    stage.press("Save note");
    assert!(stage.told().to_lowercase().contains("full"), "{}", stage.told());
    assert!(stage.told().contains("Costs nothing, is worth much"), "{}", stage.told());
    walk(&mut stage, &run);
    drop(filler);
    std::fs::remove_file(mounted.0.join("filler")).unwrap();
    stage.act(Action::Go(Route::Notes));
    stage.press("Save note");
    let notes = &stage.session().notes.page().unwrap().notes;
    assert!(notes.iter().any(|note| note.text == "Costs nothing, is worth much"), "{}", stage.told());
    assert!(stage.harness.query_by_label("Save note").is_none(), "the draft is a note now");
}

#[test]
fn a_read_only_notebook_is_read() {
    let small = small_notebook();
    let Some(mounted) = Mounted::with(&small, "4m") else { return };
    let (project, run) = (small.project.clone(), small.runs[0].clone());
    let remounted = Command::new("mount").args(["-o", "remount,ro"]).arg(&mounted.0).status().unwrap();
    assert!(remounted.success());
    let mut stage = Stage::on(config(&mounted.notebook()), Some(project), small, SIZE);
    assert!(stage.told().contains("brave-otter"), "{}", stage.told());
    walk(&mut stage, &run);
    star(&mut stage);
    assert!(stage.told().to_lowercase().contains("read-only"), "{}", stage.told());
}

/// What a process that writes meanwhile is told: where the notebook is, which run it writes to, and its number.
const WRITER: &str = "LAB_TEST_WRITER";

fn words(writer: usize, number: usize) -> String {
    format!("Writer {writer} says {number}")
}

/// This program once more, as a process that writes notes to a run.
fn writer(notebook: &Path, run: &RunId, number: usize) -> Child {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["--exact", "trouble::a_process_that_writes", "--ignored"]).stdout(Stdio::null());
    command.env(WRITER, format!("{number} {run} {}", notebook.display())).spawn().expect("another process")
}

#[test]
#[ignore = "a part of another test, in a process of its own"]
fn a_process_that_writes() {
    #[expect(clippy::disallowed_methods, reason = "a process of a test has no other way to be told")]
    let told = std::env::var(WRITER).unwrap();
    let (writer, rest) = told.split_once(' ').unwrap();
    let (run, notebook) = rest.split_once(' ').unwrap();
    let (writer, run) = (writer.parse().unwrap(), run.parse::<RunId>().unwrap());
    for number in 0..5 {
        let engine = Engine::open_existing(config(Path::new(notebook))).unwrap();
        let change = Change::Note { kind: NoteKind::Note, text: words(writer, number) };
        engine.edit(vec![(Target::Run(run.clone()), change)]).unwrap();
    }
}

#[test]
fn three_other_processes_write_meanwhile_and_nothing_is_lost() {
    let small = small_project();
    let (notebook, project, runs) = (small.notebook(), small.project.clone(), small.runs.clone());
    let mut stage = Stage::on(config(&notebook), Some(project), small, SIZE);
    let writers = runs.iter().take(3).enumerate().map(|(number, run)| writer(&notebook, run, number));
    let writers: Vec<Child> = writers.collect();
    for _ in 0..5 {
        star(&mut stage);
    }
    for mut writer in writers {
        assert!(writer.wait().unwrap().success());
    }
    stage.act(Action::Go(Route::Notes));
    stage.act(Action::Do(ActionId::Star));
    let told = |stage: &Stage| {
        let notes = stage.session().notes.page().map(|page| page.notes.clone()).unwrap_or_default();
        (0..3).all(|writer| (0..5).all(|number| notes.iter().any(|note| note.text == words(writer, number))))
    };
    // The window notices by itself what others have written.
    while !told(&stage) {
        stage.next();
    }
    assert!(stage.session().notices().iter().all(|notice| !notice.sticky), "{}", stage.told());
}
