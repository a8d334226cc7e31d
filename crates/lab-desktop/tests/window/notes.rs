//! Notes are written in the window, kept until the notebook has them, and draw what they ask for.

use egui_kittest::kittest::Queryable;
use lab_testkit::small_notebook;
use lab_view::session::{Action, Route};

use crate::stage::{Stage, config};

fn stage() -> (Stage, Vec<lab_model::RunId>) {
    let small = small_notebook();
    let (project, runs) = (small.project.clone(), small.runs.clone());
    let mut stage = Stage::on(config(&small.notebook()), Some(project), small, [1280.0, 800.0]);
    stage.act(Action::Go(Route::Notes));
    (stage, runs)
}

fn writes(stage: &mut Stage, words: &str) {
    stage.press("New note");
    stage.harness.get_by_label("Note").focus();
    stage.harness.event(egui::Event::Text(words.to_owned()));
    stage.settle();
}

#[test]
fn what_is_written_stays_until_it_is_saved() {
    let (mut stage, _) = stage();
    writes(&mut stage, "# Plan\nSmaller steps");
    stage.act(Action::Go(Route::Health));
    stage.act(Action::Go(Route::Notes));
    assert!(stage.told().contains("Smaller steps"), "{}", stage.told());
    stage.press("Save note");
    let notes = &stage.session().notes.page().unwrap().notes;
    assert_eq!((notes[0].text.as_str(), notes[0].run.as_ref()), ("# Plan\nSmaller steps", None));
    assert!(stage.harness.query_by_label("Save note").is_none());
}

#[test]
fn a_note_draws_metrics_and_leads_to_runs() {
    let (mut stage, runs) = stage();
    let run = &runs[1];
    writes(
        &mut stage,
        &format!("See [it](run:{run})\n\n```chart\nloss\nrun:{run}\n```\n```chart\nno-such\nrun:{run}\n```"),
    );
    stage.press("Save note");
    let note = &stage.session().notes.page().unwrap().notes[0];
    let drawn: Vec<usize> = note.charts.iter().map(Vec::len).collect();
    assert_eq!((drawn, note.charts[0][0].0.as_str()), (vec![1, 0], "loss"));
    assert!(stage.told().contains("No such metric: no-such"), "{}", stage.told());
    stage.press("it");
    assert_eq!(*stage.session().route(), Route::Run(run.clone()));
}
