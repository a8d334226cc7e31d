//! The window's program: polls the session, paints it, does what the person asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::time::Duration;

use egui_commonmark::CommonMarkCache;
use lab_plot::Image;
use lab_view::screen::{Screen, Shown};
use lab_view::screens::run::RunScreen;
use lab_view::screens::run_parts::RunParts;
use lab_view::session::{Action, Aside, Dialog, DialogAction, Purpose, Request, Route, Session};
use lab_view::{ActionId, Line, Tone};

use crate::later::{Answer, Later};
use crate::own::{Own, Places};
use crate::runs::Change;
use crate::{blocks, frame, keys};

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
    /// What only the window can do; done after the frame.
    pub asks: &'a mut Vec<Ask>,
    /// Pictures of notes that are shown.
    pub pictures: Vec<String>,
    /// What is painted now stands beside the place: what is done there is done at it.
    pub beside: Option<Aside>,
}

impl<'a> Paint<'a> {
    /// Asks for something.
    pub fn wish(&mut self, action: Action) {
        self.wishes.push(match self.beside {
            Some(aside) => Action::Beside(aside, Box::new(action)),
            None => action,
        });
    }

    /// Whether an action makes sense. What stands beside the place offers only what does.
    pub fn can(&self, id: ActionId) -> bool {
        self.beside.is_some() || (id.row().enabled)(self.session)
    }

    /// What is said where there is no page. What follows the cursor of a list says nothing for the moment: it would
    /// flicker.
    pub fn no_page<S: Screen>(&self, ui: &mut egui::Ui, shown: &Shown<S>) {
        blocks::no_page(ui, shown.error(), shown.is_loading() && self.beside.is_none());
    }

    /// The run that is painted.
    pub const fn run(&self) -> &'a Shown<RunScreen> {
        let session = self.session;
        if self.beside.is_some() { &session.beside.run } else { &session.run }
    }

    /// What is read beside its page.
    pub const fn run_parts(&self) -> &'a RunParts {
        let session = self.session;
        if self.beside.is_some() { &session.beside.run_parts } else { &session.run_parts }
    }
}

/// How the names of pictures end that notes can show.
pub const PICTURES: [&str; 3] = ["png", "jpg", "jpeg"];

fn is_picture(path: &Path) -> bool {
    let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    PICTURES.iter().any(|known| known.eq_ignore_ascii_case(ending))
}

/// A picture that was pasted.
fn pasted(event: &egui::Event) -> Option<Arc<Image>> {
    let egui::Event::PasteImage(pasted) = event else { return None };
    let pixels = pasted.pixels.iter().map(|pixel| {
        // What is transparent becomes white, as in pictures from files.
        let paper = 255 - pixel.a();
        [pixel.r(), pixel.g(), pixel.b()].map(|part| part.saturating_add(paper))
    });
    let name = "pasted".to_owned();
    Some(Arc::new(Image { name, width: pasted.width(), height: pasted.height(), pixels: pixels.collect() }))
}

/// What only the window can do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ask {
    /// Let the person pick a folder, which is then watched.
    PickFolder,
    /// Let the person pick where a restored folder is to stand.
    PickDestination,
    /// Let the person say where what was asked for is to be saved.
    SaveAs,
    /// Let the person pick a picture for the note that is being written.
    PickPicture,
    /// Open the demo in a window of its own.
    Demo,
}

/// What only the system can do.
pub enum Outside {
    /// Opens a file or folder with the program that it belongs to.
    Open(PathBuf),
    /// Starts a window with the demo.
    Demo,
}

/// The session and its window.
pub struct App {
    session: Session,
    own: Own,
    markdown: CommonMarkCache,
    later: Option<Later>,
    /// Places that later starts hand over.
    arrivals: Option<Receiver<PathBuf>>,
    outside: Box<dyn FnMut(Outside)>,
    /// The person has said that the window may close although something is under way.
    leaves: bool,
    /// Pictures of notes that were painted last.
    pictures: Vec<String>,
}

/// While something is under way, its progress is painted so often.
const BUSY: Duration = Duration::from_millis(120);
/// What goes on is told in seconds; notices go after some.
const SECOND: Duration = Duration::from_secs(1);

