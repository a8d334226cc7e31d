//! What each action of [`crate::ACTIONS`] does, and what the answers to its questions do.

use std::ffi::OsString;
use std::path::PathBuf;

use lab_engine::{Command, RestoreOptions, RestorePlan, RestoreTarget};
use lab_model::{Change, NoteKind, ProjectId, RunId, Target};

use super::{Action, Dialog, Effect, Purpose, Request, Route, Session, Then};
use crate::actions::ActionId;
use crate::list::{Cursor, Motion};
use crate::screens::charts::ChartsAction;
use crate::screens::compare::CompareAction;
use crate::screens::health::WORK;
use crate::screens::restore::RestoreAction;
use crate::screens::run::{Part, RunAction};
use crate::screens::runs::{Panel, RunsAction, RunsView};
use crate::screens::{Subject, runs};
use crate::{Line, Tone, format};

impl Session {
    /// The runs that an action is about: the marked ones, otherwise the one under the cursor.
    pub fn subjects(&self) -> Vec<RunId> {
        match self.route() {
            Route::Runs => self.runs.screen.subjects(self.runs.page()),
            Route::Run(run) | Route::Restore(run) => vec![run.clone()],
            Route::Compare(runs) | Route::Charts(runs) => runs.clone(),
            _ => Vec::new(),
        }
    }

    /// What is known of the one run that an action is about.
    pub fn subject(&self) -> Option<&Subject> {
        let [run] = &self.subjects()[..] else { return None };
        match self.route() {
            Route::Runs => self.runs.page()?.subject(run),
            _ => {
                let shown = self.run.page().map(|page| &page.subject).filter(|subject| subject.run == *run);
                shown.or_else(|| self.runs.page()?.subject(run))
            }
        }
    }

    /// The one running run that an action is about.
    pub fn one_running(&self) -> Option<RunId> {
        self.subject().filter(|subject| subject.is_running).map(|subject| subject.run.clone())
    }

    /// The project that is shown, or under the cursor.
    pub fn project_here(&self) -> Option<&lab_model::Project> {
        match self.route() {
            Route::Projects => self.projects.page()?.projects.get(self.projects.screen.cursor.row),
            _ => self.project(),
        }
    }

    /// The file that the cursor is on in a list: the script of a run as it is now, the settings of a project.
    fn file_here(&self) -> Option<PathBuf> {
        const SCRIPTS: [&str; 10] = [".py", ".sh", ".jl", ".R", ".r", ".ipynb", ".js", ".rb", ".lua", ".pl"];
        let root = PathBuf::from(&self.project_here()?.root);
        let script = self.subject().and_then(|subject| {
            let is_script = |word: &&String| SCRIPTS.iter().any(|end| word.ends_with(end));
            let script = subject.argv.iter().find(is_script)?;
            Some(root.join(subject.directory.to_string()).join(script))
        });
        Some(script.unwrap_or_else(|| root.join("lab.toml")))
    }

    /// Whether the place has a list with a cursor.
    pub fn has_list(&self) -> bool {
        !matches!(self.route(), Route::Charts(_))
    }

    pub(super) fn with_cursor(&mut self, change: impl FnOnce(&mut Cursor)) {
        match self.route.last() {
            Some(Route::Projects) => change(&mut self.projects.screen.cursor),
            Some(Route::Runs) => self.runs.screen.moved(change),
            Some(Route::Run(_)) => match self.run.screen.part {
                Part::Log => self.run_parts.log.screen.moved(change),
                Part::Files if self.run.screen.full => change(&mut self.run_parts.file.screen.cursor),
                _ => change(self.run.screen.cursor_mut()),
            },
            Some(Route::Compare(_)) => change(&mut self.compare.screen.cursor),
            Some(Route::Charts(_)) => change(&mut self.charts.screen.cursor),
            Some(Route::Notes) => change(&mut self.notes.screen.cursor),
            Some(Route::Search) => change(&mut self.search.screen.cursor),
            Some(Route::Health) => change(&mut self.health.screen.cursor),
            Some(Route::Restore(_)) => change(&mut self.restore.screen.cursor),
            None => {}
        }
    }

