//! The processes known so far, and what is found by looking at `/proc` again.

use std::collections::{HashMap, HashSet};
use std::path::PathBuf;

use lab_model::ProcessKey;

use super::look::Look;
use super::{EndedProcess, Event, Started};
use crate::Ended;
use crate::process::{self, Stat, boot_id, is_living};

/// How long a process counts as young: its program may still be on the way. A shell forks first and starts
/// the program then; `env` and the like start another one in their place. Later ones are found by a look at all.
const YOUNG_NANOS: u64 = 300_000_000;

/// The same for a look at all, which comes every two seconds.
const RECENT_NANOS: u64 = 5_000_000_000;

/// Looking at more numbers than this one by one costs more than a list of `/proc`.
const NUMBERS_MAX: i32 = 1024;

/// When something was noticed.
#[derive(Clone, Copy, Debug)]
pub(super) struct When {
    pub(super) at_nanos: u64,
    pub(super) exact: bool,
}

/// Everything that is known, and where the next number of a process will come from.
#[derive(Debug)]
pub(super) struct Table {
    known: HashMap<i32, Known>,
    own_uid: Option<u32>,
    boot_id: String,
    last_number: i32,
    /// Programs whose libraries were looked at.
    programs: HashSet<PathBuf>,
    /// Libraries that nobody has asked for yet.
    libraries: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug)]
struct Known {
    start_ticks: u64,
    image: u64,
    seen_nanos: u64,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    /// Of another user.
    Foreign,
    /// Ran before, or has not started a program: was only forked, is a thread.
    Quiet,
    Told,
}

impl Table {
    /// Takes what runs now for known.
    pub(super) fn new(own_uid: Option<u32>, now_nanos: u64) -> Self {
        let mut table = Self {
            known: HashMap::new(),
            own_uid,
            boot_id: boot_id(),
            last_number: last_number().unwrap_or(0),
            programs: HashSet::new(),
            libraries: Vec::new(),
        };
        // Born before: neither young nor recent.
        let seen_nanos = now_nanos.saturating_sub(RECENT_NANOS);
        for pid in numbers() {
            let Some(look) = Look::at(pid) else { continue };
            if table.is_foreign(&look) {
                table.pass_over(pid, seen_nanos, &mut Vec::new());
            } else if let Some(stat) = look.stat() {
                table.remember(pid, &stat, seen_nanos, Kind::Quiet);
                table.learn_libraries(&look, look.exe());
            }
        }
        table
    }

    /// The kernel says that this process has started a program.
    pub(super) fn exec(&mut self, pid: i32, at_nanos: u64, events: &mut Vec<Event>) {
        let when = When { at_nanos, exact: true };
        let look = Look::at(pid);
        if look.as_ref().is_some_and(|look| self.is_foreign(look)) {
            return self.pass_over(pid, at_nanos, events);
        }
        let stat = look.as_ref().and_then(Look::stat).filter(is_living);
        let Some((look, stat)) = look.zip(stat) else {
            let before = self.known.get(&pid).filter(|known| known.kind != Kind::Foreign);
            let start_ticks = before.map_or(0, |known| known.start_ticks);
            self.known.insert(pid, Known { start_ticks, image: 0, seen_nanos: at_nanos, kind: Kind::Told });
            events.push(Event::Started(Started {
                process: self.key(pid, start_ticks),
                parent: 0,
                at_nanos,
                exact: true,
                program: None,
            }));
            return;
        };
        let known = self.known.get(&pid).filter(|known| known.start_ticks == stat.start_ticks);
        let is_told = known.is_some_and(|known| known.kind == Kind::Told && known.image == stat.image);
        if !is_told || stat.image == 0 {
            self.tell(pid, &look, &stat, when, events);
        }
    }

    /// The kernel says that this process has ended.
    pub(super) fn exit(&mut self, pid: i32, at_nanos: u64, ended: Ended, events: &mut Vec<Event>) {
        // One that was seen later has got the number of the one that ended.
        if self.known.get(&pid).is_some_and(|known| known.seen_nanos <= at_nanos)
            && let Some(known) = self.known.remove(&pid)
        {
            tell_end(pid, &known, at_nanos, Some(ended), events);
        }
    }

    /// Looks whether what was told of still lives.
    pub(super) fn look_at_told(&mut self, now_nanos: u64, events: &mut Vec<Event>) {
        let told = self.known.iter().filter(|(_, known)| known.kind == Kind::Told);
        let told: Vec<i32> = told.map(|(pid, _)| *pid).collect();
        told.into_iter().for_each(|pid| self.look_at(pid, now_nanos, events));
    }

    /// Whether anything that was told of has not ended yet.
    pub(super) fn waits_for_ends(&self) -> bool {
        self.known.values().any(|known| known.kind == Kind::Told)
    }

    /// Looks at the processes that may be new since the last look, the newest first.
    pub(super) fn look_at_newest(&mut self, now_nanos: u64, events: &mut Vec<Event>) {
        let newest = self.newest().unwrap_or_else(numbers);
        newest.into_iter().rev().for_each(|pid| self.look_at(pid, now_nanos, events));
    }

