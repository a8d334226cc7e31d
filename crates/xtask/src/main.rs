//! What the project does to itself: `cargo xtask test`, `torture`, `bench` and `package`.
//!
//! `test` is everything that continuous integration runs, on a fresh machine too: it installs missing system packages
//! where it may, and names them where it may not. It never changes the repository's files, never installs anything
//! outside `target/` but Debian packages and toolchain components, and hides no program's output.
//!
//! The main types: [`step::Step`], one command with a name, and [`step::Failure`], why the program stopped.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "this program's only surface is the terminal")]

mod package;
mod step;
mod system;
mod test;
mod torture;

use std::process::ExitCode;

use step::{Failure, Step};

const HELP: &str = "\
cargo xtask test [STEP…]        everything that continuous integration runs, or only the named steps
cargo xtask torture [OPTION…]   the fault tests, with a release build
    --sample                    a few of each, in at most ten minutes (default)
    --full                      the counts that a release is judged by
    --percent N                 this part of the full counts
    --seed N                    where the random numbers start
    TEST                        only the tests whose name contains this
cargo xtask bench [ARGUMENT…]   build a release, then benches/compare_peers with these arguments
cargo xtask package [OPTION…]   a Debian package and an archive of the programs and all that belongs to them
    --out DIR                   where they go (default: target/package)
    --profile NAME              release (default), or debug: quick to make, for tests
    --check                     install it into a clean system, use it, and remove it again";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("\n{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Failure> {
    let (command, rest) = arguments.split_first().map_or(("help", &[][..]), |(first, rest)| (first.as_str(), rest));
    match command {
        "test" => test::run(rest),
        "torture" => torture::run(rest),
        "bench" => bench(rest),
        "package" => package::run(rest),
        "help" | "--help" | "-h" => {
            println!("{HELP}");
            Ok(())
        }
        other => Err(Failure::Usage(format!("there is no `cargo xtask {other}`\n\n{HELP}"))),
    }
}

fn bench(arguments: &[String]) -> Result<(), Failure> {
    Step::cargo("release build", &["build", "--release", "--package", "lab-cli"]).run()?;
    Step::new("bench", "python3", &["benches/compare_peers"]).arguments(arguments).run()
}
