//! Metrics of runs over time.

use egui::{ScrollArea, Ui};
use egui_plot::{Line, Plot, PlotPoints};
use lab_plot::{Chart, Layer};
use serde::{Deserialize, Serialize};

use crate::app::Paint;
use crate::blocks;
use crate::theme::Theme;

/// What the place remembers.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Own {}

/// Paints the place.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui) {
    let shown = &paint.session.charts;
    let Some(page) = shown.page() else { return blocks::no_page(ui, shown.error(), shown.is_loading()) };
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (key, chart) in &page.charts {
            blocks::heading(ui, key);
            block(ui, key, chart);
        }
    });
}

/// Paints one chart.
pub fn block(ui: &mut Ui, name: &str, chart: &Chart) {
    let theme = Theme::of(ui);
    Plot::new(("chart", name)).height(180.0).allow_scroll(false).show(ui, |plot| {
        for layer in &chart.layers {
            if let Layer::Line { name, slot, points, .. } = layer {
                let points: PlotPoints<'_> = points.iter().copied().collect();
                plot.line(Line::new(name.clone(), points).color(theme.series(*slot)));
            }
        }
    });
}
