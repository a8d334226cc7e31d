//! Panels in the place of runs: dragged, closed, opened, reset, and where they were when the window comes back.

use crate::stage::Stage;
use egui::{Pos2, Rect, vec2};
use egui_kittest::kittest::{By, Queryable};
use lab_view::ActionId;
use lab_view::list::Motion;
use lab_view::screens::runs::Panel;
use lab_view::session::{Action, DialogAction, Route};

/// The tab of a panel.
fn tab(stage: &Stage, name: &str) -> Option<Rect> {
    let mut tabs = stage.harness.query_all(By::new().role(egui::Role::Tab).label(name));
    tabs.next().map(|tab| tab.rect())
}

fn tabs(stage: &Stage) -> Vec<&'static str> {
    let all = std::iter::once(Panel::Runs).chain(Panel::BESIDE).map(Panel::title);
    all.filter(|name| tab(stage, name).is_some()).collect()
}

/// Drags a panel by its tab.
fn drag(stage: &mut Stage, name: &str, to: Pos2) {
    let from = tab(stage, name).expect("a tab").center();
    stage.pointer(from, Some(true));
    stage.pointer(from + vec2(12.0, 12.0), None);
    stage.pointer(to, None);
    stage.pointer(to, Some(false));
    stage.settle();
}

/// A panel that is opened by the name of the action.
fn choose(stage: &mut Stage, wanted: &[Panel]) {
    stage.act(Action::Do(ActionId::Panels));
    for (place, panel) in Panel::BESIDE.into_iter().enumerate() {
        let is_there = stage.session().runs.screen.open.contains(&panel);
        if is_there != wanted.contains(&panel) {
            stage.act(Action::Dialog(DialogAction::Move(Motion::To(place))));
            stage.act(Action::Dialog(DialogAction::Toggle));
        }
    }
    stage.act(Action::Dialog(DialogAction::Accept));
}

#[test]
fn a_panel_is_dragged_and_stays_there_when_the_window_comes_back() {
    let mut stage = Stage::new();
    assert_eq!(tabs(&stage), ["Runs", "Inspector"]);
    let (list, inspector) = (tab(&stage, "Runs").expect("a tab"), tab(&stage, "Inspector").expect("a tab"));
    assert!((list.top() - inspector.top()).abs() < 1.0 && list.right() < inspector.left(), "at the right at first");
    // Into the lower part of the list.
    drag(&mut stage, "Inspector", Pos2::new(list.left() + 300.0, 760.0));
    let (list, below) = (tab(&stage, "Runs").expect("a tab"), tab(&stage, "Inspector").expect("a tab"));
    assert!(below.top() > list.bottom() + 100.0 && (below.left() - list.left()).abs() < 1.0, "{list} {below}");
    assert!(stage.session().runs.screen.panels.contains(&Panel::Inspector));
    // What is between them is told, and can be moved without a pointer.
    let between = stage.harness.get_by_label("Between Runs and Inspector").rect();
    assert!((between.top() - below.top()).abs() < 3.0, "{between} {below}");
    stage.harness.get_by_label("Between Runs and Inspector").decrement_accesskit();
    stage.settle();
    let higher = tab(&stage, "Inspector").expect("a tab");
    assert!((below.top() - higher.top() - 24.0).abs() < 1.5, "{below} {higher}");
    let below = higher;
    let kept = stage.harness.state().remembered();
    let mut again = Stage::new();
    again.harness.state_mut().remember(&kept);
    again.settle();
    let there = tab(&again, "Inspector").expect("a tab");
    assert!(there.min.distance(below.min) < 2.0, "{there} {below}");
}

#[test]
fn panels_stand_on_each_other_as_tabs() {
    let mut stage = Stage::new();
    let list = tab(&stage, "Runs").expect("a tab");
    drag(&mut stage, "Inspector", list.center() + vec2(40.0, 0.0));
    let inspector = tab(&stage, "Inspector").expect("a tab");
    assert!((inspector.top() - list.top()).abs() < 1.0 && inspector.left() - list.right() < 20.0, "{list} {inspector}");
    // Of what is behind another one nothing is read.
    assert!(stage.session().runs.screen.panels.contains(&Panel::Inspector));
    stage.harness.get(By::new().role(egui::Role::Tab).label("Runs")).click_accesskit();
    stage.settle();
    assert!(stage.session().runs.screen.panels.is_empty());
    assert!(!stage.names().is_empty());
}

