//! Runs that are equal but for the seed: which they are, and whether two such groups differ by more than noise.

use std::collections::BTreeMap;

use lab_engine::{Reader, Result, RunQuery, RunRow};
use lab_model::statistics::{self, Group};
use lab_model::{Hash, Role, Status};
use serde::Serialize;
use serde_json::Value;

use crate::{Line, Tone, changes, format, metrics};

/// So many runs of a project are looked at for seed groups and for noise.
const LOOK_BACK: usize = 400;
/// A difference with a smaller p counts as real.
const SIGNIFICANT: f64 = 0.05;
/// Nobody is told to run more seeds than this.
const MOST_SEEDS: usize = 1000;

/// Whether a name is that of a seed.
pub fn is_seed(name: &str) -> bool {
    let name = name.rsplit('.').next().unwrap_or(name).to_lowercase();
    name == "random_state" || name == "seed" || name.ends_with("seed") || name.starts_with("seed_")
}

/// The finished runs of a project, newest first, as far back as seed groups reach.
///
/// # Errors
/// Those of the reader.
pub(crate) fn history(reader: &Reader, row: &RunRow) -> Result<Vec<RunRow>> {
    let query = RunQuery { project: Some(row.start.project.clone()), limit: Some(LOOK_BACK), ..RunQuery::default() };
    let mut rows = reader.runs(&query)?;
    rows.retain(|row| row.status() == Status::Done);
    Ok(rows)
}

/// `row` and all runs of the history that are equal to it but for the seed, the run itself first.
///
/// # Errors
/// Those of the reader.
pub(crate) fn group(reader: &Reader, row: &RunRow, history: &[RunRow]) -> Result<Vec<RunRow>> {
    let mut found = vec![row.clone()];
    let identity = identity(row);
    for other in history.iter().filter(|other| other.start.run != row.start.run) {
        if self::identity(other) == identity && same_config(reader, row, other)? && same_software(reader, row, other)? {
            found.push(other.clone());
        }
    }
    Ok(found)
}

/// What runs of one seed group share and what is known without another look into the notebook: code, data,
/// parameters, command and directory, each without the seeds.
fn identity(row: &RunRow) -> String {
    let start = &row.start;
    let seeds: Vec<String> = start.seeds.iter().map(|seed| format::value(&seed.value)).collect();
    let params: BTreeMap<&String, Value> = start
        .params
        .iter()
        .filter(|(name, _)| !is_seed(name))
        .map(|(name, value)| (name, value.as_str().map_or_else(|| value.clone(), |text| unseeded(text, &seeds).into())))
        .collect();
    let mut argv = Vec::new();
    let mut words = start.argv.iter().peekable();
    while let Some(word) = words.next() {
        let bare = word.trim_start_matches(['-', '+']);
        match bare.split_once('=') {
            Some((name, _)) if is_seed(name) => {}
            None if word.starts_with("--") && is_seed(bare) => {
                words.next_if(|value| !value.starts_with("--"));
            }
            _ => argv.push(unseeded(word, &seeds)),
        }
    }
    let fingerprint = &start.fingerprint;
    serde_json::to_string(&(&fingerprint.code, &fingerprint.data, params, argv, start.cwd.to_string()))
        .unwrap_or_default()
}

/// A name such as `out/seed-3` without the seed's value.
fn unseeded(text: &str, seeds: &[String]) -> String {
    let mut text = text.to_owned();
    for seed in seeds.iter().filter(|seed| !seed.is_empty()) {
        for between in ["", "_", "-", "="] {
            text = text.replace(&format!("seed{between}{seed}"), "seed");
        }
    }
    text
}

/// Config files may differ only where all their values are parameters, of which the seeds are passed over.
fn same_config(reader: &Reader, left: &RunRow, right: &RunRow) -> Result<bool> {
    if left.start.fingerprint.config == right.start.fingerprint.config {
        return Ok(true);
    }
    let seeds = left.start.seeds.iter().chain(&right.start.seeds);
    let sources: Vec<&str> = seeds.map(|seed| seed.source.as_str()).collect();
    let files = changes::files(reader, left.start.snapshot.as_ref(), right.start.snapshot.as_ref())?;
    Ok(changes::paths(&files, Role::Config).iter().all(|path| sources.contains(&path.as_str())))
}

