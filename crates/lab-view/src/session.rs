//! The shared mind of the terminal and the desktop: where a person is, what is chosen, what is under
//! way. Painters look at it and hand back actions; nothing in here paints, and nothing in here waits.

mod around;
mod beside;
mod dialog;
mod export;
mod find;
mod jobs;
mod lists;
mod measured;
mod perform;
mod pictures;
mod watching;

use std::collections::BTreeSet;
use std::sync::Arc;

use lab_engine::{Background, Command, EngineConfig, Error, Result, Wake};
use lab_model::{Project, ProjectId, RunId};
use lab_plot::Image;

pub use around::Ended;
pub use beside::{Aside, Beside};
pub use dialog::{Choice, Dialog, DialogAction, Purpose};
pub use jobs::{Running, Then};

use crate::actions::ActionId;
use crate::format::Moment;
use crate::list::Motion;
use crate::screen::{Loaded, Shown, Stamp};
use crate::screens::Subject;
use crate::screens::charts::{ChartsAction, ChartsScreen};
use crate::screens::compare::{CompareAction, CompareScreen};
use crate::screens::health::HealthScreen;
use crate::screens::notes::NotesScreen;
use crate::screens::projects::ProjectsScreen;
use crate::screens::restore::{RestoreAction, RestoreScreen};
use crate::screens::run::{RunAction, RunScreen};
use crate::screens::run_parts::RunParts;
use crate::screens::runs::{Panel, RunsAction, RunsScreen};
use crate::screens::search::SearchScreen;
use crate::watch::WatchPage;
use crate::{Line, Tone};

/// Where a person is.
#[derive(Clone, PartialEq, Debug)]
pub enum Route {
    /// All projects.
    Projects,
    /// The runs of the project, or of all.
    Runs,
    /// One run.
    Run(RunId),
    /// Runs side by side.
    Compare(Vec<RunId>),
    /// Metrics of runs over time.
    Charts(Vec<RunId>),
    /// What a restore would do.
    Restore(RunId),
    /// What was written down.
    Notes,
    /// Text found in all runs.
    Search,
    /// The watcher and the notebook.
    Health,
}

/// What a person just asked for.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// Something of [`crate::ACTIONS`].
    Do(ActionId),
    /// Go somewhere.
    Go(Route),
    /// Move the cursor of the list that has the focus.
    Move(Motion),
    /// Scroll that list, in rows.
    Scroll(i64),
    /// The painter has room for so many rows of that list, and the list has so many when the painter knows better.
    Extent {
        /// Rows on screen.
        height: usize,
        /// Rows in all.
        total: Option<usize>,
    },
    /// The painter scrolls that list by itself, and shows so many rows from this one on.
    See {
        /// The first row on screen.
        top: usize,
        /// Rows on screen.
        height: usize,
    },
    /// The painter has room around the places for projects, saved lists, and what has ended; or not.
    Around(bool),
    /// The painter shows notes with the pictures at these places.
    Pictures(Vec<String>),
    /// Write a picture into a new file, from which a note takes it.
    WritePicture(std::path::PathBuf, Arc<Image>),
    /// Go to the runs of this project.
    Enter(ProjectId),
    /// Make this folder a project and enter it.
    Watch(std::path::PathBuf),
    /// Look for these words: in the log, in all runs, or in the names of metrics, as the place is.
    Find(String),
    /// On the list of runs.
    Runs(RunsAction),
    /// On one run.
    Run(RunAction),
    /// The painter shows this run beside the one that is looked at, or none.
    Pair(Option<RunId>),
    /// The same at what stands beside the place.
    Beside(Aside, Box<Action>),
    /// On runs side by side.
    Compare(CompareAction),
    /// On charts.
    Charts(ChartsAction),
    /// On a plan of a restore.
    Restore(RestoreAction),
    /// In the open dialog.
    Dialog(DialogAction),
    /// Take a notice away.
    Dismiss(usize),
    /// Ask a job to stop.
    Cancel(usize),
}