#[test]
fn panels_are_closed_and_opened_again_and_reset() {
    let mut stage = Stage::new();
    stage.press("Close Inspector");
    stage.settle();
    assert!(tabs(&stage).is_empty(), "the list alone needs no tab");
    assert!(stage.session().runs.screen.panels.is_empty());
    choose(&mut stage, &Panel::BESIDE);
    assert_eq!(tabs(&stage), ["Runs", "Inspector", "Charts", "Log", "Notes", "Files", "Changes"]);
    assert_eq!(stage.session().runs.screen.panels.len(), 2, "the charts and the one of the tabs that is in front");
    assert!(stage.harness.try_run().is_ok(), "nothing is painted while nothing happens");
    // Who says yes without another choice changes nothing, also not behind the one in front.
    stage.act(Action::Do(ActionId::Panels));
    stage.act(Action::Dialog(DialogAction::Accept));
    assert_eq!(tabs(&stage).len(), 7);
    choose(&mut stage, &[Panel::Charts]);
    assert_eq!(tabs(&stage), ["Runs", "Charts"]);
    stage.act(Action::Do(ActionId::ResetPanels));
    assert_eq!(tabs(&stage), ["Runs", "Inspector"]);
}

#[test]
fn what_was_remembered_otherwise_is_forgotten_alone() {
    let mut stage = Stage::new();
    stage.press("Hide the navigation");
    let project = stage.session().project().expect("a project").id.as_str().to_owned();
    let kept: serde_json::Value = serde_json::from_str(&stage.harness.state().remembered()).expect("text");
    for dock in ["\"Below\"", "{}", "{\"root\": 1}", "{\"root\":3,\"tiles\":{\"next_tile_id\":9,\"tiles\":{\"3\":{}}}}"]
    {
        let mut kept = kept.clone();
        let runs = &mut kept["projects"][&project]["runs"];
        // As an older version had it, and as nobody ever had it.
        runs["charts"] = serde_json::json!("Beside");
        runs["no_inspector"] = serde_json::json!(true);
        runs["dock"] = serde_json::from_str(dock).expect("a value");
        let mut again = Stage::new();
        again.harness.state_mut().remember(&kept.to_string());
        again.settle();
        assert_eq!(tabs(&again), ["Runs", "Inspector"], "{dock}");
        assert!(again.harness.query_by_label("Show the navigation").is_some(), "{dock}");
    }
}

#[test]
fn the_run_under_the_cursor_shows_its_log_and_its_files() {
    let mut stage = Stage::demo();
    choose(&mut stage, &[Panel::Log]);
    let run = stage.session().subjects()[0].clone();
    let log = &stage.session().beside.run_parts.log;
    assert_eq!(log.page().expect("a log").run, run);
    assert!(stage.harness.query_by_label("Find in the log").is_some());
    // Another run, another log; what is done in the log leaves the list alone.
    stage.act(Action::Move(Motion::By(1)));
    let other = stage.session().subjects()[0].clone();
    assert_ne!(other, run);
    assert_eq!(stage.session().beside.run_parts.log.page().expect("a log").run, other);
    let follows = |stage: &Stage| stage.session().beside.run_parts.log.screen.follow;
    let before = follows(&stage);
    stage.press("Follow");
    assert_ne!(follows(&stage), before);
    assert!(!stage.session().runs.screen.follow);
    assert_eq!(stage.session().subjects()[0], other);
    assert!(stage.harness.try_run().is_ok(), "nothing is painted while nothing happens");
    choose(&mut stage, &[Panel::Files]);
    let page = stage.session().beside.run.page().expect("its files");
    assert_eq!(page.subject.run, other);
    assert!(!page.files.as_ref().expect("its files").files.rows.is_empty());
    choose(&mut stage, &[Panel::Notes]);
    stage.wait(|session| session.inspected().is_some());
    // What is different since the run before: the list stays where it is when one goes from change to change.
    let changed = stage.names().iter().position(|name| name == "honest-island").expect("a run with other code");
    stage.act(Action::Move(Motion::To(changed)));
    let other = stage.session().subjects()[0].clone();
    choose(&mut stage, &[Panel::Changes]);
    let [base, compared] = stage.session().compared_beside().expect("two runs");
    assert_eq!((compared, base == other), (other, false));
    let row = stage.session().runs.screen.cursor.row;
    assert!(stage.session().compare.page().is_some() && stage.session().compare.is_current());
    stage.press("Fold all");
    assert_eq!(stage.session().runs.screen.cursor.row, row);
    assert_eq!(*stage.session().route(), Route::Runs);
}
