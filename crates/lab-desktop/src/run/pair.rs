//! Two runs beside each other: a tab that is dragged to the left or right half of the place stands there.

use egui::{CentralPanel, DragAndDrop, Frame, Panel, Rect, Stroke, StrokeKind, Ui};
use lab_model::RunId;
use lab_view::session::{Action, Aside, Route};
use serde::{Deserialize, Serialize};

use super::tabs;
use crate::app::Paint;
use crate::drag::Dragged;
use crate::theme::{RADIUS, Theme};

/// The runs, the left one first.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair([RunId; 2]);

impl Pair {
    /// The run that stands beside this one.
    fn beside(&self, run: &RunId) -> Option<&RunId> {
        let at = self.0.iter().position(|one| one == run)?;
        Some(&self.0[1 - at])
    }

    /// Puts a run on a side; the one that was there goes, or changes places with it.
    fn put(&mut self, side: usize, run: &RunId) {
        let before = std::mem::replace(&mut self.0[side], run.clone());
        if self.0[1 - side] == *run {
            self.0[1 - side] = before;
        }
    }
}

/// Neither run is narrower.
const LEAST: f32 = 280.0;

/// The run that stands beside the one that is looked at.
pub fn other<'a>(paint: &'a Paint<'_>) -> Option<&'a RunId> {
    let Route::Run(here) = paint.session.route() else { return None };
    paint.places.run.pair.as_ref()?.beside(here)
}

/// Paints the run that is looked at, and the one beside it.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let Route::Run(here) = paint.session.route() else { return };
    let area = ui.available_rect_before_wrap();
    // In a narrow window there is room for one.
    let other = other(paint).filter(|_| area.width() >= 2.0 * LEAST).cloned();
    if paint.session.paired() != other.as_ref() {
        paint.wish(Action::Pair(other.clone()));
    }
    match (other, paint.places.run.pair.clone()) {
        (Some(_), Some(Pair([left, right]))) => {
            let most = area.width() - LEAST;
            let panel = Panel::left("left run").resizable(true).default_size(area.width() / 2.0);
            let panel = panel.size_range(LEAST..=most).frame(Frame::new());
            panel.show(ui, |ui| half(paint, ui, &left, *here == left));
            CentralPanel::default().frame(Frame::new()).show(ui, |ui| half(paint, ui, &right, *here == right));
        }
        _ => super::one(paint, ui, false),
    }
    take(paint, ui, area, here);
}

/// Paints one of two. Where one presses is where one is.
fn half(paint: &mut Paint<'_>, ui: &mut Ui, run: &RunId, is_here: bool) {
    let area = ui.available_rect_before_wrap();
    if is_here {
        super::one(paint, ui, true);
    } else if paint.session.paired() == Some(run) {
        paint.beside = Some(Aside::Run(paint.session.beside.run.screen.part));
        super::one(paint, ui, true);
        paint.beside = None;
        if ui.rect_contains_pointer(area) && ui.input(|input| input.pointer.any_pressed()) {
            tabs::go(paint, run);
        }
    }
    ui.take_available_space();
}

/// A tab that is dragged can be dropped on either half.
fn take(paint: &mut Paint<'_>, ui: &Ui, area: Rect, here: &RunId) {
    let Some(dragged) = DragAndDrop::payload::<Dragged>(ui.ctx()) else { return };
    let [run] = &dragged.0[..] else { return };
    let halves = [area.split_left_right_at_fraction(0.5).0, area.split_left_right_at_fraction(0.5).1];
    let Some(side) = halves.iter().position(|half| ui.rect_contains_pointer(*half)) else { return };
    if run == here && other(paint).is_none() {
        return;
    }
    let theme = Theme::of(ui);
    let (fill, edge) = (theme.accent.gamma_multiply(0.14), Stroke::new(1.5, theme.accent));
    ui.painter().rect(halves[side].shrink(3.0), f32::from(RADIUS), fill, edge, StrokeKind::Inside);
    if ui.input(|input| input.pointer.any_released()) {
        DragAndDrop::clear_payload(ui.ctx());
        stand(paint, here, run, side);
    }
}

/// Puts a run on a side, beside the one that is looked at.
pub fn stand(paint: &mut Paint<'_>, here: &RunId, run: &RunId, side: usize) {
    let known = paint.places.run.pair.take().filter(|pair| pair.beside(here).is_some());
    let mut pair = known.unwrap_or_else(|| Pair([here.clone(), here.clone()]));
    pair.put(side, run);
    if pair.beside(here).is_none() {
        tabs::go(paint, run);
    }
    paint.places.run.pair = Some(pair).filter(|pair| pair.0[0] != pair.0[1]);
}

/// Leaves this run, the one beside it stands alone; false when there is none.
pub fn alone(paint: &mut Paint<'_>, run: &RunId) -> bool {
    let Some(other) = paint.places.run.pair.as_ref().and_then(|pair| pair.beside(run)).cloned() else { return false };
    paint.places.run.pair = None;
    if *paint.session.route() == Route::Run(run.clone()) {
        tabs::go(paint, &other);
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_put_on_a_side() {
        let [one, two, three] = [1, 2, 3].map(RunId::from_random);
        let mut pair = Pair([one.clone(), two.clone()]);
        pair.put(1, &three);
        assert!(pair == Pair([one.clone(), three.clone()]));
        pair.put(0, &three);
        assert!(pair == Pair([three.clone(), one.clone()]), "they change places");
        assert_eq!(pair.beside(&one), Some(&three));
        assert_eq!(pair.beside(&two), None);
    }
}
