//! How fast the window is on a notebook, without a screen: from the start to the first full frame, and how long a frame
//! takes while one scrolls, types and moves, triangles included. Memory is that of the whole process.
//! CPU is that of the thread that paints, user and system.
//! `cargo run --release -p lab-desktop --example frames -- NOTEBOOK [--live SECONDS] [WIDTH HEIGHT]`; with `--live` it
//! only looks on, at the list and then at the charts of the newest runs, as `benches/window_live.py` has it.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for measurements")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::{Duration, Instant};

use egui::{Event, Modifiers, MouseWheelUnit, RawInput, Rect, TouchPhase, pos2, vec2};
use lab_desktop::App;
use lab_engine::EngineConfig;
use lab_testkit::meter::{Cost, Meter, memory_megabytes, process_cpu_millis, spread, until_idle};
use lab_view::ActionId;
use lab_view::list::Motion;
use lab_view::screens::charts::ChartsAction;
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, DialogAction, Route, Session};

/// What a person does before a frame.
type Step = (Option<Event>, Option<Action>);

/// A window without a screen.
struct Stage {
    app: App,
    context: egui::Context,
    size: egui::Vec2,
    bell: Receiver<()>,
    started: Instant,
}

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    let notebook = PathBuf::from(words.next().expect("a notebook"));
    let is_live = words.next_if(|word| word == "--live").is_some();
    let lasts = if is_live { words.next().unwrap().parse().unwrap() } else { 0 };
    let mut size = words.map(|word| word.parse::<f32>().unwrap());
    let size = vec2(size.next().unwrap_or(1920.0), size.next().unwrap_or(1080.0));
    let config = EngineConfig::from_system(Some(notebook)).unwrap();
    let (started, start) = (Instant::now(), Meter::start());
    let (ring, bell) = sync_channel(16);
    // A bell that is ringing already, or that nobody hears any more, need not ring.
    let wake = Arc::new(move || ring.try_send(()).unwrap_or_default());
    let context = egui::Context::default();
    lab_desktop::dress(&context);
    let mut session = Session::start(config, None, wake).expect("a session");
    session.act(Action::Do(ActionId::GoRuns));
    let mut stage = Stage { app: App::for_session(session), context, size, bell, started };
    stage.settle();
    println!(
        "start to first full frame    {:>8.1} ms, {:.1} ms of CPU to paint it",
        millis(started.elapsed()),
        start.cost().cpu_millis
    );
    if is_live {
        return stage.live(Duration::from_secs(lasts));
    }
    until_idle();
    stage.settle();
    stage.times("nothing happens", 300, &|_| (None, None));
    stage.times("scrolling slowly", 600, &|_| (Some(wheel(1.0)), None));
    stage.times("scrolling fast", 600, &|_| (Some(wheel(400.0)), None));
    stage.app.session_mut().act(Action::Move(Motion::First));
    stage.settle();
    stage.times("cursor down", 600, &|_| (None, Some(Action::Move(Motion::By(1)))));
    stage.times("page down", 200, &|_| (None, Some(Action::Move(Motion::Page(1)))));
    stage.times("mark", 200, &|_| (None, Some(Action::Do(ActionId::Mark))));
    stage.panels();
    for (what, action) in [
        ("to the end", Action::Move(Motion::Last)),
        ("to the beginning", Action::Move(Motion::First)),
        ("filtered", Action::Runs(RunsAction::Query("lr < 0.01".into()))),
        ("sorted", Action::Runs(RunsAction::SortBy("best(val/loss)".into()))),
        ("grouped", Action::Runs(RunsAction::GroupBy(vec!["lr".into()]))),
        ("all again", Action::Runs(RunsAction::Query(String::new()))),
    ] {
        stage.answer(what, action);
    }
    let run = stage.app.session().runs.page().and_then(|page| page.at(0)).map(|subject| subject.run.clone());
    if let Some(run) = run {
        stage.answer("a run", Action::Go(Route::Run(run)));
        stage.times("a run, nothing happens", 300, &|_| (None, None));
    }
    stage.charts_and_changes();
    println!(
        "memory                       {:>8.1} MB, {:.1} MB at most",
        memory_megabytes("VmRSS"),
        memory_megabytes("VmHWM")
    );
}

fn wheel(rows: f32) -> Event {
    Event::MouseWheel {
        unit: MouseWheelUnit::Point,
        delta: vec2(0.0, -28.0 * rows),
        source: egui::MouseWheelSource::Unknown,
        phase: TouchPhase::Move,
        modifiers: Modifiers::NONE,
    }
}

/// Between two frames of a screen.
const SCREEN: Duration = Duration::from_millis(16);

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

impl Stage {
    /// One frame, with its triangles. Tells when the next one is asked for.
    fn frame(&mut self, events: Vec<Event>) -> Duration {
        let middle = Event::PointerMoved(pos2(self.size.x * 0.4, self.size.y * 0.5));
        let input = RawInput {
            screen_rect: Some(Rect::from_min_size(pos2(0.0, 0.0), self.size)),
            time: Some(self.started.elapsed().as_secs_f64()),
            // An event asks for another frame by itself: where nothing happens there is none.
            events: if events.is_empty() { events } else { std::iter::once(middle).chain(events).collect() },
            focused: true,
            ..RawInput::default()
        };
        let app = &mut self.app;
        let mut output = self.context.run_ui(input, |ui| app.frame(ui));
        // There is no graphics card that would want them.
        output.textures_delta.clear();
        let triangles = self.context.tessellate(output.shapes, output.pixels_per_point);
        assert!(!triangles.is_empty());
        output.viewport_output.values().map(|viewport| viewport.repaint_delay).min().unwrap_or(Duration::MAX)
    }

