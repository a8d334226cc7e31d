//! `cargo xtask torture`: the fault tests, which read their counts from the environment.

use std::time::{Duration, Instant};

use crate::step::{Failure, Step};

/// One count: its option, its environment variable, what a sample uses, what the full run uses.
///
/// The full counts are what a release is judged by; a sample takes at most ten minutes on two cores.
const COUNTS: &[(&str, &str, &str, &str)] = &[
    ("--count", "LAB_TORTURE_COUNT", "60", "1000"),
    ("--damages", "LAB_TORTURE_DAMAGES", "600", "10000"),
    ("--rounds", "LAB_TORTURE_ROUNDS", "4", "50"),
    ("--runs", "LAB_TORTURE_RUNS", "100", "1000"),
    ("--seconds", "LAB_TORTURE_SECONDS", "480", "86400"),
    ("--seed", "LAB_TORTURE_SEED", "1", "1"),
];

/// The longest that a sample should take.
const SAMPLE_LIMIT: Duration = Duration::from_mins(10);

/// Runs the fault tests with a release build.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let plan = parse(arguments)?;
    Step::cargo("release build", &["build", "--release", "--locked", "--package", "lab-cli"]).run()?;
    let cargo = ["test", "--release", "--locked", "--package", "lab-cli", "--test", "torture"];
    let mut step = Step::cargo(if plan.full { "torture, full counts" } else { "torture, a sample" }, &cargo);
    for (variable, value) in &plan.variables {
        step = step.variable(variable, value);
    }
    let started = Instant::now();
    // One test at a time: each keeps both cores busy, and their timings must not disturb each other.
    let harness = ["--", "--ignored", "--nocapture", "--test-threads=1"].map(String::from);
    step.arguments(&harness).arguments(&plan.filters).run()?;
    if !plan.full && started.elapsed() > SAMPLE_LIMIT {
        println!("!! the sample took more than ten minutes: lower the counts in crates/xtask/src/torture.rs");
    }
    Ok(())
}

#[derive(Debug)]
struct Plan {
    full: bool,
    variables: Vec<(&'static str, String)>,
    filters: Vec<String>,
}

fn parse(arguments: &[String]) -> Result<Plan, Failure> {
    let full = arguments.iter().any(|argument| argument == "--full");
    let default =
        |&(_, variable, sample, all): &(_, _, &str, &str)| (variable, if full { all } else { sample }.to_owned());
    let mut plan = Plan { full, variables: COUNTS.iter().map(default).collect(), filters: Vec::new() };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (option, inline) = argument.split_once('=').map_or((argument.as_str(), None), |(a, b)| (a, Some(b)));
        if let Some(index) = COUNTS.iter().position(|count| count.0 == option) {
            let value = inline.or_else(|| rest.next().map(String::as_str)).unwrap_or("");
            if value.parse::<u64>().is_err() {
                return Err(Failure::Usage(format!("{option} needs a number, not `{value}`")));
            }
            value.clone_into(&mut plan.variables[index].1);
        } else if !option.starts_with("--") {
            plan.filters.push(argument.clone());
        } else if option != "--sample" && option != "--full" {
            return Err(Failure::Usage(format!("there is no option {option}; `cargo xtask help` lists them")));
        }
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, Failure> {
        parse(&arguments.iter().copied().map(String::from).collect::<Vec<_>>())
    }

    fn value(plan: &Plan, name: &str) -> String {
        plan.variables.iter().find(|(variable, _)| *variable == name).unwrap().1.clone()
    }

    #[test]
    fn counts_come_from_the_mode_and_then_from_options() {
        assert_eq!(value(&plan(&[]).unwrap(), "LAB_TORTURE_COUNT"), "60");
        assert_eq!(value(&plan(&["--full"]).unwrap(), "LAB_TORTURE_DAMAGES"), "10000");
        let own = plan(&["--full", "--count", "3", "--seed=9", "kill"]).unwrap();
        assert_eq!((value(&own, "LAB_TORTURE_COUNT"), value(&own, "LAB_TORTURE_SEED")), ("3".into(), "9".into()));
        assert_eq!(value(&own, "LAB_TORTURE_RUNS"), "1000");
        assert_eq!(own.filters, ["kill"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [&["--count"][..], &["--count", "many"], &["--rounds=-1"], &["--fast"]] {
            assert!(plan(wrong).is_err(), "{wrong:?}");
        }
    }
}
