//! Whole figures: what a file holds, and what no input breaks.

use lab_plot::{Axis, Bins, Chart, Figure, Layer, Paper, ParallelRow, RidgeRow, Scale, paper, pdf, png, svg, text};

fn line(name: &str, slot: usize, points: Vec<[f64; 2]>) -> Layer {
    Layer::Line { name: name.into(), slot, points, faint: false }
}

fn write(chart: Chart) -> String {
    svg::write(&paper::lay_out(&Figure { charts: vec![chart] }, &Paper::of_millimetres(40.0, 30.0)))
}

#[test]
fn a_line_as_svg() {
    let layers = vec![line("train", 0, vec![[0.0, 1.0], [1.0, f64::NAN], [2.0, 0.5], [3.0, 0.25]])];
    insta::assert_snapshot!(write(Chart { x: Axis::new("step"), y: Axis::new("a < b"), layers, ..Chart::default() }));
}

#[test]
fn bars_as_svg() {
    let names = vec!["a".to_owned(), "b".to_owned()];
    let layers = vec![Layer::Bars { name: String::new(), slot: 1, values: vec![1.0, 2.0], errors: vec![0.1, 0.2] }];
    insta::assert_snapshot!(write(Chart { x: Axis::of_names("", names), layers, ..Chart::default() }));
}

#[test]
fn a_confusion_matrix_as_svg() {
    let names = vec!["cat".to_owned(), "dog".to_owned()];
    let layers = vec![Layer::Heat { rows: names.clone(), columns: names, values: vec![9.0, 1.0, 2.0, f64::NAN] }];
    insta::assert_snapshot!(write(Chart {
        x: Axis::new("predicted"),
        y: Axis::new("true"),
        layers,
        ..Chart::default()
    }));
}

#[test]
fn a_pdf_holds_its_words() {
    let chart = Chart {
        x: Axis::new("step"),
        layers: vec![line("train", 0, vec![[0.0, 1.0], [1.0, 2.0]])],
        ..Chart::default()
    };
    let bytes = pdf::write(&paper::lay_out(&Figure { charts: vec![chart] }, &Paper::single()));
    let text = String::from_utf8_lossy(&bytes);
    assert!(bytes.starts_with(b"%PDF-1.7") && text.contains("/ToUnicode") && text.contains("/FontFile2"));
    assert!(!text.contains("/Subtype/Image") && !text.contains("/Subtype /Image"));
}

/// Numbers, names and axes that no experiment should have.
fn hostile() -> Vec<Chart> {
    let numbers = [
        vec![],
        vec![f64::NAN],
        vec![f64::INFINITY, f64::NEG_INFINITY, f64::NAN],
        vec![1.0],
        vec![1e308, -1e308, f64::MAX, f64::MIN],
        vec![5e-324, 0.0, -0.0],
        vec![1e16, 1e16 + 2.0],
        vec![0.0; 3],
        vec![-1.0, -2.0],
    ];
    let names = ["", "a\u{0}\u{1b}[31m<b>&\"\u{202e}", "長い名前", &"x".repeat(5_000), "👩‍👩‍👧‍👦"];
    let mut charts = vec![Chart::default()];
    for (place, numbers) in numbers.iter().enumerate() {
        let name = names[place % names.len()].to_owned();
        let points: Vec<[f64; 2]> = numbers.iter().rev().zip(numbers).map(|(x, y)| [*x, *y]).collect();
        let bins = Bins { edges: numbers.clone(), counts: numbers.clone() };
        let axes =
            vec![Axis::new(&name), Axis::of_names(&name, vec![name.clone(); 3]), Axis::new("z").scale(Scale::Log)];
        let rows = vec![ParallelRow { name: name.clone(), values: numbers.clone() }; 3];
        let ridge = vec![RidgeRow { label: name.clone(), bins: bins.clone() }; 3];
        let layers = vec![
            line(&name, 0, points.clone()),
            Layer::Scatter { name: name.clone(), slot: usize::MAX, points: points.clone() },
            Layer::Band { slot: 1, points: numbers.iter().map(|y| [*y, *y, -*y]).collect() },
            Layer::Bars { name: name.clone(), slot: 2, values: numbers.clone(), errors: numbers.clone() },
            Layer::Histogram { name: name.clone(), slot: 3, bins: Bins::of(numbers) },
            Layer::Histogram { name: name.clone(), slot: 3, bins },
            Layer::Ridge { slot: 4, rows: ridge },
            Layer::Parallel { axes, rows },
            Layer::Heat { rows: vec![name.clone(); 2], columns: vec![name.clone(); 3], values: numbers.clone() },
            Layer::Heat { rows: vec![], columns: vec![], values: numbers.clone() },
        ];
        for scale in [Scale::Linear, Scale::Log] {
            let axis = || Axis::new(&name).scale(scale);
            let chart = |layers| Chart { title: name.clone(), x: axis(), y: axis(), layers, notes: vec![name.clone()] };
            charts.extend(layers.iter().map(|layer| chart(vec![layer.clone()])));
            charts.push(chart(layers.clone()));
            charts.push(Chart {
                x: Axis::new("time").scale(Scale::Time),
                y: Axis::new("spent").scale(Scale::Duration),
                ..chart(layers.clone())
            });
        }
    }
    let many =
        (0..10_000).map(|slot| line(&format!("run {slot}"), slot, vec![[0.0, slot as f64], [1.0, 0.0]])).collect();
    charts.push(Chart { layers: many, ..Chart::default() });
    let names: Vec<String> = (0..10_000).map(|name| format!("class {name}")).collect();
    let bars = Layer::Bars { name: String::new(), slot: 0, values: vec![1.0; 10_000], errors: vec![] };
    charts.push(Chart { x: Axis::of_names("class", names), layers: vec![bars], ..Chart::default() });
    charts
}

#[test]
fn nothing_breaks_a_painter() {
    let charts = hostile();
    for chart in &charts {
        text::draw(chart, 60, 16, text::Glyphs::Braille);
        text::draw(chart, 0, 0, text::Glyphs::Ascii);
        let figure = Figure { charts: vec![chart.clone()] };
        paper::lay_out(&figure, &Paper::of_millimetres(f64::NAN, 0.0));
        let file = svg::write(&paper::lay_out(&figure, &Paper::single()));
        assert!(!file.contains("NaN") && !file.contains("inf"), "{chart:?}");
        assert!(!file.contains('\u{1b}') && file.len() < 20_000_000);
    }
    // Each kind once through the slower painters.
    for chart in charts.iter().step_by(9) {
        let scene = paper::lay_out(&Figure { charts: vec![chart.clone()] }, &Paper::single());
        png::write(&scene, 20.0).unwrap();
        assert!(pdf::write(&scene).len() < 20_000_000);
    }
    paper::lay_out(&Figure::default(), &Paper::single());
    assert!(png::write(&paper::lay_out(&Figure::default(), &Paper::single()), 1e9).is_err());
}
