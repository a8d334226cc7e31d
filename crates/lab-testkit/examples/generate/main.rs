//! Makes a large notebook fast, through the store's own encoder and writer:
//! `cargo run --release -p lab-testkit --example generate -- --runs 100000 --params 20 --metrics 20 DIR`.
//!
//! Other options: `--points N` of every metric (10), `--series-points N` of one long series in each of
//! the newest `--series-runs N` runs, `--projects N` (4), `--now MILLIS`. The same options give the same
//! notebook. Curves come from a pool of [`experiment::CURVES`] for each metric, so that runs share
//! records as they share files.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a program for tests and measurements")]

mod experiment;

use std::path::PathBuf;

use lab_model::{Change, Edit, NoteKind, Project, Series, Target, Time};
use lab_store::{Encoder, Notebook, RecordKind, Writer};

use crate::experiment::{Experiment, LOGS, Settings, mixed};

/// Runs of one batch.
const BATCH: u64 = 2000;

fn main() {
    let (settings, directory) = arguments();
    let notebook = Notebook::create(&directory, [1; 16], Time(settings.now - 300 * 86_400_000)).unwrap();
    let mut writer = notebook.writer([2; 16]).unwrap();
    let mut encoder = Encoder::default();
    let experiment = shared(&settings, &mut writer, &mut encoder);
    writer.commit(Time(settings.now)).unwrap();
    for number in 0..settings.runs {
        run(&experiment, number, &mut writer, &mut encoder);
        if number % BATCH == BATCH - 1 {
            writer.commit(Time(settings.now)).unwrap();
        }
    }
    writer.commit(Time(settings.now)).unwrap();
    println!("{} runs in {}", settings.runs, directory.display());
}

fn arguments() -> (Settings, PathBuf) {
    let mut settings = Settings::default();
    let mut directory = None;
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let place = match word.as_str() {
            "--runs" => &mut settings.runs,
            "--params" => &mut settings.params,
            "--metrics" => &mut settings.metrics,
            "--points" => &mut settings.points,
            "--series-points" => &mut settings.series_points,
            "--series-runs" => &mut settings.series_runs,
            "--projects" => &mut settings.projects,
            "--now" => {
                settings.now = words.next().unwrap().parse().unwrap();
                continue;
            }
            _ => {
                directory = Some(PathBuf::from(word));
                continue;
            }
        };
        *place = words.next().and_then(|number| number.parse().ok()).expect("a number after the option");
    }
    (settings, directory.expect("a directory for the notebook"))
}

/// What many runs refer to: projects, snapshots, curves, logs, views.
fn shared(settings: &Settings, writer: &mut Writer, encoder: &mut Encoder) -> Experiment {
    let mut experiment = Experiment::new(settings.clone());
    for number in 0..settings.projects {
        let project = Project {
            id: experiment.project(number),
            name: experiment::PROJECTS[number as usize % experiment::PROJECTS.len()].to_owned(),
            root: format!("/home/ada/{}", experiment::PROJECTS[number as usize % experiment::PROJECTS.len()]),
            time: Time(settings.now - 300 * 86_400_000),
        };
        let view = Change::View { name: "best".into(), query: "status:done sort:-best(val/acc)".into() };
        let edit = Edit::new(project.time, Target::Project(project.id.clone()), view);
        writer.append(encoder.json(RecordKind::Project, &project)).unwrap();
        writer.append(encoder.json(RecordKind::Edit, &edit)).unwrap();
        for version in 0..experiment::VERSIONS {
            let snapshot = experiment.snapshot(number, version, writer, encoder);
            experiment.snapshots.push(snapshot);
        }
    }
    for metric in 0..settings.metrics {
        let curves = (0..experiment::CURVES).map(|quality| {
            let series = experiment.curve(metric, quality);
            let record = encoder.body(RecordKind::Series, &series.encode());
            let id = record.id();
            writer.append(record).unwrap();
            (id, series.summary().unwrap())
        });
        let curves = curves.collect();
        experiment.curves.push(curves);
    }
    for text in LOGS {
        let record = encoder.body(RecordKind::Log, text.as_bytes());
        experiment.logs.push(record.id());
        writer.append(record).unwrap();
    }
    experiment
}

fn run(experiment: &Experiment, number: u64, writer: &mut Writer, encoder: &mut Encoder) {
    let start = experiment.start(number);
    let mut end = experiment.end(number, &start);
    let settings = &experiment.settings;
    if settings.series_points > 0 && number + settings.series_runs >= settings.runs {
        let series: Series = experiment.long_series(number, start.time);
        let record = encoder.body(RecordKind::Series, &series.encode());
        end.series.push(lab_model::SeriesRef { record: record.id(), summary: series.summary().unwrap() });
        writer.append(record).unwrap();
    }
    writer.append(encoder.json(RecordKind::RunStart, &start)).unwrap();
    writer.append(encoder.json(RecordKind::RunFacts, &experiment.facts(number, &start))).unwrap();
    writer.append(encoder.json(RecordKind::RunEnd, &end)).unwrap();
    let chance = mixed(number ^ 0x5eed) % 1000;
    let change = match chance {
        0..5 => Change::Star { on: true },
        5..15 => Change::Tag { tag: "paper".into() },
        15..30 => Change::Note { kind: NoteKind::Note, text: "Loss spikes after the warm-up, see the log".into() },
        30..40 => Change::Note { kind: NoteKind::Outcome, text: "Better than the baseline, keep".into() },
        40..43 => Change::Hide { on: true },
        43..46 => Change::Remove,
        46..50 => Change::Name { name: format!("ablation-{number}") },
        _ => return,
    };
    let edit = Edit::new(Time(end.time.0 + 60_000), Target::Run(start.run), change);
    writer.append(encoder.json(RecordKind::Edit, &edit)).unwrap();
}
