//! Two runs beside each other.

use crate::stage::Stage;
use egui::{Pos2, vec2};
use egui_kittest::kittest::{By, Queryable};
use lab_model::RunId;
use lab_view::ActionId;
use lab_view::screens::run::Part;
use lab_view::session::{Action, Route};

/// Two runs stand open, the second one is looked at.
fn two(stage: &mut Stage) -> [(RunId, String); 2] {
    let runs: Vec<_> = stage.session().runs.page().expect("a list").page.subjects[1..3]
        .iter()
        .map(|subject| (subject.run.clone(), subject.name.clone()))
        .collect();
    for (run, _) in &runs {
        stage.act(Action::Go(Route::Runs));
        stage.act(Action::Go(Route::Run(run.clone())));
    }
    runs.try_into().expect("two runs")
}

/// Drags the tab of a run.
fn drag(stage: &mut Stage, name: &str, to: Pos2) {
    let from = stage.harness.get(By::new().role(egui::Role::Tab).label(name)).rect().center();
    stage.pointer(from, Some(true));
    stage.pointer(from + vec2(10.0, 10.0), None);
    stage.pointer(to, None);
    stage.pointer(to, Some(false));
    stage.settle();
}

/// Places of all that is called so, from left to right.
fn all(stage: &Stage, role: egui::Role, name: &str) -> Vec<Pos2> {
    let mut places: Vec<Pos2> =
        stage.harness.query_all(By::new().role(role).label(name)).map(|node| node.rect().center()).collect();
    places.sort_by(|one, other| one.x.total_cmp(&other.x));
    places
}

fn click(stage: &mut Stage, at: Pos2) {
    stage.pointer(at, Some(true));
    stage.pointer(at, Some(false));
    stage.settle();
}

#[test]
fn a_tab_that_is_dragged_to_a_side_stands_beside_the_run_that_is_looked_at() {
    let mut stage = Stage::demo();
    let [(first, name), (second, _)] = two(&mut stage);
    assert_eq!(stage.session().paired(), None);
    drag(&mut stage, &name, Pos2::new(1200.0, 500.0));
    assert_eq!(*stage.session().route(), Route::Run(second.clone()));
    assert_eq!(stage.session().paired(), Some(&first));
    assert_eq!(stage.session().beside.run.page().expect("a page").subject.run, first);
    // Each has its own parts: what is chosen at the right leaves the left alone, and one is there then.
    let logs = all(&stage, egui::Role::Tab, "Log");
    assert_eq!(logs.len(), 2);
    click(&mut stage, logs[1]);
    assert_eq!(*stage.session().route(), Route::Run(first.clone()));
    assert_eq!(stage.session().paired(), Some(&second));
    assert_eq!(stage.session().run.screen.part, Part::Log);
    assert_eq!(stage.session().beside.run.screen.part, Part::Overview);
    assert_eq!(stage.session().run_parts.log.page().expect("a log").run, first);
    // What is done without pressing there is done at that run.
    let files = all(&stage, egui::Role::Tab, "Files");
    stage
        .harness
        .query_all(By::new().role(egui::Role::Tab).label("Files"))
        .find(|node| node.rect().center() == files[0])
        .expect("a tab")
        .click_accesskit();
    stage.settle();
    assert_eq!(*stage.session().route(), Route::Run(first.clone()));
    assert_eq!(stage.session().beside.run.screen.part, Part::Files);
    // The way back leads to the list, not to the other one.
    stage.act(Action::Do(ActionId::Back));
    assert_eq!(*stage.session().route(), Route::Runs);
    stage.act(Action::Go(Route::Run(second.clone())));
    stage.settle();
    assert_eq!(stage.session().paired(), Some(&first), "they belong together");
    let close = all(&stage, egui::Role::Button, "Show the other run alone");
    assert_eq!(close.len(), 2);
    click(&mut stage, close[0]);
    assert_eq!(*stage.session().route(), Route::Run(first));
    assert_eq!(stage.session().paired(), None);
    assert!(all(&stage, egui::Role::Button, "Show the other run alone").is_empty());
}