    /// Looks at young processes once more.
    pub(super) fn look_at_young(&mut self, now_nanos: u64, events: &mut Vec<Event>) {
        let young = self.known.iter().filter(|(_, known)| known.is_young(now_nanos)).map(|(pid, _)| *pid);
        let changed: Vec<i32> = young.filter(|pid| self.has_changed(*pid)).collect();
        changed.into_iter().for_each(|pid| self.look_at(pid, now_nanos, events));
    }

    /// Looks for everything that is not known yet, and for what is gone; if `whole`, also for programs that
    /// old processes have started in their place.
    pub(super) fn look_at_all(&mut self, whole: bool, now_nanos: u64, events: &mut Vec<Event>) {
        let newest: HashSet<i32> = self.newest().unwrap_or_default().into_iter().collect();
        let listed = numbers();
        let here: HashSet<i32> = listed.iter().copied().collect();
        self.known.retain(|pid, known| {
            let stays = here.contains(pid);
            if !stays {
                tell_end(*pid, known, now_nanos, None, events);
            }
            stays
        });
        for pid in listed {
            let again = match self.known.get(&pid) {
                None => true,
                // Another user's may have become ours: `sudo -u`, a login.
                Some(known) => newest.contains(&pid) || known.is_recent(now_nanos) || (whole && known.is_own()),
            };
            if again {
                self.look_at(pid, now_nanos, events);
            }
        }
    }

    /// Loaders and C libraries found since the last call.
    pub(super) fn take_libraries(&mut self) -> Vec<PathBuf> {
        std::mem::take(&mut self.libraries)
    }

    fn look_at(&mut self, pid: i32, now_nanos: u64, events: &mut Vec<Event>) {
        let look = Look::at(pid);
        if look.as_ref().is_some_and(|look| self.is_foreign(look)) {
            return self.pass_over(pid, now_nanos, events);
        }
        let stat = look.as_ref().and_then(Look::stat).filter(is_living);
        let Some((look, stat)) = look.zip(stat) else {
            if let Some(known) = self.known.remove(&pid) {
                tell_end(pid, &known, now_nanos, None, events);
            }
            return;
        };
        let same = self.known.get(&pid).filter(|known| known.start_ticks == stat.start_ticks).copied();
        if let Some(known) = self.known.get(&pid).filter(|_| same.is_none()) {
            tell_end(pid, known, now_nanos, None, events);
        }
        if stat.image != 0 && same.is_none_or(|known| known.image != stat.image) {
            self.tell(pid, &look, &stat, When { at_nanos: now_nanos, exact: false }, events);
        } else if same.is_none() {
            self.remember(pid, &stat, now_nanos, Kind::Quiet);
        }
    }

    /// Whether a known process has ended or started another program, at the price of one small file.
    fn has_changed(&self, pid: i32) -> bool {
        let stat = process::stat(pid).filter(is_living).map(|stat| (stat.start_ticks, stat.image));
        stat != self.known.get(&pid).map(|known| (known.start_ticks, known.image))
    }

    fn tell(&mut self, pid: i32, look: &Look, stat: &Stat, when: When, events: &mut Vec<Event>) {
        let program = look.program(stat);
        if let Some(program) = &program {
            self.learn_libraries(look, Some(program.exe.clone()));
        }
        self.remember(pid, stat, when.at_nanos, Kind::Told);
        events.push(Event::Started(Started {
            process: self.key(pid, stat.start_ticks),
            parent: stat.parent,
            at_nanos: when.at_nanos,
            exact: when.exact,
            program,
        }));
    }

    fn remember(&mut self, pid: i32, stat: &Stat, seen_nanos: u64, kind: Kind) {
        self.known.insert(pid, Known { start_ticks: stat.start_ticks, image: stat.image, seen_nanos, kind });
    }

    /// Takes note of another user's process, of which nothing else is read.
    fn pass_over(&mut self, pid: i32, seen_nanos: u64, events: &mut Vec<Event>) {
        let known = Known { start_ticks: 0, image: 0, seen_nanos, kind: Kind::Foreign };
        match self.known.get(&pid).copied() {
            // The first sight counts.
            Some(before) if before.kind == Kind::Foreign => {}
            before => {
                self.known.insert(pid, known);
                if let Some(before) = before {
                    tell_end(pid, &before, seen_nanos, None, events);
                }
            }
        }
    }

    fn is_foreign(&self, look: &Look) -> bool {
        self.own_uid.is_some_and(|uid| uid != look.uid)
    }

    fn key(&self, pid: i32, start_ticks: u64) -> ProcessKey {
        ProcessKey { pid, start_ticks, boot_id: self.boot_id.clone() }
    }

    fn learn_libraries(&mut self, look: &Look, exe: Option<PathBuf>) {
        /// A person uses fewer programs; more are made to fill the memory.
        const PROGRAMS_MAX: usize = 4096;
        let Some(exe) = exe else { return };
        if self.programs.len() < PROGRAMS_MAX && self.programs.insert(exe) {
            self.libraries.extend(look.libraries());
        }
    }

