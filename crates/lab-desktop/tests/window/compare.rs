//! Runs side by side in the window: every action is reached by its name.

use crate::stage::Stage;
use egui_kittest::kittest::{NodeT, Queryable};
use lab_view::ActionId;
use lab_view::screens::runs::RunsAction;
use lab_view::session::{Action, Route};

fn click(stage: &mut Stage, label: &str) {
    stage.harness.get_by_label(label).click();
    stage.settle();
    // What follows is no second click.
    stage.harness.run_steps(60);
}

/// Two runs of the demo whose code and config differ.
fn compared(stage: &mut Stage) {
    let page = stage.session().runs.page().expect("a list");
    let subjects = page.page.subjects.clone();
    let of = |name: &str| subjects.iter().find(|subject| subject.name == name).expect("a run").run.clone();
    let runs = vec![of("humble-aspen"), of("azure-eagle")];
    stage.act(Action::Runs(RunsAction::MarkRuns(runs)));
    stage.act(Action::Do(ActionId::Compare));
}

#[test]
fn code_stands_beside_code_and_is_folded_by_a_click() {
    let mut stage = Stage::demo();
    compared(&mut stage);
    assert!(matches!(stage.session().route(), Route::Compare(_)));
    for label in ["What could be the cause", "What came of it"] {
        assert!(stage.harness.query_all_by_label(label).next().is_some(), "{label}");
    }
    let outline = stage.session().compare.screen.outline.clone();
    assert_eq!(outline.files.iter().map(|(_, path)| path.as_str()).collect::<Vec<_>>(), ["config.yaml", "train.py"]);
    assert!(outline.side_by_side);
    click(&mut stage, "Go to train.py");
    click(&mut stage, "Fold train.py");
    assert!(stage.session().compare.screen.folded.contains("train.py"));
    click(&mut stage, "Unfold train.py");
    click(&mut stage, "Side by side");
    assert!(!stage.session().compare.screen.outline.side_by_side);
    click(&mut stage, "Fold all");
    assert_eq!(stage.session().compare.screen.folded.len(), 2);
}

#[test]
fn next_and_previous_go_from_change_to_change() {
    let mut stage = Stage::demo();
    compared(&mut stage);
    let changes = stage.session().compare.screen.outline.changes.clone();
    let mut tops = vec![stage.session().compare.screen.cursor.top];
    for _ in 0..2 {
        click(&mut stage, "Next");
        tops.push(stage.session().compare.screen.cursor.top);
    }
    assert_eq!(tops[1..], [changes[0] - 2, changes[1] - 2]);
    click(&mut stage, "Previous");
    assert_eq!(stage.session().compare.screen.cursor.top, changes[0] - 2);
}

#[test]
fn equal_lines_are_unfolded_by_a_click() {
    let mut stage = Stage::demo();
    compared(&mut stage);
    click(&mut stage, "Go to train.py");
    let rows = stage.session().compare.screen.cursor.total;
    let gap = stage.harness.query_all_by_label_contains("Show ").next().expect("a place with equal lines");
    let name = gap.accesskit_node().label().expect("its name");
    gap.click();
    stage.settle();
    assert!(stage.harness.query_by_label(&name).is_none());
    assert!(stage.session().compare.screen.cursor.total > rows);
}

#[test]
fn the_contents_lead_to_every_section() {
    let mut stage = Stage::demo();
    compared(&mut stage);
    for section in ["Suspects", "Parameters", "Files", "Data", "Metrics", "Effects"] {
        click(&mut stage, &format!("Go to {section}"));
        assert!(stage.harness.query_all_by_label(section).next().is_some(), "{section}");
    }
}

#[test]
fn many_runs_stand_beside_each_other() {
    let mut stage = Stage::demo();
    stage.act(Action::Do(ActionId::MarkAll));
    stage.act(Action::Do(ActionId::Compare));
    assert!(stage.harness.query_by_label("Go to Runs").is_some());
    assert!(stage.harness.query_all_by_label_contains("green-brook +2").next().is_some());
    // Changes of code belong to the causes, whatever else there is.
    let files = &stage.session().compare.screen.outline.files;
    let after = stage.harness.get_by_label("Go to Metrics").rect().top();
    let last = &files.last().expect("a file").1;
    assert!(stage.harness.get_by_label(&format!("Go to {last}")).rect().top() < after);
}
