//! A restore as a person does it: looks, leaves something out, restores, takes it back, does it again.

use crate::stage::{Stage, config};
use egui_kittest::kittest::Queryable;
use lab_engine::{Clock, EngineConfig};
use lab_testkit::{Small, small_project};
use lab_view::session::{Action, Route};

fn stage() -> (Stage, std::path::PathBuf) {
    let small = small_project();
    let (project, folder) = (small.project.clone(), small.folder());
    let run = small.runs[2].clone();
    // A notice goes after some seconds of this clock.
    let config = EngineConfig { clock: Clock::System, ..config(&small.notebook()) };
    let mut stage = Stage::on(config, Some(project), small, [1280.0, 800.0]);
    stage.act(Action::Go(Route::Restore(run)));
    (stage, folder)
}

fn read(folder: &std::path::Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).expect("a file of the project")
}

#[test]
fn what_is_ticked_is_restored_taken_back_and_restored_again() {
    let (mut stage, folder) = stage();
    assert!(stage.harness.query_by_label("Restore 3 files").is_some(), "{}", stage.told());
    stage.press("Restore config.yaml");
    stage.press("Restore todo.txt");
    stage.press("Restore 1 file");
    assert!(read(&folder, "train.py").contains("rate * gradient / (1 + epoch)"));
    assert_eq!((read(&folder, "config.yaml"), read(&folder, "todo.txt")), ("epochs: 1\n".into(), "sleep\n".into()));
    assert_eq!(*stage.session().route(), Route::Runs);
    stage.press("Undo restore");
    assert_eq!(read(&folder, "train.py"), "print('draft')\n");
    stage.press("Redo restore");
    assert!(read(&folder, "train.py").contains("rate * gradient / (1 + epoch)"));
}

#[test]
fn nothing_chosen_is_nothing_done_and_all_is_all() {
    let (mut stage, folder) = stage();
    stage.press("None");
    stage.press("Restore nothing");
    assert!(matches!(stage.session().route(), Route::Restore(_)));
    stage.press("All");
    stage.press("Restore 3 files");
    assert_eq!(read(&folder, "config.yaml"), "# How it is trained.\nepochs: 40\nlr: 0.01\n");
    assert!(!folder.join("todo.txt").exists());
    stage.press("Undo restore");
    assert_eq!(read(&folder, "todo.txt"), "sleep\n");
}

#[test]
fn a_file_that_changed_meanwhile_is_kept() {
    let (mut stage, folder) = stage();
    std::fs::write(folder.join("train.py"), "print('a later thought')\n").unwrap();
    stage.press("Restore 3 files");
    assert_eq!(read(&folder, "train.py"), "print('a later thought')\n");
    assert!(read(&folder, "train.py.lab-conflict").contains("gradient"));
    assert!(stage.told().contains("changed meanwhile"), "{}", stage.told());
}

#[test]
fn all_files_go_to_a_new_folder() {
    let (mut stage, folder) = stage();
    stage.press("Restore to a new folder…");
    stage.press("OK");
    let written = folder.with_file_name("classifier-brave-otter");
    assert!(read(&written, "train.py").contains("gradient"), "{}", stage.told());
    assert_eq!(read(&folder, "train.py"), "print('draft')\n");
}

#[test]
fn a_project_that_is_gone_is_said_so() {
    let small: Small = small_project();
    let (project, run, folder) = (small.project.clone(), small.runs[1].clone(), small.folder());
    let mut stage = Stage::on(config(&small.notebook()), Some(project), small, [1280.0, 800.0]);
    std::fs::rename(&folder, folder.with_file_name("elsewhere")).unwrap();
    stage.act(Action::Go(Route::Restore(run)));
    assert!(stage.harness.query_by_label("Try again").is_some(), "{}", stage.told());
    std::fs::rename(folder.with_file_name("elsewhere"), &folder).unwrap();
    stage.press("Try again");
    assert!(stage.harness.query_by_label("Restore 3 files").is_some(), "{}", stage.told());
}
