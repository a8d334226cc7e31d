//! `lab plot`: charts of runs, in the terminal or as a figure for a paper.

use std::path::{Path, PathBuf};

use clap::ValueEnum;
use lab_engine::{Error, ErrorKind, Reader, Result, RunQuery, RunRow};
use lab_model::RelPath;
use lab_plot::palette::Theme;
use lab_plot::{Figure, Paper, Picture, Spread, paper, pdf, png, svg};
use lab_view::charts::{self, Along, Kind};

use crate::context::Context;
use crate::{error, paint, select};

/// The arguments of `lab plot`.
#[derive(clap::Args, Debug)]
#[command(after_help = "Without -o the charts are drawn in the terminal. Examples:\n  \
                  lab plot @ @-1 -m val/loss --log-y --smooth 0.6\n  \
                  lab plot tag:a tag:b -m val/acc --group-by seed -o fig.pdf --size single\n  \
                  lab plot --kind scatter -x lr -y val/acc")]
pub struct Plot {
    /// The runs [default: the latest; for scatter, parallel and bar all of the project]
    runs: Vec<String>,
    /// A metric; once for each chart [default: the main ones]
    #[arg(short, long, value_name = "KEY")]
    metric: Vec<String>,
    /// What the chart shows
    #[arg(long, value_name = "KIND", default_value = "line")]
    kind: KindName,
    /// What lines go along
    #[arg(long = "x", value_name = "ALONG", default_value = "step")]
    along: AlongName,
    /// Metric or parameter along x, of a scatter chart
    #[arg(short = 'x', value_name = "KEY")]
    x_key: Option<String>,
    /// Metric or parameter along y, of a scatter chart
    #[arg(short = 'y', value_name = "KEY")]
    y_key: Option<String>,
    /// The x axis by its logarithm
    #[arg(long)]
    log_x: bool,
    /// The y axis by its logarithm
    #[arg(long)]
    log_y: bool,
    /// Smooth as TensorBoard does, from 0 to 1
    #[arg(long, value_name = "WEIGHT", default_value_t = 0.0, value_parser = weight)]
    smooth: f64,
    /// Mean and band of the runs that share a parameter; `seed`: of those that differ in their seeds alone
    #[arg(long, value_name = "PARAM")]
    group_by: Option<String>,
    /// What the band shows
    #[arg(long, value_name = "BAND", default_value = "confidence", requires = "group_by")]
    band: BandName,
    /// The CSV file of a confusion matrix, or where the pictures are, as the run wrote them
    #[arg(long, value_name = "PATH")]
    file: Option<String>,
    /// Write a figure: .svg, .pdf or .png
    #[arg(short, long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    output: Option<PathBuf>,
    /// The figure's size: single or double (columns of a journal), or millimetres such as 120x80
    #[arg(long, value_name = "SIZE", default_value = "single", value_parser = size)]
    size: Size,
    /// The size of the figure's words, in points
    #[arg(long, value_name = "POINTS", default_value_t = 8.0)]
    font_size: f64,
    /// Draw in the terminal with plain letters
    #[arg(long)]
    ascii: bool,
    /// A figure for a dark screen
    #[arg(long)]
    dark: bool,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum KindName {
    Line,
    Scatter,
    Parallel,
    Bar,
    Histogram,
    Ridge,
    Confusion,
    Images,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum AlongName {
    Step,
    Time,
    Relative,
}

#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum BandName {
    Confidence,
    Deviation,
    Range,
}

/// Width and height in millimetres; a height of none is found.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Size {
    Single,
    Double,
    Millimetres(f64, f64),
}

/// Runs that are drawn when none is named.
const RUNS: usize = 500;
/// Pixels for each inch of a PNG.
const DOTS_PER_INCH: f64 = 300.0;

