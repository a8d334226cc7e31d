//! Measures lists: `cargo run --release -p lab-view --example query_speed -- NOTEBOOK [QUERY…]`.
//! Prints milliseconds of wall time for each query: with nothing in memory, then as a page in an open
//! reader (the median of nine).
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]

use std::time::Instant;

use lab_engine::{Engine, EngineConfig};
use lab_view::format::Moment;
use lab_view::runs;

const QUERIES: [&str; 12] = [
    "",
    "val/acc > 0.7 and lr <= 1e-3 or tag:baseline",
    "val/acc > 0.7 sort:-best(acc)",
    "sort:-best(val/acc)",
    "model.depth >= 4 and optim.name = adam and not status:failed sort:took",
    "otter",
    "code:same(@) sort:val/loss",
    "started > 7d has:val/f1 sort:-val/f1",
    "name:ablation or note:baseline",
    "group:lr",
    "group:lr,model.depth,optim.name sort:-val/acc columns:val/acc,best(val/loss),took,acc,loss",
    "group:script,host,branch",
];

fn main() {
    let mut words = std::env::args().skip(1);
    let notebook = words.next().expect("the directory of a notebook");
    let given: Vec<String> = words.collect();
    let queries = if given.is_empty() { QUERIES.map(str::to_owned).to_vec() } else { given };
    let millis = |since: Instant| since.elapsed().as_secs_f64() * 1e3;
    let started = Instant::now();
    let engine = Engine::open_existing(EngineConfig::from_system(Some(notebook.into())).unwrap()).unwrap();
    let reader = engine.reader().unwrap();
    let shown = |reader: &lab_engine::Reader, query: &str| {
        let moment = Moment::utc(engine.now());
        let key = runs::Key { project: None, query: query.to_owned(), offset: 0, limit: Some(50), all: false, moment };
        runs::load(reader, &key).unwrap().total
    };
    let total = shown(&reader, "");
    println!("open and first page of {total} runs: {:.1} ms", millis(started));
    println!("{:>9} {:>9} {:>8}  query", "first", "again", "runs");
    for query in &queries {
        let fresh = engine.reader().unwrap();
        let started = Instant::now();
        let total = shown(&fresh, query);
        let first = millis(started);
        let mut again: Vec<f64> = (0..9)
            .map(|_| {
                let started = Instant::now();
                shown(&fresh, query);
                millis(started)
            })
            .collect();
        again.sort_by(f64::total_cmp);
        println!("{first:>9.1} {:>9.1} {total:>8}  {query}", again[4]);
    }
}
