//! Every place as it looks on terminals of common sizes, on a small notebook of which every byte is fixed.

use std::path::Path;
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab_model::RunId;
use lab_testkit::{CLOCK_MILLIS, Small, config, small_notebook};
use lab_tui::{Depth, Theme, shot};
use lab_view::ActionId;
use lab_view::Typing;
use lab_view::list::Motion;
use lab_view::screens::run::{Part, RunAction};
use lab_view::session::{Action, DialogAction, Request, Route, Session};

const THEME: Theme = Theme { depth: Depth::True, light: false, ascii: false };
/// Long after the runs: their ages are dates then, and do not change while a test runs.
const LATER_MILLIS: i64 = 30 * 86_400_000;

/// A session, and what wakes it.
struct Stage {
    session: Session,
    small: Small,
    woken: Receiver<()>,
}

impl Stage {
    fn new() -> Self {
        let small = small_notebook();
        let notebook = small.notebook();
        let (sender, woken) = sync_channel(1);
        let sender = Mutex::new(sender);
        let wake = Arc::new(move || {
            // When it is full the test is awake anyway.
            let _ = sender.lock().expect("because no holder panics").try_send(());
        });
        let mut session =
            Session::start(config(&notebook, CLOCK_MILLIS + LATER_MILLIS), Some(small.project.clone()), wake)
                .expect("threads");
        settle(&mut session, &woken);
        Self { session, small, woken }
    }

    fn run(&self, place: usize) -> RunId {
        self.small.runs[place].clone()
    }

    fn act(&mut self, actions: impl IntoIterator<Item = Action>) -> &mut Self {
        for action in actions {
            self.session.act(action);
            settle(&mut self.session, &self.woken);
        }
        self
    }

    fn shot(&mut self, columns: u16, rows: u16) -> String {
        without_times(&self.shot_in(&THEME, columns, rows))
    }

    fn shot_in(&mut self, theme: &Theme, columns: u16, rows: u16) -> String {
        let woken = &self.woken;
        shot(&mut self.session, theme, columns, rows, &mut |session| settle(session, woken))
    }
}

/// Waits until everything that the place needs is there.
fn settle(session: &mut Session, woken: &Receiver<()>) {
    loop {
        session.poll();
        if !session.is_busy() {
            return;
        }
        woken.recv_timeout(Duration::from_secs(60)).expect("an answer");
    }
}

/// The zone of the machine must not matter: digits of times become zeros.
fn without_times(text: &str) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    for at in 0..letters.len() {
        let around = |offset: isize| letters.get(at.checked_add_signed(offset)?).copied();
        let is_digit = |offset| around(offset).is_some_and(|letter| letter.is_ascii_digit());
        if letters[at] == ':' && is_digit(-2) && is_digit(-1) && is_digit(1) && is_digit(2) {
            for place in [at - 2, at - 1, at + 1, at + 2] {
                letters[place] = '0';
            }
        }
    }
    letters.into_iter().collect()
}

fn todo(id: ActionId) -> Action {
    Action::Do(id)
}

fn typed(words: &str) -> [Action; 2] {
    [Action::Dialog(DialogAction::Type(Typing::Set(words.to_owned()))), Action::Dialog(DialogAction::Accept)]
}

#[test]
fn a_run() {
    let mut stage = Stage::new();
    let run = stage.run(2);
    stage.act([Action::Go(Route::Run(run))]);
    insta::assert_snapshot!("run_80x24", stage.shot(80, 24));
    insta::assert_snapshot!("run_120x40", stage.shot(120, 40));
    insta::assert_snapshot!("run_200x60", stage.shot(200, 60));
}

#[test]
fn a_run_that_failed() {
    let mut stage = Stage::new();
    let run = stage.run(3);
    stage.act([Action::Go(Route::Run(run))]);
    insta::assert_snapshot!("failed_80x24", stage.shot(80, 24));
}

