//! Every text of every page can be read in the window, also by those who do not see it.

use crate::stage::{Stage, config};
use lab_engine::{Clock, EngineConfig};
use lab_model::Time;
use lab_testkit::{CLOCK_MILLIS, parity, small_project};

#[test]
fn the_window_tells_all_that_the_pages_say() {
    let small = small_project();
    // Long after the runs: their ages are dates then, and do not change while it is looked at.
    let later = Clock::Still(Time(CLOCK_MILLIS + 30 * 86_400_000));
    let (config, project) = (EngineConfig { clock: later, ..config(&small.notebook()) }, small.project.clone());
    let scenes = parity::scenes(&small);
    // Long lists are painted as far as they are in sight: everything is in sight here.
    let mut stage = Stage::on(config, Some(project), small, [2400.0, 12_000.0]);
    let mut complaints = Vec::new();
    for scene in scenes {
        let (mut said, mut told) = (Vec::new(), String::new());
        for step in scene.steps {
            step.into_iter().for_each(|action| stage.act(action));
            told += &stage.told();
            said.extend(parity::said(stage.session()));
        }
        assert!(!said.is_empty(), "{} says nothing", scene.name);
        let missing = parity::missing(&said, &told);
        complaints.extend(missing.into_iter().map(|text| format!("{}: {text}", scene.name)));
    }
    assert!(complaints.is_empty(), "not in the window:\n{}", complaints.join("\n"));
}
