//! What stands above the charts: what they show, along what, how smooth.

use egui::{Id, RichText, TextEdit, Ui};
use lab_plot::Spread;
use lab_view::charts::{Along, Kind};
use lab_view::screens::charts::{ChartsAction, ChartsScreen};
use lab_view::session::{Action, Route};
use lab_view::{ActionId, Tone};

use super::{KINDS, Own, Width};
use crate::app::Paint;
use crate::blocks;
use crate::icons::{self, Icon};
use crate::theme::{GAP, Theme, text};

/// Paints them.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, own: &mut Own) {
    let screen = &paint.session.charts.screen;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0 * GAP;
        if let Some(kind) = choice(ui, "", &KINDS, screen.kind) {
            paint.wish(Action::Charts(ChartsAction::Kind(kind)));
        }
        if matches!(screen.kind, Kind::Line | Kind::Histogram) {
            filter(paint, ui, screen);
            let widths = [(Width::Small, "S"), (Width::Middle, "M"), (Width::Large, "L")];
            if let Some(width) = choice(ui, "Size", &widths, own.width) {
                own.width = width;
            }
        }
        if !paint.session.charts.is_current() && paint.session.charts.is_loading() {
            ui.add(egui::Spinner::new().size(14.0));
        }
    });
    ui.horizontal_wrapped(|ui| {
        ui.spacing_mut().item_spacing.x = 3.0 * GAP;
        match screen.kind {
            Kind::Line => lines(paint, ui, screen),
            Kind::Scatter => keys(paint, ui, screen),
            Kind::Histogram => steps(paint, ui, screen),
            _ => {}
        }
    });
}

/// Paints those that matter beside a list, and the way to all.
pub fn short(paint: &mut Paint<'_>, ui: &mut Ui, own: &mut Own) {
    let screen = &paint.session.charts.screen;
    ui.horizontal(|ui| {
        ui.spacing_mut().item_spacing.x = 2.0 * GAP;
        if let Some(kind) = choice(ui, "", &KINDS[..3], screen.kind) {
            paint.wish(Action::Charts(ChartsAction::Kind(kind)));
        }
        if screen.kind == Kind::Line && ui.available_width() > 330.0 {
            smoothing(paint, ui, screen);
        }
        let widths = [(Width::Small, "S"), (Width::Middle, "M"), (Width::Large, "L")];
        if screen.kind == Kind::Line
            && ui.available_width() > 130.0
            && let Some(width) = choice(ui, "Size", &widths, own.width)
        {
            own.width = width;
        }
        ui.with_layout(egui::Layout::right_to_left(egui::Align::Center), |ui| {
            let all = icons::button(ui, Icon::Enlarge, "Open the charts");
            if all.clicked() {
                paint.wish(Action::Go(Route::Charts(screen.runs().to_vec())));
            }
        });
    });
}

fn lines(paint: &mut Paint<'_>, ui: &mut Ui, screen: &ChartsScreen) {
    let along = [(Along::Step, "Step"), (Along::Relative, "Relative"), (Along::Time, "Time")];
    if let Some(along) = choice(ui, "Along", &along, screen.along) {
        paint.wish(Action::Charts(ChartsAction::Along(along)));
    }
    if toggle(ui, "Log x", screen.log_x) {
        paint.wish(Action::Charts(ChartsAction::LogX(!screen.log_x)));
    }
    if toggle(ui, "Log y", screen.log) {
        paint.wish(Action::Do(ActionId::LogScale));
    }
    smoothing(paint, ui, screen);
    if toggle(ui, "Without outliers", screen.without_outliers) {
        paint.wish(Action::Charts(ChartsAction::WithoutOutliers(!screen.without_outliers)));
    }
    if toggle(ui, "Seeds together", screen.seeds) {
        paint.wish(Action::Charts(ChartsAction::Seeds(!screen.seeds)));
    }
    if screen.seeds {
        let spreads = [(Spread::Deviation, "± σ"), (Spread::Confidence, "95 %"), (Spread::Range, "Range")];
        if let Some(spread) = choice(ui, "Band", &spreads, screen.spread) {
            paint.wish(Action::Charts(ChartsAction::Spread(spread)));
        }
    }
    if screen.zoom.is_some() && ui.button("See everything").clicked() {
        paint.wish(Action::Do(ActionId::ResetZoom));
    }
}

/// A run is cut into so many parts whose values are counted.
const PARTS: usize = 20;

/// Which steps are counted: all, or one part after the other.
fn steps(paint: &mut Paint<'_>, ui: &mut Ui, screen: &ChartsScreen) {
    let Some([low, high]) = paint.session.charts.page().map(|page| page.extent) else { return };
    let part = (high - low) / PARTS as f64;
    if !part.is_normal() {
        return;
    }
    ui.label(RichText::new("Steps").font(text::small()).color(Theme::of(ui).muted));
    let mut place = screen.zoom.map_or(0, |[from, _]| ((from - low) / part).round() as usize + 1);
    if blocks::slider(ui, &mut place, 0..=PARTS, 240.0, "Steps counted").changed() {
        let start = |place: usize| low + part * place as f64;
        // The last step belongs to the last part.
        let end = if place == PARTS { high + 1.0 } else { start(place) };
        paint.wish(Action::Charts(ChartsAction::Zoom((place > 0).then(|| [start(place - 1), end]))));
    }
    let words = match screen.zoom {
        None => "all".to_owned(),
        Some([from, to]) => format!("{} to {}", lab_plot::number(from.ceil()), lab_plot::number(to.ceil() - 1.0)),
    };
    blocks::words(ui, &words, Tone::Muted);
}

