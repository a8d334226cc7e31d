//! Reads the software that a command stands on from files, without starting a program: the
//! interpreter, installed packages, lock files, and the variables that decide determinism.

mod command;
mod locks;
mod other;
mod python;
mod variables;

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

use lab_model::{Environment, Package};

use command::Language;

/// What to look at.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The command.
    pub argv: &'a [OsString],
    /// The directory it starts in.
    pub cwd: &'a Path,
    /// The project's root.
    pub project_root: &'a Path,
    /// The variables it gets.
    pub variables: &'a BTreeMap<OsString, OsString>,
}

impl Request<'_> {
    fn variable(&self, name: &str) -> Option<&str> {
        self.variables.get(OsStr::new(name))?.to_str().filter(|value| !value.is_empty())
    }

    fn home(&self) -> Option<PathBuf> {
        self.variable("HOME").map(PathBuf::from)
    }
}

/// The environment of a command, and what could not be found out, in words. `redact` gets the name
/// and value of everything to be recorded that could hold a secret and gives what to record.
pub fn capture(request: &Request<'_>, redact: &mut dyn FnMut(&str, &str) -> String) -> (Environment, Vec<String>) {
    let mut missing = Vec::new();
    let mut environment = Environment::default();
    if let Some(program) = command::find(request, &mut missing) {
        let (interpreter, packages) = match program.language {
            Language::Python => python::read(request, &program, redact),
            Language::R => other::r(request, &program),
            Language::Julia => other::julia(request, &program),
            Language::Node => other::node(request, &program),
            Language::Cargo => other::cargo(request, &program),
        };
        if interpreter.version.is_empty() {
            missing.push(format!("the version of {} is not known", interpreter.language));
        }
        environment.packages = sorted(packages);
        environment.interpreter = Some(interpreter);
    }
    let language = environment.interpreter.as_ref().map(|interpreter| interpreter.language.as_str());
    environment.locks = locks::read(request, language, &environment.packages, &mut missing);
    environment.cuda = cuda(request, &environment.packages);
    (environment.variables, environment.other_variables) = variables::split(request.variables, redact);
    (environment, missing)
}

/// By name; of two with the same name the one that was found first counts.
fn sorted(mut packages: Vec<Package>) -> Vec<Package> {
    packages.sort_by(|left, right| left.name.cmp(&right.name));
    packages.dedup_by(|later, earlier| later.name == earlier.name);
    packages
}

/// The CUDA toolkit that variables or the usual place name, else the runtime among the packages.
fn cuda(request: &Request<'_>, packages: &[Package]) -> Option<String> {
    let homes = [request.variable("CUDA_HOME"), request.variable("CUDA_PATH"), Some("/usr/local/cuda")];
    let toolkit = homes.into_iter().flatten().find_map(|home| {
        let text = std::fs::read_to_string(Path::new(home).join("version.json")).ok()?;
        let json: serde_json::Value = serde_json::from_str(&text).ok()?;
        Some(json["cuda"]["version"].as_str()?.to_owned())
    });
    let runtime = || {
        let names = [
            "nvidia-cuda-runtime",
            "nvidia-cuda-runtime-cu13",
            "nvidia-cuda-runtime-cu12",
            "nvidia-cuda-runtime-cu11",
            "cuda-cudart",
            "cudatoolkit",
        ];
        names
            .iter()
            .find_map(|name| packages.iter().find(|package| package.name == *name))
            .map(|package| package.version.clone())
    };
    toolkit.or_else(runtime)
}

#[cfg(test)]
mod tests;
