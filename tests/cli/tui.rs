//! Everything that a person can do in `lab tui`, done by its keys in a real terminal, and what came of it.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use lab_testkit::Home;
use lab_testkit::terminal::Terminal;
use lab_view::{ACTIONS, ActionId};

use crate::{home, json};

const FIRST: &str = "for i in 1 2 3 4 5 6 7 8; do echo epoch $i loss=0.$((90 - 7 * i)) acc=0.$((40 + 6 * i)); done\n";
const SECOND: &str = "for i in 1 2 3 4 5 6 7 8; do echo epoch $i loss=0.$((80 - 7 * i)) acc=0.$((50 + 5 * i)); done\n";

/// A person at a terminal, in a project with four runs, the newest of which goes on.
struct Person {
    home: Home,
    terminal: Terminal,
    endless: std::process::Child,
    done: HashSet<ActionId>,
}

impl Drop for Person {
    fn drop(&mut self) {
        // Whatever happens, nothing of it goes on.
        let _ = self.lab(&["watch", "stop"]).run();
        let _ = self.endless.kill();
        let _ = self.endless.wait();
    }
}

impl Person {
    fn new() -> Self {
        let home = home();
        std::fs::create_dir_all(home.path("runtime")).expect("a directory");
        for (name, body) in
            [("editor", "echo \"$1\" >> \"$HOME/edited\""), ("xdg-open", "echo \"$1\" >> \"$HOME/opened\"")]
        {
            program(&home.path("bin").join(name), body);
        }
        for place in 0..300 {
            home.write(&format!("many/{place:03}.txt"), format!("{place}\n"));
        }
        home.write("config.json", "{\"lr\": 0.1}\n").write("train.sh", FIRST);
        let run = |name: &str| drop(home.ok(["-q", "run", "--name", name, "--", "sh", "train.sh"]));
        run("alpha");
        home.write("train.sh", SECOND);
        run("beta");
        home.write("config.json", "{\"lr\": 0.3}\n");
        run("gamma");
        let script = "echo epoch 1 loss=1 acc=0.1; sleep 600";
        let mut endless = home.lab(["-q", "run", "--name", "endless", "--", "sh", "-c", script]).into_command();
        let endless = endless.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::null()).spawn();
        let endless = endless.expect("a run that goes on");
        until("the run has begun", || home.ok(["ls"]).contains("endless"));
        let terminal = open(&home, 120, 40);
        Self { home, terminal, endless, done: HashSet::new() }
    }

    fn lab(&self, arguments: &[&str]) -> lab_testkit::Lab {
        tuned(&self.home, arguments)
    }

    /// The page of a run as JSON.
    fn show(&self, run: &str) -> serde_json::Value {
        json(&self.lab(&["show", run, "--json"]).run().ok().out)
    }

    /// Does something by its key, or by its name where it has none.
    fn does(&mut self, id: ActionId) -> &mut Terminal {
        self.done.insert(id);
        match id.row().keys.first() {
            Some(key) => self.terminal.press(&[key]),
            None => self.by_name(id),
        }
    }

    fn by_name(&mut self, id: ActionId) -> &mut Terminal {
        self.done.insert(id);
        let label = id.row().label.trim_end_matches('…');
        self.terminal
            .press(&["Ctrl-P"])
            .sees("╭─ Commands")
            .type_in(label)
            .sees(&format!("› {label}"))
            .press(&["Enter"])
    }

    /// Does something, and waits until the screen is another one.
    fn changes_by(&mut self, id: ActionId) {
        // What the key before asked for may still be on its way, and is not what this one changes.
        let (mut before, mut looks) = (String::new(), 0);
        self.terminal.until("a screen at rest", |terminal| {
            let text = terminal.text();
            looks = if text == before { looks + 1 } else { 0 };
            before = text;
            looks > 8
        });
        self.does(id).until(&format!("{id:?}"), |terminal| {
            let text = terminal.text();
            // What is still being read says so above.
            text != before && !text.lines().take(3).any(|line| line.ends_with(" …"))
        });
    }

    /// Answers a question for a line of text.
    fn answers(&mut self, title: &str, text: &str) -> &mut Terminal {
        let title = format!("╭─ {title}");
        self.terminal.sees(&title).press(&["Ctrl-U", "Ctrl-K"]).type_in(text).sees(text).press(&["Enter"]).loses(&title)
    }

    /// Chooses one of a list; of several with a check.
    fn chooses(&mut self, title: &str, value: &str, several: bool) {
        let title = format!("╭─ {title}");
        self.terminal.sees(&title).loses("Reading …").type_in(value).sees(&format!("› {value}"));
        let keys: &[&str] = if several { &["Tab", "Enter"] } else { &["Enter"] };
        self.terminal.press(keys).loses(&title);
    }

    /// Puts the cursor on a run of the list.
    fn goes_to(&mut self, run: &str) {
        let (x, y) = self.terminal.sees(run).place_of(run);
        self.terminal.click(x, y);
        // Right above the bar at the bottom nothing is chosen; runs that come meanwhile push the row down.
        let is_there = |terminal: &Terminal| {
            let (x, y) = terminal.place_of(run);
            terminal.ground(x, y) != terminal.ground(x, terminal.screen().size().0 - 3)
        };
        self.terminal.until(&format!("the cursor on {run}"), is_there);
    }
}

