//! Reads facts of the machine: system, CPU, memory, container, GPUs.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use lab_model::Machine;

use crate::gpu::Sampler;

/// Instruction sets that change the result of floating point work or how it is done.
const FEATURES: &[&str] = &[
    "sse4_2",
    "avx",
    "avx2",
    "fma",
    "f16c",
    "avx512f",
    "avx512bw",
    "avx512dq",
    "avx512vl",
    "avx512_vnni",
    "avx512_bf16",
    "avx512_fp16",
    "avx_vnni",
    "amx_tile",
    "amx_int8",
    "amx_bf16",
    "asimd",
    "asimdhp",
    "asimddp",
    "bf16",
    "i8mm",
    "sve",
    "sve2",
    "sme",
];

/// Facts of this machine, and what could not be found out, in words.
pub fn facts(variables: &BTreeMap<OsString, OsString>) -> (Machine, Vec<String>) {
    let mut missing = Vec::new();
    let name = rustix::system::uname();
    let cpu = cpu_info();
    let mut machine = Machine {
        host: name.nodename().to_string_lossy().into_owned(),
        os: operating_system().unwrap_or_else(|| name.sysname().to_string_lossy().into_owned()),
        kernel: name.release().to_string_lossy().into_owned(),
        architecture: name.machine().to_string_lossy().into_owned(),
        cpu: cpu_model(&cpu),
        cores: cores(),
        cpu_features: cpu_features(&cpu),
        memory_bytes: memory_bytes(),
        container: container(variables),
        libc: libc_version(),
        ..Machine::default()
    };
    if let Some(sampler) = Sampler::open() {
        machine.gpus = sampler.gpus();
        machine.gpu_driver = sampler.driver();
    } else if let Ok(text) = std::fs::read_to_string("/proc/driver/nvidia/version") {
        machine.gpu_driver = text.split_whitespace().find(|word| is_driver_version(word)).map(str::to_owned);
        missing.push("the NVIDIA driver is there, but its library does not answer".to_owned());
    }
    (machine, missing)
}

/// `550.54.15`
fn is_driver_version(word: &str) -> bool {
    word.contains('.') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
}

fn operating_system() -> Option<String> {
    let text = ["/etc/os-release", "/usr/lib/os-release"].iter().find_map(|path| std::fs::read_to_string(path).ok())?;
    let value = |key: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(line.trim_matches(['"', '\'']).to_owned())
    };
    value("PRETTY_NAME").or_else(|| value("NAME"))
}

/// The first processor's part only: the kernel writes this file on demand, and for many processors
/// that takes a while.
fn cpu_info() -> String {
    let mut bytes = vec![0; 4096];
    let length = File::open("/proc/cpuinfo").and_then(|mut file| file.read(&mut bytes)).unwrap_or(0);
    let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
    text.split("\n\n").next().unwrap_or_default().to_owned()
}

fn cpu_field<'a>(info: &'a str, names: &[&str]) -> Option<&'a str> {
    info.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        names.contains(&name.trim()).then(|| value.trim())
    })
}

fn cpu_model(info: &str) -> String {
    let named = cpu_field(info, &["model name", "Hardware", "cpu model"]).map(str::to_owned);
    let arm = || {
        let (maker, part) = (cpu_field(info, &["CPU implementer"])?, cpu_field(info, &["CPU part"])?);
        Some(format!("ARM implementer {maker} part {part}"))
    };
    named.or_else(arm).unwrap_or_default()
}

fn cpu_features(info: &str) -> Vec<String> {
    let flags: Vec<&str> = cpu_field(info, &["flags", "Features"]).unwrap_or_default().split_whitespace().collect();
    FEATURES.iter().filter(|feature| flags.contains(feature)).map(|feature| (*feature).to_owned()).collect()
}

fn cores() -> u32 {
    std::thread::available_parallelism().map_or(0, |count| u32::try_from(count.get()).unwrap_or(u32::MAX))
}

