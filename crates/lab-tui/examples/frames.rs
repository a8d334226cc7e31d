//! How fast the interface is on a notebook: from the start to the first full screen, and from a key to the frame that
//! answers it. CPU is that of the thread that paints, user and system. `cargo run --release -p lab-tui --example frames -- NOTEBOOK [COLUMNS ROWS]`.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for measurements")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use lab_engine::EngineConfig;
use lab_testkit::meter::{Cost, Meter, memory_megabytes, process_cpu_millis, spread, until_idle};
use lab_tui::{Depth, Theme, shot};
use lab_view::list::Motion;
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Route, Session};
use lab_view::{ActionId, by_key};

const THEME: Theme = Theme { depth: Depth::True, light: false, ascii: false };

fn main() {
    let mut words = std::env::args().skip(1);
    let notebook = PathBuf::from(words.next().expect("a notebook"));
    let mut size = words.map(|word| word.parse::<u16>().unwrap());
    let size = (size.next().unwrap_or(200), size.next().unwrap_or(60));
    let config = EngineConfig::from_system(Some(notebook)).unwrap();
    let (started, start) = (Instant::now(), Meter::start());
    let (ring, bell) = sync_channel(16);
    // A bell that is ringing already, or that nobody hears any more, need not ring.
    let wake = Arc::new(move || ring.try_send(()).unwrap_or_default());
    let mut session = Session::start(config, None, wake).expect("a session");
    session.act(Action::Do(ActionId::GoRuns));
    let lists = |session: &Session| session.runs.is_current();
    settle(&mut session, &bell, size, &lists);
    println!(
        "start to first full screen   {:>8.1} ms, {:.1} ms of CPU to paint it",
        millis(started.elapsed()),
        start.cost().cpu_millis
    );

    until_idle();
    println!("all columns are ready        {:>8.1} ms after the start", millis(started.elapsed()));

    let down = Action::Move(Motion::By(1));
    keys(&mut session, size, "cursor down", 2000, &|_| down.clone());
    keys(&mut session, size, "page down", 200, &|_| Action::Move(Motion::Page(1)));
    keys(&mut session, size, "mark", 200, &|_| Action::Do(ActionId::Mark));
    keys(&mut session, size, "a key looked up", 500, &|session| {
        by_key(session, "Tab").map_or(Action::Do(ActionId::NextPart), Action::Do)
    });
    session.act(Action::Runs(RunsAction::ClearMarks));
    for (what, action) in [
        ("to the end", Action::Move(Motion::Last)),
        ("to the beginning", Action::Move(Motion::First)),
        ("filtered", Action::Runs(RunsAction::Query("lr < 0.01".into()))),
        ("sorted", Action::Runs(RunsAction::SortBy("best(val/loss)".into()))),
        ("grouped", Action::Runs(RunsAction::GroupBy(vec!["lr".into()]))),
    ] {
        let asked = Instant::now();
        session.act(action);
        shot(&mut session, &THEME, size.0, size.1, &mut |_| {});
        let answered = millis(asked.elapsed());
        settle(&mut session, &bell, size, &lists);
        println!("{what:28} {answered:>8.1} ms to the next frame, {:.1} ms until it is there", millis(asked.elapsed()));
    }
    session.act(Action::Runs(RunsAction::Query(String::new())));
    settle(&mut session, &bell, size, &lists);
    charts(&mut session, &bell, size);
    println!("memory at most               {:>8.1} MB", memory_megabytes("VmHWM"));
}

/// The charts of the newest runs, looked at closer and closer.
fn charts(session: &mut Session, bell: &Receiver<()>, size: (u16, u16)) {
    let newest = session.runs.page().unwrap().page.subjects.iter().take(RUNS).map(|subject| subject.run.clone());
    let newest = newest.collect();
    let there = |session: &Session| session.charts.is_current();
    let (asked, used) = (Instant::now(), process_cpu_millis());
    session.act(Action::Go(Route::Charts(newest)));
    settle(session, bell, size, &there);
    println!(
        "{:28} {:>8.1} ms until they are there, {:.1} ms of CPU on all threads",
        format!("charts of {RUNS} runs"),
        millis(asked.elapsed()),
        process_cpu_millis() - used
    );
    let steps = [("zoomed in", ActionId::ZoomIn), ("moved", ActionId::PanRight), ("zoomed out", ActionId::ZoomOut)];
    for (what, step) in steps {
        for _ in 0..8 {
            let asked = Instant::now();
            session.act(Action::Do(step));
            shot(session, &THEME, size.0, size.1, &mut |_| {});
            let answered = millis(asked.elapsed());
            settle(session, bell, size, &there);
            println!(
                "{what:28} {answered:>8.1} ms to the next frame, {:.1} ms until it is there",
                millis(asked.elapsed())
            );
        }
    }
}

/// So many runs in charts.
const RUNS: usize = 50;

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Paints until what is asked for is there.
fn settle(
    session: &mut Session,
    bell: &Receiver<()>,
    (columns, rows): (u16, u16),
    is_there: &dyn Fn(&Session) -> bool,
) {
    loop {
        session.poll();
        shot(session, &THEME, columns, rows, &mut |_| {});
        if is_there(session) {
            return;
        }
        let _ = bell.recv_timeout(Duration::from_secs(30));
    }
}

/// Does the same many times, and tells how long a frame took.
fn keys(session: &mut Session, size: (u16, u16), what: &str, times: usize, action: &dyn Fn(&Session) -> Action) {
    let taken: Vec<Cost> = (0..times)
        .map(|_| {
            let pressed = Meter::start();
            let action = action(session);
            session.act(action);
            session.poll();
            shot(session, &THEME, size.0, size.1, &mut |_| {});
            pressed.cost()
        })
        .collect();
    println!("{what:28} {}", spread(&taken));
}