    /// Numbers given out since the last call, threads among them; `None` when there are so many that they are
    /// better listed.
    fn newest(&mut self) -> Option<Vec<i32>> {
        let last = last_number()?;
        let first = std::mem::replace(&mut self.last_number, last);
        (last >= first && last - first <= NUMBERS_MAX).then(|| (first + 1..=last).collect())
    }
}

impl Known {
    const fn is_own(&self) -> bool {
        !matches!(self.kind, Kind::Foreign)
    }

    const fn is_young(&self, now_nanos: u64) -> bool {
        self.is_own() && now_nanos.saturating_sub(self.seen_nanos) < YOUNG_NANOS
    }

    /// Looked at by [`Table::look_at_all`] for the first time or the second.
    const fn is_recent(&self, now_nanos: u64) -> bool {
        now_nanos.saturating_sub(self.seen_nanos) < RECENT_NANOS
    }
}

fn tell_end(pid: i32, known: &Known, at_nanos: u64, ended: Option<Ended>, events: &mut Vec<Event>) {
    if known.kind == Kind::Told {
        let start_ticks = (known.start_ticks > 0).then_some(known.start_ticks);
        events.push(Event::Ended(EndedProcess { pid, start_ticks, at_nanos, ended }));
    }
}

/// The numbers of all processes.
fn numbers() -> Vec<i32> {
    let Ok(names) = std::fs::read_dir("/proc") else { return Vec::new() };
    names.flatten().filter_map(|name| name.file_name().to_str()?.parse().ok()).collect()
}

/// The number given out last, to a process or a thread: the fifth field of `/proc/loadavg`.
fn last_number() -> Option<i32> {
    let mut buffer = [0; 128];
    let text = std::str::from_utf8(process::read("/proc/loadavg", &mut buffer)?).ok()?;
    text.split_ascii_whitespace().nth(4)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(start_ticks: u64, kind: Kind) -> Known {
        Known { start_ticks, image: 1, seen_nanos: 0, kind }
    }

    fn empty() -> Table {
        let mut table = Table::new(None, 0);
        table.known.clear();
        table
    }

    #[test]
    fn ends_are_told_of_what_was_told() {
        let mut table = empty();
        table.known.insert(-5, known(9, Kind::Told));
        table.known.insert(-6, known(9, Kind::Quiet));
        let mut events = Vec::new();
        table.exit(-5, 3, Ended::Exited(1), &mut events);
        table.exit(-5, 4, Ended::Exited(1), &mut events);
        table.exit(-6, 5, Ended::Exited(1), &mut events);
        let end = EndedProcess { pid: -5, start_ticks: Some(9), at_nanos: 3, ended: Some(Ended::Exited(1)) };
        assert_eq!(events, [Event::Ended(end)]);
    }

    #[test]
    fn an_end_that_is_heard_late_is_not_that_of_who_has_the_number_now() {
        let mut table = empty();
        let mut events = Vec::new();
        table.exec(-5, 7, &mut events);
        assert!(table.waits_for_ends());
        table.exit(-5, 6, Ended::Exited(0), &mut events);
        assert_eq!(events.len(), 1, "{events:?}");
        table.look_at_told(8, &mut events);
        assert!(matches!(events[1..], [Event::Ended(EndedProcess { pid: -5, ended: None, .. })]), "{events:?}");
        assert!(!table.waits_for_ends());
    }

    #[test]
    fn a_process_that_is_gone_is_told_of_all_the_same() {
        let mut table = empty();
        let mut events = Vec::new();
        table.exec(-5, 7, &mut events);
        table.exit(-5, 8, Ended::Exited(0), &mut events);
        let [Event::Started(started), Event::Ended(ended)] = &events[..] else { panic!("{events:?}") };
        assert_eq!((started.process.pid, started.at_nanos, &started.program), (-5, 7, &None));
        assert_eq!((ended.at_nanos, ended.start_ticks), (8, None));
    }

    #[test]
    fn this_process_is_found_once() {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut table = empty();
        let mut events = Vec::new();
        table.look_at(own, 0, &mut events);
        table.look_at(own, 0, &mut events);
        let starts = events.iter().filter(|event| matches!(event, Event::Started(_))).count();
        assert_eq!(starts, 1, "{events:?}");
        assert!(Table::new(None, 0).known.contains_key(&own));
    }

    #[test]
    fn a_number_that_was_given_out_again_is_another_process() {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut table = empty();
        table.known.insert(own, known(0, Kind::Told));
        let mut events = Vec::new();
        table.look_at(own, 0, &mut events);
        assert!(matches!(&events[..], [Event::Ended(_), Event::Started(_)]), "{events:?}");
    }

    #[test]
    fn other_users_are_left_alone() {
        let own = rustix::process::getpid().as_raw_nonzero().get();
        let mut table = empty();
        table.own_uid = Some(u32::MAX);
        let mut events = Vec::new();
        table.look_at(own, 0, &mut events);
        table.exec(own, 0, &mut events);
        assert_eq!(events, []);
    }
}