    pub(super) fn perform(&mut self, id: ActionId) {
        if !(id.row().enabled)(self) {
            return;
        }
        let runs = self.subjects();
        match id {
            ActionId::Help => self.open(Dialog::Help { cursor: Cursor::default() }),
            ActionId::Palette => self.open(Dialog::palette(self)),
            ActionId::Back => self.leave(),
            ActionId::Quit => self.quit(),
            ActionId::GoProjects => self.go(Route::Projects),
            ActionId::GoRuns => self.go(Route::Runs),
            ActionId::GoCharts if runs.is_empty() => {
                self.say(Line::of("Choose runs first; mark several with the space bar", Tone::Warn));
            }
            ActionId::GoCharts => self.go(Route::Charts(runs)),
            ActionId::GoNotes => self.go(Route::Notes),
            ActionId::GoSearch => {
                self.go(Route::Search);
                if self.search.screen.words.is_empty() {
                    self.ask_find();
                }
            }
            ActionId::GoHealth => self.go(Route::Health),
            ActionId::Open => self.open_under_cursor(),
            ActionId::NextPart => self.next_part(1),
            ActionId::PreviousPart => self.next_part(-1),
            ActionId::Mark => self.on_runs(RunsAction::Mark),
            ActionId::MarkAll => self.on_runs(RunsAction::MarkAll),
            ActionId::ClearMarks => self.on_runs(RunsAction::ClearMarks),
            ActionId::Follow => self.follow(),
            ActionId::Panels => self.ask_panels(),
            ActionId::ResetPanels => self.requests.push(Request::ResetPanels),
            ActionId::Filter => self.ask_of_list(Purpose::Filter),
            ActionId::Sort => self.ask_of_list(Purpose::Sort),
            ActionId::Group => self.ask_of_list(Purpose::Group),
            ActionId::Columns => self.ask_of_list(Purpose::Columns),
            ActionId::Views => self.ask_of_list(Purpose::Views),
            ActionId::SaveView => self.ask_of_list(Purpose::SaveView),
            ActionId::AllRuns => {
                self.enter(None);
                self.go(Route::Runs);
            }
            ActionId::Compare => self.compare(runs),
            ActionId::Charts => self.go(Route::Charts(runs)),
            ActionId::AddToCharts => self.act(Action::Charts(ChartsAction::Add(runs))),
            ActionId::Restore => runs.into_iter().for_each(|run| self.go(Route::Restore(run))),
            ActionId::RestoreTo => self.ask_restore_to(),
            ActionId::Undo => self.take_back(Command::PlanUndo),
            ActionId::Redo => self.take_back(Command::PlanRedo),
            ActionId::Rerun => self.rerun(None),
            ActionId::RerunWith => self.ask_rerun(),
            ActionId::Stop => self.ask_stop(),
            ActionId::Tag => {
                let title = format!("Tags for {}", self.subjects_words());
                self.open(Dialog::ask(Purpose::Tag(runs), title, "", "several with blanks; -tag takes one off"));
            }
            ActionId::Star => self.star(runs),
            ActionId::Hide => self.hide(runs),
            ActionId::Rename => {
                if let Some((run, name)) = self.subject().map(|subject| (subject.run.clone(), subject.name.clone())) {
                    self.open(Dialog::ask(Purpose::Rename(run), "Another name", &name, "letters, digits, - and _"));
                }
            }
            ActionId::Note => {
                let hint = "Markdown; Ctrl-E opens your editor";
                let run = self.subject().map(|subject| (Target::Run(subject.run.clone()), "What came of it"));
                let project =
                    self.project.as_ref().map(|project| (Target::Project(project.id.clone()), "On the project"));
                if let Some((target, title)) = run.or(project) {
                    self.open(Dialog::ask(Purpose::Note(target), title, "", hint));
                }
            }
            ActionId::Reason => {
                if let Some(run) = self.subject().map(|subject| subject.run.clone()) {
                    let hint = "Markdown; Ctrl-E opens your editor";
                    self.open(Dialog::ask(Purpose::Reason(run), "Why it was run", "", hint));
                }
            }
            ActionId::Remove => {
                let title = format!("Remove {}?", self.subjects_words());
                let text = Line::of("They leave all lists; `lab gc` makes it final after a week", Tone::Plain);
                self.open(Dialog::Confirm { purpose: Purpose::Remove(runs), title, text, yes: "Remove".to_owned() });
            }
            ActionId::Unremove => self.unremove(),
            ActionId::ToggleFile => {
                let effects = self.restore.act(RestoreAction::Toggle);
                self.apply(effects);
            }
            ActionId::Apply => self.apply_plan(),
            ActionId::Edit if matches!(self.route(), Route::Runs | Route::Projects) => {
                let file = self.file_here();
                self.apply(file.map(|file| Effect::Request(Request::Edit(file))).into_iter().collect());
            }
            ActionId::OpenFolder => {
                let folder = self.project_here().map(|project| PathBuf::from(&project.root));
                self.apply(folder.map(|folder| Effect::Request(Request::Open(folder))).into_iter().collect());
            }
            ActionId::CopyId => {
                let ids: Vec<&str> = runs.iter().map(RunId::as_str).collect();
                self.copy(ids.join(" "));
            }
            ActionId::CopyCommand => {
                if let Some(command) = self.subject().map(|subject| format::command(&subject.argv)) {
                    self.copy(command);
                }
            }
            ActionId::Watch => {
                let here = self.config().cwd.clone();
                self.command(Command::Init(here), Then::Enter);
            }
            ActionId::LogScale
            | ActionId::Smooth
            | ActionId::StepAxis
            | ActionId::ZoomIn
            | ActionId::ZoomOut
            | ActionId::ReadLeft
            | ActionId::ReadRight
            | ActionId::PanLeft
            | ActionId::PanRight
            | ActionId::ResetZoom => self.act(Action::Charts(ChartsAction::Do(id))),
            ActionId::ChartAlone => {
                self.act(Action::Charts(ChartsAction::Alone(!self.charts.screen.alone)));
            }
            ActionId::Find => self.ask_find(),
            ActionId::FindNext => self.find_next(1),
            ActionId::FindPrevious => self.find_next(-1),
            ActionId::AsideLeft => self.go_aside(-1),
            ActionId::AsideRight => self.go_aside(1),
            ActionId::SideBySide => match self.route() {
                Route::Compare(_) => self.act(Action::Compare(CompareAction::SideBySide)),
                Route::Run(_) => {
                    self.run_parts.file.screen.diff = !self.run_parts.file.screen.diff;
                    self.run.screen.part = Part::Files;
                }
                _ => {}
            },
            ActionId::Fold => self.act(Action::Compare(CompareAction::Fold(None))),
            ActionId::FoldAll => self.act(Action::Compare(CompareAction::FoldAll)),
            ActionId::Edit => self.edit_copy(),
            ActionId::RestoreFile => {
                if let Some((run, path)) = self.file() {
                    self.restore.screen.only(path);
                    self.go(Route::Restore(run));
                }
            }
            ActionId::Export => self.ask_export(runs),
            ActionId::CancelWork => self.jobs.iter().for_each(super::Running::cancel),
            ActionId::WatchService => {
                let on = !self.is_watching();
                let words = if on { "Runs are noticed from now on" } else { "Runs are no longer noticed" };
                self.command(Command::Watching(on), Then::Say(words.to_owned()));
            }
            ActionId::Verify => self.command(Command::Verify { deep: false }, Then::Nothing),
            ActionId::VerifyDeep => self.command(Command::Verify { deep: true }, Then::Nothing),
            ActionId::Collect => self.command(Command::Collect, Then::Nothing),
            ActionId::Rebuild => self.command(Command::Rebuild, Then::Nothing),
        }
    }