fn program(path: &Path, body: &str) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
    std::fs::write(path, format!("#!/bin/sh\n{body}\n")).expect("a program");
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o755)).expect("a program");
}

/// `lab` with the machine's own time: notices go, ages are told.
fn tuned(home: &Home, arguments: &[&str]) -> lab_testkit::Lab {
    home.lab(arguments)
        .without("LAB_TEST_CLOCK")
        .without("LAB_TEST_SEED")
        .env("XDG_RUNTIME_DIR", home.path("runtime"))
        .env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", home.path("bin").display()))
        .env("EDITOR", home.path("bin/editor"))
        .env("TERM", "xterm-256color")
}

fn open(home: &Home, columns: u16, rows: u16) -> Terminal {
    Terminal::start(tuned(home, &["tui"]).into_command(), columns, rows)
}

/// Waits for something outside of the terminal.
#[track_caller]
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::yield_now();
    }
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

#[test]
fn every_action_does_what_it_says() {
    let mut person = Person::new();
    person.terminal.sees("endless").sees("gamma").sees("alpha").sees("4 runs");
    places(&mut person);
    the_list(&mut person);
    words_on_runs(&mut person);
    comparing(&mut person);
    charts(&mut person);
    one_run(&mut person);
    restoring(&mut person);
    running(&mut person);
    the_notebook(&mut person);
    after_a_restart(&mut person);
    // There is no place for panels in a terminal.
    person.done.extend([ActionId::Panels, ActionId::ResetPanels]);
    let missing: Vec<ActionId> = ACTIONS.iter().map(|row| row.id).filter(|id| !person.done.contains(id)).collect();
    assert!(missing.is_empty(), "nobody has tried {missing:?} in a terminal: do it here, and look at what comes of it");
}

fn places(person: &mut Person) {
    person.does(ActionId::Help).sees("╭─ Keys").sees("Everywhere").press(&["Esc"]).loses("╭─ Keys");
    person.by_name(ActionId::GoHealth).sees("What can be done");
    person.done.insert(ActionId::Palette);
    person.does(ActionId::GoProjects).sees("1 project;");
    person.does(ActionId::AllRuns).sees("all runs").sees("endless");
    person.does(ActionId::GoProjects).sees("1 project;");
    person.does(ActionId::Open).sees("4 runs").loses("1 project;");
    person.does(ActionId::GoNotes).sees("› notes");
    person.does(ActionId::GoHealth).sees("› health");
    person.does(ActionId::Back).loses("› health");
    person.does(ActionId::GoSearch);
    person.answers("Search all runs", "echo epoch").sees("train.sh");
    person.does(ActionId::Find);
    person.answers("Search all runs", "0.3").sees("config.json");
    person.does(ActionId::GoRuns).sees("4 runs");
}

fn the_list(person: &mut Person) {
    person.does(ActionId::Mark).sees("1 marked");
    person.does(ActionId::MarkAll).sees("4 marked");
    person.does(ActionId::ClearMarks).loses("marked");
    person.does(ActionId::Follow).sees("following");
    person.does(ActionId::Follow).loses("following");
    person.does(ActionId::Filter);
    person.answers("Which runs", "status:running").sees("1 run ");
    person.does(ActionId::Back).sees("4 runs");
    person.does(ActionId::Sort);
    person.chooses("Sort by", "best(acc)", false);
    person.terminal.sees("sort:-best(acc)");
    person.does(ActionId::SaveView);
    person.answers("Keep this list", "mine").sees("Kept as mine");
    person.terminal.press(&["Esc"]).loses("sort:-best(acc)");
    person.does(ActionId::Views);
    person.chooses("Saved lists", "mine", false);
    person.terminal.sees("sort:-best(acc)").press(&["Esc"]).loses("sort:-best(acc)");
    person.does(ActionId::Group);
    person.chooses("Group by", "status", true);
    person.terminal.sees("group:status").press(&["Esc"]).loses("group:status");
    person.does(ActionId::Columns);
    person.chooses("Columns", "host", true);
    person.terminal.sees("columns:").press(&["Esc"]).loses("columns:");
}

