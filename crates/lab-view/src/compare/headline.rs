//! The first line of a comparison: what is different, and is the difference real?

use lab_model::diff::PathDiff;
use lab_model::{Role, Summary};

use crate::changes::{self, Side};
use crate::seeds::{self, Verdict};
use crate::{Line, Table, Tone, format, metrics};

/// Everything that can be a cause.
pub(super) struct Different<'a> {
    pub files: &'a [PathDiff],
    pub causes: &'a Table,
    pub params: &'a Table,
    pub packages: &'a Table,
}

impl Different<'_> {
    /// `grouped` says that seed groups are compared: which seeds these two had says nothing then.
    fn words(&self, grouped: bool) -> Vec<String> {
        let mut words = Vec::new();
        for role in [Role::Code, Role::Config, Role::Data] {
            let paths = changes::paths(self.files, role);
            if !paths.is_empty() {
                words.push(format!("{} ({})", role.name(), format::some_of(&paths, 2)));
            }
        }
        let keys = |table: &Table| -> Vec<String> {
            table.rows.iter().map(|row| lab_model::display_bytes(row.key.as_bytes())).collect()
        };
        // A change of state in Git, or of the command whose parameters are named, says nothing new.
        let silent = ["Git commit", "Git branch", "Git remote", "memory", "kernel"];
        let mut causes = keys(self.causes);
        causes.retain(|cause| !silent.contains(&cause.as_str()) && (cause != "command" || self.params.is_empty()));
        if !self.params.is_empty() {
            let mut names = keys(self.params);
            names.retain(|name| !grouped || !seeds::is_seed(name));
            if !names.is_empty() {
                words.push(format!("parameters ({})", format::some_of(&names, 3)));
            }
            causes.retain(|cause| {
                let seed = cause.strip_prefix("seed ").unwrap_or(cause);
                !self.params.rows.iter().any(|row| row.key.rsplit('.').next() == Some(seed))
            });
        }
        if !self.packages.is_empty() {
            words.push(format!("packages ({})", format::some_of(&keys(self.packages), 3)));
        }
        if !causes.is_empty() {
            words.push(format::some_of(&causes, 3));
        }
        words
    }

    /// `whole` says that everything was compared: only then can the lack of a cause mean something.
    pub(super) fn headline(
        &self,
        left: &Side,
        right: &Side,
        (before, after): (&[Summary], &[Summary]),
        whole: bool,
        verdict: Option<&Verdict>,
    ) -> Line {
        let words = self.words(verdict.is_some_and(|verdict| verdict.left.runs + verdict.right.runs > 2));
        let mut line = Line::default();
        if words.is_empty() && !whole {
            line.push("No cause in what was compared", Tone::Plain);
        } else if words.is_empty() {
            line.push("Nothing that could be a cause differs", Tone::Plain);
        } else {
            line.push(words.join(", "), Tone::Changed);
            let plural = ["parameters ", "packages "].iter().any(|noun| words[0].starts_with(noun));
            let verb = if words.len() == 1 && !plural { " differs" } else { " differ" };
            line.push(verb, Tone::Plain);
        }
        if left.row.is_none() || right.row.is_none() {
            return line;
        }
        if let Some(verdict) =
            verdict.filter(|verdict| verdict.p.is_some() || verdict.left.runs + verdict.right.runs > 2)
        {
            line.push(" · ", Tone::Plain);
            line.0.extend(verdict.line().0);
            return line;
        }
        let Some(main) = metrics::main_metric(after) else { return line };
        let Some(old) = before.iter().find(|old| old.key == main.key) else { return line };
        let change = metrics::change(&main.key, old.last, main.last);
        let key = lab_model::display_bytes(main.key.as_bytes());
        let (before, after) = (metrics::cell(old.last).text, metrics::cell(main.last).text);
        if old.last == main.last {
            line.push(format!(" · {key} {after}, unchanged"), Tone::Plain);
        } else {
            line.push(format!(" · {key} {before} → {after} ("), Tone::Plain);
            line.push(change.text, change.tone).push(")", Tone::Plain);
        }
        if !whole {
            return line;
        }
        if verdict.is_some() && old.last != main.last {
            line.push(" · one run each: cannot tell whether it is more than noise", Tone::Warn);
        }
        if words.is_empty() && change.tone != Tone::Muted {
            line.push(" · not reproducible: look for seeds and threads", Tone::Warn);
        } else if self.only_seeds() && change.tone != Tone::Muted {
            line.push(" · only the seed differs: this is the noise", Tone::Warn);
        }
        line
    }

    pub(super) fn only_seeds(&self) -> bool {
        let is_seed = |key: &str| key.to_lowercase().contains("seed") || key == "random_state" || key == "command";
        let data_or_code = self.files.iter().any(|file| matches!(changes::role(file), Role::Code | Role::Data));
        let seeds = self.params.rows.iter().all(|row| is_seed(&row.key))
            && self.causes.rows.iter().all(|row| is_seed(&row.key));
        let any = !self.params.is_empty() || !self.causes.is_empty();
        let config = self.files.iter().any(|file| changes::role(file) == Role::Config);
        any && seeds && !data_or_code && self.packages.is_empty() && (!config || !self.params.is_empty())
    }
}
