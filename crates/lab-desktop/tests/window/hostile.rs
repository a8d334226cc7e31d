//! Text that means harm is painted as harmless text: nothing turns its direction, nothing hides, nothing takes long.

use crate::stage::{Stage, config};
use lab_testkit::hostile::hostile_notebook;
use lab_testkit::parity;
use lab_view::ActionId;
use lab_view::session::{Action, Route};

/// Letters that turn the direction of what follows, or are commands to a screen.
fn is_harmful(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || letter.is_control() && letter != '\n'
}

#[test]
fn whatever_a_notebook_says_it_is_painted_harmlessly() {
    let small = hostile_notebook();
    let (config, project) = (config(&small.notebook()), small.project.clone());
    let mut scenes = parity::scenes(&small);
    let dialogs = [
        ActionId::Tag,
        ActionId::Remove,
        ActionId::Sort,
        ActionId::Columns,
        ActionId::Rename,
        ActionId::RerunWith,
        ActionId::RestoreTo,
        ActionId::Export,
    ];
    let dialogs = dialogs.map(|id| vec![Action::Go(Route::Runs), Action::Do(id)]);
    scenes.push(parity::Scene { name: "dialogs", steps: dialogs.into() });
    let mut stage = Stage::any_letters(config, project, small, [1280.0, 800.0]);
    let mut complaints = Vec::new();
    for scene in scenes {
        for step in scene.steps {
            step.into_iter().for_each(|action| stage.act(action));
            let painted = stage.painted();
            assert!(!painted.is_empty(), "{} paints nothing", scene.name);
            let harmful = painted.lines().filter(|line| line.chars().any(is_harmful));
            complaints.extend(harmful.map(|line| format!("{}: {line:?}", scene.name)));
        }
    }
    complaints.iter_mut().for_each(|line| line.truncate(line.floor_char_boundary(200)));
    complaints.dedup();
    assert!(complaints.is_empty(), "painted as it came:\n{}", complaints.join("\n"));
}
