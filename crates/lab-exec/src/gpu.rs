//! Reads NVIDIA GPUs through the driver's own library.

use std::ffi::OsStr;
use std::fmt;
use std::path::Path;

use lab_model::Gpu;
use nvml_wrapper::Nvml;

/// What a GPU does at one moment.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct GpuSample {
    /// Which GPU, as the driver counts them.
    pub index: u32,
    /// Time in use, 0 to 100.
    pub utilization_percent: f64,
    /// Memory in use.
    pub memory_bytes: u64,
    /// Power draw.
    pub power_watts: f64,
}

/// A kept connection to the driver.
pub struct Sampler {
    nvml: Nvml,
}

impl fmt::Debug for Sampler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sampler").finish_non_exhaustive()
    }
}

impl Sampler {
    /// Connects; `None` without a driver, at the cost of two `stat` calls.
    pub fn open() -> Option<Self> {
        if !["/dev/nvidiactl", "/proc/driver/nvidia/version"].iter().any(|path| Path::new(path).exists()) {
            return None;
        }
        // The name without a number is only there where headers are installed.
        let names = ["libnvidia-ml.so.1", "libnvidia-ml.so"];
        let nvml = names.iter().find_map(|name| Nvml::builder().lib_path(OsStr::new(name)).init().ok())?;
        Some(Self { nvml })
    }

    /// All GPUs now. What a GPU does not tell is 0.
    pub fn sample(&self) -> Vec<GpuSample> {
        self.each(|index, device| GpuSample {
            index,
            utilization_percent: device.utilization_rates().map_or(0.0, |rates| f64::from(rates.gpu)),
            memory_bytes: device.memory_info().map_or(0, |memory| memory.used),
            power_watts: device.power_usage().map_or(0.0, |milliwatts| f64::from(milliwatts) / 1000.0),
        })
    }

    /// What the GPUs are.
    pub fn gpus(&self) -> Vec<Gpu> {
        self.each(|_, device| Gpu {
            name: device.name().unwrap_or_default(),
            memory_bytes: device.memory_info().map_or(0, |memory| memory.total),
            uuid: device.uuid().unwrap_or_default(),
            compute_capability: device
                .cuda_compute_capability()
                .map_or_else(|_| String::new(), |version| format!("{}.{}", version.major, version.minor)),
        })
    }

    /// The driver's version.
    pub fn driver(&self) -> Option<String> {
        self.nvml.sys_driver_version().ok()
    }

    fn each<T>(&self, read: impl Fn(u32, &nvml_wrapper::Device<'_>) -> T) -> Vec<T> {
        let count = self.nvml.device_count().unwrap_or(0);
        (0..count).filter_map(|index| Some(read(index, &self.nvml.device_by_index(index).ok()?))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_match_the_gpus() {
        // Most machines have none; where there is one, it has a name and memory.
        if let Some(sampler) = Sampler::open() {
            assert_eq!(sampler.sample().len(), sampler.gpus().len());
            assert!(sampler.gpus().iter().all(|gpu| !gpu.name.is_empty() && gpu.memory_bytes > 0));
            assert!(sampler.driver().is_some());
        }
    }
}