fn words_on_runs(person: &mut Person) {
    person.goes_to("gamma");
    person.does(ActionId::Star).sees("gamma ★");
    person.does(ActionId::Tag);
    person.answers("Tags for gamma", "gold").sees("gold");
    person.does(ActionId::Note);
    person.answers("What came of it", "better than before");
    person.does(ActionId::Reason);
    person.answers("Why it was run", "to see whether it learns");
    person.does(ActionId::Rename);
    person.answers("Another name", "best-one").sees("best-one ★").loses("gamma");
    person.does(ActionId::CopyCommand).sees("Copied sh train.sh");
    person.does(ActionId::CopyId).until("the id is copied", |terminal| terminal.text().matches("Copied ").count() == 2);
    let copied = String::from_utf8_lossy(person.terminal.bytes()).matches("\u{1b}]52;c;").count();
    assert_eq!(copied, 2, "the clipboard was told twice");
    person.does(ActionId::Export);
    let file = person.home.path("out.csv");
    person.answers("Export best-one to", file.to_str().expect("a path")).sees("1 run exported to");
    assert!(read(file).contains("best-one"));
    person.goes_to("alpha");
    person.does(ActionId::Hide).loses("alpha");
    person.goes_to("beta");
    person.does(ActionId::Remove).sees("Remove beta?").press(&["Enter"]).sees("1 run removed").loses("beta");
    person.does(ActionId::Unremove).sees("1 run back").sees("beta");
    person.does(ActionId::Filter);
    person.answers("Which runs", "is:hidden").sees("alpha");
    person.does(ActionId::Hide).sees("No run matches").press(&["Esc"]).sees("alpha");
}

fn comparing(person: &mut Person) {
    person.goes_to("best-one");
    person.does(ActionId::Compare).sees("› compare 2").sees("config.json");
    person.changes_by(ActionId::FoldAll);
    person.terminal.sees("▸ config.json");
    person.does(ActionId::FoldAll).loses("▸ config.json");
    person.does(ActionId::Fold).sees("▸ config.json");
    person.does(ActionId::Fold).loses("▸ config.json");
    person.changes_by(ActionId::SideBySide);
    // The page is longer than the screen only when that is small.
    person.terminal.resize(80, 14).until("the small page", |terminal| terminal.text().lines().count() == 14);
    person.terminal.sees("Help");
    person.changes_by(ActionId::FindNext);
    person.changes_by(ActionId::FindPrevious);
    // What stands lowest is there only when the large page is painted: a key after Esc would make it another key.
    person.terminal.resize(120, 40).sees("best-one").sees("Equal: ");
    person.terminal.press(&["Esc"]).loses("› compare");
}

fn charts(person: &mut Person) {
    person.does(ActionId::Charts).sees("› charts").sees("along steps").sees("chart 1 of 2");
    person.does(ActionId::LogScale).sees("logarithmic");
    person.does(ActionId::Smooth).sees("smoothed");
    person.does(ActionId::NextPart).sees("chart 2 of 2");
    person.does(ActionId::PreviousPart).sees("chart 1 of 2");
    person.does(ActionId::ReadRight).sees("· at step");
    person.changes_by(ActionId::ReadRight);
    person.changes_by(ActionId::ReadLeft);
    person.does(ActionId::ZoomIn).sees("zoomed");
    person.changes_by(ActionId::PanRight);
    person.changes_by(ActionId::PanLeft);
    let text = |terminal: &Terminal| terminal.text().split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let has_all = |terminal: &Terminal| text(terminal).windows(3).any(|ticks| ticks == ["2", "4", "6"]);
    person.does(ActionId::ZoomOut).until("the whole axis", has_all);
    person.does(ActionId::ResetZoom).loses("zoomed");
    person.changes_by(ActionId::ChartAlone);
    person.changes_by(ActionId::ChartAlone);
    person.does(ActionId::StepAxis).loses("along steps");
    person.does(ActionId::GoRuns).loses("› charts").sees("4 runs");
    person.does(ActionId::GoCharts).sees("› charts");
    person.does(ActionId::GoRuns).loses("› charts").sees("4 runs");
    person.goes_to("alpha");
    person.does(ActionId::AddToCharts).sees("› charts").sees("━ best-one").sees("alpha");
    person.does(ActionId::GoRuns).loses("› charts").sees("4 runs");
    person.goes_to("best-one");
}

