use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Domain, Hash, Hasher};

/// The software a run stood on, read from files without starting a program.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Environment {
    /// The interpreter that ran the script, where there is one.
    pub interpreter: Option<Interpreter>,
    /// Installed packages, sorted by name.
    pub packages: Vec<Package>,
    /// Lock files found in the project.
    pub locks: Vec<LockFile>,
    /// Variables that decide determinism and device choice, such as `PYTHONHASHSEED`,
    /// `CUBLAS_WORKSPACE_CONFIG`, `OMP_NUM_THREADS`. Secrets are replaced.
    pub variables: BTreeMap<String, String>,
    /// CUDA toolkit version, where found.
    pub cuda: Option<String>,
    /// Names of variables that were set but whose values are not recorded.
    pub other_variables: Vec<String>,
}

/// What ran the script.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Interpreter {
    /// `python`, `r`, `julia`, `node`, …
    pub language: String,
    /// Such as `3.11.2`; empty when unknown.
    pub version: String,
    /// Path of the executable as found, links resolved.
    pub path: String,
    /// `venv`, `conda`, `uv`, `poetry`, `system`.
    pub manager: String,
    /// Root of the virtual environment, where there is one.
    pub prefix: Option<String>,
}

/// One installed package.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Package {
    /// Normalised name (PEP 503 for Python).
    pub name: String,
    /// Version.
    pub version: String,
    /// Where it came from when not from an index: an editable folder, a VCS commit, a conda channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A lock file of the project; its bytes are in the snapshot.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct LockFile {
    /// Path below the project's root.
    pub path: String,
    /// `uv`, `poetry`, `pip`, `conda`, `pixi`, `pipenv`, `renv`, `julia`, `cargo`, `npm`.
    pub tool: String,
    /// How many packages it pins.
    pub packages: usize,
    /// Installed packages whose version differs from the pinned one: `name: pinned → installed`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub drift: Vec<String>,
}

/// The hardware and system a run stood on.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Machine {
    /// Host name.
    pub host: String,
    /// Such as `Debian GNU/Linux 12 (bookworm)`.
    pub os: String,
    /// Kernel release.
    pub kernel: String,
    /// Such as `x86_64`.
    pub architecture: String,
    /// CPU model.
    pub cpu: String,
    /// Logical cores that the process may use.
    pub cores: u32,
    /// Instruction sets that change floating point results, such as `avx2`, `avx512f`, `fma`.
    pub cpu_features: Vec<String>,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// GPUs.
    pub gpus: Vec<Gpu>,
    /// NVIDIA driver version.
    pub gpu_driver: Option<String>,
    /// Evidence of a container, such as `docker: /.dockerenv`; empty outside.
    pub container: Vec<String>,
    /// C library version.
    pub libc: String,
}

/// One GPU.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Gpu {
    /// Model.
    pub name: String,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Vendor's unique id.
    pub uuid: String,
    /// Such as `9.0`.
    pub compute_capability: String,
}

impl Environment {
    /// The environment part of a fingerprint: interpreter, packages and variables; not the host,
    /// not the folder it is installed in.
    pub fn fingerprint(&self) -> Option<Hash> {
        let mut hasher = Hasher::new(Domain::Fingerprint);
        if let Some(interpreter) = &self.interpreter {
            hasher.field(interpreter.language.as_bytes()).field(interpreter.version.as_bytes());
        }
        for package in &self.packages {
            hasher.field(package.name.as_bytes()).field(package.version.as_bytes());
            hasher.field(package.source.as_deref().unwrap_or_default().as_bytes());
        }
        for (name, value) in &self.variables {
            hasher.field(name.as_bytes()).field(value.as_bytes());
        }
        hasher.field(self.cuda.as_deref().unwrap_or_default().as_bytes());
        let empty = self.interpreter.is_none() && self.packages.is_empty() && self.variables.is_empty();
        (!empty || self.cuda.is_some()).then(|| hasher.finish())
    }
}
