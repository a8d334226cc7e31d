//! What a chart of many points costs.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use lab_plot::{Axis, Chart, Figure, Layer, Paper, Picture, Pyramid, paper, pdf, png, svg, thin};

/// A falling curve with noise that is the same every time.
fn noisy(count: usize, seed: u64) -> Vec<[f64; 2]> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let point = |x: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        [x as f64, (-3.0 * x as f64 / count as f64).exp() + (state % 1000) as f64 / 5000.0]
    };
    (0..count).map(point).collect()
}

fn many_points(criterion: &mut Criterion) {
    let points = noisy(1_000_000, 1);
    let (xs, ys): (Vec<f64>, Vec<f64>) = points.iter().map(|point| (point[0], point[1])).unzip();
    criterion.bench_function("m4: 1M points to 1000 columns", |bencher| {
        bencher.iter(|| thin::m4(black_box(&points), [0.0, 1e6], 1000));
    });
    criterion.bench_function("pyramid: build over 1M points", |bencher| bencher.iter(|| Pyramid::new(black_box(&ys))));
    let pyramid = Pyramid::new(&ys);
    criterion.bench_function("pyramid: 1000 columns of 1M points", |bencher| {
        bencher.iter(|| pyramid.columns(&xs, black_box(&ys), 0, ys.len(), 1000));
    });
}

fn many_runs(criterion: &mut Criterion) {
    let layer = |slot: usize| Layer::Line {
        name: format!("run {slot}"),
        slot,
        points: noisy(10_000, slot as u64 + 1),
        faint: false,
    };
    let chart =
        Chart { x: Axis::new("step"), y: Axis::new("loss"), layers: (0..50).map(layer).collect(), ..Chart::default() };
    criterion.bench_function("picture: 50 runs of 10,000 points", |bencher| {
        bencher.iter(|| Picture::new(black_box(&chart), 1000));
    });
    let figure = Figure { charts: vec![chart] };
    let page = Paper::double();
    criterion.bench_function("figure: 50 runs of 10,000 points, laid out", |bencher| {
        bencher.iter(|| paper::lay_out(black_box(&figure), &page));
    });
    criterion.bench_function("svg of it, layout included", |bencher| {
        bencher.iter(|| svg::write(&paper::lay_out(black_box(&figure), &page)));
    });
    criterion.bench_function("pdf of it, layout included", |bencher| {
        bencher.iter(|| pdf::write(&paper::lay_out(black_box(&figure), &page)));
    });
    criterion.bench_function("png of it at 300 dpi, layout included", |bencher| {
        bencher.iter(|| png::write(&paper::lay_out(black_box(&figure), &page), 300.0));
    });
}

criterion_group!(plot, many_points, many_runs);
criterion_main!(plot);