fn same_software(reader: &Reader, left: &RunRow, right: &RunRow) -> Result<bool> {
    if left.environment == right.environment {
        return Ok(true);
    }
    let in_variables = |row: &RunRow| row.start.seeds.iter().any(|seed| seed.source == "variable");
    if !in_variables(left) && !in_variables(right) {
        return Ok(false);
    }
    let without_seeds = |row: &RunRow| -> Result<Option<Hash>> {
        Ok(reader.facts(&row.start.run)?.and_then(|facts| {
            let mut environment = facts.environment;
            environment.variables.retain(|name, _| name != "PYTHONHASHSEED" && !is_seed(name));
            environment.fingerprint()
        }))
    };
    Ok(without_seeds(left)? == without_seeds(right)?)
}

/// The last values of a metric, where it is a number.
pub(crate) fn values(reader: &Reader, rows: &[RunRow], key: &str) -> Result<Vec<f64>> {
    let mut values = Vec::new();
    for row in rows {
        let summaries = reader.summaries(row)?;
        values.extend(
            summaries.iter().filter(|found| found.key == key && found.last.is_finite()).map(|found| found.last),
        );
    }
    Ok(values)
}

/// What is known of the noise when a side is one run: the spread of earlier runs that differ only by their seed.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct Noise {
    /// Standard deviation of one run.
    pub deviation: f64,
    /// Its degrees of freedom.
    pub freedom: f64,
    /// From so many runs.
    pub runs: usize,
}

/// The noise of a metric as the history tells it.
///
/// # Errors
/// Those of the reader.
pub(crate) fn noise(reader: &Reader, history: &[RunRow], key: &str) -> Result<Option<Noise>> {
    let mut alike: BTreeMap<String, Vec<&RunRow>> = BTreeMap::new();
    for row in history {
        alike.entry(identity(row)).or_default().push(row);
    }
    let mut groups = Vec::new();
    for rows in alike.into_values().filter(|rows| rows.len() > 1) {
        let mut same = Vec::new();
        for row in &rows {
            if same_config(reader, rows[0], row)? && same_software(reader, rows[0], row)? {
                same.push((*row).clone());
            }
        }
        groups.push(Group::of(&values(reader, &same, key)?));
    }
    groups.retain(|group| group.count > 1);
    let runs = groups.iter().map(|group| group.count).sum();
    let pooled = statistics::pooled(&groups);
    Ok(pooled.map(|(deviation, freedom)| Noise { deviation, freedom, runs }))
}

/// What can be said about a difference.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Better by more than noise.
    Better,
    /// Worse by more than noise.
    Worse,
    /// Different by more than noise; which is better is not known of this metric.
    Different,
    /// All values are the same.
    Same,
    /// Could be noise.
    NotDistinguishable,
    /// Nothing is known about the noise.
    CannotTell,
}

/// One side of a verdict.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct SeedGroup {
    /// Runs with the metric.
    pub runs: usize,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; absent for one run.
    pub deviation: Option<f64>,
    /// Half the width of the 95 % interval of the mean; absent for one run.
    pub margin: Option<f64>,
}

/// Whether a metric of two groups of runs differs by more than noise, with the numbers behind it.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct Verdict {
    /// The metric.
    pub metric: String,
    /// What can be said.
    pub answer: Answer,
    /// The older side.
    pub left: SeedGroup,
    /// The newer side.
    pub right: SeedGroup,
    /// Right − left.
    pub difference: f64,
    /// Two-sided p: Welch's where both sides have several runs, otherwise of one run against the known noise.
    pub p: Option<f64>,
    /// Two-sided p of the permutation test of the means.
    pub permutation_p: Option<f64>,
    /// Hedges' g with its 95 % interval.
    pub effect: Option<[f64; 3]>,
    /// About so many more seeds on each side would tell.
    pub more_seeds: Option<usize>,
    /// The noise of one run, where a side is only one.
    pub noise: Option<Noise>,
}

