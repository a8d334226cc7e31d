//! The lists as a person uses them: scripts of actions, and what comes of them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use lab_testkit::sample::Sample;
use lab_view::list::Motion;
use lab_view::screens::runs::{Panel, RunsAction};
use lab_view::session::{Action, Dialog, DialogAction, Request, Route, Session};
use lab_view::{ActionId, Typing};

/// A session, and the bell that other threads ring.
struct Person {
    session: Session,
    bell: Receiver<()>,
    sample: Sample,
}

impl Person {
    fn new() -> Self {
        let sample = Sample::new();
        let (ring, bell) = sync_channel(16);
        // A bell that is ringing already, or that nobody hears any more, need not ring.
        let wake = Arc::new(move || ring.try_send(()).unwrap_or_default());
        let session = Session::start(sample.config(), Some(sample.project.clone()), wake).expect("a session");
        let mut person = Self { session, bell, sample };
        person.until("the list", |session| session.runs.is_current());
        person
    }

    /// Waits for other threads until it is so.
    #[track_caller]
    fn until(&mut self, what: &str, is_so: impl Fn(&Session) -> bool) {
        loop {
            self.session.poll();
            if is_so(&self.session) {
                return;
            }
            self.bell.recv_timeout(Duration::from_secs(30)).unwrap_or_else(|_| panic!("{what} never came"));
        }
    }

    fn act(&mut self, id: ActionId) -> &mut Self {
        self.session.act(Action::Do(id));
        self
    }

    fn dialog(&mut self, action: DialogAction) -> &mut Self {
        self.session.act(Action::Dialog(action));
        self
    }

    fn type_in(&mut self, text: &str) -> &mut Self {
        self.dialog(DialogAction::Type(Typing::Insert(text.into())))
    }

    /// Waits for the list that is asked for, and gives its names.
    #[track_caller]
    fn names(&mut self) -> Vec<String> {
        self.until("the list", |session| session.runs.is_current());
        let page = self.session.runs.page().expect("the list");
        page.page.subjects.iter().map(|subject| subject.name.clone()).collect()
    }

    fn query(&self) -> &str {
        &self.session.runs.screen.query
    }

    /// Waits until the open dialog has something to choose.
    #[track_caller]
    fn offered(&mut self) -> Vec<String> {
        let of = |session: &Session| match session.dialog() {
            Some(Dialog::Choose { choices, .. }) => choices.iter().map(|choice| choice.value.clone()).collect(),
            Some(Dialog::Ask { completions, .. }) => {
                completions.iter().map(|choice| choice.label.text()).collect::<Vec<_>>()
            }
            _ => Vec::new(),
        };
        self.until("something to choose", |session| !of(session).is_empty());
        of(&self.session)
    }
}

#[test]
fn a_reason_can_be_written_later() {
    let mut person = Person::new();
    person.act(ActionId::Reason).type_in("the warm-up was too short").dialog(DialogAction::Accept);
    person.until("the reason", |session| {
        let rows = session.runs.page().map(|page| &page.table().rows);
        let cells = rows.into_iter().flatten().flat_map(|row| &row.cells);
        cells.into_iter().any(|cell| cell.text.contains("warm-up was too short"))
    });
}

#[test]
fn a_filter_shows_its_runs_while_it_is_typed_and_goes_with_escape() {
    let mut person = Person::new();
    assert_eq!(person.names().len(), 12);
    person.act(ActionId::Filter).type_in("lr = 0.1");
    person.until("the draft", |session| session.runs.screen.draft.as_deref() == Some("lr = 0.1"));
    assert_eq!(person.names(), ["tidy-heron", "brave-otter", "calm-lynx"]);
    // What is taken back is gone from the list too.
    person.dialog(DialogAction::Close);
    assert_eq!(person.names().len(), 12);
    person.act(ActionId::Filter).type_in("tag:baseline").dialog(DialogAction::Accept);
    assert_eq!((person.names().len(), person.query()), (4, "tag:baseline"));
    person.act(ActionId::Back);
    assert_eq!((person.names().len(), person.query()), (12, ""));
    assert_eq!(*person.session.route(), Route::Runs);
    person.act(ActionId::Back);
    assert_eq!(*person.session.route(), Route::Projects);
}

#[test]
fn what_is_wrong_is_told_and_the_list_stays() {
    let mut person = Person::new();
    person.act(ActionId::Filter).type_in("lrr > 0.1");
    let wrong = |session: &Session| matches!(session.dialog(), Some(Dialog::Ask { wrong: Some(_), .. }));
    person.until("the mistake", wrong);
    let Some(Dialog::Ask { hint, wrong, .. }) = person.session.dialog() else { panic!("a question") };
    assert_eq!(hint.text(), "Nothing is called lrr · did you mean lr?");
    assert_eq!(*wrong, Some(0..3));
    person.dialog(DialogAction::Accept);
    assert!(person.session.dialog().is_some(), "because a wrong query is not taken");
    assert_eq!(person.names().len(), 12);
}

