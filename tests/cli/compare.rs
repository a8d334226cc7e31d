//! Whether a difference is real, several runs beside each other, what may be the cause, and runs for other programs.

use lab_testkit::Home;

use crate::{home, json};

/// A program whose accuracy depends on its seed, its learning rate and a bonus in the code.
const TRAIN: &str = "import sys\narguments = dict(zip(sys.argv[1::2], sys.argv[2::2]))\n\
    seed, lr = int(arguments['--seed']), float(arguments.get('--lr', 0.1))\nBONUS = 0.0\n\
    print('acc=%.4f' % (0.9 + BONUS - (lr - 0.1) + (seed * 7 % 5 - 2) / 1000))\n";

fn train(home: &Home, name: &str, arguments: &[&str]) {
    let command = ["-q", "run", "--name", name, "--", "python3", "train.py"];
    home.ok(command.iter().chain(arguments));
}

/// Four seeds, then four with other code.
fn two_groups() -> Home {
    let home = home();
    home.write("train.py", TRAIN);
    for seed in ["1", "2", "3", "4"] {
        train(&home, &format!("a{seed}"), &["--seed", seed]);
    }
    home.write("train.py", TRAIN.replace("BONUS = 0.0", "BONUS = 0.01"));
    for seed in ["1", "2", "3", "4"] {
        train(&home, &format!("b{seed}"), &["--seed", seed]);
    }
    home
}

#[test]
fn seed_groups_are_compared_and_not_single_runs() {
    let home = two_groups();
    let page = home.ok(["compare", "a1", "b3"]);
    assert_eq!(
        page.lines().next().unwrap(),
        "code (train.py) differs · acc 0.9005 ± 0.0013 (4 seeds) → 0.9105 ± 0.0013 (4 seeds): better by 0.01, Welch \
         p < 0.001, g = 6.7"
    );
    let page = json(&home.ok(["compare", "a1", "b3", "--json"]));
    assert_eq!(page["verdict"]["answer"], "better");
    assert_eq!(page["verdict"]["permutation_p"].as_f64(), Some(2.0 / 70.0));
    assert_eq!(page["seeds"][0]["metric"], "acc");
    // Within a group there is nothing to be told but noise.
    let page = home.ok(["compare", "a1", "a2"]);
    assert!(page.starts_with("parameters (seed) differ"), "{page}");
    assert!(page.lines().next().unwrap().ends_with("only the seed differs: this is the noise"), "{page}");
}

#[test]
fn one_run_each_is_set_against_earlier_noise() {
    let home = two_groups();
    train(&home, "far", &["--seed", "1", "--lr", "0.3"]);
    train(&home, "near", &["--seed", "1", "--lr", "0.101"]);
    let page = home.ok(["compare", "far", "near"]);
    let first = page.lines().next().unwrap();
    assert!(first.contains("better by 0.199; 8 runs equal but for the seed spread by ±0.0013 (p < 0.001)"), "{first}");
    let page = home.ok(["compare", "b1", "near"]);
    assert!(page.lines().next().unwrap().contains("not distinguishable, about "), "{page}");
}

#[test]
fn several_runs_stand_beside_each_other() {
    let home = two_groups();
    train(&home, "slow", &["--seed", "1", "--lr", "0.2"]);
    let page = home.ok(["compare", "a1..b4", "slow"]);
    let first = page.lines().next().unwrap();
    assert!(
        first.starts_with(
            "9 runs in 3 groups that differ by more than the seed: code (train.py), parameters (lr) differ · best b1 +3: \
             acc 0.9005 ± 0.0013 (4 seeds) → 0.9105 ± 0.0013 (4 seeds): better by 0.01"
        ),
        "{first}"
    );
    assert!(page.contains("\nFiles\n  File      a1 +3  b1 +3           slow\n"), "{page}");
    assert!(page.contains("train.py in b1 +3, slow  +1 −1\n"), "{page}");
    let page = json(&home.ok(["compare", "a1..b4", "slow", "--json"]));
    assert_eq!(page["runs"].as_array().unwrap().len(), 3);
    assert_eq!(page["runs"][1]["seeds"], 4);
    assert_eq!(page["params"][0]["name"], "lr");
    let _ = home.lab(["compare", "a1", "b1", "slow", "--code"]).run().code(2);
}

