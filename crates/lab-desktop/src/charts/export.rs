//! A chart as a file or on the clipboard.

use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use egui::{ColorImage, Ui};
use lab_plot::{Chart, Figure, Image, Layer, Paper, paper, pdf, png, svg};
use lab_view::screens::charts::{ChartsAction, ChartsView};
use lab_view::session::Action;

use crate::app::Paint;

/// A question where to write a file, while it is open.
pub struct Saving {
    asked: Pin<Box<dyn Future<Output = Option<rfd::FileHandle>>>>,
    bytes: Vec<u8>,
}

/// Formats that a chart can be written in, with the end of the file's name.
const FORMATS: [(&str, &str); 4] =
    [("SVG for the web…", "svg"), ("PNG with 300 dpi…", "png"), ("PDF for papers…", "pdf"), ("Points as CSV…", "csv")];
const DOTS_PER_INCH: f64 = 300.0;
/// How often it is looked whether the question was answered.
const LOOK: Duration = Duration::from_millis(100);

/// What can be done with a chart.
pub fn menu(ui: &mut Ui, page: &ChartsView, place: usize, saving: &mut Option<Saving>) {
    let (name, chart) = &page.charts[place];
    let chart = named(chart, name, &page.names);
    for (label, end) in FORMATS {
        if ui.button(label).clicked() {
            *saving = bytes(&chart, end).map(|bytes| ask(name, end, bytes));
        }
    }
    ui.separator();
    if ui.button("Copy points").clicked() {
        ui.ctx().copy_text(csv(&chart));
    }
    if ui.button("Copy SVG").clicked() {
        ui.ctx().copy_text(svg::write(&scene(&chart)));
    }
    if ui.button("Copy picture").clicked()
        && let Some(image) = bytes(&chart, "png").and_then(|bytes| Image::from_png(name.as_str(), &bytes))
    {
        let pixels = image.pixels.iter().map(|[red, green, blue]| egui::Color32::from_rgb(*red, *green, *blue));
        ui.ctx().copy_image(ColorImage::new([image.width, image.height], pixels.collect()));
    }
}

/// Takes the answer and has the file written.
pub fn poll(paint: &mut Paint<'_>, ui: &Ui, saving: &mut Option<Saving>) {
    let Some(open) = saving else { return };
    match open.asked.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => ui.ctx().request_repaint_after(LOOK),
        Poll::Ready(answer) => {
            let bytes = std::mem::take(&mut open.bytes);
            *saving = None;
            if let Some(file) = answer {
                paint.wish(Action::Charts(ChartsAction::Write(file.path().to_owned(), bytes)));
            }
        }
    }
}

fn ask(name: &str, end: &str, bytes: Vec<u8>) -> Saving {
    let plain: String = name.chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    let dialog = rfd::AsyncFileDialog::new().set_file_name(format!("{plain}.{end}")).add_filter(end, &[end]);
    Saving { asked: Box::pin(dialog.save_file()), bytes }
}

/// The chart with what stands beside it in the window: its name and those of its series.
fn named(chart: &Chart, name: &str, names: &[String]) -> Chart {
    let mut chart = chart.clone();
    for layer in &mut chart.layers {
        if let Layer::Line { name, slot, faint: false, .. } = layer
            && names.len() > 1
        {
            name.clone_from(names.get(*slot).unwrap_or(&String::new()));
        }
    }
    if chart.y.label.is_empty() {
        name.clone_into(&mut chart.y.label);
    }
    chart
}

fn scene(chart: &Chart) -> lab_plot::scene::Scene {
    paper::lay_out(&Figure { charts: vec![chart.clone()] }, &Paper::double())
}

fn bytes(chart: &Chart, end: &str) -> Option<Vec<u8>> {
    match end {
        "svg" => Some(svg::write(&scene(chart)).into_bytes()),
        "pdf" => Some(pdf::write(&scene(chart))),
        "png" => png::write(&scene(chart), DOTS_PER_INCH).ok(),
        _ => Some(csv(chart).into_bytes()),
    }
}

/// All points, one in each line (RFC 4180).
fn csv(chart: &Chart) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let mut lines = vec![format!("series,{},{}", quoted(&chart.x.label), quoted(&chart.y.label))];
    for layer in &chart.layers {
        match layer {
            Layer::Line { name, points, faint: false, .. } | Layer::Scatter { name, points, .. } => {
                lines.extend(points.iter().map(|[x, y]| format!("{},{x},{y}", quoted(name))));
            }
            _ => {}
        }
    }
    lines.join("\r\n") + "\r\n"
}

#[cfg(test)]
mod tests {
    use lab_plot::Axis;

    use super::*;

    #[test]
    fn a_chart_is_written_in_every_format() {
        let layer = Layer::Line { name: String::new(), slot: 0, points: vec![[1.0, 0.5], [2.0, 0.25]], faint: false };
        let chart = Chart { x: Axis::new("step"), layers: vec![layer], ..Chart::default() };
        let chart = named(&chart, "loss", &["a".into(), "b \"c\"".into()]);
        assert_eq!(csv(&chart), "series,\"step\",\"loss\"\r\n\"a\",1,0.5\r\n\"a\",2,0.25\r\n");
        for (end, start) in [("svg", "<svg"), ("pdf", "%PDF"), ("png", "\u{fffd}PNG")] {
            let bytes = bytes(&chart, end).unwrap();
            assert!(String::from_utf8_lossy(&bytes).contains(start), "{end}");
        }
    }
}
