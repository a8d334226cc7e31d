//! Writes one figure of each kind as SVG, PDF and PNG: `cargo run -p lab-plot --example gallery DIRECTORY`.

use std::path::Path;

use lab_plot::palette::Theme;
use lab_plot::{
    Axis, Bins, Chart, Figure, Layer, Paper, ParallelRow, RidgeRow, Scale, Spread, band, exponential, paper, pdf, png,
    svg,
};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let directory = std::env::args().nth(1).ok_or("name a directory")?;
    std::fs::create_dir_all(&directory)?;
    let dark = Paper { theme: Theme::Dark, ..Paper::single() };
    let figures = [
        ("curves", Paper::single(), vec![curves(3, "val/loss")]),
        ("log", Paper::single(), vec![log()]),
        ("seven", Paper::single(), vec![curves(7, "loss")]),
        ("twenty", Paper::double(), vec![curves(24, "loss")]),
        ("seeds", Paper::single(), vec![seeds()]),
        ("smooth", Paper::single(), vec![smooth()]),
        ("scatter", Paper::single(), vec![scatter()]),
        ("bars", Paper::single(), vec![bars()]),
        ("histogram", Paper::single(), vec![histogram()]),
        ("ridge", Paper::single(), vec![ridge()]),
        ("parallel", Paper::double(), vec![parallel()]),
        ("confusion", Paper::single(), vec![confusion(10)]),
        ("grid", Paper::double(), vec![curves(3, "val/loss"), curves(3, "val/acc"), log_named(3), curves(3, "lr")]),
        ("dark", dark, vec![seeds()]),
        ("tiny", Paper::of_millimetres(45.0, 32.0), vec![curves(2, "val/accuracy of the long name")]),
        ("dates", Paper::single(), vec![dates()]),
    ];
    for (name, page, charts) in figures {
        let scene = paper::lay_out(&Figure { charts }, &page);
        let at = |extension: &str| Path::new(&directory).join(format!("{name}.{extension}"));
        std::fs::write(at("svg"), svg::write(&scene))?;
        std::fs::write(at("pdf"), pdf::write(&scene))?;
        std::fs::write(at("png"), png::write(&scene, 300.0)?)?;
    }
    Ok(())
}

