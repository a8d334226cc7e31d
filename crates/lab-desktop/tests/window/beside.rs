//! Charts with the list of runs, and runs that are dragged to where they are drawn.

use crate::stage::Stage;
use egui::Pos2;
use egui_kittest::kittest::{By, NodeT, Queryable};
use lab_view::ActionId;
use lab_view::session::{Action, Route};

fn row(stage: &Stage, name: &str) -> Pos2 {
    let words = format!("{name} ·");
    stage.harness.get(By::new().role(egui::Role::ListItem).label_contains(&words)).rect().center()
}

fn dock(stage: &mut Stage, place: &str) {
    stage.press("Panels");
    stage.harness.get_by_label(place).click();
    stage.settle();
    stage.settle();
}

#[test]
fn charts_stand_below_the_list_or_beside_it() {
    let mut stage = Stage::new();
    for place in ["Charts below", "Charts beside"] {
        dock(&mut stage, place);
        assert_eq!(*stage.session().route(), Route::Runs);
        assert_eq!(stage.session().charts.screen.runs().len(), 10);
        assert!(stage.harness.query_all_by_label_contains("Chart of ").next().is_some(), "{place}");
        assert!(stage.harness.query_by_label("Draw brave-otter").is_none(), "the list names the runs");
    }
    // What is marked is drawn alone.
    stage.act(Action::Do(ActionId::Mark));
    stage.act(Action::Do(ActionId::Mark));
    assert_eq!(stage.session().charts.screen.runs().len(), 2);
    stage.press("Open the charts");
    let Route::Charts(runs) = stage.session().route() else { panic!("charts") };
    assert_eq!(runs.len(), 2);
    stage.act(Action::Do(ActionId::Back));
    stage.press("Close Charts");
    stage.settle();
    assert!(stage.harness.query_all_by_label_contains("Chart of ").next().is_none());
}

#[test]
fn runs_against_each_other_beside_the_list_are_all_that_are_listed() {
    let mut stage = Stage::new();
    dock(&mut stage, "Charts below");
    stage.press("Parallel");
    stage.settle();
    assert_eq!(stage.session().charts.screen.runs().len(), stage.names().len());
    assert!(stage.harness.query_by_label("Parallel coordinates of runs").is_some());
}

#[test]
fn a_run_is_dragged_into_the_charts() {
    let mut stage = Stage::new();
    let names = stage.names();
    let from = row(&stage, &names[1]);
    // The one in the navigation, not the one beside the run.
    let all = stage.harness.query_all_by_label("Charts").map(|node| node.rect().center());
    let charts = all.min_by(|one, other| one.x.total_cmp(&other.x)).expect("the place");
    stage.pointer(from, Some(true));
    stage.pointer(from + egui::vec2(30.0, 30.0), None);
    assert!(stage.harness.query_by_label_contains("Draw in charts").is_some());
    stage.pointer(charts, None);
    stage.pointer(charts, Some(false));
    stage.settle();
    let Route::Charts(runs) = stage.session().route().clone() else { panic!("{:?}", stage.session().route()) };
    assert_eq!(runs.len(), 1);
    assert!(stage.harness.query_by_label_contains("Draw in charts").is_none());
    // Another one beside it, by the place that comes up below.
    stage.act(Action::Go(Route::Runs));
    let from = row(&stage, &names[3]);
    stage.pointer(from, Some(true));
    stage.pointer(from + egui::vec2(30.0, 30.0), None);
    let place = stage.harness.get_by_label("Draw in charts beside 1 run").rect().center();
    stage.pointer(place, None);
    stage.pointer(place, Some(false));
    stage.settle();
    let Route::Charts(runs) = stage.session().route() else { panic!("charts") };
    assert_eq!(runs.len(), 2);
}

#[test]
fn an_export_asks_where_with_the_systems_dialog_too() {
    let mut stage = Stage::new();
    stage.act(Action::Do(ActionId::Export));
    let button = stage.harness.get_by_label("Save as…");
    assert!(!button.accesskit_node().is_disabled());
}