/// What an action asks for beyond its own screen.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Go somewhere.
    Go(Route),
    /// Have something done.
    Command(Command, Then),
    /// Ask the person.
    Ask(Dialog),
    /// Tell the person.
    Say(Line),
    /// Something that only the painter can do.
    Request(Request),
}

/// What only a painter can do.
#[derive(Clone, PartialEq, Debug)]
pub enum Request {
    /// End the interface.
    Quit,
    /// Put text on the clipboard.
    Copy(String),
    /// Open a file or folder with the system's program.
    Open(std::path::PathBuf),
    /// Edit a file, or a text that comes back through [`DialogAction::Edited`].
    Edit(std::path::PathBuf),
    /// Edit a copy that nobody needs afterwards: it is removed, and so is the directory that it alone lies in.
    EditCopy(std::path::PathBuf),
    /// Edit a text in the person's editor; what comes of it is put into the open dialog.
    EditText(String),
    /// Show these beside the list of runs, and no others.
    Panels(BTreeSet<Panel>),
    /// Put the panels where they stand at first.
    ResetPanels,
}

/// Something said to the person, until it is old or taken away.
#[derive(Clone, PartialEq, Debug)]
pub struct Notice {
    /// What.
    pub line: Line,
    /// One thing to do about it.
    pub hint: Option<String>,
    /// Whether it stays until it is taken away.
    pub sticky: bool,
    /// An action that a button beside it does, such as undo.
    pub action: Option<ActionId>,
    /// The tick in which it came up.
    pub(crate) since: i64,
}

/// The shared mind of the interfaces.
pub struct Session {
    background: Background,
    route: Vec<Route>,
    project: Option<Project>,
    /// All projects.
    pub projects: Shown<ProjectsScreen>,
    /// The list of runs.
    pub runs: Shown<RunsScreen>,
    /// One run.
    pub run: Shown<RunScreen>,
    /// What is read beside it.
    pub run_parts: RunParts,
    /// A run beside it, or beside the list.
    pub beside: Beside,
    /// Runs side by side.
    pub compare: Shown<CompareScreen>,
    /// Metrics over time.
    pub charts: Shown<ChartsScreen>,
    /// What a restore would do.
    pub restore: Shown<RestoreScreen>,
    /// What was written down.
    pub notes: Shown<NotesScreen>,
    /// Text found in all runs.
    pub search: Shown<SearchScreen>,
    /// The notebook.
    pub health: Shown<HealthScreen>,
    watching: Loaded<(), WatchPage>,
    dialog: Option<Dialog>,
    notices: Vec<Notice>,
    jobs: Vec<Running>,
    /// Files that are to be written when they are read.
    exports: Vec<export::Exported>,
    requests: Vec<Request>,
    lists: lists::Lists,
    measured: measured::Measured,
    around: around::Around,
    pictures: pictures::Pictures,
    /// Runs that were removed last; they can be brought back.
    removed: Vec<RunId>,
    now: Moment,
    /// The clock at the poll before, in milliseconds since 1970.
    polled_before: i64,
}

/// A notice that is not sticky goes after so long.
const NOTICE_MILLIS: i64 = 8_000;

impl Session {
    /// Starts in the project that holds the working directory, otherwise among all projects. `wake` is called
    /// from other threads when [`Session::poll`] would have something new.
    ///
    /// # Errors
    /// When the system gives no threads.
    pub fn start(config: EngineConfig, project: Option<Project>, wake: Wake) -> Result<Self> {
        let now = Moment::local(config.clock.now());
        let route = if project.is_some() { Route::Runs } else { Route::Projects };
        let notebook = config.notebook.display().to_string();
        let mut session = Self {
            background: Background::start(config, wake)?,
            route: vec![Route::Projects],
            project: None,
            projects: Shown::default(),
            runs: Shown::default(),
            run: Shown::default(),
            run_parts: RunParts::default(),
            beside: Beside::default(),
            compare: Shown::default(),
            charts: Shown::default(),
            restore: Shown::default(),
            notes: Shown::default(),
            search: Shown::default(),
            health: Shown::of(HealthScreen::new(notebook)),
            watching: Loaded::default(),
            dialog: None,
            notices: Vec::new(),
            jobs: Vec::new(),
            exports: Vec::new(),
            requests: Vec::new(),
            lists: lists::Lists::default(),
            measured: measured::Measured::default(),
            around: around::Around::default(),
            pictures: pictures::Pictures::default(),
            removed: Vec::new(),
            polled_before: now.now.0,
            now,
        };
        session.enter(project);
        if route == Route::Runs {
            session.go(route);
        }
        Ok(session)
    }