/// A slider whose upper part is finer, because that is where smoothing begins to be seen.
fn smoothing(paint: &mut Paint<'_>, ui: &mut Ui, screen: &ChartsScreen) {
    ui.label(RichText::new("Smoothing").font(text::small()).color(Theme::of(ui).muted));
    let mut part = 1.0 - (1.0 - screen.smooth).sqrt();
    if blocks::slider(ui, &mut part, 0.0..=0.97, 90.0, "Smoothing").changed() {
        let smooth = 1.0 - (1.0 - part) * (1.0 - part);
        let smooth = if smooth < 0.005 { 0.0 } else { (smooth * 1000.0).round() / 1000.0 };
        paint.wish(Action::Charts(ChartsAction::Smooth(smooth)));
    }
    let words = if screen.smooth > 0.0 { format!("{:.2}", screen.smooth) } else { "off".to_owned() };
    ui.label(RichText::new(words).font(text::small()).color(Theme::of(ui).muted));
}

fn filter(paint: &mut Paint<'_>, ui: &mut Ui, screen: &ChartsScreen) {
    let mut words = screen.filter.clone();
    let field = TextEdit::singleline(&mut words).hint_text("Filter metrics").desired_width(220.0);
    let response = ui.add(field.id(Id::unique("filter metrics")));
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, &screen.filter, &screen.filter, "");
        info.label = Some("Filter metrics".to_owned());
        info
    });
    if words != screen.filter {
        paint.wish(Action::Charts(ChartsAction::Filter(words)));
    }
}

/// The two axes of a scatter chart.
fn keys(paint: &mut Paint<'_>, ui: &mut Ui, screen: &ChartsScreen) {
    let Some(page) = paint.session.charts.page() else { return };
    let shown = page.charts.first().map(|(_, chart)| [chart.x.label.clone(), chart.y.label.clone()]);
    for (place, name) in ["x", "y"].into_iter().enumerate() {
        let now = shown.as_ref().map_or("", |shown| shown[place].as_str());
        ui.label(RichText::new(name).font(text::small()).color(Theme::of(ui).muted));
        let choice = egui::ComboBox::from_id_salt(("key", place)).selected_text(now).width(150.0);
        let shown = choice.show_ui(ui, |ui| {
            for key in &page.keys {
                if ui.selectable_label(now == key, key).clicked() {
                    let mut keys = screen.keys.clone();
                    keys[place] = Some(key.clone());
                    paint.wish(Action::Charts(ChartsAction::Keys(keys)));
                }
            }
        });
        let words = format!("Along {name}: {now}");
        shown.response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ComboBox, true, &words));
    }
    if toggle(ui, "Log x", screen.log_x) {
        paint.wish(Action::Charts(ChartsAction::LogX(!screen.log_x)));
    }
    if toggle(ui, "Log y", screen.log) {
        paint.wish(Action::Do(ActionId::LogScale));
    }
}

/// One of several, side by side in one frame.
pub fn choice<T: Copy + PartialEq>(ui: &mut Ui, label: &str, options: &[(T, &str)], now: T) -> Option<T> {
    let theme = Theme::of(ui);
    let mut chosen = None;
    ui.scope(|ui| {
        ui.spacing_mut().item_spacing.x = GAP;
        if !label.is_empty() {
            ui.label(RichText::new(label).font(text::small()).color(theme.muted));
        }
        egui::Frame::new().fill(theme.bar).stroke(theme.line()).corner_radius(6.0).inner_margin(1.0).show(ui, |ui| {
            ui.spacing_mut().item_spacing.x = 0.0;
            ui.spacing_mut().interact_size.y = 22.0;
            ui.horizontal(|ui| {
                for (option, words) in options {
                    let is_now = *option == now;
                    let (fill, ink) = if is_now { (theme.chosen, theme.accent) } else { (theme.bar, theme.text) };
                    let words = RichText::new(*words).font(text::small()).color(ink);
                    let button = egui::Button::new(words).fill(fill).stroke(egui::Stroke::NONE).corner_radius(5.0);
                    if ui.add(button.selected(false)).clicked() && !is_now {
                        chosen = Some(*option);
                    }
                }
            });
        });
    });
    chosen
}

/// Something that is on or off; true when it was clicked.
pub fn toggle(ui: &mut Ui, words: &str, is_on: bool) -> bool {
    let theme = Theme::of(ui);
    let ink = if is_on { theme.accent } else { theme.text };
    let fill = if is_on { theme.chosen } else { theme.bar };
    let label = RichText::new(words).font(text::small()).color(ink);
    let response = ui.add(egui::Button::new(label).fill(fill).stroke(theme.line()));
    response.widget_info(|| egui::WidgetInfo::selected(egui::Role::CheckBox, true, is_on, words));
    response.clicked()
}
