//! Charts in the window: every choice is reached by its name, and the mouse looks closer.

use crate::stage::Stage;
use egui::{Event, Modifiers, PointerButton, vec2};
use egui_kittest::kittest::{NodeT, Queryable};
use lab_view::ActionId;
use lab_view::charts::{Along, Kind};
use lab_view::session::{Action, Route};

fn charts() -> Stage {
    let mut stage = Stage::new();
    stage.act(Action::Do(ActionId::MarkAll));
    stage.act(Action::Do(ActionId::Charts));
    stage
}

fn click(stage: &mut Stage, label: &str) {
    stage.harness.get_by_label(label).click();
    stage.settle();
}

fn drag(stage: &mut Stage, label: &str, from: egui::Vec2, to: egui::Vec2) {
    let area = stage.harness.get_by_label(label).rect();
    let at = |part: egui::Vec2| area.min + part * area.size();
    stage.pointer(at(from), Some(true));
    stage.pointer(at((from + to) / 2.0), None);
    stage.pointer(at(to), None);
    stage.pointer(at(to), Some(false));
    stage.settle();
}

#[test]
fn every_choice_is_a_click_away() {
    let mut stage = charts();
    for label in ["Chart of acc", "Chart of val/loss", "Draw brave-otter"] {
        assert!(stage.harness.query_by_label(label).is_some(), "{label}");
    }
    click(&mut stage, "Relative");
    assert_eq!(stage.session().charts.screen.along, Along::Relative);
    click(&mut stage, "Step");
    for label in ["Log x", "Log y", "Without outliers", "Seeds together"] {
        click(&mut stage, label);
    }
    let screen = &stage.session().charts.screen;
    assert!(screen.log_x && screen.log && screen.without_outliers && screen.seeds);
    // The runs are put together, so there are fewer lines.
    assert!(stage.session().charts.page().is_some_and(|page| page.names.len() < 12), "groups");
    click(&mut stage, "Range");
    assert_eq!(stage.session().charts.screen.spread, lab_plot::Spread::Range);
    click(&mut stage, "Enlarge acc");
    assert!(stage.session().charts.screen.alone);
    assert!(stage.harness.query_by_label("Chart of val/loss").is_none());
    click(&mut stage, "All charts acc");
    assert!(stage.harness.query_by_label("Chart of val/loss").is_some());
}

#[test]
fn metrics_are_filtered_by_typing() {
    let mut stage = charts();
    stage.harness.get_by_label("Filter metrics").click();
    stage.settle();
    stage.harness.event(Event::Text("val".into()));
    stage.settle();
    assert!(stage.harness.query_by_label("Chart of acc").is_none());
    assert!(stage.harness.query_by_label("Chart of val/loss").is_some());
    stage.harness.event(Event::Text("nonsense".into()));
    stage.settle();
    assert!(stage.harness.query_by_label("No metric has these words").is_some());
}

#[test]
fn a_box_looks_closer_and_two_clicks_show_everything() {
    let mut stage = charts();
    drag(&mut stage, "Chart of acc", vec2(0.25, 0.5), vec2(0.75, 0.52));
    let [low, high] = stage.session().charts.screen.zoom.expect("a part of the axis");
    assert!((low - 3.75).abs() < 0.5 && (high - 11.25).abs() < 0.5, "{low} {high}");
    click(&mut stage, "See everything");
    assert_eq!(stage.session().charts.screen.zoom, None);
    drag(&mut stage, "Chart of acc", vec2(0.25, 0.2), vec2(0.75, 0.8));
    assert!(stage.harness.query_by_label("Whole").is_some());
    click(&mut stage, "Whole");
    assert!(stage.harness.query_by_label("Whole").is_none());
    let center = stage.harness.get_by_label("Chart of acc").rect().center();
    stage.pointer(center, None);
    stage.harness.run_steps(10);
    for pressed in [true, false, true, false] {
        let button = PointerButton::Primary;
        let event = Event::PointerButton { pos: center, button, pressed, modifiers: Modifiers::NONE };
        stage.harness.input_mut().events.push(event);
    }
    stage.settle();
    assert_eq!(stage.session().charts.screen.zoom, None);
}

#[test]
fn the_pointer_reads_all_series_at_once() {
    let mut stage = charts();
    let center = stage.harness.get_by_label("Chart of acc").rect().center();
    stage.pointer(center, None);
    stage.harness.run_steps(3);
    let values = stage.harness.get_by_label_contains("acc at step 8");
    let label = values.accesskit_node().value().expect("what it says");
    // The largest first.
    let numbers: Vec<f64> = label.split(", ").filter_map(|words| words.rsplit(' ').next()?.parse().ok()).collect();
    assert!(numbers.len() > 5 && numbers.is_sorted_by(|left, right| left >= right), "{label}");
}

#[test]
fn a_run_is_hidden_and_shown_again() {
    let mut stage = charts();
    click(&mut stage, "Draw brave-otter");
    stage.harness.run_steps(60);
    click(&mut stage, "Show all");
    assert!(stage.harness.query_by_label("Show all").is_none());
}

#[test]
fn histograms_are_of_all_steps_or_of_some() {
    let mut stage = charts();
    click(&mut stage, "Histograms");
    let counted = |stage: &Stage| -> f64 {
        let page = stage.session().charts.page().expect("charts");
        let of = |layer: &lab_plot::Layer| match layer {
            lab_plot::Layer::Histogram { bins, .. } => bins.counts.iter().sum(),
            _ => 0.0,
        };
        page.charts.iter().flat_map(|(_, chart)| &chart.layers).map(of).sum()
    };
    let whole = counted(&stage);
    let slider = stage.harness.get_by_label("Steps counted").rect();
    stage.pointer(slider.right_center() - vec2(3.0, 0.0), Some(true));
    stage.pointer(slider.right_center() - vec2(3.0, 0.0), Some(false));
    stage.settle();
    let part = counted(&stage);
    assert!(part > 0.0 && part < whole / 4.0, "{part} of {whole}");
}

#[test]
fn a_brush_on_parallel_axes_marks_runs() {
    let mut stage = charts();
    click(&mut stage, "Parallel");
    assert_eq!(stage.session().charts.screen.kind, Kind::Parallel);
    drag(&mut stage, "Parallel coordinates of runs", vec2(0.06, 0.5), vec2(0.06, 0.98));
    click(&mut stage, "Mark in the list");
    assert_eq!(*stage.session().route(), Route::Runs);
    assert!((1..12).contains(&stage.marked()), "{}", stage.marked());
}

#[test]
fn a_brush_on_points_draws_only_those_runs() {
    let mut stage = charts();
    click(&mut stage, "Scatter");
    assert_eq!(stage.session().charts.screen.kind, Kind::Scatter);
    drag(&mut stage, "Scatter of runs", vec2(0.0, 0.0), vec2(0.5, 0.98));
    click(&mut stage, "Draw only these");
    let Route::Charts(runs) = stage.session().route() else { panic!("charts") };
    assert!((1..12).contains(&runs.len()), "{}", runs.len());
    // It is the same place with other runs.
    assert_eq!(stage.session().breadcrumbs().len(), 3);
}