    /// Where the person is.
    pub fn route(&self) -> &Route {
        self.route.last().expect("because the first place is never left")
    }

    /// The way here, the first place first.
    pub fn breadcrumbs(&self) -> &[Route] {
        &self.route
    }

    /// The project that lists are limited to.
    pub const fn project(&self) -> Option<&Project> {
        self.project.as_ref()
    }

    /// The question that is open.
    pub const fn dialog(&self) -> Option<&Dialog> {
        self.dialog.as_ref()
    }

    /// What was said to the person, oldest first.
    pub fn notices(&self) -> &[Notice] {
        &self.notices
    }

    /// Whether files are being made ready to be written.
    pub const fn is_exporting(&self) -> bool {
        !self.exports.is_empty()
    }

    /// What is under way.
    pub fn jobs(&self) -> &[Running] {
        &self.jobs
    }

    /// Now, as the last [`Session::poll`] saw it.
    pub const fn moment(&self) -> &Moment {
        &self.now
    }

    /// What the engine was configured with.
    pub const fn config(&self) -> &EngineConfig {
        self.background.config()
    }

    /// Whether runs that nobody announces are noticed here, as of the last look.
    pub fn is_watching(&self) -> bool {
        self.background.watcher().is_some()
    }

    /// What the painter has to do, since it was last asked.
    pub fn take_requests(&mut self) -> Vec<Request> {
        std::mem::take(&mut self.requests)
    }

    /// Takes in what other threads have ready, asks for what the place needs. True when the screen should be
    /// painted again.
    pub fn poll(&mut self) -> bool {
        self.polled_before = self.now.now.0;
        self.now = Moment { now: self.background.config().clock.now(), zone: self.now.zone.clone() };
        // Before the revision is read: what a job changed is asked for in the moment in which the job is over.
        let mut changed = self.poll_jobs();
        if changed {
            self.pictures.look_again();
        }
        let live = if self.shows_live() { self.background.live_revision() } else { 0 };
        let stamp = Stamp { revision: self.background.revision(), live, minute: self.now.now.0.div_euclid(60_000) };
        if self.runs.is_current() {
            self.runs.screen.hold(self.runs.screen.under_cursor(self.runs.page()));
        }
        let (background, now) = (&self.background, &self.now);
        changed |= match self.route.last() {
            Some(Route::Projects) => self.projects.poll(background, stamp, now),
            Some(Route::Runs) => self.runs.poll(background, stamp, now),
            Some(Route::Run(run)) => {
                let changed = self.run.poll(background, stamp, now);
                let screen = &self.run.screen;
                self.run_parts.enter(run, self.run.page(), screen.cursor().row);
                self.run_parts.poll(screen.part, background, stamp, now) | changed
            }
            Some(Route::Compare(_)) => self.compare.poll(background, stamp, now),
            Some(Route::Charts(_)) => self.charts.poll(background, Stamp { minute: 0, ..stamp }, now),
            Some(Route::Notes) => self.notes.poll(background, stamp, now),
            Some(Route::Search) => self.search.poll(background, Stamp::default(), now),
            Some(Route::Health) => self.health.poll(background, stamp, now),
            Some(Route::Restore(_)) => self.restore.poll(background, Stamp::default(), now),
            None => false,
        };
        changed |= self.poll_lists(stamp);
        changed |= self.poll_beside(stamp);
        changed |= self.poll_measured(stamp);
        changed |= self.poll_around(stamp);
        changed |= self.poll_pictures();
        changed |= self.poll_exports();
        changed |= self.poll_watching(stamp);
        let before = self.notices.len();
        let now = self.now.now.0;
        self.notices.retain(|notice| notice.sticky || now - notice.since < NOTICE_MILLIS);
        changed || before != self.notices.len()
    }

