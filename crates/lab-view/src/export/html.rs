//! A report in one file: no script, nothing from outside, every name escaped.

use std::fmt::Write;

use lab_engine::{Reader, Result, RunRow};
use lab_model::Series;

use super::{Paper, text};
use crate::format::{self, Moment};
use crate::runs::status_cell;
use crate::show;

/// Runs with a line of their own in a chart.
const MOST_LINES: usize = 20;
/// Points of a line: each pixel of the chart gets its lowest and highest value.
const PIXELS: usize = 320;
/// Colours that people with colour blindness can tell apart (Okabe & Ito 2008).
const COLOURS: [&str; 7] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000"];
const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#222}\
    table{border-collapse:collapse;margin:1rem 0}th,td{padding:.2rem .7rem;text-align:left;border-bottom:1px solid #ddd}\
    .n{text-align:right;font-variant-numeric:tabular-nums}.best{font-weight:bold}.muted{color:#777}\
    svg{max-width:100%;height:auto}";

pub(super) fn report(reader: &Reader, rows: &[RunRow], paper: &Paper, moment: &Moment) -> Result<String> {
    let mut page = format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\
         <title>{0}</title><style>{STYLE}</style></head>\n<body><h1>{0}</h1>\n<p class=\"muted\">{1}</p>\n",
        format::count(rows.len() as u64, "run"),
        escape(&moment.exact(moment.now)),
    );
    page += &groups(paper);
    charts(reader, rows, paper, &mut page)?;
    page += "<h2>Runs</h2>\n<table><tr><th>Run</th><th>Started</th><th>Status</th><th>What changed</th><th>Command</th></tr>\n";
    for (row, base) in rows.iter().zip(reader.bases(rows)?) {
        let cells = [
            format!("{} ({})", row.name, row.start.run.as_str()),
            moment.exact(row.start.time),
            status_cell(reader.standing(row)).text,
            show::headline(reader, row, base.as_ref())?.text(),
            format::command(&row.start.argv),
        ];
        line(&mut page, "td", &cells.map(|cell| (cell, "")));
    }
    Ok(page + "</table>\n</body></html>\n")
}

fn line(page: &mut String, tag: &str, cells: &[(String, &str)]) {
    *page += "<tr>";
    for (cell, class) in cells {
        let class = if class.is_empty() { String::new() } else { format!(" class=\"{class}\"") };
        *page += &format!("<{tag}{class}>{}</{tag}>", escape(cell));
    }
    *page += "</tr>\n";
}

/// The seed groups with mean and spread, the best bold.
fn groups(paper: &Paper) -> String {
    let mut page = "<h2>Results</h2>\n<table>".to_owned();
    let mut head = vec![("Run".to_owned(), ""), ("Seeds".to_owned(), "n")];
    head.extend(paper.params.iter().map(|name| (name.clone(), "")));
    head.extend(paper.metrics.iter().map(|name| (name.clone(), "n")));
    line(&mut page, "th", &head);
    for (place, group) in paper.groups.iter().enumerate() {
        let mut cells = vec![(group.label.clone(), ""), (group.rows.len().to_string(), "n")];
        cells.extend(paper.params.iter().map(|name| (group.params.get(name).map_or("–".into(), format::value), "")));
        for (index, value) in group.metrics.iter().enumerate() {
            cells.push((text::value(*value), if paper.best(index) == Some(place) { "n best" } else { "n" }));
        }
        line(&mut page, "td", &cells);
    }
    page + "</table>\n"
}

fn charts(reader: &Reader, rows: &[RunRow], paper: &Paper, page: &mut String) -> Result<()> {
    let shown = &rows[..rows.len().min(MOST_LINES)];
    let series: Vec<Vec<Series>> = shown.iter().map(|row| reader.series(row)).collect::<Result<_>>()?;
    for key in &paper.metrics {
        let lines: Vec<(&str, &Series)> = shown
            .iter()
            .zip(&series)
            .filter_map(|(row, series)| Some((row.name.as_str(), series.iter().find(|found| &found.key == key)?)))
            .filter(|(_, series)| series.points.len() > 1)
            .collect();
        if !lines.is_empty() {
            *page += &format!("<h2>{}</h2>\n{}\n", escape(key), chart(&lines));
        }
    }
    if rows.len() > shown.len() {
        *page += &format!("<p class=\"muted\">The charts show the first {MOST_LINES} of {} runs</p>\n", rows.len());
    }
    Ok(())
}

/// Lines over steps, 800 by 300, with the ends of both axes named and each line's name as its tooltip.
fn chart(lines: &[(&str, &Series)]) -> String {
    let points = || lines.iter().flat_map(|(_, series)| &series.points).filter(|point| point.value.is_finite());
    let low = points().map(|point| point.value).fold(f64::INFINITY, f64::min);
    let high = points().map(|point| point.value).fold(f64::NEG_INFINITY, f64::max);
    let first = points().map(|point| point.step as f64).fold(f64::INFINITY, f64::min);
    let last = points().map(|point| point.step as f64).fold(f64::NEG_INFINITY, f64::max);
    if !(low.is_finite() && first.is_finite()) {
        return "<p class=\"muted\">No number</p>".to_owned();
    }
    let span = |from: f64, to: f64| if to > from { to - from } else { 1.0 };
    let x = |step: i64| 80.0 + 640.0 * (step as f64 - first) / span(first, last);
    let y = |value: f64| 270.0 - 250.0 * (value - low) / span(low, high);
    let mut svg = "<svg viewBox=\"0 0 800 300\" width=\"800\" role=\"img\">\
                   <path d=\"M80 20V270H720\" fill=\"none\" stroke=\"#999\"/>"
        .to_owned();
    for (place, (name, series)) in lines.iter().enumerate() {
        let colour = COLOURS[place % COLOURS.len()];
        let mut path = String::new();
        let size = series.points.len().div_ceil(PIXELS).max(1);
        for part in series.points.chunks(size) {
            let finite = || part.iter().filter(|point| point.value.is_finite());
            let lowest = finite().min_by(|left, right| left.value.total_cmp(&right.value));
            let highest = finite().max_by(|left, right| left.value.total_cmp(&right.value));
            let (Some(lowest), Some(highest)) = (lowest, highest) else { continue };
            let mut both = [lowest, highest];
            both.sort_by_key(|point| point.step);
            for point in &both[usize::from(lowest == highest)..] {
                let letter = if path.is_empty() { 'M' } else { 'L' };
                // Writing to a string cannot fail.
                let _ = write!(path, "{letter}{:.1} {:.1}", x(point.step), y(point.value));
            }
        }
        svg += &format!(
            "<path d=\"{path}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"><title>{}</title></path>",
            escape(name)
        );
    }
    for (text, x, y, anchor) in [
        (format::number(high, 4), 74, 24, "end"),
        (format::number(low, 4), 74, 274, "end"),
        (format::number(first, 15), 80, 290, "start"),
        (format::number(last, 15), 720, 290, "end"),
    ] {
        svg += &format!("<text x=\"{x}\" y=\"{y}\" text-anchor=\"{anchor}\" font-size=\"12\">{}</text>", escape(&text));
    }
    svg + "</svg>"
}

/// Text that means nothing but itself in HTML and in its attributes.
fn escape(text: &str) -> String {
    let text = lab_model::display_bytes(text.as_bytes());
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

#[cfg(test)]
mod tests {
    use lab_model::{Point, Time};

    use super::*;

    #[test]
    fn names_mean_nothing_in_html() {
        assert_eq!(escape("<script>\"'&"), "&lt;script&gt;&quot;&#39;&amp;");
        let point = |step, value| Point { step, value, time: Time(0) };
        let series = Series { key: "k".into(), points: vec![point(0, 1.0), point(1, f64::NAN), point(9, 3.0)] };
        let chart = chart(&[("<script>alert(1)</script>", &series)]);
        assert!(!chart.contains("<script>") && chart.contains("M80.0 270.0L720.0 20.0"), "{chart}");
    }
}