#[test]
fn what_moved_the_metric_before_is_suspected_first() {
    let home = home();
    home.write("train.py", TRAIN);
    for (place, lr) in ["0.1", "0.2", "0.1", "0.2"].into_iter().enumerate() {
        train(&home, &format!("lr{place}"), &["--seed", "1", "--lr", lr]);
    }
    for place in 0..4 {
        home.write("train.py", format!("{TRAIN}# {place}\n"));
        train(&home, &format!("code{place}"), &["--seed", "1", "--lr", "0.2"]);
    }
    home.write("train.py", format!("{TRAIN}# last\n"));
    train(&home, "last", &["--seed", "1", "--lr", "0.1"]);
    let page = json(&home.ok(["show", "last", "--json"]));
    let suspects = page["suspects"].as_array().unwrap();
    let factors: Vec<&str> = suspects.iter().map(|row| row["factor"].as_str().unwrap()).collect();
    assert_eq!(factors, ["lr", "train.py"]);
    assert_eq!(suspects[0]["evidence"], "changed 3 times, 3 alone: acc moved by 0.1 median (n=3)");
    assert_eq!(suspects[1]["evidence"], "changed 4 times, 4 alone: acc moved by 0 median (n=4)");
}

#[test]
fn data_files_differ_by_rows_columns_and_values() {
    let home = home();
    home.write("data/a.csv", "x,label\n1,a\n2,b\n3,a\n");
    home.ok(["-q", "run", "--name", "one", "--", "true"]);
    home.write("data/a.csv", "x,label,\u{1b}[2J\n1,a,1\n2,b,1\n30,c,1\n,a,1\n");
    home.ok(["-q", "run", "--name", "two", "--", "true"]);
    let page = home.ok(["compare", "one", "two"]);
    assert!(page.contains("data/a.csv  3 → 4 rows, 4 added, 3 removed; 2 → 3 columns, 0 equal"), "{page}");
    assert!(!page.contains('\u{1b}'), "{page}");
    let page = json(&home.ok(["compare", "one", "two", "--json"]));
    assert_eq!(page["data"][0]["columns"][0]["missing"], 1);
    assert!(page["data"][0]["columns"][0]["shift"].as_f64().is_some());
}

#[test]
fn code_stands_side_by_side() {
    let home = two_groups();
    let page = home.ok(["compare", "a1", "b1", "--code", "--side-by-side"]);
    let line = page.lines().find(|line| line.contains("BONUS = 0.0 ")).unwrap();
    assert!(line.contains("-BONUS = 0.0 ") && line.ends_with("│ 4 +BONUS = 0.01"), "{line}");
}

#[test]
fn runs_go_to_other_programs() {
    let home = two_groups();
    let csv = home.ok(["export"]);
    assert_eq!(csv.lines().count(), 9);
    assert!(csv.starts_with("id,name,started,status,exit_code,duration_millis,command,tags,seeds,fingerprint.code,"));
    // A slow run has its machine's samples too.
    let series = home.ok(["export", "a1..a2", "--series", "--format", "csv"]);
    assert_eq!(series.lines().filter(|line| line.contains(",acc,")).count(), 2, "{series}");
    let rows = json(&home.ok(["export", "a1", "--json"]));
    assert_eq!(rows[0]["metric.acc"], 0.9);
    let latex = home.ok(["export", "--format", "latex"]);
    assert!(latex.contains("b1 & 4 & $\\mathbf{0.9105 \\pm 0.0013}$ \\\\\n\\bottomrule"), "{latex}");
    let markdown = home.ok(["export", "--format", "markdown"]);
    assert!(markdown.ends_with("| b1 | 4 | **0.9105 ± 0.0013** |\n"), "{markdown}");
    home.ok(["export", "-o", "runs.parquet"]);
    assert!(home.read("runs.parquet").starts_with(b"PAR1"));
    let _ = home.lab(["export", "-o", "runs.xyz"]).run().code(2);
    let _ = home.lab(["export", "--series", "--format", "latex"]).run().code(2);
}

#[test]
fn hostile_names_do_nothing_elsewhere() {
    let home = home();
    let script = "<script>alert(1)</script>";
    let command = format!("for s in 1 2 3; do echo \"{script}=$s\"; echo loss=$s; done");
    home.ok(["-q", "run", "--name", "evil", "--", "sh", "-c", &command, "x", "--note==cmd()|'/c calc'", "--b", script]);
    home.ok(["-q", "run", "--name", "good", "--", "sh", "-c", "echo loss=1; echo loss=2"]);
    let html = home.ok(["export", "--format", "html"]);
    assert!(!html.contains("<script") && html.contains("&lt;script&gt;"), "{html}");
    for outside in ["http://", "https://", "src=", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert!(html.contains("<svg"));
    let csv = home.ok(["export"]);
    assert!(csv.contains("'=cmd()") && !csv.contains(",=cmd") && !csv.contains("\"=cmd"), "{csv}");
}