/// A number between -1 and 1 that is the same every time.
fn noise(seed: usize) -> f64 {
    let mut state = (seed as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    state ^= state >> 31;
    state = state.wrapping_mul(0xbf58_476d_1ce4_e5b9);
    state ^= state >> 29;
    (state % 20_001) as f64 / 10_000.0 - 1.0
}

fn falling(seed: usize, count: usize) -> Vec<[f64; 2]> {
    let value = |x: usize| {
        let part = x as f64 / count as f64;
        0.1 + (0.8 + seed as f64 * 0.12) * (-(3.0 + seed as f64 * 0.3) * part).exp() + noise(x * 31 + seed) * 0.015
    };
    (0..count).map(|x| [x as f64 * 50.0, value(x)]).collect()
}

fn line(name: &str, slot: usize, points: Vec<[f64; 2]>) -> Layer {
    Layer::Line { name: name.into(), slot, points, faint: false }
}

fn curves(count: usize, metric: &str) -> Chart {
    let layers = (0..count).map(|slot| line(&format!("width={}", 64 << slot.min(10)), slot, falling(slot, 800)));
    Chart { x: Axis::new("step"), y: Axis::new(metric), layers: layers.collect(), ..Chart::default() }
}

fn log_named(count: usize) -> Chart {
    Chart { y: Axis::new("train/loss").scale(Scale::Log), ..curves(count, "") }
}

fn log() -> Chart {
    let points = |rate: f64| (0..500).map(|x| [f64::from(x) * 2000.0, (-f64::from(x) * rate).exp()]).collect();
    let layers = vec![line("Adam", 0, points(0.02)), line("SGD", 1, points(0.012))];
    let y = Axis::new("gradient norm").scale(Scale::Log);
    Chart { x: Axis::new("step"), y, layers, ..Chart::default() }
}

fn seeds() -> Chart {
    let mut layers = Vec::new();
    for (slot, name) in ["baseline, n = 5", "with dropout, n = 5"].into_iter().enumerate() {
        let runs: Vec<Vec<[f64; 2]>> = (0..5)
            .map(|seed| {
                let shift = noise(seed * 7 + slot) * 0.03;
                let points = falling(slot * 2, 150).into_iter();
                points
                    .enumerate()
                    .map(|(x, [step, y])| [step, 1.0 - y * 0.8 + shift + noise(x + seed * 999) * 0.02])
                    .collect()
            })
            .collect();
        let band = band(&runs, Spread::Confidence);
        layers.push(Layer::Band { slot, points: band.iter().map(|point| [point[0], point[2], point[3]]).collect() });
        layers.push(line(name, slot, band.iter().map(|point| [point[0], point[1]]).collect()));
    }
    Chart {
        title: "mean and 95 % confidence".into(),
        x: Axis::new("step"),
        y: Axis::new("accuracy"),
        layers,
        notes: vec![],
    }
}

fn smooth() -> Chart {
    let raw: Vec<[f64; 2]> =
        falling(1, 600).into_iter().enumerate().map(|(x, [step, y])| [step, y + noise(x) * 0.1]).collect();
    let values: Vec<f64> = raw.iter().map(|point| point[1]).collect();
    let smooth = raw.iter().zip(exponential(&values, 0.9)).map(|(point, y)| [point[0], y]).collect();
    let raw = Layer::Line { name: String::new(), slot: 0, points: raw, faint: true };
    Chart { x: Axis::new("step"), y: Axis::new("loss"), layers: vec![raw, line("loss", 0, smooth)], ..Chart::default() }
}

fn scatter() -> Chart {
    let points = |slot: usize| {
        let point = |run: usize| {
            let rate = 10f64.powf(-4.0 + 1.5 + 1.5 * noise(run * 3 + slot));
            [rate, 0.9 - (rate.log10() + 2.5).powi(2) * 0.05 + noise(run + slot * 50) * 0.02 - slot as f64 * 0.05]
        };
        (0..40).map(point).collect()
    };
    let layer = |slot: usize, name: &str| Layer::Scatter { name: name.into(), slot, points: points(slot) };
    let layers = vec![layer(0, "Adam"), layer(1, "SGD"), layer(2, "Lion")];
    Chart { x: Axis::new("learning rate").scale(Scale::Log), y: Axis::new("val/acc"), layers, ..Chart::default() }
}

fn bars() -> Chart {
    let names = ["baseline", "+ dropout", "+ augmentation", "+ longer training"].map(String::from).to_vec();
    let bars = |name: &str, slot, values: [f64; 4]| Layer::Bars {
        name: name.into(),
        slot,
        values: values.to_vec(),
        errors: vec![0.01, 0.02, 0.008, 0.012],
    };
    let layers = vec![bars("valid", 0, [0.81, 0.83, 0.88, 0.91]), bars("test", 1, [0.79, 0.82, 0.86, 0.9])];
    Chart { x: Axis::of_names("", names), y: Axis::new("accuracy"), layers, ..Chart::default() }
}

fn histogram() -> Chart {
    let values = |shift: f64| -> Vec<f64> {
        (0..3000).map(|x| noise(x) + noise(x + 5000) + noise(x + 11_000) + shift).collect()
    };
    let layer = |slot, name: &str, shift| Layer::Histogram { name: name.into(), slot, bins: Bins::of(&values(shift)) };
    let layers = vec![layer(0, "layer 1", 0.0), layer(1, "layer 2", 1.0)];
    Chart { x: Axis::new("weight"), y: Axis::new("count"), layers, ..Chart::default() }
}

fn ridge() -> Chart {
    let row = |step: usize| {
        let spread = 0.4 + step as f64 * 0.15;
        let values: Vec<f64> =
            (0..4000).map(|x| (noise(x) + noise(x + 5000) + noise(x + 9000)) * spread + step as f64 * 0.1).collect();
        RidgeRow { label: format!("{}", step * 1000), bins: Bins::of(&values) }
    };
    let layers = vec![Layer::Ridge { slot: 0, rows: (0..9).map(row).collect() }];
    Chart { x: Axis::new("weight"), y: Axis::new("step"), layers, ..Chart::default() }
}

fn parallel() -> Chart {
    let optimiser = Axis::of_names("optimizer", ["adam", "sgd", "lion"].map(String::from).to_vec());
    let axes = vec![
        Axis::new("lr").scale(Scale::Log),
        Axis::new("batch_size"),
        optimiser,
        Axis::new("dropout"),
        Axis::new("val/acc"),
    ];
    let row = |run: usize| {
        let rate = 10f64.powf(-3.0 + 1.5 * noise(run * 3));
        let dropout = 0.25 + 0.25 * noise(run * 17);
        let result = 0.9 - (rate.log10() + 3.0).powi(2) * 0.05 - (dropout - 0.2).abs() * 0.3;
        ParallelRow {
            name: format!("run {run}"),
            values: vec![rate, f64::from(32 << (run % 4)), (run % 3) as f64, dropout, result],
        }
    };
    Chart { layers: vec![Layer::Parallel { axes, rows: (0..60).map(row).collect() }], ..Chart::default() }
}

fn confusion(classes: usize) -> Chart {
    let names: Vec<String> = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
        .into_iter()
        .cycle()
        .take(classes)
        .map(String::from)
        .collect();
    let value = |place: usize| {
        if place.is_multiple_of(classes + 1) {
            950.0 - (noise(place) * 40.0).round()
        } else {
            (noise(place).abs() * 20.0).round()
        }
    };
    let heat = Layer::Heat { rows: names.clone(), columns: names, values: (0..classes * classes).map(value).collect() };
    Chart { x: Axis::new("predicted"), y: Axis::new("true"), layers: vec![heat], ..Chart::default() }
}

fn dates() -> Chart {
    let points = (0..48)
        .map(|hour| {
            [1_795_262_400_000.0 + f64::from(hour) * 3_600_000.0, noise(hour as usize) + f64::from(hour) / 10.0]
        })
        .collect();
    Chart {
        x: Axis::new("time (UTC)").scale(Scale::Time),
        y: Axis::new("GPU memory (GB)"),
        layers: vec![line("GPU", 0, points)],
        ..Chart::default()
    }
}
