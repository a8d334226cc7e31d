use std::collections::BTreeMap;
use std::ffi::OsString;

use crate::trace::helper;

/// Variables whose values are recorded: those that decide what a program computes, on what device
/// and with how many threads. What names a job, a person or a place is not among them, since it
/// differs between runs that are the same.
const NAMES: &[&str] = &[
    "LANG",
    "TZ",
    "LD_LIBRARY_PATH",
    "LD_PRELOAD",
    "SOURCE_DATE_EPOCH",
    "WORLD_SIZE",
    "RANK",
    "LOCAL_RANK",
    "GLIBC_TUNABLES",
    "HF_HUB_OFFLINE",
    "HF_DATASETS_OFFLINE",
    "TRANSFORMERS_OFFLINE",
    "TOKENIZERS_PARALLELISM",
    "SLURM_NTASKS",
    "SLURM_CPUS_PER_TASK",
    "SLURM_GPUS",
    "SLURM_GPUS_PER_NODE",
    "SLURM_JOB_NUM_NODES",
    "R_LIBS",
    "R_LIBS_USER",
    "R_LIBS_SITE",
    "RENV_PROJECT",
    "LAB_IMAGE_DIGEST",
    "RUSTFLAGS",
    "CFLAGS",
    "CXXFLAGS",
    "NODE_ENV",
    "NODE_OPTIONS",
    "MALLOC_ARENA_MAX",
    "PL_GLOBAL_SEED",
    "SEED",
    "CUBLAS_WORKSPACE_CONFIG",
];

const PREFIXES: &[&str] = &[
    "PYTHON",
    "CUDA_",
    "CUDNN_",
    "NVIDIA_TF32",
    "NCCL_",
    "OMP_",
    "KMP_",
    "GOMP_",
    "MKL_",
    "OPENBLAS_",
    "BLIS_",
    "GOTO_",
    "VECLIB_",
    "NUMEXPR_",
    "NUMBA_",
    "ATEN_",
    "TORCH",
    "PYTORCH_",
    "TF_CPP_",
    "TF_CUDNN_",
    "TF_DETERMINISTIC_",
    "TF_ENABLE_",
    "TF_FORCE_",
    "TF_GPU_",
    "TF_NUM_",
    "TF_USE_",
    "TF_XLA_",
    "XLA_",
    "JAX_",
    "DNNL_",
    "ONEDNN_",
    "HIP_",
    "ROCR_",
    "HSA_",
    "MIOPEN_",
    "LC_",
    "JULIA_NUM",
    "JULIA_PROJECT",
    "OPENMM_",
    "RAY_DETERMIN",
    "KERAS_BACKEND",
];

/// Among those with the prefixes: places, and what changes from run to run.
const NOT: &[&str] = &["PYTHONSTARTUP", "PYTHON_HISTORY", "TORCHELASTIC_RUN_ID", "TORCH_HOME", "PYTHONPYCACHEPREFIX"];

/// Variables that are recorded, and the names of all others.
pub(super) fn split(
    variables: &BTreeMap<OsString, OsString>,
    redact: &mut dyn FnMut(&str, &str) -> String,
) -> (BTreeMap<String, String>, Vec<String>) {
    let (mut recorded, mut others) = (BTreeMap::new(), Vec::new());
    for (name, value) in variables {
        // What tracing adds is no choice of the person's.
        let own = if name == helper::PRELOAD { helper::without(value) } else { Some(value.clone()) };
        let Some(value) = own else { continue };
        let name = name.to_string_lossy();
        let is_recorded = NAMES.contains(&name.as_ref()) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        if is_recorded && !NOT.contains(&name.as_ref()) {
            recorded.insert(name.to_string(), redact(&name, &value.to_string_lossy()));
        } else {
            others.push(name.into_owned());
        }
    }
    (recorded, others)
}