#[test]
fn two_runs_and_more_side_by_side() {
    let mut stage = Stage::new();
    // The newer one was chosen first: it stands on the right all the same.
    let pair = vec![stage.run(1), stage.run(0)];
    stage.act([Action::Go(Route::Compare(pair))]);
    insta::assert_snapshot!("compare_80x24", stage.shot(80, 24));
    insta::assert_snapshot!("compare_120x40", stage.shot(120, 40));
    insta::assert_snapshot!("compare_200x60", stage.shot(200, 60));
    stage.act([todo(ActionId::FoldAll)]);
    let folded = stage.shot(120, 40);
    assert!(folded.contains("▸ train.py") && !folded.contains("gradient"), "{folded}");
    stage.act([todo(ActionId::FoldAll), todo(ActionId::SideBySide)]);
    assert!(stage.shot(120, 40).contains("│"));
    let many = vec![stage.run(0), stage.run(1), stage.run(2)];
    stage.act([todo(ActionId::Back), Action::Go(Route::Compare(many))]);
    insta::assert_snapshot!("compare_many_120x40", stage.shot(120, 40));
}

#[test]
fn jumping_from_change_to_change() {
    let mut stage = Stage::new();
    let pair = vec![stage.run(0), stage.run(1)];
    stage.act([Action::Go(Route::Compare(pair))]);
    stage.shot(80, 14);
    let tops: Vec<usize> = (0..2)
        .map(|_| {
            stage.act([todo(ActionId::FindNext)]);
            stage.shot(80, 14);
            stage.session.compare.screen.cursor.top
        })
        .collect();
    assert!(tops[0] > 0 && tops[1] > tops[0], "{tops:?}");
    stage.act([todo(ActionId::FindPrevious)]);
    assert_eq!(stage.session.compare.screen.cursor.top, tops[0]);
}

#[test]
fn charts_of_several_runs() {
    let mut stage = Stage::new();
    let runs = vec![stage.run(0), stage.run(1), stage.run(2)];
    stage.act([Action::Go(Route::Charts(runs))]);
    insta::assert_snapshot!("charts_80x24", stage.shot(80, 24));
    insta::assert_snapshot!("charts_120x40", stage.shot(120, 40));
    insta::assert_snapshot!("charts_200x60", stage.shot(200, 60));
    stage.act([todo(ActionId::ReadRight), todo(ActionId::ReadRight)]);
    assert!(stage.shot(120, 40).contains("at step 1"));
    stage.act([todo(ActionId::ZoomIn)]);
    let [low, high] = stage.session.charts.screen.zoom.unwrap();
    assert!(low >= 0.0 && high < 39.0 && (low..=high).contains(&1.0), "{low} to {high}");
    stage.act([todo(ActionId::Find)]).act(typed("acc"));
    let found = stage.shot(120, 40);
    assert!(found.contains("chart 1 of 1") && found.contains("metrics with “acc”"), "{found}");
    // One after the other: the reading line, the filter, the place.
    stage.act([todo(ActionId::Back)]);
    assert_eq!(stage.session.charts.screen.reading, None);
    stage.act([todo(ActionId::Back)]);
    assert_eq!(stage.session.charts.screen.filter, "");
    stage.act([todo(ActionId::Back)]);
    assert_eq!(*stage.session.route(), Route::Runs);
}

#[test]
fn a_log_is_read_where_it_is_looked_at() {
    let mut stage = Stage::new();
    let run = stage.run(1);
    stage.act([Action::Go(Route::Run(run)), Action::Run(RunAction::Part(Part::Log))]);
    insta::assert_snapshot!("log_80x24", stage.shot(80, 24));
    stage.act([Action::Move(Motion::Last)]);
    let end = stage.shot(80, 24);
    assert!(end.contains("epoch 499") && end.contains("of 500 · following"), "{end}");
    stage.act([Action::Move(Motion::To(245))]);
    let border = stage.shot(80, 24);
    for line in 245..255 {
        assert!(border.contains(&format!("epoch {line} ")), "{border}");
    }
    stage.act([todo(ActionId::Find)]).act(typed("EPOCH 30"));
    stage.act([todo(ActionId::FindNext)]);
    let found = stage.shot(80, 24);
    assert!(found.contains("of 11 lines") && found.contains("epoch 30"), "{found}");
    stage.act([todo(ActionId::Back)]);
    assert!(stage.session.run_parts.hits.screen.words.is_empty() && stage.session.in_log());
}

