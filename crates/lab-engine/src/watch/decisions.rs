//! Why something was kept or not.

use lab_exec::detect::Program;
use lab_model::Project;

use super::follow::Watcher;
use super::protocol::Decision;
use crate::live::redacted;

/// Decisions that are remembered.
const DECISIONS: usize = 200;

impl Watcher<'_> {
    pub(super) fn decide_on(&mut self, pid: i32, program: &Program, project: &Project, verdict: &str, reason: &str) {
        let words: Vec<_> = program.argv.iter().map(|word| word.to_string_lossy()).collect();
        if verdict == "no" {
            self.forget_no(pid);
        }
        self.decide(pid, &words.join(" "), project, verdict, reason);
    }

    /// A process that becomes one program after the other, as launchers do, has one decision: the last. A shell has one
    /// for each line.
    pub(super) fn forget_no(&mut self, pid: i32) {
        let is_same = |other: &Decision| other.pid == pid && other.verdict == "no";
        if let Some(place) = self.decisions.iter().take(DECISIONS / 4).position(is_same) {
            self.decisions.remove(place);
        }
    }

    pub(super) fn decide(&mut self, pid: i32, command: &str, project: &Project, verdict: &str, reason: &str) {
        let key = self.engine.seal_key().ok();
        let short: String = command.chars().take(500).collect();
        let hide =
            |secret: &str, rule: &str| key.map_or_else(|| format!("[{rule}]"), |key| redacted(key, secret, rule));
        let command = self.scanner.redact(&short, &mut |secret, rule| hide(secret, rule)).into_owned();
        if self.decisions.len() >= DECISIONS {
            self.decisions.pop_back();
        }
        self.decisions.push_front(Decision {
            time: self.engine.now(),
            pid,
            command,
            project: project.name.clone(),
            verdict: verdict.to_owned(),
            reason: reason.to_owned(),
        });
    }
}