fn memory_bytes() -> u64 {
    let text = std::fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let kibibytes =
        text.lines().find_map(|line| line.strip_prefix("MemTotal:")?.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}

/// What speaks for a container. Each alone can mislead, so that all are told.
fn container(variables: &BTreeMap<OsString, OsString>) -> Vec<String> {
    let mut evidence = Vec::new();
    if Path::new("/.dockerenv").exists() {
        evidence.push("docker: /.dockerenv".to_owned());
    }
    if let Ok(text) = std::fs::read_to_string("/run/.containerenv") {
        let image = text.lines().find_map(|line| line.strip_prefix("image=")).map(|image| image.trim_matches('"'));
        evidence.push(image.map_or("podman: /run/.containerenv".to_owned(), |image| format!("podman: {image}")));
    }
    for (variable, name) in [
        ("container", "container"),
        ("KUBERNETES_SERVICE_HOST", "kubernetes"),
        ("APPTAINER_CONTAINER", "apptainer"),
        ("SINGULARITY_CONTAINER", "singularity"),
        ("LAB_IMAGE_DIGEST", "image"),
    ] {
        if let Some(value) = variables.get(OsStr::new(variable)).filter(|value| !value.is_empty()) {
            // An address is no identity.
            let shown = if name == "kubernetes" { variable.into() } else { value.to_string_lossy() };
            evidence.push(format!("{name}: {shown}"));
        }
    }
    let groups = std::fs::read_to_string("/proc/1/cgroup").unwrap_or_default();
    if let Some(word) =
        ["kubepods", "docker", "containerd", "libpod", "lxc"].iter().find(|word| groups.contains(**word))
    {
        evidence.push(format!("{word}: /proc/1/cgroup"));
    }
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    if mounts.lines().any(|line| line.split(' ').nth(4) == Some("/") && line.contains(" - overlay ")) {
        evidence.push("overlay: /".to_owned());
    }
    evidence
}

#[cfg(target_env = "gnu")]
#[expect(
    unsafe_code,
    reason = "the C library gives a pointer to a text that it keeps for good, and nothing safe tells its version"
)]
fn libc_version() -> String {
    unsafe extern "C" {
        safe fn gnu_get_libc_version() -> *const std::ffi::c_char;
    }
    let version = gnu_get_libc_version();
    if version.is_null() {
        return String::new();
    }
    let version = unsafe { std::ffi::CStr::from_ptr(version) };
    format!("glibc {}", version.to_string_lossy())
}

#[cfg(not(target_env = "gnu"))]
fn libc_version() -> String {
    String::new()
}

/// Bytes received and sent by all interfaces but the loopback since they came up: those of the whole machine
/// or container, not of one command. `None` where the kernel does not tell.
pub fn network_bytes() -> Option<(u64, u64)> {
    Some(parse_network(&std::fs::read_to_string("/proc/net/dev").ok()?))
}

/// Of proc_net_dev(5): the first number behind the name is bytes received, the ninth bytes sent.
fn parse_network(text: &str) -> (u64, u64) {
    let interfaces = text.lines().filter_map(|line| line.split_once(':')).filter(|(name, _)| name.trim() != "lo");
    interfaces.fold((0, 0), |(received, sent), (_, numbers)| {
        let number = |at| numbers.split_ascii_whitespace().nth(at).and_then(|number| number.parse::<u64>().ok());
        (received + number(0).unwrap_or(0), sent + number(8).unwrap_or(0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interfaces_are_summed() {
        let text = "Inter-|   Receive | Transmit\n face |bytes\n    lo: 9 1 0 0 0 0 0 0 9 1 0 0 0 0 0 0\n\
                    eth0: 100 1 0 0 0 0 0 0 20 1 0 0 0 0 0 0\n eth1:5 1 0 0 0 0 0 0 6 1 0 0 0 0 0 0\n";
        assert_eq!(parse_network(text), (105, 26));
    }

    #[test]
    fn this_machine_has_facts() {
        let variables = BTreeMap::from([("container".into(), "podman".into())]);
        let (machine, _) = facts(&variables);
        assert!(machine.cores > 0 && machine.memory_bytes > 1 << 20, "{machine:?}");
        assert!(!machine.kernel.is_empty() && !machine.os.is_empty() && !machine.architecture.is_empty());
        assert!(machine.container.contains(&"container: podman".to_owned()));
        #[cfg(target_env = "gnu")]
        assert!(machine.libc.starts_with("glibc 2."), "{}", machine.libc);
    }

    #[test]
    fn cpu_facts_come_from_the_first_block() {
        let x86 = "processor\t: 0\nmodel name\t: Some CPU @ 3\nflags\t\t: fpu avx2 fma xyz";
        assert_eq!(cpu_model(x86), "Some CPU @ 3");
        assert_eq!(cpu_features(x86), ["avx2", "fma"]);
        let arm = "processor\t: 0\nFeatures\t: fp asimd sve\nCPU implementer\t: 0x41\nCPU part\t: 0xd40";
        assert_eq!(cpu_model(arm), "ARM implementer 0x41 part 0xd40");
        assert_eq!(cpu_features(arm), ["asimd", "sve"]);
        assert_eq!(cpu_model(""), "");
        assert!(is_driver_version("550.54.15") && !is_driver_version("x86.1"));
    }
}
