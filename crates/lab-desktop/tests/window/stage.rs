//! A window on the sample notebook, driven by what stands in it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use egui_kittest::kittest::{NodeT, Queryable};
use egui_kittest::{Harness, HarnessBuilder};
use lab_desktop::App;
use lab_engine::{Clock, EngineConfig, Random};
use lab_model::Project;
use lab_testkit::CLOCK_MILLIS;
use lab_view::session::{Action, Session};

/// A window, and what it shows.
pub struct Stage {
    /// The window.
    pub harness: Harness<'static, App>,
    woken: Receiver<()>,
    /// The notebook; it goes when this goes.
    _kept: Box<dyn std::any::Any>,
}

/// A session is started with this; the clock stands.
pub fn config(notebook: &Path) -> EngineConfig {
    EngineConfig {
        notebook: notebook.to_owned(),
        key_file: notebook.with_extension("key"),
        cwd: notebook.parent().unwrap_or(notebook).to_owned(),
        variables: BTreeMap::new(),
        executable: notebook.join("no-such-program"),
        clock: Clock::Fixed(Arc::new(AtomicU64::new(CLOCK_MILLIS.cast_unsigned()))),
        random: Random::Seeded(Arc::new(AtomicU64::new(1))),
    }
}

impl Stage {
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
        loop {
            // A frame finds out how much room there is, and then other rows may be wanted.
            self.harness.run_steps(3);
            if !self.session().is_busy() {
                return;
            }
            self.woken.recv_timeout(Duration::from_secs(60)).expect("an answer");
        }
    }

    /// Waits until something new is there, and lets it come in.
    pub fn wait(&mut self) {
        self.woken.recv_timeout(Duration::from_secs(60)).expect("something new");
        self.settle();
    }

    /// Does something and lets it come in.
    pub fn act(&mut self, action: Action) {
        self.harness.state_mut().session_mut().act(action);
        self.settle();
    }

    /// Clicks what has this name.
    pub fn click(&mut self, name: &str) {
        self.harness.get_by_label(name).click_accesskit();
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