    fn leave(&mut self) {
        if self.close_inner() {
            return;
        }
        let notices = self.notices.len();
        self.notices.retain(|notice| !notice.sticky);
        // What is on top goes first.
        let in_list = matches!(self.route(), Route::Runs);
        if self.notices.len() == notices && !(in_list && self.runs.screen.step_back()) {
            self.back();
        }
    }

    fn quit(&mut self) {
        if self.jobs.is_empty() {
            self.requests.push(Request::Quit);
            return;
        }
        let text = Line::of(format!("{} is still under way; leaving waits for it", self.jobs[0].label), Tone::Warn);
        let title = "Leave now?".to_owned();
        self.open(Dialog::Confirm { purpose: Purpose::Quit, title, text, yes: "Leave".to_owned() });
    }

    fn on_runs(&mut self, action: RunsAction) {
        let effects = self.runs.act(action);
        self.apply(effects);
    }

    fn follow(&mut self) {
        match self.route() {
            Route::Runs => self.on_runs(RunsAction::Follow),
            Route::Run(_) => {
                self.run.screen.part = Part::Log;
                self.run_parts.log.screen.toggle_follow();
            }
            _ => {}
        }
    }

    fn next_part(&mut self, by: i64) {
        match self.route() {
            Route::Run(_) => self.act(Action::Run(RunAction::NextPart(by))),
            Route::Charts(_) => self.with_cursor(|cursor| cursor.go(Motion::By(by))),
            _ => {}
        }
    }