    /// Whether what running commands print and log changes what is shown.
    fn shows_live(&self) -> bool {
        let listed = |run: &RunId| self.runs.page().and_then(|page| page.subject(run));
        let may_run = |run: &RunId| listed(run).is_none_or(|subject| subject.is_running);
        match self.route() {
            // Which runs a query finds, and in what order, may depend on values that grow.
            Route::Runs => {
                let runs = self.runs.page().map(|page| &page.page.subjects);
                let any = |runs: &Vec<Subject>| runs.iter().any(|subject| subject.is_running);
                !self.runs.screen.shown_query().is_empty() || runs.is_none_or(any)
            }
            Route::Run(run) => {
                let shown = self.run.page().map(|page| &page.subject).filter(|subject| subject.run == *run);
                shown.is_none_or(|subject| subject.is_running) || self.is_running_beside()
            }
            Route::Compare(runs) | Route::Charts(runs) => runs.iter().any(may_run),
            _ => false,
        }
    }

    /// Whether something is still being read or done for the place.
    pub fn is_busy(&self) -> bool {
        let parts = &self.run_parts;
        let reads = match self.route() {
            Route::Projects => self.projects.is_loading() || self.measured.is_loading(),
            Route::Runs => {
                let draws = self.runs.screen.panels.contains(&Panel::Charts);
                self.runs.is_loading() || draws && self.charts.is_loading() || self.is_loading_beside()
            }
            Route::Run(_) => self.run.is_loading() || parts.is_loading() || self.is_loading_beside(),
            Route::Compare(_) => self.compare.is_loading(),
            Route::Charts(_) => self.charts.is_loading(),
            Route::Restore(_) => self.restore.is_loading(),
            Route::Notes => self.notes.is_loading(),
            Route::Search => self.search.is_loading(),
            Route::Health => self.health.is_loading() || self.watching.page().is_none() && self.watching.is_loading(),
        };
        reads || self.pictures.is_loading() || !self.jobs.is_empty() || !self.exports.is_empty()
    }

    /// Does what the person asked for.
    pub fn act(&mut self, action: Action) {
        match action {
            Action::Do(id) => self.perform(id),
            Action::Go(route) => self.go(route),
            Action::Move(motion) => {
                // Charts stand in a grid: one down is a whole row on.
                let across = self.charts.screen.across.max(1) as i64;
                let motion = match (self.route(), motion) {
                    (Route::Charts(_), Motion::By(rows)) => Motion::By(rows * across),
                    _ => motion,
                };
                self.with_cursor(|cursor| cursor.go(motion));
            }
            Action::Scroll(rows) if matches!(self.route(), Route::Charts(_)) && self.charts.screen.alone => {
                let zoom = if rows < 0 { ActionId::ZoomIn } else { ActionId::ZoomOut };
                self.act(Action::Charts(ChartsAction::Do(zoom)));
            }
            Action::Scroll(rows) => self.with_cursor(|cursor| cursor.scroll(rows)),
            Action::Extent { height, total } => self.with_cursor(|cursor| {
                cursor.resize(height);
                total.into_iter().for_each(|total| cursor.set_total(total));
            }),
            Action::See { top, height } => self.with_cursor(|cursor| cursor.see(top, height)),
            Action::Around(shown) => self.around.shown = shown,
            Action::Pictures(shown) => self.pictures.shown = shown,
            Action::WritePicture(path, picture) => self.write_picture(path, picture),
            Action::Enter(project) => self.enter_project(&project),
            Action::Watch(folder) => self.command(Command::Init(folder), Then::Enter),
            Action::Find(words) => self.find(words),
            Action::Runs(action) => {
                let effects = self.runs.act(action);
                self.apply(effects);
            }
            Action::Pair(run) => self.pair(run),
            Action::Beside(Aside::Run(part), action) => self.act_beside(part, *action),
            Action::Beside(Aside::Changes, action) => self.act_on_changes(*action),
            Action::Run(RunAction::Picture(place)) => self.run_parts.file.screen.picture = place,
            Action::Run(action) => {
                let effects = self.run.act(action);
                self.apply(effects);
            }
            Action::Compare(action) => {
                let effects = self.compare.act(action);
                self.apply(effects);
            }
            Action::Charts(action) => {
                let effects = self.charts.act(action);
                self.apply(effects);
            }
            Action::Restore(action) => {
                let effects = self.restore.act(action);
                self.apply(effects);
            }
            Action::Dialog(action) => self.answer(action),
            Action::Dismiss(place) if place < self.notices.len() => drop(self.notices.remove(place)),
            Action::Dismiss(_) => {}
            Action::Cancel(place) => {
                if let Some(job) = self.jobs.get(place) {
                    job.cancel();
                }
            }
        }
    }

