//! What a piece of work costs its thread, for programs that measure.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Work that was begun.
pub struct Meter {
    begun: Instant,
    used: Duration,
}

/// What it took, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From its beginning to its end, with all that others did meanwhile.
    pub wall_millis: f64,
    /// On the processor, user and system, of this thread alone: what a machine that does other things too does not change.
    pub cpu_millis: f64,
}

fn used(by: ClockId) -> Duration {
    let time = clock_gettime(by);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or(0))
}

impl Meter {
    /// From now on.
    pub fn start() -> Self {
        Self { begun: Instant::now(), used: used(ClockId::ThreadCPUTime) }
    }

    /// What it took so far. To be asked on the thread on which it was begun.
    pub fn cost(&self) -> Cost {
        Cost {
            cpu_millis: millis(used(ClockId::ThreadCPUTime).saturating_sub(self.used)),
            wall_millis: millis(self.begun.elapsed()),
        }
    }
}

/// What all threads of this process have used of the processor so far, in milliseconds.
pub fn process_cpu_millis() -> f64 {
    millis(used(ClockId::ProcessCPUTime))
}

/// Waits until no thread of this process does anything any more.
pub fn until_idle() {
    let mut before = f64::NEG_INFINITY;
    while process_cpu_millis() - before > 2.0 {
        before = process_cpu_millis();
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}

/// Median, 99th percentile and the most of many costs, on the processor and on the wall.
pub fn spread(costs: &[Cost]) -> String {
    let of = |part: fn(&Cost) -> f64| {
        let mut sorted: Vec<f64> = costs.iter().map(part).collect();
        sorted.sort_by(f64::total_cmp);
        let at =
            |share: f64| sorted.get(((sorted.len().max(1) - 1) as f64 * share) as usize).copied().unwrap_or(f64::NAN);
        format!("{:>7.2} median {:>7.2} p99 {:>7.2} max", at(0.5), at(0.99), at(1.0))
    };
    format!("CPU ms {}; wall ms {}", of(|cost| cost.cpu_millis), of(|cost| cost.wall_millis))
}

/// A figure of `/proc/self/status` in MB, such as `VmHWM`, the most memory so far; NaN where there is none.
pub fn memory_megabytes(name: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(name)).unwrap_or_default();
    let kilobytes: Option<f64> = line.split_whitespace().nth(1).and_then(|number| number.parse().ok());
    kilobytes.unwrap_or(f64::NAN) / 1024.0
}
