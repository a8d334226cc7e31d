//! `cargo xtask torture`: the fault tests, which read how much to do from the environment.

use std::time::{Duration, Instant};

use crate::step::{Failure, Step};

/// The test program: `tests/torture`.
const CARGO: &[&str] = &["test", "--release", "--locked", "--package", "lab-cli", "--test", "torture"];

/// Part of the full counts that a test does; where it is not set, each test does its own small sample.
pub const PERCENT: &str = "LAB_TORTURE_PERCENT";

/// The single damages of a notebook: a test of the store itself.
const DAMAGES: &[&str] = &["test", "--release", "--locked", "--package", "lab-store", "--test", "store"];

/// Where the random numbers start.
const SEED: &str = "LAB_TORTURE_SEED";

/// The longest that a sample should take.
const SAMPLE_LIMIT: Duration = Duration::from_mins(10);

/// Runs the fault tests with a release build.
pub fn run(arguments: &[String]) -> Result<(), Failure> {
    let plan = parse(arguments)?;
    Step::cargo("release build", &["build", "--release", "--locked", "--package", "lab-cli"]).run()?;
    let listed =
        Step::cargo("list", CARGO).arguments(&words(&["--", "--list", "--include-ignored"])).arguments(&plan.filters);
    // A filter, or a build that lost its tests, must not look like a pass.
    if listed.output().is_some_and(|text| !text.lines().any(|line| line.ends_with(": test"))) {
        return Err(Failure::Usage(format!("no fault test matches {:?}; nothing was tested", plan.filters)));
    }
    let sample = plan.percent().is_none();
    let mut step = Step::cargo(if sample { "torture, a sample" } else { "torture" }, CARGO);
    for (variable, value) in &plan.variables {
        step = step.variable(variable, value);
    }
    let started = Instant::now();
    // One test at a time: each keeps both cores busy, and their timings must not disturb each other.
    let harness = words(&["--", "--include-ignored", "--nocapture", "--test-threads=1"]);
    step.arguments(&harness).arguments(&plan.filters).run()?;
    if !sample && plan.filters.is_empty() {
        let harness = words(&["--", "--ignored", "--nocapture", "harmful_damage_is_found_many_times"]);
        Step::cargo("torture, damages", DAMAGES).arguments(&harness).run()?;
    }
    if sample && started.elapsed() > SAMPLE_LIMIT {
        println!("!! the sample took more than ten minutes: lower the sample counts in tests/torture");
    }
    Ok(())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().copied().map(String::from).collect()
}

#[derive(Debug, Default)]
struct Plan {
    variables: Vec<(&'static str, String)>,
    filters: Vec<String>,
}

impl Plan {
    fn set(&mut self, variable: &'static str, value: &str) {
        self.variables.retain(|(name, _)| *name != variable);
        self.variables.push((variable, value.to_owned()));
    }

    fn percent(&self) -> Option<&str> {
        self.variables.iter().find(|(name, _)| *name == PERCENT).map(|(_, value)| value.as_str())
    }
}

fn parse(arguments: &[String]) -> Result<Plan, Failure> {
    let mut plan = Plan::default();
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        let (option, inline) = argument.split_once('=').map_or((argument.as_str(), None), |(a, b)| (a, Some(b)));
        let variable = match option {
            "--sample" => continue,
            "--full" => {
                plan.set(PERCENT, "100");
                continue;
            }
            "--percent" => PERCENT,
            "--seed" => SEED,
            _ if option.starts_with("--") => {
                return Err(Failure::Usage(format!("there is no option {option}; `cargo xtask help` lists them")));
            }
            _ => {
                plan.filters.push(argument.clone());
                continue;
            }
        };
        let value = inline.or_else(|| rest.next().map(String::as_str)).unwrap_or("");
        if value.parse::<u64>().is_err() {
            return Err(Failure::Usage(format!("{option} needs a number, not `{value}`")));
        }
        plan.set(variable, value);
    }
    Ok(plan)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(arguments: &[&str]) -> Result<Plan, Failure> {
        parse(&words(arguments))
    }

    #[test]
    fn only_a_full_run_or_an_option_sets_the_counts() {
        assert!(plan(&[]).unwrap().variables.is_empty());
        assert!(plan(&["--sample"]).unwrap().variables.is_empty());
        assert_eq!(plan(&["--full"]).unwrap().percent(), Some("100"));
        let own = plan(&["--full", "--percent", "3", "--seed=9", "killed"]).unwrap();
        assert_eq!(own.variables, [(PERCENT, "3".to_owned()), (SEED, "9".to_owned())]);
        assert_eq!(own.filters, ["killed"]);
    }

    #[test]
    fn what_makes_no_sense_is_refused() {
        for wrong in [&["--percent"][..], &["--percent", "many"], &["--seed=-1"], &["--fast"]] {
            assert!(plan(wrong).is_err(), "{wrong:?}");
        }
    }
}