impl App {
    /// What a window shows of this session; its context is to be dressed with [`crate::dress`].
    pub fn for_session(mut session: Session) -> Self {
        session.act(Action::Around(true));
        Self {
            session,
            own: Own::default(),
            markdown: CommonMarkCache::default(),
            later: None,
            arrivals: None,
            outside: Box::new(|_| ()),
            leaves: false,
            pictures: Vec::new(),
        }
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

    /// The window is a real one: what is beyond it can be reached.
    pub(crate) fn reach(
        &mut self,
        context: &egui::Context,
        arrivals: Receiver<PathBuf>,
        outside: impl FnMut(Outside) + 'static,
    ) {
        let later = self.later.insert(Later::new(context.clone()));
        #[cfg(target_os = "linux")]
        later.follow_look();
        later.poll();
        self.arrivals = Some(arrivals);
        self.outside = Box::new(outside);
    }

    /// What is remembered from one start to the next, as text.
    pub fn remembered(&self) -> String {
        serde_json::to_string(&self.own).unwrap_or_default()
    }

    /// Takes up what an earlier window remembered; what an older version remembered otherwise is forgotten.
    pub fn remember(&mut self, text: &str) {
        self.own = serde_json::from_str(text).unwrap_or_default();
    }

    fn poll(&mut self, context: &egui::Context) {
        if self.session.poll() {
            // What came may be what another part waited for: this frame paints both.
            self.session.poll();
        }
        for request in self.session.take_requests() {
            self.fulfil(context, request);
        }
        self.take_answers(context);
        self.on_window(context);
        if !self.session.jobs().is_empty() {
            context.request_repaint_after(BUSY);
        } else if self.ticks() {
            context.request_repaint_after(SECOND);
        } else {
            // Ages are told in minutes.
            let passed = self.session.moment().now.0.rem_euclid(60_000).unsigned_abs();
            context.request_repaint_after(Duration::from_millis(60_000 - passed));
        }
    }

    /// Takes in what the system has answered, and tells it what has ended while nobody looked.
    fn take_answers(&mut self, context: &egui::Context) {
        let ended = self.session.take_ended();
        let Some(later) = &mut self.later else { return };
        if !context.input(|input| input.focused) {
            ended.iter().for_each(|ended| later.notify(&ended.line.text()));
        }
        let answers = later.poll();
        if let Some(look) = later.take_look() {
            context.options_mut(|options| options.fallback_theme = look);
            context.request_repaint();
        }
        for answer in answers {
            match answer {
                Answer::Folder(folder) => self.session.act(Action::Watch(folder)),
                Answer::Destination(folder) => destination(&mut self.session, &folder),
                Answer::Picture(file) => self.add_picture(&file),
                Answer::File(file) => self.session.act(Action::Dialog(DialogAction::Saved(file))),
                Answer::Nothing => {}
            }
        }
    }

    /// Puts a picture into the note that is being written.
    fn add_picture(&mut self, path: &Path) {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        self.places().notes.add_picture(&name, path);
    }

    /// What was done to the window as a whole: something was dropped on it, or it is to close.
    fn on_window(&mut self, context: &egui::Context) {
        let dropped = context.input(|input| input.raw.dropped_files.clone());
        for path in dropped.iter().map(|file| file.path().to_owned()) {
            if path.is_dir() {
                self.session.act(Action::Watch(path));
            } else if is_picture(&path) {
                self.session.act(Action::Go(Route::Notes));
                self.add_picture(&path);
            }
        }
        let pasted = context.input(|input| input.events.iter().rev().find_map(pasted));
        if let Some(pasted) =
            pasted.filter(|_| self.places().notes.is_writing() && matches!(self.session.route(), Route::Notes))
        {
            let moment = self.session.moment().now.0.cast_unsigned();
            let path = lab_engine::waiting_picture(self.session.config(), moment);
            self.places().notes.add_picture("pasted", &path);
            self.session.act(Action::WritePicture(path, pasted));
        }
        let arrived: Vec<PathBuf> = self.arrivals.iter().flat_map(|arrivals| arrivals.try_iter()).collect();
        for place in arrived {
            context.send_viewport_cmd(egui::ViewportCommand::Minimized(false));
            context.send_viewport_cmd(egui::ViewportCommand::Focus);
            self.enter(&place);
        }
        let closes = context.input(|input| input.viewport().close_requested());
        if closes && !self.leaves && !self.session.jobs().is_empty() {
            context.send_viewport_cmd(egui::ViewportCommand::CancelClose);
            self.session.act(Action::Do(ActionId::Quit));
        }
    }

    /// Goes to the project that holds this directory, the innermost of several.
    fn enter(&mut self, place: &Path) {
        let projects = self.session.all_projects().iter().filter(|project| place.starts_with(&project.root));
        if let Some(project) = projects.max_by_key(|project| project.root.len()) {
            let id = project.id.clone();
            self.session.act(Action::Enter(id));
        }
    }

    /// Whether something on screen changes with the clock.
    fn ticks(&self) -> bool {
        let shown = &self.session.runs;
        let in_runs = matches!(self.session.route(), Route::Runs);
        let in_sight = shown.page().map(|page| page.subjects(shown.screen.cursor.visible()));
        let is_running = in_sight.is_some_and(|runs| runs.iter().any(|subject| subject.is_running));
        in_runs && is_running || self.session.notices().iter().any(|notice| !notice.sticky)
    }

    fn paint(&mut self, ui: &mut egui::Ui) {
        let mut wishes = Vec::new();
        keys::actions(ui.ctx(), &self.session, &mut wishes);
        let places = self.own.projects.entry(project_of(&self.session)).or_default();
        let (session, markdown) = (&self.session, &mut self.markdown);
        let (mut asks, pictures) = (Vec::new(), Vec::new());
        let mut paint =
            Paint { session, wishes: &mut wishes, places, markdown, asks: &mut asks, pictures, beside: None };
        frame::paint(&mut paint, ui, &mut self.own.frame);
        let pictures = paint.pictures;
        if pictures != self.pictures {
            wishes.push(Action::Pictures(pictures.clone()));
            self.pictures = pictures;
        }
        if !wishes.is_empty() {
            wishes.into_iter().for_each(|wish| self.session.act(wish));
            ui.ctx().request_repaint();
        }
        for ask in asks {
            match (ask, &mut self.later) {
                (Ask::PickFolder, Some(later)) => later.pick_folder("Watch a folder", Answer::Folder),
                (Ask::PickDestination, Some(later)) => later.pick_folder("Restore into", Answer::Destination),
                (Ask::SaveAs, Some(later)) => later.save_as(&suggested(&self.session)),
                (Ask::PickPicture, Some(later)) => later.pick_picture(),
                (Ask::PickFolder | Ask::PickDestination | Ask::SaveAs | Ask::PickPicture, None) => {}
                (Ask::Demo, _) => (self.outside)(Outside::Demo),
            }
        }
    }

    fn places(&mut self) -> &mut Places {
        self.own.projects.entry(project_of(&self.session)).or_default()
    }

    fn fulfil(&mut self, context: &egui::Context, request: Request) {
        match request {
            Request::Quit => {
                self.leaves = true;
                context.send_viewport_cmd(egui::ViewportCommand::Close);
            }
            Request::Copy(text) => context.copy_text(text),
            Request::Panels(panels) => self.places().runs.dock.show(&panels),
            Request::ResetPanels => self.places().runs.dock.change(Change::Reset),
            // A note is written in the dialog itself, which has room for many lines.
            Request::EditText(text) => self.session.act(Action::Dialog(DialogAction::Edited(text))),
            Request::Open(path) | Request::Edit(path) | Request::EditCopy(path) => {
                let words = format!("Opened {}", lab_model::display_bytes(path.to_string_lossy().as_bytes()));
                (self.outside)(Outside::Open(path));
                self.session.say(Line::of(words, Tone::Plain));
            }
        }
    }
}

/// Under what the places are remembered.
fn project_of(session: &Session) -> String {
    session.project().map(|project| project.id.as_str().to_owned()).unwrap_or_default()
}

/// The name of the file that is asked for.
fn suggested(session: &Session) -> String {
    let Some(Dialog::Ask { input, .. }) = session.dialog() else { return String::new() };
    let name = Path::new(input.text()).file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A restored folder is to stand in this one, under the name that was suggested.
fn destination(session: &mut Session, folder: &Path) {
    let Some(Dialog::Ask { purpose: Purpose::RestoreTo(_), input, .. }) = session.dialog() else { return };
    let name = Path::new(input.text()).file_name().unwrap_or_default();
    let text = folder.join(name).to_string_lossy().into_owned();
    session.act(Action::Dialog(DialogAction::Edited(text)));
}

impl eframe::App for App {
    fn logic(&mut self, context: &egui::Context, _: &mut eframe::Frame) {
        self.poll(context);
    }

    fn ui(&mut self, ui: &mut egui::Ui, _: &mut eframe::Frame) {
        self.paint(ui);
    }

    /// Where a scale is no whole number, what is behind shows between parts: it has their colour.
    fn clear_color(&self, visuals: &egui::Visuals) -> [f32; 4] {
        visuals.panel_fill.to_normalized_gamma_f32()
    }

    fn save(&mut self, storage: &mut dyn eframe::Storage) {
        storage.set_string(crate::window::OWN, self.remembered());
    }
}
