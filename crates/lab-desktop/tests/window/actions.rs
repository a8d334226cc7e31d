//! Everything that a person can do can be done in the window: found by its name among the commands, and something
//! comes of it.

use crate::stage::{Stage, config};
use egui::{Event, Key, Modifiers};
use egui_kittest::kittest::Queryable;
use lab_testkit::{Small, small_project};
use lab_view::screens::run::{Part, RunAction};
use lab_view::session::{Action, Dialog, DialogAction, Route};
use lab_view::{ACTIONS, ActionId, Typing};

/// What is done before, so that an action makes sense. Who adds an action says it here.
fn before(id: ActionId, small: &Small) -> Vec<Action> {
    let run = |place: usize| small.runs[place].clone();
    let part = |part| vec![Action::Go(Route::Run(run(2))), Action::Run(RunAction::Part(part))];
    let typed = |words: &str| {
        [Action::Dialog(DialogAction::Type(Typing::Set(words.to_owned()))), Action::Dialog(DialogAction::Accept)]
    };
    let found = || part(Part::Log).into_iter().chain([Action::Do(ActionId::Find)]).chain(typed("epoch"));
    let restored = || vec![Action::Go(Route::Restore(run(2))), Action::Do(ActionId::Apply)];
    match id {
        ActionId::Help
        | ActionId::Quit
        | ActionId::Palette
        | ActionId::GoProjects
        | ActionId::GoCharts
        | ActionId::GoNotes
        | ActionId::GoSearch
        | ActionId::GoHealth
        | ActionId::Open
        | ActionId::Mark
        | ActionId::MarkAll
        | ActionId::Filter
        | ActionId::Sort
        | ActionId::Group
        | ActionId::Columns
        | ActionId::Panels
        | ActionId::Views
        | ActionId::SaveView
        | ActionId::Follow
        | ActionId::Compare
        | ActionId::Charts
        | ActionId::Restore
        | ActionId::RestoreTo
        | ActionId::Rerun
        | ActionId::RerunWith
        | ActionId::Tag
        | ActionId::Star
        | ActionId::Rename
        | ActionId::Note
        | ActionId::Reason
        | ActionId::Hide
        | ActionId::Remove
        | ActionId::CopyId
        | ActionId::CopyCommand
        | ActionId::Edit
        | ActionId::OpenFolder
        | ActionId::Export
        | ActionId::Watch
        | ActionId::WatchService
        | ActionId::Verify
        | ActionId::VerifyDeep
        | ActionId::Collect
        | ActionId::CancelWork
        | ActionId::Stop
        | ActionId::Rebuild => Vec::new(),
        ActionId::GoRuns | ActionId::AllRuns => vec![Action::Go(Route::Projects)],
        ActionId::Back | ActionId::NextPart | ActionId::PreviousPart => vec![Action::Go(Route::Run(run(1)))],
        ActionId::ResetPanels => {
            vec![
                Action::Do(ActionId::Panels),
                Action::Dialog(DialogAction::Toggle),
                Action::Dialog(DialogAction::Accept),
            ]
        }
        ActionId::ClearMarks => vec![Action::Do(ActionId::MarkAll)],
        ActionId::Unremove => vec![Action::Do(ActionId::Remove), Action::Dialog(DialogAction::Accept)],
        ActionId::Undo => restored(),
        ActionId::Redo => restored().into_iter().chain([Action::Do(ActionId::Undo)]).collect(),
        ActionId::LogScale
        | ActionId::Smooth
        | ActionId::StepAxis
        | ActionId::ZoomIn
        | ActionId::ChartAlone
        | ActionId::ReadLeft
        | ActionId::ReadRight => vec![Action::Go(Route::Charts(vec![run(0), run(1)]))],
        ActionId::ZoomOut | ActionId::PanLeft | ActionId::PanRight | ActionId::ResetZoom => {
            vec![Action::Go(Route::Charts(vec![run(0), run(1)])), Action::Do(ActionId::ZoomIn)]
        }
        ActionId::Find => part(Part::Log),
        ActionId::FindNext | ActionId::FindPrevious => found().collect(),
        ActionId::AsideLeft => part(Part::Log).into_iter().chain([Action::Do(ActionId::AsideRight)]).collect(),
        ActionId::AsideRight => part(Part::Log),
        ActionId::SideBySide | ActionId::Fold | ActionId::FoldAll => {
            vec![Action::Go(Route::Compare(vec![run(0), run(1)]))]
        }
        ActionId::RestoreFile => part(Part::Files),
        ActionId::AddToCharts => vec![Action::Go(Route::Charts(vec![run(0)])), Action::Go(Route::Run(run(1)))],
        ActionId::ToggleFile | ActionId::Apply => vec![Action::Go(Route::Restore(run(2)))],
    }
}