impl Verdict {
    /// Weighs the values of two sides; `None` when a side has none. `noise` counts where a side has only one value. When
    /// this is one of several comparisons, p is multiplied by their number (Bonferroni).
    pub fn of(metric: &str, left: &[f64], right: &[f64], noise: Option<Noise>, comparisons: usize) -> Option<Self> {
        let (a, b) = (Group::of(left), Group::of(right));
        if a.count == 0 || b.count == 0 {
            return None;
        }
        let difference = b.mean - a.mean;
        let both = a.count > 1 && b.count > 1;
        let own = if a.count.max(b.count) > 1 { statistics::pooled(&[a, b]) } else { None };
        let own = own.map(|(deviation, freedom)| Noise { deviation, freedom, runs: a.count.max(b.count) });
        let noise = if both { None } else { own.filter(|own| own.deviation > 0.0).or(noise) };
        let (p, flat) = if both {
            (statistics::welch(&a, &b).map(|test| test.p), true)
        } else {
            let known =
                |noise: Noise| statistics::against_noise(difference, noise.deviation, noise.freedom, a.count, b.count);
            (noise.and_then(known), noise.or(own).is_some_and(|noise| noise.deviation == 0.0))
        };
        let p = p.map(|p| (p * comparisons as f64).min(1.0));
        let real = p.map_or(flat && difference != 0.0, |p| p < SIGNIFICANT);
        let answer = match metrics::change(metric, a.mean, b.mean).tone {
            _ if left.iter().chain(right).all(|value| *value == left[0]) => Answer::Same,
            _ if p.is_none() && !flat => Answer::CannotTell,
            _ if !real => Answer::NotDistinguishable,
            Tone::Good => Answer::Better,
            Tone::Bad => Answer::Worse,
            _ => Answer::Different,
        };
        let effect = statistics::hedges(&a, &b);
        let size = effect.map(|effect| effect.g).or_else(|| noise.map(|noise| difference / noise.deviation));
        let needed = size.and_then(statistics::needed_runs).filter(|needed| *needed <= MOST_SEEDS);
        let more = needed.map(|needed| needed.saturating_sub(a.count.min(b.count)).max(1));
        let group = |group: Group| SeedGroup {
            runs: group.count,
            mean: group.mean,
            deviation: (group.count > 1).then_some(group.deviation),
            margin: group.margin(0.95),
        };
        Some(Self {
            metric: metric.to_owned(),
            answer,
            left: group(a),
            right: group(b),
            difference,
            p,
            permutation_p: both.then(|| statistics::permutation(left, right, 1).map(|found| found.p)).flatten(),
            effect: effect.map(|effect| [effect.g, effect.low, effect.high]),
            more_seeds: more.filter(|_| answer == Answer::NotDistinguishable),
            noise,
        })
    }

    /// The verdict in words: `acc 0.921 ± 0.006 (4 seeds) → 0.934 ± 0.004 (5 seeds): better by 0.013, Welch p = 0.004,
    /// g = 2.4`.
    pub fn line(&self) -> Line {
        let name = lab_model::display_bytes(self.metric.as_bytes());
        let mut line =
            Line::of(format!("{name} {} → {}", side_words(&self.left), side_words(&self.right)), Tone::Plain);
        let by = format::number(self.difference.abs(), 3);
        let more = || match self.more_seeds {
            Some(more) => format!(", about {} would tell", format::count(more as u64, "more seed")),
            None => format!(", and not even {MOST_SEEDS} seeds would tell"),
        };
        line.push(": ", Tone::Plain);
        match self.answer {
            Answer::Better => line.push(format!("better by {by}"), Tone::Good),
            Answer::Worse => line.push(format!("worse by {by}"), Tone::Bad),
            Answer::Different => line.push(format!("differs by {by}"), Tone::Changed),
            Answer::Same => line.push("the same in all runs", Tone::Muted),
            Answer::NotDistinguishable => line.push(format!("not distinguishable{}", more()), Tone::Warn),
            Answer::CannotTell => line.push("one run each, cannot tell", Tone::Warn),
        };
        line.push(self.evidence(), Tone::Plain);
        line
    }

