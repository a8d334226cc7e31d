//! Reads files that the real packages wrote, whole and in pieces, and what is left of them after damage.

use lab_ingest::frameworks::{At, Kind, Sink};
use serde_json::Value;

/// Everything that a file holds.
#[derive(Default, Debug)]
struct All {
    points: Vec<(String, At, f64)>,
    params: Vec<(String, Value)>,
    troubles: Vec<String>,
}

impl Sink for All {
    fn point(&mut self, key: &str, at: At, value: f64) {
        self.points.push((key.to_owned(), at, value));
    }

    fn param(&mut self, name: &str, value: &Value) {
        self.params.push((name.to_owned(), value.clone()));
    }

    fn trouble(&mut self, words: &str) {
        self.troubles.push(words.to_owned());
    }
}

impl All {
    /// Steps and values of a metric.
    fn of(&self, key: &str) -> Vec<(Option<i64>, f64)> {
        self.points.iter().filter(|point| point.0 == key).map(|point| (point.1.step, point.2)).collect()
    }
}

const TRUTH: [(i64, f64, f64); 6] = [
    (0, 1.5, 0.1),
    (1, f64::NAN, 0.2),
    (2, 0.1, 0.300_000_000_000_000_04),
    (3, f64::INFINITY, 0.4),
    (3, -1e-7, 0.5),
    (10, 12345.678, 0.6),
];

const FIXTURES: [&str; 5] =
    ["tensorboardx.tfevents", "hparams.tfevents", "tensorboard.tfevents", "run-offline.wandb", "loss.tsv"];

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(format!("{}/tests/fixtures/{name}", env!("CARGO_MANIFEST_DIR")))
        .expect("because it lies beside this test")
}

fn read(path: &str, bytes: &[u8], part: usize) -> All {
    let kind = Kind::of(path, &bytes[..bytes.len().min(4096)], false).expect("because it is one of ours");
    let mut all = All::default();
    let mut reader = kind.reader(path);
    bytes.chunks(part.max(1)).for_each(|part| reader.feed(part, &mut all));
    reader.finish(&mut all);
    all
}

#[track_caller]
fn check_exact(found: &[(Option<i64>, f64)], expected: &[(i64, f64)]) {
    let bits = |(step, value): &(i64, f64)| (Some(*step), value.to_bits());
    let found: Vec<_> = found.iter().map(|(step, value)| (*step, value.to_bits())).collect();
    assert_eq!(found, expected.iter().map(bits).collect::<Vec<_>>());
}

#[test]
fn tensorboard_files_give_every_point() {
    let narrow = |value: f64| f64::from(value as f32);
    let losses = TRUTH.map(|(step, loss, _)| (step, narrow(loss)));
    let accuracies = TRUTH.map(|(step, _, accuracy)| (step, narrow(accuracy)));
    for name in ["tensorboardx.tfevents", "tensorboard.tfevents"] {
        let all = read(name, &fixture(name), usize::MAX);
        check_exact(&all.of("train/loss"), &losses);
        check_exact(&all.of("acc"), &accuracies);
        let times: Vec<_> =
            all.points.iter().filter(|point| point.0 == "acc").map(|point| point.1.time_millis).collect();
        assert_eq!(times[2], Some(1_700_000_002_500), "{name}");
        assert!(all.troubles.is_empty(), "{:?}", all.troubles);
    }
    // Text and image are no points; a histogram is four.
    let all = read("tensorboardx.tfevents", &fixture("tensorboardx.tfevents"), usize::MAX);
    assert_eq!(all.points.len(), 12 + 4);
    let median = all.of("weights/p50")[0];
    assert!(median.0 == Some(4) && (median.1 - 0.5).abs() < 0.05, "{median:?}");
}

#[test]
fn hyperparameters_are_found() {
    let params = read("hparams.tfevents", &fixture("hparams.tfevents"), usize::MAX).params;
    let mut told: Vec<String> = params.iter().map(|(name, value)| format!("{name}={value}")).collect();
    told.sort();
    assert_eq!(told, ["amp=true", "bs=32", "lr=0.1", "opt=\"adam\""]);
    let params = read("run-offline.wandb", &fixture("run-offline.wandb"), usize::MAX).params;
    assert!(params.contains(&("lr".to_owned(), Value::from(0.1))), "{params:?}");
    assert!(params.contains(&("opt.name".to_owned(), Value::from("adam"))), "{params:?}");
}

#[test]
fn an_offline_run_of_wandb_gives_every_point() {
    let all = read("run-offline.wandb", &fixture("run-offline.wandb"), usize::MAX);
    let numbered = || (0..).zip(TRUTH);
    check_exact(&all.of("loss"), &numbered().map(|(step, (_, loss, _))| (step, loss)).collect::<Vec<_>>());
    check_exact(&all.of("deep/acc"), &numbered().map(|(step, (_, _, acc))| (step, acc)).collect::<Vec<_>>());
    assert!(all.troubles.is_empty(), "{:?}", all.troubles);
    assert!(all.points.iter().all(|point| point.1.time_millis.is_some()));
}

