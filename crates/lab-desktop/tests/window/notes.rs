//! Notes are written in the window, kept until the notebook has them, and draw what they ask for.

use egui_kittest::kittest::{NodeT, Queryable};
use lab_plot::Image;
use lab_testkit::{Small, small_notebook, small_project};
use lab_view::session::{Action, Route};

use crate::stage::{Stage, config};

fn stage() -> (Stage, Vec<lab_model::RunId>) {
    on(small_notebook())
}

fn on(small: Small) -> (Stage, Vec<lab_model::RunId>) {
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

#[test]
fn pictures_are_dropped_and_pasted_into_a_note() {
    let small = small_project();
    let (folder, cache) = (small.folder(), small.notebook().join("cache"));
    let png = Image { width: 2, height: 1, pixels: vec![[9, 9, 9]; 2], ..Image::default() }.to_png().unwrap();
    std::fs::write(folder.join("my plot.png"), png).unwrap();
    let (mut stage, _) = on(small);
    stage.act(Action::Go(Route::Runs));
    stage.drop_file(&folder.join("my plot.png"));
    assert_eq!(*stage.session().route(), Route::Notes);
    let dropped = format!("![my plot](<{}>)", folder.join("my plot.png").display());
    assert!(stage.told().contains(&dropped), "{}", stage.told());
    let pasted = egui::ColorImage::filled([3, 3], egui::Color32::RED);
    stage.harness.event(egui::Event::PasteImage(std::sync::Arc::new(pasted)));
    stage.settle();
    let waiting = |cache: &std::path::Path| {
        let files = std::fs::read_dir(cache).into_iter().flatten().flatten();
        files.filter(|file| file.file_name().to_string_lossy().starts_with("pasted-")).count()
    };
    assert_eq!(waiting(&cache), 1);
    let pictures = |stage: &Stage| {
        let root = stage.harness.root();
        root.children_recursive().filter(|node| node.accesskit_node().role() == egui::Role::Image).count()
    };
    assert_eq!(pictures(&stage), 2, "the preview shows them: {}", stage.told());
    stage.press("Save note");
    assert!(stage.harness.query_by_label("Save note").is_none(), "{}", stage.told());
    let text = stage.session().notes.page().unwrap().notes[0].text.clone();
    assert_eq!(text.matches("](picture:").count(), 2, "{text}");
    assert_eq!(waiting(&cache), 0, "the notebook has it now");
    std::fs::remove_file(folder.join("my plot.png")).unwrap();
    stage.settle();
    assert_eq!(pictures(&stage), 2);
}
