//! Many writers at once, and an index made anew.

use std::process::Stdio;

use crate::world::{World, count};

#[test]
fn eight_runs_at_once_lose_nothing() {
    let world = World::new();
    let rounds = count(5, 50);
    for round in 0..rounds {
        let running: Vec<_> = (0..8)
            .map(|number| {
                let name = format!("r{round}-{number}");
                let mut lab = world.lab(&["run", "--name", &name, "--", "sh", "-c", "echo loss=0.1"]);
                lab.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
            })
            .collect();
        for lab in running {
            let output = lab.wait_with_output().unwrap();
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{error}");
            assert!(!error.contains("locked") && !error.contains("not kept"), "{error}");
            assert_eq!(output.stdout, b"loss=0.1\n");
        }
    }
    let runs = world.runs();
    assert_eq!(runs.len(), rounds * 8);
    assert!(runs.values().all(|status| status == "done"));
    world.verify();
}

#[test]
fn a_rebuilt_index_says_the_same() {
    let world = World::new();
    let runs = count(30, 1000);
    for number in 0..runs {
        world.write("config.yaml", &format!("lr: {number}\n"));
        let script = format!("echo step=1 loss={number}; exit {}", number % 3);
        let output = world.output(&["run", "--tag", &format!("t{}", number % 7), "--", "sh", "-c", &script]);
        assert_eq!(output.status.code(), Some(number as i32 % 3));
    }
    world.ok(&["note", "@", "a word", "--outcome"]);
    world.ok(&["star", "@-1"]);
    world.ok(&["rename", "@-2", "another-name"]);
    world.ok(&["untag", "@-3", "t1"]);
    let told = || {
        let list = world.ok(&["ls", "--json", "-n", "100000", "-a"]);
        let page: serde_json::Value = serde_json::from_str(&list).unwrap();
        let ids: Vec<_> =
            page["runs"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect();
        let shown: Vec<_> = ids.iter().map(|id| world.ok(&["show", id, "--json"])).collect();
        (list, shown)
    };
    let before = told();
    for name in ["notebook.db", "notebook.db-wal", "notebook.db-shm"] {
        let _ = std::fs::remove_file(world.notebook.join(name));
    }
    world.ok(&["rebuild"]);
    assert_eq!(told(), before);
    world.verify();
}