#[test]
fn files_with_what_is_in_them() {
    let mut stage = Stage::new();
    let run = stage.run(1);
    stage.act([Action::Go(Route::Run(run)), Action::Run(RunAction::Part(Part::Files))]);
    stage.act([Action::Move(Motion::By(1))]);
    insta::assert_snapshot!("files_120x40", stage.shot(120, 40));
    stage.act([todo(ActionId::SideBySide)]);
    let changes = stage.shot(120, 40);
    assert!(changes.contains("train.py against the base run") && changes.contains("/ (1 + epoch)"), "{changes}");
    stage.act([todo(ActionId::Open)]);
    assert!(stage.session.run.screen.full);
    stage.act([todo(ActionId::Back)]);
    assert!(!stage.session.run.screen.full && matches!(stage.session.route(), Route::Run(_)));
}

#[test]
fn a_copy_for_the_editor_is_for_one_person_alone() {
    use std::os::unix::fs::PermissionsExt;
    let mut stage = Stage::new();
    let run = stage.run(3);
    stage.act([Action::Go(Route::Run(run)), Action::Run(RunAction::Part(Part::Files)), todo(ActionId::Edit)]);
    let requests = stage.session.take_requests();
    let [Request::EditCopy(file)] = &requests[..] else { panic!("{requests:?}") };
    let mode = |path: &Path| std::fs::metadata(path).expect("because it was just written").permissions().mode() & 0o777;
    let folder = file.parent().expect("because it lies in a folder");
    assert_eq!((mode(file), mode(folder)), (0o600, 0o700));
    std::fs::remove_dir_all(folder).expect("because it is ours");
}

#[test]
fn notes_search_and_health() {
    let mut stage = Stage::new();
    stage.act([todo(ActionId::GoNotes)]);
    insta::assert_snapshot!("notes_80x24", stage.shot(80, 24));
    stage.act([todo(ActionId::Open)]);
    assert_eq!(*stage.session.route(), Route::Run(stage.run(2)));
    stage.act([todo(ActionId::GoSearch)]).act(typed("gradient"));
    insta::assert_snapshot!("search_80x24", stage.shot(80, 24));
    stage.act([todo(ActionId::Open)]);
    let file = stage.shot(80, 24);
    assert!(stage.session.run.screen.full && file.contains("gradient = slope(weights)"), "{file}");
    stage.act([todo(ActionId::GoHealth), todo(ActionId::Open)]);
    let health = stage.shot(80, 24);
    assert!(health.contains("Verify every byte") && health.contains("The notebook"), "{health}");
}

#[test]
fn small_plain_and_colourless_terminals() {
    let mut stage = Stage::new();
    let (run, runs) = (stage.run(3), vec![stage.run(0), stage.run(1)]);
    let theme = Theme { depth: Depth::None, light: false, ascii: true };
    for route in
        [Route::Run(run), Route::Compare(runs.clone()), Route::Charts(runs), Route::Notes, Route::Search, Route::Health]
    {
        stage.act([Action::Go(route.clone())]);
        for (columns, rows) in [(40, 10), (60, 12), (300, 100)] {
            let text = stage.shot_in(&theme, columns, rows);
            assert!(!text.contains("again and again"), "{route:?} at {columns} x {rows}");
            assert!(text.is_ascii(), "{route:?} at {columns} x {rows}:\n{text}");
        }
    }
}
