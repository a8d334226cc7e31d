//! Measures the store alone: `cargo run --release -p lab-store --example store_speed -- DIR [FILES]`.
//! Prints CPU seconds (user and system) of each step.
#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a measuring program")]

use std::path::PathBuf;

use lab_model::{Fingerprint, Hash, Origin, ProcessKey, ProjectId, RelPath, RunId, RunStart, Time};
use lab_store::{Encoder, Notebook, RecordKind, RunQuery};

fn cpu_seconds() -> f64 {
    let clock = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    clock.tv_sec as f64 + clock.tv_nsec as f64 / 1e9
}

fn timed<T>(what: &str, step: impl FnOnce() -> T) -> T {
    let before = cpu_seconds();
    let outcome = step();
    println!("{what:<40} {:>9.2} ms", (cpu_seconds() - before) * 1e3);
    outcome
}

fn run_start(number: u64) -> RunStart {
    RunStart {
        run: RunId::from_random(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)),
        project: ProjectId::from_random(1),
        name: format!("name-{number}"),
        origin: Origin::Run,
        argv: ["python", "train.py", "--lr", "0.1"].map(str::to_owned).to_vec(),
        cwd: RelPath::root(),
        time: Time(number as i64),
        snapshot: None,
        params: (0..20).map(|key| (format!("key.{key}"), serde_json::json!(number as f64 / 7.0))).collect(),
        seeds: Vec::new(),
        inputs: Vec::new(),
        fingerprint: Fingerprint::default(),
        reason: None,
        tags: Vec::new(),
        supervisor: ProcessKey { pid: 1, start_ticks: 1, boot_id: String::new() },
        missing: Vec::new(),
    }
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let dir = PathBuf::from(arguments.next().unwrap_or_else(|| "/tmp/store-speed".into()));
    let files: u64 = arguments.next().map_or(20_000, |count| count.parse().unwrap());
    let _ = std::fs::remove_dir_all(&dir);
    let notebook = timed("create", || Notebook::create(&dir, [1; 16], Time(1)).unwrap());
    let mut encoder = Encoder::default();
    let mut small = |number: u64, count: u64| -> Vec<_> {
        (0..count)
            .map(|file| encoder.chunk(format!("file {number} {file} {}", "x = 1; ".repeat(5)).as_bytes()))
            .collect()
    };
    let records = small(0, files);
    let mut writer = notebook.writer([1; 16]).unwrap();
    timed("append many (empty index)", || {
        records.into_iter().for_each(|record| assert!(writer.append(record).unwrap()));
    });
    timed("commit many", || writer.commit(Time(1)).unwrap());
    drop(writer);
    let records = small(1, files);
    let ids: Vec<Hash> = records.iter().map(lab_store::Record::id).collect();
    let mut writer = notebook.writer([2; 16]).unwrap();
    timed("contains, absent, many", || ids.iter().for_each(|id| assert!(!writer.contains(id).unwrap())));
    timed("append many again", || records.into_iter().for_each(|record| assert!(writer.append(record).unwrap())));
    timed("commit many again", || writer.commit(Time(1)).unwrap());
    timed("contains, present, many", || ids.iter().for_each(|id| assert!(writer.contains(id).unwrap())));
    drop(writer);
    for turn in 2..7_u8 {
        let records = small(u64::from(turn), 5);
        timed("open, append 5, commit, close", || {
            let notebook = Notebook::open(&dir).unwrap();
            let mut writer = notebook.writer([turn; 16]).unwrap();
            records.into_iter().for_each(|record| assert!(writer.append(record).unwrap()));
            writer.commit(Time(2)).unwrap();
        });
    }
    timed("open reader, list runs", || {
        Notebook::open(&dir).unwrap().reader().unwrap().runs(&RunQuery::default()).unwrap()
    });
    let mut writer = notebook.writer([9; 16]).unwrap();
    for number in 0..1000 {
        writer.append(encoder.json(RecordKind::RunStart, &run_start(number))).unwrap();
    }
    timed("commit 1,000 runs", || writer.commit(Time(3)).unwrap());
    drop(writer);
    timed("open reader, list 1,000 runs", || {
        let runs = Notebook::open(&dir).unwrap().reader().unwrap().runs(&RunQuery::default()).unwrap();
        assert_eq!(runs.len(), 1000);
    });
    let reader = notebook.reader().unwrap();
    timed("read many", || ids.iter().for_each(|id| assert!(!reader.read(id, None).unwrap().is_empty())));
    let text = include_str!("../src/verify.rs").repeat(4);
    let mut encoder = Encoder::default();
    timed("encode 100 MB of text (64 KiB pieces)", || {
        let mut left = 100_000_000;
        while left > 0 {
            let piece = &text.as_bytes()[..text.len().min(65_536)];
            left -= piece.len() as i64;
            std::hint::black_box(encoder.encode(RecordKind::Chunk, Hash([0; 32]), piece));
        }
    });
    let mut noise = vec![0; 100_000_000];
    blake3::Hasher::new().finalize_xof().fill(&mut noise);
    timed("cut 100 MB of noise", || encoder.large(&mut &noise[..], &mut |_| Ok(())).unwrap());
    timed("verify", || assert!(notebook.verify(false, None, &mut |_, _| {}).unwrap().is_clean()));
    timed("verify --deep", || assert!(notebook.verify(true, None, &mut |_, _| {}).unwrap().is_clean()));
    timed("rebuild", || notebook.rebuild(&mut |_, _| {}).unwrap());
}