    /// Looks on while runs go on: paints when there is something new, as a window does.
    fn live(&mut self, lasts: Duration) {
        self.watch("list of runs that go on", lasts);
        let page = self.app.session().runs.page();
        let runs = page.iter().flat_map(|page| page.subjects(0..10)).map(|subject| subject.run.clone()).collect();
        self.answer("charts", Action::Go(Route::Charts(runs)));
        self.watch("charts of runs that go on", lasts);
        println!("memory at most               {:>8.1} MB", memory_megabytes("VmHWM"));
    }

    fn watch(&mut self, what: &str, lasts: Duration) {
        let begun = Instant::now();
        let before = process_cpu_millis();
        let mut taken = Vec::new();
        let mut delay = Duration::ZERO;
        while begun.elapsed() < lasts {
            let _ = self.bell.recv_timeout(delay.min(lasts));
            while self.bell.try_recv().is_ok() {}
            let frame = Meter::start();
            delay = self.frame(Vec::new()).max(SCREEN);
            taken.push(frame.cost());
        }
        let part = (process_cpu_millis() - before) / millis(begun.elapsed()) * 100.0;
        let rate = taken.len() as f64 / lasts.as_secs_f64();
        println!("{what:28} {}; {rate:.1} frames a second, {part:.1} % of a core with all threads", spread(&taken));
    }

    /// Charts and the log beside the list as well, as a person would have them.
    fn panels(&mut self) {
        self.app.session_mut().act(Action::Move(Motion::First));
        self.app.session_mut().act(Action::Do(ActionId::ClearMarks));
        for place in [1, 2] {
            let dialog = [DialogAction::Move(Motion::To(place)), DialogAction::Toggle, DialogAction::Accept];
            let steps = dialog.into_iter().map(Action::Dialog);
            for step in std::iter::once(Action::Do(ActionId::Panels)).chain(steps) {
                self.app.session_mut().act(step);
            }
            self.settle();
        }
        until_idle();
        self.settle();
        let shown = self.app.session().runs.screen.panels.len();
        self.times(&format!("{shown} panels, nothing happens"), 300, &|_| (None, None));
        self.times("panels, scrolling slowly", 600, &|_| (Some(wheel(1.0)), None));
        self.times("panels, scrolling fast", 600, &|_| (Some(wheel(400.0)), None));
        self.app.session_mut().act(Action::Move(Motion::First));
        self.settle();
        self.times("panels, cursor down", 600, &|_| (None, Some(Action::Move(Motion::By(1)))));
        self.app.session_mut().act(Action::Do(ActionId::ResetPanels));
        self.settle();
    }

    /// The newest runs as charts, and two of them side by side.
    fn charts_and_changes(&mut self) {
        let page = self.app.session().runs.page();
        let runs: Vec<_> =
            page.iter().flat_map(|page| page.subjects(0..20)).map(|subject| subject.run.clone()).collect();
        self.answer("charts", Action::Go(Route::Charts(runs.clone())));
        self.times("charts, the pointer rests", 300, &|_| (None, None));
        let reads = |at: f32| Event::PointerMoved(pos2(300.0 + at, 300.0));
        let at = std::cell::Cell::new(0.0);
        self.times("charts, the pointer reads", 300, &|_| {
            at.set((at.get() + 1.0) % 250.0);
            (Some(reads(at.get())), None)
        });
        self.times("charts, zooming", 100, &|_| (Some(Event::Zoom(1.02)), None));
        self.answer("everything again", Action::Do(ActionId::ResetZoom));
        self.answer("one chart alone", Action::Charts(ChartsAction::Alone(true)));
        self.times("one chart, the pointer rests", 300, &|_| (None, None));
        self.times("one chart, zooming", 100, &|_| (Some(Event::Zoom(1.02)), None));
        let Some(pair) = runs.get(..2) else { return };
        self.answer("two runs side by side", Action::Go(Route::Compare(pair.to_vec())));
        self.times("changes, scrolling slowly", 600, &|_| (Some(wheel(1.0)), None));
        self.times("changes, scrolling fast", 600, &|_| (Some(wheel(40.0)), None));
    }

    /// Paints until everything that the place needs is there.
    fn settle(&mut self) {
        loop {
            for _ in 0..3 {
                self.frame(Vec::new());
            }
            let session = self.app.session();
            let is_list = matches!(session.route(), Route::Runs);
            let is_there = session.runs.is_current() || session.runs.error().is_some();
            if is_list && is_there || !is_list && !session.is_busy() {
                return;
            }
            let _ = self.bell.recv_timeout(Duration::from_secs(30));
        }
    }

    /// Does something once, and tells when it is answered and when it is there.
    fn answer(&mut self, what: &str, action: Action) {
        let asked = Instant::now();
        self.app.session_mut().act(action);
        self.frame(Vec::new());
        let answered = millis(asked.elapsed());
        self.settle();
        println!("{what:28} {answered:>8.1} ms to the next frame, {:.1} ms until it is there", millis(asked.elapsed()));
    }

    /// Does the same many times, and tells how long a frame took and how many asked for another one.
    fn times(&mut self, what: &str, times: usize, step: &dyn Fn(&Session) -> Step) {
        let mut again = 0;
        let taken: Vec<Cost> = (0..times)
            .map(|_| {
                let (event, action) = step(self.app.session());
                let begun = Meter::start();
                action.into_iter().for_each(|action| self.app.session_mut().act(action));
                again += usize::from(self.frame(event.into_iter().collect()).is_zero());
                begun.cost()
            })
            .collect();
        println!("{what:28} {}; {again} of {times} asked for another", spread(&taken));
    }
}
