//! The window without a window: every place is painted, and does what it is told.

mod stage;

use egui_kittest::kittest::Queryable;
use stage::Stage;

#[test]
fn the_list_shows_the_runs_and_a_click_moves_the_cursor() {
    let mut stage = Stage::new();
    stage.settle();
    stage.harness.get_by_label_contains("brave-otter").click();
    stage.settle();
    assert_eq!(stage.name_under_cursor(), "brave-otter");
}
