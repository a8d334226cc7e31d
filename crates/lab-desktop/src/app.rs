//! The window's program: polls the session, paints it, does what the person asked for.

use std::time::Duration;

use egui_commonmark::CommonMarkCache;
use lab_view::session::{Action, DialogAction, Request, Session};
use lab_view::{Line, Tone};

use crate::own::{Own, Places};
use crate::{frame, keys};

/// Everything that a painter needs. It looks at the session and hands back wishes; it changes nothing but what is the
/// painter's own.
pub struct Paint<'a> {
    /// What is shown.
    pub session: &'a Session,
    /// What the person wants; done after the frame.
    pub wishes: &'a mut Vec<Action>,
    /// What the places remember for this project.
    pub places: &'a mut Places,
    /// What Markdown was laid out as.
    pub markdown: &'a mut CommonMarkCache,
}

impl Paint<'_> {
    /// Asks for something.
    pub fn wish(&mut self, action: Action) {
        self.wishes.push(action);
    }
}

/// The session and its window.
pub struct App {
    session: Session,
    own: Own,
    markdown: CommonMarkCache,
    /// Requests that only what stands around the window can fulfil.
    outside: Box<dyn FnMut(&Request)>,
}

/// While something is under way, its progress is painted so often.
const BUSY: Duration = Duration::from_millis(120);
/// What goes on is told in seconds; notices go after some.
const SECOND: Duration = Duration::from_secs(1);

impl App {
    /// What a window shows of this session; its context is to be dressed with [`crate::dress`].
    pub fn for_session(session: Session) -> Self {
        Self { session, own: Own::default(), markdown: CommonMarkCache::default(), outside: Box::new(|_| {}) }
    }

    /// What the window shows.
    pub const fn session(&self) -> &Session {
        &self.session
    }

    /// The session, for tests that act on it.
    pub const fn session_mut(&mut self) -> &mut Session {
        &mut self.session
    }

    /// Polls and paints once, as the window does in each frame.
    pub fn frame(&mut self, ui: &mut egui::Ui) {
        let context = ui.ctx().clone();
        self.poll(&context);
        self.paint(ui);
    }

    /// What each of the requests means outside the window.
    pub(crate) fn fulfil_with(&mut self, outside: impl FnMut(&Request) + 'static) {
        self.outside = Box::new(outside);
    }

    /// What is remembered from one start to the next.
    pub(crate) const fn own_mut(&mut self) -> &mut Own {
        &mut self.own
    }

    fn poll(&mut self, context: &egui::Context) {
        if self.session.poll() {
            context.request_repaint();
        }
        for request in self.session.take_requests() {
            self.fulfil(context, request);
        }
        if !self.session.jobs().is_empty() {
            context.request_repaint_after(BUSY);
        } else if self.ticks() {
            context.request_repaint_after(SECOND);
        }
    }

    /// Whether something on screen changes with the clock.
    fn ticks(&self) -> bool {
        let shown = &self.session.runs;
        let in_sight = shown.page().map(|page| page.subjects(shown.screen.cursor.visible()));
        let is_running = in_sight.is_some_and(|runs| runs.iter().any(|subject| subject.is_running));
        is_running || self.session.notices().iter().any(|notice| !notice.sticky)
    }

    fn paint(&mut self, ui: &mut egui::Ui) {
        let mut wishes = Vec::new();
        keys::actions(ui.ctx(), &self.session, &mut wishes);
        let project = self.session.project().map(|project| project.id.as_str().to_owned()).unwrap_or_default();
        let places = self.own.projects.entry(project).or_default();
        let (session, markdown) = (&self.session, &mut self.markdown);
        let mut paint = Paint { session, wishes: &mut wishes, places, markdown };
        frame::paint(&mut paint, ui, &mut self.own.is_narrow);
        if !wishes.is_empty() {
            wishes.into_iter().for_each(|wish| self.session.act(wish));
            ui.ctx().request_repaint();
        }
    }

    fn fulfil(&mut self, context: &egui::Context, request: Request) {
        match request {
            Request::Quit => context.send_viewport_cmd(egui::ViewportCommand::Close),
            Request::Copy(text) => context.copy_text(text),
            // A note is written in the dialog itself, which has room for many lines.
            Request::EditText(text) => self.session.act(Action::Dialog(DialogAction::Edited(text))),
            Request::Open(ref path) | Request::Edit(ref path) => {
                let words = format!("Opened {}", lab_model::display_bytes(path.to_string_lossy().as_bytes()));
                (self.outside)(&request);
                self.session.say(Line::of(words, Tone::Plain));
            }
        }
    }
}

impl eframe::App for App {
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        self.poll(context);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.paint(ui);
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        if let Ok(text) = serde_json::to_string(&self.own) {
            storage.set_string(crate::window::OWN, text);
        }
    }
}
