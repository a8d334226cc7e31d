//! `lab run` killed: no acknowledged run is lost, the command goes on, the notebook stays whole.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{Dice, World, children, count, kill, left_over, wait_for};

/// Which of the two `lab` processes dies.
#[derive(Clone, Copy, Debug)]
enum Victim {
    Front,
    Supervisor,
    Both,
}

fn kill_at_random(victim: Victim, seed: u64, times: usize) {
    let world = World::new();
    let mut dice = Dice::new(seed);
    let mut acknowledged = Vec::new();
    for round in 0..times {
        world.write("train.py", &format!("print('loss: {round}')\n"));
        world.write(&format!("src/module{}.py", dice.roll(20)), &format!("# round {round}\n").repeat(80));
        let mark = world.base().join(format!("mark{round}"));
        let script = format!("echo step=1 loss=0.5; echo out > out{}.txt; touch {}", round % 7, mark.display());
        let name = format!("round-{round}");
        let mut lab = world.lab(&["run", "--name", &name, "--", "sh", "-c", &script]);
        let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let moment = Instant::now() + Duration::from_micros(dice.roll(40_000));
        wait_for("the moment", || Instant::now() >= moment);
        let front = lab.id();
        let supervisors = children(front);
        if matches!(victim, Victim::Front | Victim::Both) {
            kill(front);
        }
        if matches!(victim, Victim::Supervisor | Victim::Both) {
            supervisors.into_iter().for_each(kill);
        }
        if lab.wait().unwrap().success() {
            acknowledged.push(name);
        }
        wait_for("the rest of the run", || left_over(&world.notebook).is_empty());
        if round % 25 == 24 || round + 1 == times {
            world.verify();
        }
    }
    let listed = world.ok(&["ls", "--json", "-n", "100000", "-a"]);
    let page: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let names: Vec<_> = page["runs"].as_array().unwrap().iter().filter_map(|row| row["name"].as_str()).collect();
    for name in &acknowledged {
        assert!(names.contains(&name.as_str()), "{name} was acknowledged and is lost");
    }
    assert!(world.runs().values().all(|status| status != "running"), "a run is still called running");
    println!("{victim:?}: {times} kills, {} acknowledged, {} listed", acknowledged.len(), names.len());
}

#[test]
fn front_killed_at_random_moments() {
    kill_at_random(Victim::Front, 1, count(25, 400));
}

#[test]
fn supervisor_killed_at_random_moments() {
    kill_at_random(Victim::Supervisor, 2, count(25, 300));
}

#[test]
fn both_killed_at_random_moments() {
    kill_at_random(Victim::Both, 3, count(25, 300));
}

#[test]
fn killed_at_every_durable_step() {
    for point in lab_store::fault::POINTS.iter().filter(|point| !point.starts_with("gc") && !point.starts_with("purge"))
    {
        for skip in 0..4 {
            let world = World::new();
            world.ok(&["run", "--name", "first", "--", "true"]);
            world.write("train.py", "print('another')\n");
            let mut lab = world.lab(&["run", "--name", "second", "--", "sh", "-c", "echo loss=1 > out.txt"]);
            let status = lab.env("LAB_FAULT", format!("{point}:{skip}")).output().unwrap().status;
            wait_for("the rest of the run", || left_over(&world.notebook).is_empty());
            let runs = world.ok(&["ls", "--json"]);
            assert!(runs.contains("\"first\""), "{point}:{skip}: {runs}");
            if status.success() {
                assert!(runs.contains("\"second\""), "{point}:{skip}: {runs}");
            }
            world.verify();
            world.ok(&["run", "--name", "third", "--", "true"]);
            world.verify();
            assert!(world.runs().values().all(|status| status != "running"), "{point}:{skip}");
        }
    }
}

#[test]
fn the_command_outlives_both() {
    let world = World::new();
    let [begun, go, done] = ["begun", "go", "done"].map(|name| world.base().join(name));
    let script = format!(
        "trap '' HUP; touch {}; while [ ! -e {} ]; do sleep 0.01; done; echo late output; touch {}",
        begun.display(),
        go.display(),
        done.display()
    );
    for victim in [Victim::Front, Victim::Supervisor] {
        for file in [&begun, &go, &done] {
            let _ = std::fs::remove_file(file);
        }
        let mut lab = world.lab(&["run", "--", "sh", "-c", &script]);
        let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let mut supervisor = None;
        wait_for("the command", || {
            supervisor = children(lab.id()).first().copied();
            begun.exists()
        });
        kill(if matches!(victim, Victim::Front) { lab.id() } else { supervisor.unwrap() });
        std::fs::write(&go, "").unwrap();
        wait_for("the end of the command", || done.exists());
        let status = lab.wait().unwrap();
        wait_for("the rest of the run", || left_over(&world.notebook).is_empty());
        assert!(world.ok(&["show", "@", "--log"]).contains("late output"), "{victim:?}");
        let shown: serde_json::Value = serde_json::from_str(&world.ok(&["ls", "--json", "-n", "1"])).unwrap();
        assert_eq!(shown["runs"][0]["status"], "done", "{victim:?}");
        if matches!(victim, Victim::Supervisor) {
            assert!(status.success(), "the front takes over and gives the exit code");
        }
        world.verify();
    }
}