    fn open_under_cursor(&mut self) {
        match self.route() {
            Route::Projects => {
                let place = self.projects.screen.cursor.row;
                let project = self.projects.page().and_then(|page| page.projects.get(place)).cloned();
                if project.is_some() {
                    self.enter(project);
                    self.go(Route::Runs);
                }
            }
            Route::Runs if self.runs.page().is_some_and(RunsView::is_grouped) => {
                self.on_runs(RunsAction::OpenGroup);
            }
            Route::Runs => {
                if let Some(run) = self.runs.screen.under_cursor(self.runs.page()) {
                    self.go(Route::Run(run));
                }
            }
            Route::Run(_) if self.run.screen.part == Part::Files => self.act(Action::Run(RunAction::Full(true))),
            Route::Notes => {
                let place = self.notes.screen.cursor.row;
                let run = self.notes.page().and_then(|page| page.notes.get(place)?.run.clone());
                run.into_iter().for_each(|run| self.go(Route::Run(run)));
            }
            Route::Search => self.open_hit(),
            Route::Health => self.perform(WORK[self.health.screen.cursor.row]),
            _ => {}
        }
    }

    /// One run is compared with its base, two and more with each other.
    fn compare(&mut self, mut runs: Vec<RunId>) {
        if let [_] = runs[..]
            && let Some(base) = self.subject().and_then(|subject| subject.base.clone())
        {
            runs.insert(0, base);
        }
        if runs.len() < 2 {
            self.say(Line::of("There is nothing to compare it with; mark two runs with the space bar", Tone::Warn));
        } else {
            self.go(Route::Compare(runs));
        }
    }

    /// Whether some of the runs that an action is about are not in the charts that were drawn last.
    pub fn can_add_to_charts(&self) -> bool {
        let drawn = self.charts.screen.runs();
        !drawn.is_empty() && self.subjects().iter().any(|run| !drawn.contains(run))
    }