fn one_run(person: &mut Person) {
    person.does(ActionId::Open).sees("Overview").sees("Environment");
    person.does(ActionId::NextPart).sees("lines 1–8 of 8").sees("epoch 1 loss");
    person.does(ActionId::AsideRight).loses("epoch 1 loss");
    person.does(ActionId::AsideLeft).sees("epoch 1 loss");
    person.does(ActionId::Find);
    person.answers("Find in the log", "epoch").sees("1 of 8 lines");
    person.does(ActionId::FindNext).sees("2 of 8 lines");
    person.does(ActionId::FindPrevious).sees("1 of 8 lines");
    person.does(ActionId::Follow).sees("· following");
    person.does(ActionId::NextPart).sees("config.json").sees("\"lr\"");
    person.does(ActionId::RestoreFile).sees("restore best-one").sees("already as in best-one");
    person.terminal.press(&["Esc"]).loses("restore best-one");
    person.does(ActionId::Edit);
    let edited = person.home.path("home/edited");
    until("the editor was opened", || read(edited.clone()).contains("config.json"));
    person.does(ActionId::OpenFolder).sees("Opened ");
    let opened = person.home.path("home/opened");
    until("the folder was opened", || read(opened.clone()).contains("project"));
    person.terminal.press(&["1"]).sees("4 runs");
}

fn restoring(person: &mut Person) {
    let now = |person: &Person| String::from_utf8(person.home.read("train.sh")).expect("text");
    person.goes_to("alpha");
    person.does(ActionId::Restore).sees("restore alpha").sees("2 of 2 files");
    // The first thing to be seen is what changes in the code.
    person.terminal.sees("▾ train.sh").press(&["Up"]).sees("▾ config.json");
    person.does(ActionId::ToggleFile).sees("1 of 2 files");
    person.terminal.press(&["Up"]);
    person.does(ActionId::ToggleFile).sees("2 of 2 files");
    person.does(ActionId::Apply).loses("restore alpha");
    until("the files of the first run are there", || now(person) == FIRST);
    assert_eq!(person.home.read("config.json"), b"{\"lr\": 0.1}\n");
    person.terminal.sees("[u Undo restore]");
    person.does(ActionId::Undo);
    until("the present is back", || now(person) == SECOND && person.home.read("config.json") == b"{\"lr\": 0.3}\n");
    person.terminal.loses("Restoring");
    person.does(ActionId::Redo);
    until("it is done again", || now(person) == FIRST);
    person.does(ActionId::Undo);
    until("the present is back again", || now(person) == SECOND);
    let folder = person.home.path("elsewhere");
    person.does(ActionId::RestoreTo);
    person.answers("Restore to", folder.to_str().expect("a path")).sees("written to");
    assert_eq!(read(folder.join("train.sh")), FIRST);
    // The question for the folder and the wish to stop come at once: there are hundreds of files to write.
    let canceled = person.home.path("canceled");
    person.terminal.press(&["R"]).sees("Restore to").press(&["Ctrl-U"]).type_in(canceled.to_str().expect("a path"));
    person.done.insert(ActionId::CancelWork);
    person.terminal.sees("canceled").press(&["Enter", "Ctrl-X"]).sees("topped").press(&["Esc"]).loses("topped");
}

fn running(person: &mut Person) {
    person.goes_to("best-one");
    // The cursor stays on the run that it is on.
    person.does(ActionId::Rerun).sees("Started again").sees("5 runs");
    person.does(ActionId::RerunWith);
    person.answers("Run in the project", "sh -c 'echo epoch 1 loss=0.1'").sees("6 runs");
    person.goes_to("endless");
    person.does(ActionId::Stop).sees("Stop endless?").press(&["Enter"]).loses("Stop endless?");
    until("it has stopped", || person.show("endless").to_string().contains("killed"));
    person.terminal.sees("killed");
}

fn the_notebook(person: &mut Person) {
    person.does(ActionId::Watch).sees("is a project already");
    person.does(ActionId::WatchService).sees("Runs are noticed from now on").sees("watching");
    person.does(ActionId::WatchService).sees("no longer noticed").loses("watching");
    person.does(ActionId::Verify).sees("Everything is whole").press(&["Esc"]).loses("Everything is whole");
    person.does(ActionId::VerifyDeep).sees("every byte decoded").press(&["Esc"]).loses("every byte decoded");
    let is_told =
        |terminal: &Terminal| ["nothing to drop", "record"].iter().any(|words| terminal.text().contains(words));
    person.does(ActionId::Collect).until("what was dropped", is_told);
    person.terminal.press(&["Esc"]).until("nothing more is told", |terminal| !is_told(terminal));
    person.does(ActionId::Rebuild).sees("The index is new").press(&["Esc"]).loses("The index is new");
}

fn after_a_restart(person: &mut Person) {
    person.does(ActionId::Quit);
    let again = open(&person.home, 120, 40);
    let before = std::mem::replace(&mut person.terminal, again);
    assert_eq!(before.end().0, Some(0));
    person.terminal.sees("best-one ★").sees("gold").sees("beta").sees("killed").sees("6 runs");
    person.terminal.press(&["4"]).sees("better than before");
    person.terminal.press(&["q"]);
}