    /// `, Welch p = 0.004, g = 2.4`, or where the noise of a single run comes from.
    fn evidence(&self) -> String {
        match (self.p, self.noise, self.effect) {
            (Some(p), None, effect) => {
                let effect = effect.map(|[g, ..]| format!(", g = {}", format::number(g, 2)));
                format!(", Welch {}{}", p_words(p), effect.unwrap_or_default())
            }
            (Some(p), Some(noise), _) => {
                let spread = format::number(noise.deviation, 2);
                format!(
                    "; {} equal but for the seed spread by ±{spread} ({})",
                    format::count(noise.runs as u64, "run"),
                    p_words(p)
                )
            }
            (None, ..) if matches!(self.answer, Answer::Better | Answer::Worse | Answer::Different) => {
                ", and seeds do not change it".to_owned()
            }
            _ => String::new(),
        }
    }
}

/// `p = 0.004`, `p < 0.001`.
pub(crate) fn p_words(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {}", format::number(p, 2)) }
}

fn side_words(side: &SeedGroup) -> String {
    match side.deviation {
        Some(deviation) => {
            format!("{} ({})", format::spread(side.mean, deviation), format::count(side.runs as u64, "seed"))
        }
        None => format::number(side.mean, 4),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(left: &[f64], right: &[f64], noise: Option<Noise>, expected: &str) {
        assert_eq!(Verdict::of("acc", left, right, noise, 1).unwrap().line().text(), expected);
    }

    #[test]
    fn verdicts_in_words() {
        check(
            &[0.920, 0.926, 0.914, 0.924],
            &[0.934, 0.938, 0.93, 0.933, 0.935],
            None,
            "acc 0.921 ± 0.005 (4 seeds) → 0.934 ± 0.003 (5 seeds): better by 0.013, Welch p = 0.0092, g = 2.8",
        );
        let vague = Verdict::of("acc", &[0.90, 0.94], &[0.91, 0.95], None, 1).unwrap();
        assert_eq!(vague.answer, Answer::NotDistinguishable);
        assert!(vague.more_seeds.is_some_and(|more| (100..1000).contains(&more)), "{vague:?}");
        assert!(vague.line().text().contains("): not distinguishable, about "), "{vague:?}");
        check(&[0.9], &[0.95], None, "acc 0.9 → 0.95: one run each, cannot tell");
        check(&[0.9, 0.9], &[0.9, 0.9], None, "acc 0.9 ± 0 (2 seeds) → 0.9 ± 0 (2 seeds): the same in all runs");
        check(
            &[0.9, 0.9],
            &[0.8, 0.8],
            None,
            "acc 0.9 ± 0 (2 seeds) → 0.8 ± 0 (2 seeds): worse by 0.1, and seeds do not change it",
        );
        let noise = Noise { deviation: 0.006, freedom: 4.0, runs: 5 };
        check(
            &[0.9],
            &[0.95],
            Some(noise),
            "acc 0.9 → 0.95: better by 0.05; 5 runs equal but for the seed spread by ±0.006 (p = 0.0041)",
        );
    }

    #[test]
    fn names_of_seeds() {
        for name in ["seed", "train.seed", "random_state", "PL_GLOBAL_SEED", "seed_torch"] {
            assert!(is_seed(name), "{name}");
        }
        for name in ["seedling", "lr", "reseeded"] {
            assert!(!is_seed(name), "{name}");
        }
        assert_eq!(unseeded("out/seed-3/x", &["3".into()]), "out/seed/x");
    }
}
