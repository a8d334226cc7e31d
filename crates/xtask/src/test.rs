//! `cargo xtask test`: everything that continuous integration runs, one step after the other.

use std::time::Instant;

use crate::step::{Failure, Step};
use crate::{package, system, torture};

/// A step's name and what it does.
type Named = (&'static str, fn() -> Result<(), Failure>);

/// Every step in the order in which they run: what is cheap and fails often comes first.
const STEPS: &[Named] = &[
    ("system", system),
    ("format", format),
    ("clippy", clippy),
    ("build", build),
    ("unit", unit),
    ("docs", docs),
    ("demo", demo),
    ("package", package),
    ("deny", deny),
];

/// How much of their full counts the fault tests do here: a minute or two.
const TORTURE_PERCENT: &str = "20";

/// Runs the named steps, or all; stops at the first failure.
pub fn run(names: &[String]) -> Result<(), Failure> {
    let known: Vec<&str> = STEPS.iter().map(|(name, _)| *name).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(Failure::Usage(format!("there is no step `{unknown}`; the steps are: {}", known.join(" "))));
    }
    let started = Instant::now();
    let mut times = Vec::new();
    for (name, step) in STEPS.iter().filter(|(name, _)| names.is_empty() || names.iter().any(|wanted| wanted == name)) {
        let began = Instant::now();
        step().inspect_err(|_| eprintln!("\nthe step failed; run it alone with: cargo xtask test {name}"))?;
        times.push(format!("{name} {:.0} s", began.elapsed().as_secs_f64()));
    }
    println!("\nall of it passed in {:.0} s: {}", started.elapsed().as_secs_f64(), times.join(", "));
    Ok(())
}

fn system() -> Result<(), Failure> {
    system::packages()?;
    system::components()?;
    system::python_modules()
}

fn format() -> Result<(), Failure> {
    Step::cargo("rustfmt", &["fmt", "--all", "--", "--check"]).run()
}

fn clippy() -> Result<(), Failure> {
    let arguments = ["clippy", "--workspace", "--all-targets", "--locked", "--", "--deny", "warnings"];
    Step::cargo("clippy", &arguments).run()
}

fn build() -> Result<(), Failure> {
    Step::cargo("build", &["build", "--workspace", "--locked"]).run()
}

/// Unit, integration and documentation tests. The layer test of ARCHITECTURE.md is among them, and a sample
/// of the fault tests.
fn unit() -> Result<(), Failure> {
    Step::cargo("tests", &["test", "--workspace", "--locked"])
        .variable("LAB_TEST_PYTHON", &system::python())
        .variable(torture::PERCENT, TORTURE_PERCENT)
        .run()
}

fn docs() -> Result<(), Failure> {
    let arguments = ["doc", "--workspace", "--no-deps", "--locked", "--quiet"];
    Step::cargo("documentation", &arguments).variable("RUSTDOCFLAGS", "--deny warnings").run()
}

fn demo() -> Result<(), Failure> {
    Step::new("the demo's experiment", "python3", &["tests/demo_edits.py"]).run()
}

/// The package of the debug build: installed into an empty tree, used, and removed.
fn package() -> Result<(), Failure> {
    if system::has_dpkg() {
        return package::test();
    }
    skipped("the package", "there is no dpkg-deb here");
    Ok(())
}

/// Licences, bans and sources must pass; advisories only where their database can be fetched.
fn deny() -> Result<(), Failure> {
    let program = match system::cargo_deny() {
        Ok(program) => program,
        Err(failure) => {
            skipped("cargo-deny", &failure.to_string());
            return Ok(());
        }
    };
    Step::new(
        "licences, bans, sources",
        &program,
        &["--locked", "check", "--hide-inclusion-graph", "licenses", "bans", "sources"],
    )
    .run()?;
    if Step::new("fetch", &program, &["fetch", "db"]).succeeds() {
        return Step::new("advisories", &program, &["--locked", "check", "--disable-fetch", "advisories"]).run();
    }
    skipped("advisories", "their database cannot be fetched from here");
    Ok(())
}

fn skipped(what: &str, why: &str) {
    println!("\n!! SKIPPED {what} !!\n{why}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_step_is_refused_with_the_list() {
        let text = run(&["fromat".to_owned()]).unwrap_err().to_string();
        assert!(text.contains("fromat") && text.contains("format clippy"), "{text}");
    }
}