    pub(crate) fn apply(&mut self, effects: Vec<Effect>) {
        for effect in effects {
            match effect {
                Effect::Go(route) => self.go(route),
                Effect::Command(command, then) => self.command(command, then),
                Effect::Ask(dialog) => self.dialog = Some(dialog),
                Effect::Say(line) => self.say(line),
                Effect::Request(request) => self.requests.push(request),
            }
        }
    }

    /// Tells the person something for a while.
    pub fn say(&mut self, line: Line) {
        let since = self.now.now.0;
        self.notices.push(Notice { line, hint: None, sticky: false, action: None, since });
    }

    /// Tells the person what went wrong, until it is taken away.
    pub fn complain(&mut self, error: &Error) {
        let message = lab_model::display_bytes(error.message.as_bytes());
        let line = Line::of(message, Tone::Bad);
        let hint = error.hint.as_ref().map(|hint| lab_model::display_bytes(hint.as_bytes()));
        // The same trouble twice is one trouble.
        self.notices.retain(|notice| notice.line != line);
        self.notices.push(Notice { line, hint, sticky: true, action: None, since: self.now.now.0 });
    }

    /// Limits the lists to a project, or to none.
    pub(crate) fn enter(&mut self, project: Option<Project>) {
        let id = project.as_ref().map(|project| project.id.clone());
        self.notes.screen.enter(id.clone());
        self.search.screen.enter(id.clone());
        self.runs.screen.enter(id);
        self.project = project;
    }

    fn go(&mut self, route: Route) {
        if *self.route() == route {
            // Where there was no plan to be had the same wish is to look again.
            if let Route::Restore(run) = route
                && self.restore.screen.page().is_none()
                && self.jobs.is_empty()
            {
                self.plan_restore(run);
            }
            return;
        }
        // A place on the way here is gone back to.
        if let Some(place) = self.route.iter().position(|before| *before == route) {
            while self.route.len() > place + 1 {
                self.back();
            }
            return;
        }
        // Other runs in the same charts are no place of their own.
        if matches!((self.route(), &route), (Route::Charts(_), Route::Charts(_))) {
            self.route.pop();
        }
        match &route {
            Route::Run(run) if self.is_paired_with(run) => self.change_places(),
            Route::Run(run) => self.run.screen.enter(run.clone()),
            Route::Compare(runs) => self.compare.screen.enter(runs.clone()),
            Route::Charts(runs) => self.charts.screen.enter(runs.clone()),
            Route::Restore(run) => self.plan_restore(run.clone()),
            _ => {}
        }
        // Places of the first level do not pile up.
        match route {
            Route::Projects => self.route.truncate(1),
            Route::Runs => {
                self.route.truncate(1);
                self.route.push(route);
            }
            Route::Notes | Route::Search | Route::Health => {
                let keep = self.route.iter().position(|place| !matches!(place, Route::Projects | Route::Runs));
                self.route.truncate(keep.unwrap_or(self.route.len()));
                self.route.push(route);
            }
            _ => self.route.push(route),
        }
    }

    /// Leaves the place, or the program from the first one.
    pub(crate) fn back(&mut self) {
        if self.route.len() > 1 {
            self.route.pop();
            if let Route::Run(run) = self.route().clone() {
                self.run.screen.enter(run);
            }
        }
    }
}