/// All that an action may change, in words.
fn seen(stage: &Stage) -> String {
    let session = stage.session();
    let said: Vec<String> = session.notices().iter().map(|notice| notice.line.text()).collect();
    let jobs: Vec<&str> = session.jobs().iter().map(|job| job.label).collect();
    let (runs, charts, parts) = (&session.runs.screen, &session.charts.screen, &session.run_parts);
    let compare = &session.compare.screen;
    [
        format!("{:?} {:?} {said:?} {jobs:?}", session.route(), session.dialog()),
        format!("{:?} {:?} {:?} {:?}", runs.marked, runs.cursor.row, runs.follow, session.project()),
        format!("{:?}", runs.panels),
        format!("{:?} {:?} {:?}", session.run.screen.part, parts.log.screen.at, parts.log.screen.aside),
        format!("{:?} {:?} {:?} {:?}", charts.log, charts.smooth, charts.zoom, charts.reading),
        format!("{:?} {:?} {:?}", charts.along, charts.alone, charts.cursor),
        format!("{:?} {:?} {:?}", compare.side_by_side, compare.folded, session.restore.screen.tally()),
        format!("{:?}", session.runs.page().map(|page| &page.page)),
    ]
    .join("\n")
}

/// Presses the key of the palette, types the name, and takes what is found.
fn by_name(stage: &mut Stage, id: ActionId) -> Vec<egui::ViewportCommand> {
    let label = id.row().label.trim_end_matches('…');
    stage.harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
    stage.harness.run_steps(3);
    stage.harness.get_by_label("Find a command");
    stage.harness.event(Event::Text(label.to_owned()));
    stage.harness.run_steps(3);
    let place = |stage: &Stage| match stage.session().dialog() {
        Some(Dialog::Palette { found, cursor, .. }) => {
            found.iter().position(|found| *found == id).map(|place| place as i64 - cursor.row as i64)
        }
        _ => panic!("{id:?}: the palette is not open"),
    };
    let down = place(stage).unwrap_or_else(|| panic!("{id:?} is not among the commands"));
    for _ in 0..down {
        stage.harness.key_press(Key::ArrowDown);
        stage.harness.run_steps(1);
    }
    assert!(stage.harness.query_all_by_label(id.row().label).next().is_some(), "{id:?} is not told by its name");
    stage.harness.key_press(Key::Enter);
    let mut asked = Vec::new();
    for _ in 0..3 {
        stage.harness.run_steps(1);
        let output = stage.harness.output().viewport_output.values();
        asked.extend(output.flat_map(|output| output.commands.clone()));
    }
    asked
}

#[test]
fn every_action_is_found_by_its_name_and_does_something() {
    let mut complaints = Vec::new();
    for row in ACTIONS {
        let small = small_project();
        let actions = before(row.id, &small);
        if row.id == ActionId::Stop {
            small.add_running();
        }
        let mut stage = Stage::on(config(&small.notebook()), Some(small.project.clone()), small, [1280.0, 800.0]);
        actions.into_iter().for_each(|action| stage.act(action));
        let before = seen(&stage);
        match row.id {
            // The palette is what everything here is done by.
            ActionId::Palette => {
                stage.harness.key_press_modifiers(Modifiers::COMMAND, Key::P);
                stage.harness.run_steps(2);
            }
            // There has to be something under way in the very frame.
            ActionId::CancelWork => {
                let session = stage.harness.state_mut().session_mut();
                session.act(Action::Do(ActionId::VerifyDeep));
                assert!((row.enabled)(session));
                session.act(Action::Do(ActionId::CancelWork));
                stage.settle();
            }
            id => {
                let asked = by_name(&mut stage, id);
                stage.settle();
                if id == ActionId::Quit {
                    assert!(asked.contains(&egui::ViewportCommand::Close), "{asked:?}");
                    continue;
                }
            }
        }
        if seen(&stage) == before {
            complaints.push(row.id);
        }
    }
    assert!(complaints.is_empty(), "nothing came of {complaints:?}");
}
