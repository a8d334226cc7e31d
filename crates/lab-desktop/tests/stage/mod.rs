//! A window on the sample notebook, driven by what stands in it.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use egui_kittest::Harness;
use lab_desktop::App;
use lab_testkit::sample::Sample;
use lab_view::session::{Action, Session};

/// A window, and what it shows.
pub struct Stage {
    /// The window.
    pub harness: Harness<'static, App>,
    /// The notebook; it goes when this goes.
    pub sample: Sample,
    woken: Receiver<()>,
}

impl Stage {
    /// A window on the project `penguins`.
    pub fn new() -> Self {
        let sample = Sample::new();
        let (sender, woken) = sync_channel(1);
        let sender = Mutex::new(sender);
        let wake = Arc::new(move || {
            // When it is full the test is awake anyway.
            let _ = sender.lock().expect("because no holder panics").try_send(());
        });
        let session = Session::start(sample.config(), Some(sample.project.clone()), wake).expect("threads");
        let builder = Harness::builder().with_size([1280.0, 800.0]).with_context_setup(lab_desktop::dress);
        let harness = builder.build_ui_state(|ui, app: &mut App| app.frame(ui), App::for_session(session));
        Self { harness, sample, woken }
    }

    /// Lets everything come in that the place needs, and paints it.
    pub fn settle(&mut self) {
        loop {
            // A frame finds out how much room there is, and then other rows may be wanted.
            self.harness.run_steps(3);
            if !self.harness.state().session().is_busy() {
                return;
            }
            self.woken.recv_timeout(Duration::from_secs(60)).expect("an answer");
        }
    }

    /// Does something and lets it come in.
    pub fn act(&mut self, action: Action) {
        self.harness.state_mut().session_mut().act(action);
        self.settle();
    }

    /// The run under the cursor of the list.
    pub fn name_under_cursor(&self) -> String {
        let session = self.harness.state().session();
        let page = session.runs.page().expect("a list");
        page.at(session.runs.screen.cursor.row).expect("a run").name.clone()
    }
}
