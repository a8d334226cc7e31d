//! Samples of what the command and everything it started use.

use crate::Sample;
use crate::process;

const MILLIS_FIRST: u64 = 100;
const MILLIS_BETWEEN: u64 = 1_000;
const MILLIS_BETWEEN_LATER: u64 = 5_000;
/// From here on a run is long.
const MILLIS_LATER: u64 = 600_000;
/// Looking may take one part in so many of the time.
const SHARE: u64 = 500;

/// When to look next, and what the look before found.
#[derive(Debug)]
pub(crate) struct Sampler {
    next_millis: u64,
    last_millis: u64,
    last_ticks: u64,
    read_bytes: u64,
    written_bytes: u64,
    ticks_per_second: u64,
    page_bytes: u64,
    /// Whether the process at the top counts too: it is the command itself then.
    with_root: bool,
}

impl Sampler {
    pub(crate) fn new() -> Self {
        Self {
            next_millis: MILLIS_FIRST,
            last_millis: 0,
            last_ticks: 0,
            read_bytes: 0,
            written_bytes: 0,
            ticks_per_second: rustix::param::clock_ticks_per_second().max(1),
            page_bytes: rustix::param::page_size() as u64,
            with_root: false,
        }
    }

    /// For a process that runs already, since so many milliseconds.
    pub(crate) fn watching(millis: u64) -> Self {
        // Its first sample is the mean since the start.
        Self { next_millis: millis.max(MILLIS_FIRST), with_root: true, ..Self::new() }
    }

    pub(crate) const fn next_millis(&self) -> u64 {
        self.next_millis
    }

    /// Looks at everything below the process `root`. `None` when nothing is there.
    pub(crate) fn take(&mut self, root: i32, millis: u64, clock_millis: impl Fn() -> u64) -> Option<Sample> {
        let mut processes = process::descendants(root);
        if self.with_root {
            processes.extend(process::stat(root).filter(process::is_living).map(|stat| (root, stat)));
        }
        let sample = self.sum(root, millis, &processes);
        let cost_millis = clock_millis().saturating_sub(millis);
        let between = if millis < MILLIS_LATER { MILLIS_BETWEEN } else { MILLIS_BETWEEN_LATER };
        self.next_millis = millis + between.max(cost_millis * SHARE);
        (!processes.is_empty()).then_some(sample)
    }

    fn sum(&mut self, root: i32, millis: u64, processes: &[(i32, process::Stat)]) -> Sample {
        // A child's time moves to its parent when it is waited for, so that the sum over the tree,
        // children's time included, misses nothing. Of the root only that part counts.
        let mut ticks = if self.with_root { 0 } else { process::stat(root).map_or(0, |stat| stat.children_ticks) };
        let (mut pages, mut read, mut written) = (0, 0, 0);
        for (pid, stat) in processes {
            ticks += stat.own_ticks + stat.children_ticks;
            pages += stat.resident_pages;
            if let Some((of_read, of_written)) = process::storage_bytes(*pid) {
                read += of_read;
                written += of_written;
            }
        }
        let seconds = millis.saturating_sub(self.last_millis).max(1) as f64 / 1e3;
        let cpu_seconds = ticks.saturating_sub(self.last_ticks) as f64 / self.ticks_per_second as f64;
        self.last_millis = millis;
        self.last_ticks = ticks.max(self.last_ticks);
        // What ended processes did is known to their parents only in part; the sum never goes back.
        self.read_bytes = self.read_bytes.max(read);
        self.written_bytes = self.written_bytes.max(written);
        Sample {
            millis,
            cpu_percent: 100.0 * cpu_seconds / seconds,
            memory_bytes: pages * self.page_bytes,
            processes: u32::try_from(processes.len()).unwrap_or(u32::MAX),
            read_bytes: self.read_bytes,
            written_bytes: self.written_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};

    use super::*;

    /// Busy, and gone with the test however that ends.
    struct Busy(Child);

    impl Drop for Busy {
        fn drop(&mut self) {
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[test]
    fn sees_a_busy_child_and_keeps_its_own_pace() {
        let script = "while :; do :; done";
        let quiet = Stdio::null;
        let _busy = Busy(Command::new("sh").args(["-c", script]).stdout(quiet()).stderr(quiet()).spawn().unwrap());
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut sampler = Sampler::new();
        assert_eq!(sampler.next_millis(), 100);
        let mut millis = 100;
        loop {
            let sample = sampler.take(own, millis, || millis).unwrap();
            assert_eq!(sampler.next_millis(), millis + 1000);
            // Right after the fork there may be no memory and no time yet.
            if sample.cpu_percent > 0.0 && sample.memory_bytes > 0 && sample.processes >= 1 {
                break;
            }
            millis += 1000;
        }
        let later = millis + 700_000;
        sampler.take(own, later, || later + 2);
        assert_eq!(sampler.next_millis(), later + 5_000);
        sampler.take(own, later + 100_000, || later + 100_020);
        assert_eq!(sampler.next_millis(), later + 110_000, "a look that takes long is made less often");
    }
}