    fn ask_restore_to(&mut self) {
        let Some(subject) = self.subject() else { return };
        let (run, name) = (subject.run.clone(), subject.name.clone());
        let folder = self.project().map(|project| PathBuf::from(&project.root));
        let beside = folder.and_then(|folder| Some(format!("{}-{name}", folder.to_str()?))).unwrap_or(name);
        let hint = "a folder that does not exist yet";
        self.open(Dialog::ask(Purpose::RestoreTo(run), "Restore to", &beside, hint));
    }

    fn ask_rerun(&mut self) {
        let Some(subject) = self.subject() else { return };
        let (run, command) = (subject.run.clone(), format::command(&subject.argv));
        self.open(Dialog::ask(
            Purpose::RerunWith(run),
            "Run in the project, as it is now",
            &command,
            "Enter starts it",
        ));
    }

    /// Asks for a plan; until it is applied nothing changes.
    pub(super) fn plan_restore(&mut self, run: RunId) {
        let Some(project) = self.subject().map(|subject| subject.project.clone()) else { return };
        let paths = self.restore.screen.enter(run.clone());
        let target = RestoreTarget::Run(run);
        let options = RestoreOptions { paths, ..RestoreOptions::default() };
        let command = Command::PlanRestore(project, target, options);
        self.command(command, Then::Show);
    }

    pub(super) fn planned(&mut self, plan: RestorePlan) {
        // The person may have gone elsewhere meanwhile; then the plan is of no use.
        if plan.run.as_ref() == self.restore.screen.run() {
            let name = self.state_name(&plan);
            self.restore.screen.show(plan, &name);
        }
    }

    fn apply_plan(&mut self) {
        if let Some(plan) = self.restore.screen.chosen() {
            self.command(Command::Apply(Box::new(plan)), Then::Nothing);
            self.back();
        }
    }

    /// What people call the state that a plan leads to.
    pub(super) fn state_name(&self, plan: &RestorePlan) -> String {
        let subject = plan.run.as_ref().and_then(|run| {
            let listed = self.runs.page().and_then(|page| page.subject(run));
            listed.or_else(|| self.run.page().map(|page| &page.subject).filter(|subject| subject.run == *run))
        });
        match subject {
            Some(subject) => {
                let name = lab_model::display_bytes(subject.name.as_bytes());
                format!("{name} ({})", &subject.run.as_str()[..4])
            }
            None => format!("files {}", plan.target.short(12)),
        }
    }

    fn take_back(&mut self, plan: fn(ProjectId) -> Command) {
        if let Some(project) = self.project.as_ref().map(|project| project.id.clone()) {
            self.command(plan(project), Then::Apply);
        }
    }

    fn rerun(&mut self, argv: Option<Vec<String>>) {
        let Some(subject) = self.subject() else { return };
        let project = subject.project.clone();
        let argv = argv.unwrap_or_else(|| subject.argv.clone()).into_iter().map(OsString::from).collect();
        let (directory, name) = (subject.directory.clone(), subject.name.clone());
        let command = Command::Rerun { project, directory, argv, reason: None };
        self.command(command, Then::Say(format!("Started again: {}", lab_model::display_bytes(name.as_bytes()))));
    }

    fn ask_stop(&mut self) {
        if let Some(run) = self.one_running() {
            let title = format!("Stop {}?", self.subjects_words());
            let text = Line::of("The command is asked to end; what it has done so far is kept", Tone::Plain);
            self.open(Dialog::Confirm { purpose: Purpose::Stop(run), title, text, yes: "Stop it".to_owned() });
        }
    }

    fn star(&mut self, runs: Vec<RunId>) {
        let on = !self.all_of(&runs, |subject| subject.starred);
        self.edit(runs, &Change::Star { on });
    }

    fn hide(&mut self, runs: Vec<RunId>) {
        let on = !self.all_of(&runs, |subject| subject.hidden);
        self.edit(runs, &Change::Hide { on });
    }

