//! The window without a window: what is painted, and what comes of what a person does.

use crate::stage::Stage;
use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use lab_view::ActionId;
use lab_view::screens::run::{Part, RunAction};
use lab_view::session::{Action, Dialog, Purpose, Route};

#[test]
fn a_click_on_a_row_moves_the_cursor_and_two_open_the_run() {
    let mut stage = Stage::new();
    stage.click("brave-otter");
    assert_eq!(stage.name_under_cursor(), "brave-otter");
    // What is known of it stands beside the list, with the way back to its state.
    assert!(stage.harness.query_by_label("Restore…").is_some());
    stage.act(Action::Do(ActionId::Open));
    assert!(matches!(stage.session().route(), Route::Run(_)));
    assert!(stage.harness.query_by_label("Restore…").is_some());
    for part in Part::ALL {
        stage.act(Action::Run(RunAction::Part(part)));
        assert!(stage.harness.query_by_label(part.title()).is_some());
    }
}

#[test]
fn ctrl_adds_a_run_to_the_one_that_is_chosen_and_shift_what_lies_between() {
    let mut stage = Stage::new();
    let names = stage.names();
    stage.click(&names[1]);
    stage.click_with(&names[3], Modifiers::COMMAND);
    assert_eq!(stage.marked(), 2);
    stage.click_with(&names[6], Modifiers::SHIFT);
    assert_eq!(stage.marked(), 5);
    assert!(stage.harness.query_by_label("5 marked").is_some());
    // The button beside a run is for that run, whichever others are marked.
    stage.press("Restore…");
    assert!(matches!(stage.session().route(), Route::Restore(_)));
    stage.key(Key::Escape);
    assert_eq!((stage.session().route(), stage.marked()), (&Route::Runs, 5));
    stage.key(Key::Escape);
    assert_eq!(stage.marked(), 0);
}

#[test]
fn a_click_on_a_head_sorts_and_a_second_one_turns_the_order() {
    let mut stage = Stage::new();
    stage.harness.get_by_label("Took").click();
    stage.settle();
    let sorted = stage.names();
    stage.harness.get_by_label("Took").click();
    stage.settle();
    assert_ne!(stage.names(), sorted);
    assert!(stage.session().runs.screen.query.contains("sort"));
}

#[test]
fn the_filter_is_typed_where_it_stands_and_says_what_is_wrong() {
    let mut stage = Stage::new();
    stage.harness.event(Event::Text("/".into()));
    stage.settle();
    assert_eq!(stage.session().dialog().and_then(Dialog::purpose), Some(&Purpose::Filter));
    stage.harness.event(Event::Text("status:failed".into()));
    stage.wait(|session| session.runs.screen.draft.is_some() && session.runs.is_current());
    assert_eq!(stage.names().len(), 1);
    stage.key(Key::Enter);
    assert_eq!(stage.session().runs.screen.query, "status:failed");
    assert!(stage.session().dialog().is_none());
    stage.harness.get_by_label("Clear the filter").click();
    stage.settle();
    assert_eq!(stage.names().len(), 12);
    // What makes no sense stays open and is told.
    stage.harness.event(Event::Text("/".into()));
    stage.settle();
    stage.harness.event(Event::Text("status = nonsense (".into()));
    stage.settle();
    stage.key(Key::Enter);
    assert!(stage.session().dialog().is_some());
    stage.key(Key::Escape);
    assert!(stage.session().dialog().is_none());
    assert_eq!(stage.names().len(), 12);
    // The field has given the focus back.
    stage.harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    stage.settle();
    assert!(matches!(stage.session().dialog(), Some(Dialog::Palette { .. })));
}

#[test]
fn escape_closes_a_menu_and_nothing_else() {
    let mut stage = Stage::new();
    stage.harness.get_by_label("Light or dark").click();
    stage.settle();
    assert!(stage.harness.query_by_label("As the system").is_some());
    stage.key(Key::Escape);
    assert!(stage.harness.query_by_label("As the system").is_none());
    assert_eq!(*stage.session().route(), Route::Runs);
}

#[test]
fn the_palette_does_what_is_typed() {
    let mut stage = Stage::new();
    stage.harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    stage.settle();
    stage.harness.event(Event::Text("health".into()));
    stage.settle();
    stage.key(Key::Enter);
    assert_eq!(*stage.session().route(), Route::Health);
}

#[test]
fn projects_stand_beside_every_place_and_lead_to_their_runs() {
    let mut stage = Stage::new();
    stage.wait(|session| session.all_projects().len() == 2);
    stage.harness.get_by_label("weather").click();
    stage.settle();
    assert_eq!(stage.session().project().map(|project| project.name.as_str()), Some("weather"));
    assert_eq!(stage.names().len(), 1);
    stage.harness.get_by_label("All projects").click();
    stage.settle();
    assert_eq!(*stage.session().route(), Route::Projects);
    assert!(stage.harness.query_by_label_contains("penguins ·").is_some());
}

#[test]
fn two_runs_stand_open_as_tabs_and_the_way_back_leads_to_the_list() {
    let mut stage = Stage::new();
    let names = stage.names();
    for name in &names[..2] {
        stage.click(name);
        stage.act(Action::Do(ActionId::Open));
        stage.act(Action::Go(Route::Runs));
    }
    stage.act(Action::Do(ActionId::Open));
    stage.harness.get_by_role_and_label(egui::Role::Tab, &names[0]).click();
    stage.settle();
    assert_eq!(stage.session().breadcrumbs().len(), 3);
    stage.harness.get_by_label(&format!("Close {}", names[0])).click();
    stage.settle();
    assert!(stage.harness.query_by_role_and_label(egui::Role::Tab, &names[0]).is_none());
}

#[test]
fn letters_are_for_the_field_that_has_the_focus() {
    let mut stage = Stage::new();
    stage.act(Action::Do(ActionId::Rename));
    stage.harness.event(Event::Text("q".into()));
    stage.settle();
    let Some(Dialog::Ask { input, .. }) = stage.session().dialog() else { panic!("a question") };
    assert!(input.text().ends_with('q'));
    stage.key(Key::Escape);
    // A letter does not close a window.
    stage.harness.event(Event::Text("q".into()));
    stage.settle();
    assert_eq!(*stage.session().route(), Route::Runs);
}

#[test]
fn nothing_is_painted_while_nothing_happens() {
    let mut stage = Stage::new();
    stage.settle();
    // Frames follow each other only as long as something changes.
    assert!(stage.harness.try_run().is_ok());
}
