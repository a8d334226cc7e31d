//! Prints what would be recorded of a command's environment, of this machine and of Git, and how
//! long each took. `cargo run --example facts -- python train.py`

#![expect(clippy::print_stdout, reason = "an example that reports to a person")]
#![expect(clippy::disallowed_methods, reason = "an example stands outside the engine")]

use std::time::Instant;

use lab_exec::{environment, git, gpu, machine};

fn main() {
    let argv: Vec<_> = std::env::args_os().skip(1).collect();
    let cwd = std::env::current_dir().expect("because an example is run from somewhere");
    let variables = std::env::vars_os().collect();
    let request = environment::Request { argv: &argv, cwd: &cwd, project_root: &cwd, variables: &variables };
    for round in 0..3 {
        let started = Instant::now();
        let (environment, missing) = environment::capture(&request, &mut |_, value| value.to_owned());
        let environment_took = started.elapsed();
        let started = Instant::now();
        let (machine, _) = machine::facts(&variables);
        let machine_took = started.elapsed();
        let started = Instant::now();
        let state = git::state(&cwd, &variables);
        let git_took = started.elapsed();
        let started = Instant::now();
        let samples = gpu::Sampler::open().map(|sampler| (sampler.sample(), sampler.sample()));
        let gpu_took = started.elapsed();
        if round == 2 {
            println!("{}", serde_json::to_string_pretty(&environment).unwrap_or_default());
            println!("{}", serde_json::to_string_pretty(&machine).unwrap_or_default());
            println!("{state:?}\n{samples:?}\nmissing: {missing:?}");
            println!("environment {environment_took:?}, machine {machine_took:?}, git {git_took:?}, gpu {gpu_took:?}");
        }
    }
}