#[test]
fn completions_are_taken_over() {
    let mut person = Person::new();
    person.act(ActionId::Filter).type_in("status:fai");
    assert_eq!(person.offered(), ["failed"]);
    person.dialog(DialogAction::Complete).dialog(DialogAction::Accept);
    assert_eq!(person.query(), "status:failed");
    assert_eq!(person.names(), ["fair-cliff"]);
}

#[test]
fn sorting_by_choice_and_by_head() {
    let mut person = Person::new();
    person.act(ActionId::Sort);
    assert!(person.offered().contains(&"best(val/loss)".to_owned()));
    person.type_in("best(val").dialog(DialogAction::Accept);
    assert_eq!(person.query(), "sort:best(val/loss)");
    assert_eq!(person.names()[0], "swift-birch");
    person.session.act(Action::Runs(RunsAction::SortBy("name".into())));
    assert_eq!(person.names()[0], "amber-ridge");
    person.session.act(Action::Runs(RunsAction::SortBy("name".into())));
    assert_eq!(person.query(), "sort:-name");
    assert_eq!(person.names()[0], "tidy-heron");
}

#[test]
fn groups_are_opened_and_left_again() {
    let mut person = Person::new();
    person.act(ActionId::Group);
    assert_eq!(person.offered()[..2], ["lr", "seed"]);
    person.dialog(DialogAction::Toggle).dialog(DialogAction::Accept);
    person.until("the groups", |session| session.runs.is_current());
    let page = person.session.runs.page().unwrap();
    assert!(page.is_grouped());
    assert_eq!(person.session.runs.screen.cursor.total, 4);
    let cells: Vec<_> = page.table().rows.iter().map(|row| row.cells[0].text.clone()).collect();
    let place = cells.iter().position(|text| text == "0.03").unwrap();
    person.session.act(Action::Move(Motion::To(place)));
    person.act(ActionId::Open);
    assert_eq!(person.query(), "lr = 0.03");
    assert_eq!(person.names(), ["noble-fjord", "fair-cliff", "keen-acorn"]);
    person.act(ActionId::Back);
    person.until("the groups", |session| session.runs.is_current());
    assert_eq!((person.query(), person.session.runs.screen.cursor.row), ("group:lr", place));
}

#[test]
fn columns_and_views_are_kept() {
    let mut person = Person::new();
    person.act(ActionId::Columns);
    person.offered();
    person.type_in("name").dialog(DialogAction::Toggle);
    person.dialog(DialogAction::Type(Typing::Set("best(acc)".into()))).dialog(DialogAction::Toggle);
    person.dialog(DialogAction::Accept);
    assert_eq!(person.query(), "columns:name,best(acc)");
    person.names();
    let titles: Vec<_> =
        person.session.runs.page().unwrap().table().columns.iter().map(|column| column.title.clone()).collect();
    assert_eq!(titles, ["Name", "best(acc)"]);
    person.act(ActionId::SaveView).type_in("the best").dialog(DialogAction::Accept);
    assert!(person.session.dialog().is_some(), "because a view is called by one word");
    person.dialog(DialogAction::Type(Typing::Set("top".into()))).dialog(DialogAction::Accept);
    person.until("the view", |session| session.jobs().is_empty());
    person.act(ActionId::Back);
    assert_eq!(person.query(), "");
    person.act(ActionId::Views);
    assert_eq!(person.offered()[0], "columns:name,best(acc)");
    person.dialog(DialogAction::Accept);
    assert_eq!(person.query(), "columns:name,best(acc)");
}

#[test]
fn what_is_removed_can_be_brought_back() {
    let mut person = Person::new();
    for by in [1, 1] {
        person.session.act(Action::Runs(RunsAction::Extend(by)));
    }
    assert_eq!(person.session.subjects().len(), 3);
    person.act(ActionId::Remove).dialog(DialogAction::Accept);
    person.until("the removal", |session| {
        session.runs.page().is_some_and(|page| page.page.total == 9) && session.has_removed()
    });
    assert!(person.session.notices().iter().any(|notice| notice.action == Some(ActionId::Unremove)));
    assert!(person.session.runs.screen.marked.is_empty());
    person.act(ActionId::Unremove);
    person.until("all runs", |session| session.runs.page().is_some_and(|page| page.page.total == 12));
    assert!(!person.session.has_removed());
}