impl Plot {
    /// Draws the charts.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let format = self.output.as_deref().map(format_of).transpose()?;
        let reader = context.reader()?;
        let page = charts::load(&reader, &self.key(context, &reader)?, &context.moment()?)?;
        let Some((path, format)) = self.output.as_deref().zip(format) else {
            context.print_in(&page, &paint::Style { ascii: self.ascii, ..paint::Style::of_stdout() })?;
            return Ok(0);
        };
        for chart in &page.charts {
            Picture::new(chart, 100).notes.iter().for_each(|note| context.say(&crate::sanitize::line(note)));
        }
        let scene = paper::lay_out(&Figure { charts: page.charts.clone() }, &self.paper());
        let bytes = match format {
            Format::Svg => svg::write(&scene).into_bytes(),
            Format::Pdf => pdf::write(&scene),
            Format::Png => png::write(&scene, DOTS_PER_INCH)
                .map_err(|error| Error::new(ErrorKind::Usage, "Could not make the picture").because(error))?,
        };
        std::fs::write(path, bytes).map_err(|error| Error::disk("write", path, error))?;
        if context.global.json {
            context.print_json(&page)?;
        }
        Ok(0)
    }

    fn key(&self, context: &Context, reader: &Reader) -> Result<charts::Key> {
        let kind = match self.kind {
            KindName::Line => Kind::Line,
            KindName::Scatter => Kind::Scatter,
            KindName::Parallel => Kind::Parallel,
            KindName::Bar => Kind::Bar,
            KindName::Histogram => Kind::Histogram,
            KindName::Ridge => Kind::Ridge,
            KindName::Confusion => Kind::Confusion,
            KindName::Images => Kind::Images,
        };
        let file = self.file.as_deref().map(|path| {
            RelPath::new(path.as_bytes()).map_err(|_| error::usage(format!("Not a path inside the project: {path}")))
        });
        Ok(charts::Key {
            runs: self.rows(context, reader)?.into_iter().map(|row| row.start.run).collect(),
            metrics: self.metric.clone(),
            kind,
            along: match self.along {
                AlongName::Step => Along::Step,
                AlongName::Time => Along::Time,
                AlongName::Relative => Along::Relative,
            },
            log_x: self.log_x,
            log_y: self.log_y,
            smooth: self.smooth,
            group_by: self.group_by.clone(),
            spread: match self.band {
                BandName::Confidence => Spread::Confidence,
                BandName::Deviation => Spread::Deviation,
                BandName::Range => Spread::Range,
            },
            x: self.x_key.clone(),
            y: self.y_key.clone(),
            file: file.transpose()?,
            x_range: None,
            columns: None,
        })
    }

    /// The runs that are named, each once; the latest, or all of the project, when none is.
    fn rows(&self, context: &Context, reader: &Reader) -> Result<Vec<RunRow>> {
        let across =
            matches!(self.kind, KindName::Scatter | KindName::Parallel | KindName::Bar) || self.group_by.is_some();
        if self.runs.is_empty() && across {
            let project = context.project()?.map(|project| project.id);
            let mut rows = reader.runs(&RunQuery { project, limit: Some(RUNS), ..RunQuery::default() })?;
            if rows.is_empty() {
                rows.push(select::run(context, reader, "@")?);
            }
            rows.reverse();
            return Ok(rows);
        }
        let latest = ["@".to_owned()];
        let named = if self.runs.is_empty() { &latest[..] } else { &self.runs };
        let mut rows: Vec<RunRow> = Vec::new();
        for spec in named {
            let row = select::run(context, reader, spec)?;
            if rows.iter().all(|known| known.start.run != row.start.run) {
                rows.push(row);
            }
        }
        Ok(rows)
    }

    fn paper(&self) -> Paper {
        let paper = match self.size {
            Size::Single => Paper::single(),
            Size::Double => Paper::double(),
            Size::Millimetres(width, height) => Paper::of_millimetres(width, height),
        };
        let theme = if self.dark { Theme::Dark } else { Theme::Light };
        Paper { font_size: self.font_size, theme, ..paper }
    }
}

enum Format {
    Svg,
    Pdf,
    Png,
}

fn format_of(path: &Path) -> Result<Format> {
    match path.extension().and_then(|extension| extension.to_str()).map(str::to_lowercase).as_deref() {
        Some("svg") => Ok(Format::Svg),
        Some("pdf") => Ok(Format::Pdf),
        Some("png") => Ok(Format::Png),
        _ => Err(error::usage("A figure is written as .svg, .pdf or .png").hint("such as -o figure.pdf")),
    }
}

fn weight(text: &str) -> std::result::Result<f64, String> {
    let weight: f64 = text.parse().map_err(|_| "not a number".to_owned())?;
    if (0.0..=1.0).contains(&weight) { Ok(weight) } else { Err("from 0 to 1".to_owned()) }
}

fn size(text: &str) -> std::result::Result<Size, String> {
    let wrong = || "single, double, or millimetres such as 120x80".to_owned();
    match text {
        "single" => Ok(Size::Single),
        "double" => Ok(Size::Double),
        _ => {
            let (width, height) = text.trim_end_matches("mm").split_once('x').ok_or_else(wrong)?;
            let side =
                |text: &str| text.parse().ok().filter(|side: &f64| (15.0..=1000.0).contains(side)).ok_or_else(wrong);
            Ok(Size::Millimetres(side(width)?, side(height)?))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        assert_eq!(size("double"), Ok(Size::Double));
        assert_eq!(
            [size("120x80"), size("120x80mm")],
            [Ok(Size::Millimetres(120.0, 80.0)), Ok(Size::Millimetres(120.0, 80.0))]
        );
        assert!(["", "12", "0x5", "axb", "1e9x3"].iter().all(|text| size(text).is_err()));
        assert!(weight("0.6").is_ok() && weight("2").is_err() && weight("NaN").is_err());
    }
}