#[test]
fn tables_and_lines() {
    let path = "dvclive/plots/metrics/train/loss.tsv";
    let all = read(path, &fixture("loss.tsv"), usize::MAX);
    assert_eq!(all.of("train/loss").len(), 11);
    assert_eq!(all.of("train/loss")[0].0, Some(0));
    assert!(all.of("train/loss")[7].1.is_nan());
    let all = read(
        "a.csv",
        b"\xef\xbb\xbfepoch;\"val;loss\";note\r\n0;0.5;x\r\n1;-inf;\r\nepoch;\"val;loss\";note\r\n2;NaN\n1;2;3;4\n",
        5,
    );
    assert_eq!(all.of("val;loss")[..2], [(Some(0), 0.5), (Some(1), f64::NEG_INFINITY)]);
    assert_eq!(all.of("val;loss").len(), 4);
    assert_eq!(all.troubles, ["a row with more cells than the header"]);
    let all = read(
        "b.jsonl",
        b"{\"iter\": 3, \"loss\": NaN, \"m\": {\"a\": -Infinity}}\nnonsense\n{\"iter\": 4, \"loss\": 1e-3}",
        3,
    );
    assert_eq!(all.of("loss")[1], (Some(4), 1e-3));
    assert_eq!(all.of("m/a"), [(Some(3), f64::NEG_INFINITY)]);
    assert_eq!(all.troubles, ["a line that is no JSON object"]);
}

#[test]
fn what_is_no_log_is_not_taken_for_one() {
    let none = |path: &str, head: &str| assert_eq!(Kind::of(path, head.as_bytes(), false), None, "{path} {head}");
    none("data.csv", "name,size\n1,2\n");
    none("data.csv", "1,2,3\n");
    none("data.csv", "step,loss");
    none("data.jsonl", "{\"text\": \"a\", \"id\": 3}\n");
    none("log.txt", "started at step 3\n");
    none("notes.md", "# step, loss\n");
    assert_eq!(Kind::of("mine.txt", b"{\"loss\": 3}\n", true), Some(Kind::JsonLines));
    assert_eq!(Kind::of("mine.txt", b"a,b\n", true), Some(Kind::Table));
    assert_eq!(Kind::of("x/log.txt", b"{\"epoch\": 3, \"loss\": 1}\n", false), Some(Kind::JsonLines));
    assert_eq!(Kind::of("out/checkpoint-5/trainer_state.json", b"", false), Some(Kind::TrainerState));
    assert_eq!(Kind::TrainerState.place("out/checkpoint-5/trainer_state.json"), "out");
    assert_eq!(Kind::DvcTable.place("a/dvclive/plots/metrics/train/loss.tsv"), "a/dvclive");
}

#[test]
fn pieces_give_what_the_whole_gives() {
    for name in FIXTURES {
        let bytes = fixture(name);
        let whole = format!("{:?}", read(name, &bytes, usize::MAX));
        for part in [1, 7, 1000, 40_000] {
            assert!(format!("{:?}", read(name, &bytes, part)) == whole, "{name} in parts of {part}");
        }
    }
}

#[test]
fn a_cut_file_gives_what_is_whole() {
    for name in FIXTURES {
        let bytes = fixture(name);
        let whole = read(name, &bytes, usize::MAX);
        let cut = read(name, &bytes[..bytes.len() * 2 / 3], usize::MAX);
        let is_same = |(left, right): (&(String, At, f64), &(String, At, f64))| {
            (&left.0, left.1, left.2.to_bits()) == (&right.0, right.1, right.2.to_bits())
        };
        // The last line of a table may be half a number.
        let sure = cut.points.len().saturating_sub(1);
        assert!(cut.points[..sure].iter().zip(&whole.points).all(is_same), "{name}");
        assert!(cut.points.len() <= whole.points.len(), "{name}");
    }
}

/// Random and damaged bytes: no panic, and memory bounded by the input. `LAB_FUZZ` sets how many
/// inputs each format gets; the sequence is always the same.
#[test]
#[expect(clippy::disallowed_methods, reason = "a test's own knob")]
fn hostile_bytes_do_no_harm() {
    let rounds: u64 = std::env::var("LAB_FUZZ").ok().and_then(|count| count.parse().ok()).unwrap_or(200);
    let kinds = [
        (Kind::Events, "tensorboardx.tfevents"),
        (Kind::Events, "hparams.tfevents"),
        (Kind::Wandb, "run-offline.wandb"),
        (Kind::DvcTable, "loss.tsv"),
        (Kind::Table, "loss.tsv"),
        (Kind::JsonLines, ""),
        (Kind::TrainerState, ""),
        (Kind::Latest, ""),
        (Kind::Params, ""),
    ];
    let json =
        br#"{"step": 1, "log_history": [{"step": 3, "loss": NaN, "a": {"b": [1, {"c": "\u00e4"}]}}], "x": -1e999}"#;
    let mut state = 7_u64;
    let mut random = || {
        // SplitMix64 (Steele, Lea, Flood 2014).
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    };
    for (kind, name) in kinds {
        let seed = if name.is_empty() { json.to_vec() } else { fixture(name) };
        let seed = &seed[..seed.len().min(8000)];
        for _ in 0..rounds {
            let mut bytes = seed.to_vec();
            if random() % 4 == 0 {
                bytes = (0..random() % 400).map(|_| random() as u8).collect();
            }
            for _ in 0..random() % 8 {
                if bytes.is_empty() {
                    break;
                }
                let at = random() as usize % bytes.len();
                match random() % 4 {
                    0 => bytes[at] = random() as u8,
                    1 => bytes.truncate(at),
                    2 => bytes.splice(at..at, [0xff, 0xff, 0xff, 0xff, 0x0f]).for_each(drop),
                    _ => bytes.extend_from_within(at..),
                }
            }
            let mut all = All::default();
            let mut reader = kind.reader("x/plots/metrics/y.tsv");
            bytes.chunks(1 + random() as usize % 3000).for_each(|part| reader.feed(part, &mut all));
            reader.finish(&mut all);
            assert!(all.points.len() <= bytes.len(), "{kind:?}");
        }
    }
}
