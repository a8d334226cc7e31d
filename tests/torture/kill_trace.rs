//! Processes of `lab` killed while a traced command opens files as fast as it can: no call of the command fails.

use std::process::Stdio;
use std::time::{Duration, Instant};

use crate::world::{Dice, World, children, count, is_keeper, kill, left_over, wait_for};

/// Opens, makes and renames files, and starts programs, until it is told to stop.
const BUSY: &str = "
my $n = 0;
sub failed { open(my $f, '>', 'failed'); die \"$_[0]: $!\" }
until (-e 'stop') {
    my $name = 'f' . ($n % 50);
    open(my $out, '>', $name) or failed('open'); close $out;
    open(my $in, '<', 'config.yaml') or failed('read'); close $in;
    rename($name, 'g') or failed('rename');
    if ($n % 20 == 0) { system('true') == 0 or failed('start') }
    open(my $ready, '>', 'ready') if $n++ == 50;
}
open(my $whole, '>', 'whole');
";

#[test]
fn no_call_of_a_traced_command_fails() {
    let world = World::new();
    let mut dice = Dice::new(9);
    let times = count(6, 60);
    let place = |name: &str| world.project.join(name);
    for round in 0..times {
        for name in ["stop", "ready", "whole"] {
            let _ = std::fs::remove_file(place(name));
        }
        let mut lab = world.lab(&["run", "--", "perl", "-e", BUSY]);
        let mut lab = lab.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        wait_for("the command", || place("ready").exists());
        let moment = Instant::now() + Duration::from_micros(dice.roll(5_000));
        wait_for("the moment", || Instant::now() >= moment);
        let front = lab.id();
        let supervisor = children(front).first().copied();
        let keeper = left_over(&world.notebook).into_iter().find(|pid| is_keeper(*pid));
        // Two that nobody expects to go at once are the supervisor and its keeper: one of them is enough.
        let victims = match dice.roll(4) {
            0 => vec![supervisor],
            1 => vec![keeper],
            2 => vec![supervisor, Some(front)],
            _ => vec![keeper, Some(front)],
        };
        victims.iter().flatten().copied().for_each(kill);
        let changed = || std::fs::metadata(place("g")).and_then(|found| found.modified()).ok();
        let before = changed();
        wait_for("the command to go on", || changed() != before);
        std::fs::write(place("stop"), "").unwrap();
        wait_for("the command's end", || place("whole").exists() || place("failed").exists());
        assert!(!place("failed").exists(), "round {round}: {victims:?}");
        let _ = lab.wait();
        wait_for("the rest of the run", || left_over(&world.notebook).is_empty());
    }
    world.verify();
    println!("{times} kills, no call failed");
}