    fn all_of(&self, runs: &[RunId], is: impl Fn(&Subject) -> bool) -> bool {
        let of = |run: &RunId| match self.route() {
            Route::Runs => self.runs.page().and_then(|page| page.subject(run)),
            _ => self.run.page().map(|page| &page.subject),
        };
        runs.iter().filter_map(of).all(is)
    }

    fn edit(&mut self, runs: Vec<RunId>, change: &Change) {
        let edits = runs.into_iter().map(|run| (Target::Run(run), change.clone())).collect();
        self.command(Command::Edit(edits), Then::Nothing);
    }

    fn copy(&mut self, text: String) {
        self.say(Line::of(format!("Copied {}", lab_model::display_bytes(text.as_bytes())), Tone::Plain));
        self.requests.push(Request::Copy(text));
    }

    /// The runs that an action is about, in words.
    pub(super) fn subjects_words(&self) -> String {
        match self.subject() {
            Some(subject) => lab_model::display_bytes(subject.name.as_bytes()),
            None => format::count(self.subjects().len() as u64, "run"),
        }
    }

    /// What the person answered.
    pub(super) fn fulfil(&mut self, purpose: Purpose, values: Vec<String>) {
        let text = values.first().map(|text| text.trim().to_owned()).unwrap_or_default();
        match purpose {
            Purpose::Rename(run) if !text.is_empty() => self.edit(vec![run], &Change::Name { name: text }),
            Purpose::Tag(runs) => self.tag(&runs, &text),
            Purpose::Note(target) if !text.is_empty() => {
                // What came of a run is known when it is over.
                let is_over = matches!(target, Target::Run(_)) && self.one_running().is_none();
                let kind = if is_over { NoteKind::Outcome } else { NoteKind::Note };
                self.command(Command::Edit(vec![(target, Change::Note { kind, text })]), Then::Nothing);
            }
            Purpose::Reason(run) if !text.is_empty() => {
                let change = Change::Note { kind: NoteKind::Reason, text };
                self.edit(vec![run], &change);
            }
            Purpose::Remove(runs) => self.remove(runs),
            Purpose::Stop(run) => self.command(Command::Stop(run), Then::Say("Asked to stop".to_owned())),
            Purpose::RestoreTo(run) if !text.is_empty() => {
                let destination = self.config().cwd.join(text);
                let target = RestoreTarget::Run(run);
                let command = Command::RestoreTo { target, end_state: false, paths: Vec::new(), destination };
                self.command(command, Then::Nothing);
            }
            Purpose::RerunWith(_) => match runs::split_command(&text) {
                Ok(argv) => self.rerun(Some(argv)),
                Err(message) => self.say(Line::of(message, Tone::Bad)),
            },
            Purpose::Export(runs) if !text.is_empty() => self.export(runs, text.as_ref(), false),
            Purpose::Find => self.find(text),
            Purpose::Filter
            | Purpose::Sort
            | Purpose::Group
            | Purpose::Columns
            | Purpose::Views
            | Purpose::SaveView => self.fulfil_list(&purpose, values),
            Purpose::Panels => {
                let panels =
                    Panel::BESIDE.into_iter().filter(|panel| values.iter().any(|value| value == panel.title()));
                self.requests.push(Request::Panels(panels.collect()));
            }
            Purpose::Quit => self.requests.push(Request::Quit),
            _ => {}
        }
    }

    fn tag(&mut self, runs: &[RunId], text: &str) {
        let mut edits = Vec::new();
        for word in text.split([' ', ',']).filter(|word| !word.is_empty()) {
            let change = match word.strip_prefix('-') {
                Some(tag) => Change::Untag { tag: tag.to_owned() },
                None => Change::Tag { tag: word.to_owned() },
            };
            edits.extend(runs.iter().map(|run| (Target::Run(run.clone()), change.clone())));
        }
        if !edits.is_empty() {
            self.command(Command::Edit(edits), Then::Nothing);
        }
    }
}