#[test]
fn the_cursor_stays_on_its_run_when_others_go_and_come() {
    let mut person = Person::new();
    person.act(ActionId::Mark);
    person.session.act(Action::Move(Motion::To(4)));
    let under_cursor = |session: &Session| {
        let page = session.runs.page();
        page.and_then(|page| page.at(session.runs.screen.cursor.row)).map(|subject| subject.name.clone())
    };
    assert_eq!(under_cursor(&person.session).as_deref(), Some("eager-maple"));
    person.act(ActionId::Remove).dialog(DialogAction::Accept);
    person.until("the removal", |session| session.runs.page().is_some_and(|page| page.page.total == 11));
    assert_eq!(person.session.runs.screen.cursor.row, 3);
    assert_eq!(under_cursor(&person.session).as_deref(), Some("eager-maple"));
    person.until("its end", Session::has_removed);
    person.act(ActionId::Unremove);
    person.until("all runs", |session| session.runs.page().is_some_and(|page| page.page.total == 12));
    assert_eq!(under_cursor(&person.session).as_deref(), Some("eager-maple"));
}

#[test]
fn edits_show_in_the_list() {
    let mut person = Person::new();
    person.act(ActionId::Tag).type_in("paper").dialog(DialogAction::Accept);
    let text_of = |session: &Session, key: &str| {
        let page = session.runs.page()?;
        let place = page.table().columns.iter().position(|column| column.key == key)?;
        Some(page.table().rows[0].cells[place].text.clone())
    };
    person.until("the tag", |session| text_of(session, "tags").as_deref() == Some("paper"));
    person.act(ActionId::Star);
    person.until("the star", |session| text_of(session, "name").as_deref() == Some("swift-birch ★"));
    // A note of several lines comes out of the editor.
    person.act(ActionId::Note).type_in("first").dialog(DialogAction::Editor);
    assert_eq!(person.session.take_requests(), [Request::EditText("first".into())]);
    person.dialog(DialogAction::Edited("first\nsecond\n".into()));
    assert!(person.session.dialog().is_none());
    person.until("the note", |session| text_of(session, "note").as_deref() == Some("first"));
}

#[test]
fn courses_and_the_run_under_the_cursor_come_by_themselves() {
    let mut person = Person::new();
    let run = person.session.subjects()[0].clone();
    person.until("the course", |session| session.trends().of(&run).is_some());
    assert_eq!(person.session.trends().of(&run).unwrap().levels.len(), 8);
    person.session.act(Action::Runs(RunsAction::Panels([Panel::Inspector].into())));
    person.until("the run", |session| session.inspected().is_some());
    assert!(person.session.inspected().unwrap().headline.text().contains("changed since"));
}

#[test]
fn projects_are_entered_one_by_one_or_all_at_once() {
    let mut person = Person::new();
    person.act(ActionId::GoProjects);
    person.until("the projects", |session| session.projects.page().is_some());
    let page = person.session.projects.page().unwrap();
    let names: Vec<_> = page.projects.iter().map(|project| project.name.as_str()).collect();
    assert_eq!(names, ["weather", "penguins"]);
    person.act(ActionId::Open);
    assert_eq!(person.names(), ["storm-12"]);
    person.act(ActionId::GoProjects).act(ActionId::AllRuns);
    assert_eq!(person.names().len(), 13);
    assert!(person.session.project().is_none());
    assert!(person.sample.path().exists());
}

#[test]
fn a_window_marks_single_runs_and_all_between() {
    let mut person = Person::new();
    let marked = |person: &Person| person.session.runs.screen.marked.len();
    person.session.act(Action::Move(Motion::To(2)));
    person.session.act(Action::Runs(RunsAction::Toggle(7)));
    assert_eq!((marked(&person), person.session.runs.screen.cursor.row), (1, 2));
    person.session.act(Action::Runs(RunsAction::Toggle(7)));
    assert_eq!(marked(&person), 0);
    person.session.act(Action::Runs(RunsAction::MarkTo(5)));
    assert_eq!(marked(&person), 4);
}

#[test]
fn what_stands_around_the_places_is_read_when_there_is_room() {
    let mut person = Person::new();
    assert!(person.session.all_projects().is_empty());
    person.session.act(Action::Around(true));
    person.until("the projects", |session| session.all_projects().len() == 2);
    // A list without a query is no list to keep.
    person.act(ActionId::SaveView);
    assert!(person.session.dialog().is_none());
    person.act(ActionId::Filter).type_in("acc > 0").dialog(DialogAction::Accept);
    person.act(ActionId::SaveView).type_in("best").dialog(DialogAction::Accept);
    person.until("the saved list", |session| session.views().iter().any(|(name, _)| name == "best"));
    let other = person.session.all_projects().iter().find(|project| project.name == "weather").map(|found| &found.id);
    let other = other.cloned().expect("the second project");
    person.session.act(Action::Enter(other));
    assert_eq!(person.names().len(), 1);
    // No run of the sample goes on.
    assert!(person.session.take_ended().is_empty());
}
