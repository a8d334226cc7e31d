//! A window on the sample notebook, driven by what stands in it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use std::path::{Path, PathBuf};

use egui::{Event, Key, Modifiers, PointerButton, Pos2};
use egui_kittest::kittest::{By, NodeT, Queryable};
use egui_kittest::{Harness, HarnessBuilder};
use lab_desktop::App;
use lab_engine::demo::{Demo, Pace};
use lab_engine::{Clock, EngineConfig};
use lab_model::{Project, Time};
use lab_testkit::CLOCK_MILLIS;
use lab_testkit::sample::{NOW_MILLIS, Sample};
use lab_view::session::{Action, Session};

/// The last day of the demo: 2026-11-20 12:00 UTC.
const DAY: Time = Time(1_795_176_000_000);

/// A window, and what it shows.
pub struct Stage {
    /// The window.
    pub harness: Harness<'static, App>,
    woken: Receiver<()>,
    /// The notebook; it goes when this goes.
    _kept: Box<dyn std::any::Any>,
}

/// A session is started with this; the clock stands, so that what is shown does not depend on how many frames it takes.
pub fn config(notebook: &Path) -> EngineConfig {
    EngineConfig { clock: Clock::Still(Time(CLOCK_MILLIS)), ..lab_testkit::config(notebook, CLOCK_MILLIS) }
}

impl Stage {
    /// A window on the project `penguins`, with everything in it.
    pub fn new() -> Self {
        let sample = Sample::new();
        let config = EngineConfig { clock: Clock::Still(Time(NOW_MILLIS)), ..sample.config() };
        let project = sample.project.clone();
        Self::on(config, Some(project), sample, [1280.0, 800.0])
    }

    /// A window on a project whose runs have files.
    pub fn demo() -> Self {
        let config = EngineConfig { clock: Clock::Still(DAY), ..Sample::new().config() };
        let demo = Demo::open(&config, Pace::Still).expect("a notebook");
        let (config, project) = (demo.config.clone(), demo.project().clone());
        Self::on(config, Some(project), demo, [1280.0, 800.0])
    }

    /// A window of this size on a notebook; `kept` lives as long as it.
    pub fn on(config: EngineConfig, project: Option<Project>, kept: impl std::any::Any, size: [f32; 2]) -> Self {
        // What the project itself says has to be in its fonts.
        Self::built(config, project, kept, Harness::builder().with_size(size))
    }

    /// The same for text of which nobody knows what letters it has.
    pub fn any_letters(config: EngineConfig, project: Project, kept: impl std::any::Any, size: [f32; 2]) -> Self {
        Self::built(config, Some(project), kept, Harness::builder().with_size(size).allow_missing_glyphs())
    }

    fn built(
        config: EngineConfig,
        project: Option<Project>,
        kept: impl std::any::Any,
        builder: HarnessBuilder<App>,
    ) -> Self {
        let (sender, woken) = sync_channel(1);
        let sender = Mutex::new(sender);
        let wake = Arc::new(move || {
            // When it is full the test is awake anyway.
            let _ = sender.lock().expect("because no holder panics").try_send(());
        });
        let session = Session::start(config, project, wake).expect("threads");
        let builder = builder.with_context_setup(lab_desktop::dress);
        let harness = builder.build_ui_state(|ui, app: &mut App| app.frame(ui), App::for_session(session));
        let mut stage = Self { harness, woken, _kept: Box::new(kept) };
        stage.settle();
        stage
    }

    /// What the window shows.
    pub fn session(&self) -> &Session {
        self.harness.state().session()
    }

    /// Lets everything come in that the place needs, and paints it.
    pub fn settle(&mut self) {
        self.wait(|session| !session.is_busy());
    }

    /// Paints until the session is as it should be.
    pub fn wait(&mut self, is_so: impl Fn(&Session) -> bool) {
        loop {
            // A frame finds out how much room there is, and then other rows may be wanted.
            self.harness.run_steps(3);
            let is_still = |stage: &Self| is_so(stage.session()) && !stage.session().is_busy();
            if !is_still(self) {
                self.woken.recv_timeout(Duration::from_secs(60)).expect("an answer");
                continue;
            }
            // What came in the last frame is seen a frame later: the first one measures it.
            self.harness.run_steps(2);
            if is_still(self) {
                return;
            }
        }
    }

    /// Waits until something new is there, and lets it come in.
    pub fn next(&mut self) {
        self.woken.recv_timeout(Duration::from_secs(60)).expect("something new");
        self.settle();
    }

    /// Does something and lets it come in.
    pub fn act(&mut self, action: Action) {
        self.harness.state_mut().session_mut().act(action);
        self.settle();
    }

    /// Clicks what has this name.
    pub fn press(&mut self, name: &str) {
        self.harness.get_by_label(name).click_accesskit();
        self.settle();
    }

    /// Moves the pointer, and presses its first button there or lets it go.
    pub fn pointer(&mut self, at: Pos2, button: Option<bool>) {
        self.harness.event(Event::PointerMoved(at));
        if let Some(pressed) = button {
            let button = PointerButton::Primary;
            self.harness.event(Event::PointerButton { pos: at, button, pressed, modifiers: Modifiers::NONE });
        }
        self.harness.run_steps(2);
    }

    /// Drops a file on the window.
    pub fn drop_file(&mut self, path: &Path) {
        self.harness.input_mut().dropped_files.push(Arc::new(Dropped(path.to_owned())));
        self.settle();
    }

    /// Every text that those are told who do not see the window.
    pub fn told(&self) -> String {
        let root = self.harness.root();
        let mut told = String::new();
        for node in root.children_recursive() {
            for words in [node.accesskit_node().label(), node.accesskit_node().value()].into_iter().flatten() {
                told.push_str(&words);
                told.push('\n');
            }
        }
        told
    }

    /// Every text that is painted.
    pub fn painted(&self) -> String {
        let mut painted = String::new();
        self.harness.output().shapes.iter().for_each(|shape| texts(&shape.shape, &mut painted));
        painted
    }

    /// Presses a key.
    pub fn key(&mut self, key: Key) {
        self.harness.key_press(key);
        self.settle();
    }

    /// Clicks on the row of a run.
    pub fn click(&mut self, name: &str) {
        self.click_with(name, Modifiers::NONE);
    }

    /// The same with keys held.
    pub fn click_with(&mut self, name: &str, modifiers: Modifiers) {
        let row = format!("{name} ·");
        let row = By::new().role(egui::Role::ListItem).label_contains(&row);
        let place = self.harness.get(row).rect().center();
        self.harness.event(Event::PointerMoved(place));
        for pressed in [true, false] {
            let button = PointerButton::Primary;
            self.harness.event_modifiers(Event::PointerButton { pos: place, button, pressed, modifiers }, modifiers);
        }
        self.harness.run_steps(2);
        // The keys are let go, and what follows is no second click.
        self.harness.event(Event::PointerGone);
        self.harness.run_steps(60);
        self.settle();
    }

    /// The runs of the list, by their names.
    pub fn names(&self) -> Vec<String> {
        let page = self.session().runs.page().expect("a list");
        page.page.subjects.iter().map(|subject| subject.name.clone()).collect()
    }

    /// The run under the cursor of the list.
    pub fn name_under_cursor(&self) -> String {
        let page = self.session().runs.page().expect("a list");
        page.at(self.session().runs.screen.cursor.row).expect("a run").name.clone()
    }

    /// Runs that are marked.
    pub fn marked(&self) -> usize {
        self.session().runs.screen.marked.len()
    }
}

/// A file that is dropped on the window.
#[derive(Debug)]
struct Dropped(PathBuf);

impl egui::DroppedFile for Dropped {
    fn path(&self) -> &Path {
        &self.0
    }

    fn bytes(&self) -> Result<Vec<u8>, String> {
        std::fs::read(&self.0).map_err(|error| error.to_string())
    }
}

fn texts(shape: &egui::Shape, painted: &mut String) {
    match shape {
        egui::Shape::Text(text) => {
            painted.push_str(text.galley.text());
            painted.push('\n');
        }
        egui::Shape::Vec(shapes) => shapes.iter().for_each(|shape| texts(shape, painted)),
        _ => {}
    }
}
