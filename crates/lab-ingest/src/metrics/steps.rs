/// A count and, where the line says it, of how many.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Count {
    pub at: i64,
    pub of: Option<i64>,
}

/// Where a line says that the program stands.
#[derive(Clone, Copy, PartialEq, Debug, Default)]
pub(super) struct Steps {
    /// Step, iteration, update, round.
    pub step: Option<Count>,
    /// Batch within an epoch.
    batch: Option<Count>,
    /// Epoch.
    pub epoch: Option<Count>,
    /// An epoch such as `0.25`.
    pub epoch_fraction: Option<f64>,
    /// `[12]` at the start of the line, as boosting libraries print it.
    leading: Option<i64>,
}

impl Steps {
    pub fn any(&self) -> bool {
        *self != Self::default()
    }

    /// The step of the line's values. A count that begins anew in every epoch is made to go on.
    pub fn step(&self) -> Option<i64> {
        let inner = self.step.or(self.batch);
        match (self.epoch, inner) {
            (Some(epoch), Some(Count { at, of: Some(of) })) => epoch.at.checked_mul(of)?.checked_add(at),
            (_, Some(_)) if self.step.is_some() => self.step.map(|step| step.at),
            (Some(_), Some(_)) => None,
            (Some(epoch), None) => Some(epoch.at),
            (None, Some(inner)) => Some(inner.at),
            (None, None) => self.leading,
        }
    }
}

/// Whether a word counts steps and is no metric.
pub(super) fn is_step_word(word: &str) -> bool {
    kind_of(word).is_some()
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Step,
    Batch,
    Epoch,
}

fn kind_of(word: &str) -> Option<Kind> {
    const WORDS: [(&str, Kind); 11] = [
        ("step", Kind::Step),
        ("steps", Kind::Step),
        ("_step", Kind::Step),
        ("global_step", Kind::Step),
        ("iter", Kind::Step),
        ("iteration", Kind::Step),
        ("iters", Kind::Step),
        ("update", Kind::Step),
        ("round", Kind::Step),
        ("batch", Kind::Batch),
        ("epoch", Kind::Epoch),
    ];
    WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, kind)| *kind)
}

/// All step words of a line that are followed by a whole number.
pub(super) fn read(text: &str) -> Steps {
    let mut steps = Steps { leading: leading(text), ..Steps::default() };
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let mut rest = text;
    while let Some(start) = rest.find(is_word) {
        let tail = &rest[start..];
        let end = tail.find(|c| !is_word(c)).unwrap_or(tail.len());
        let (word, after) = tail.split_at(end);
        rest = after;
        if let Some(kind) = kind_of(word) {
            add(&mut steps, kind, after);
        }
    }
    steps
}

fn add(steps: &mut Steps, kind: Kind, after: &str) {
    let after = after.trim_start_matches(['\'', '"', ' ', ':', '=', '[', '(', '#', '\t']);
    let Some((at, rest)) = integer(after) else { return };
    if let Some(fraction) = rest.strip_prefix('.')
        && fraction.starts_with(|c: char| c.is_ascii_digit())
    {
        let length = after.len() - rest.len();
        let digits = fraction.find(|c: char| !c.is_ascii_digit()).unwrap_or(fraction.len());
        if kind == Kind::Epoch {
            steps.epoch_fraction = after[..length + 1 + digits].parse().ok();
        }
        return;
    }
    if rest.starts_with(|c: char| c.is_alphanumeric() || c == '%' || c == '_') {
        return;
    }
    let (of, rest) = total(rest);
    let count = Some(Count { at, of });
    match kind {
        Kind::Step => steps.step = steps.step.or(count),
        Kind::Batch => steps.batch = steps.batch.or(count),
        Kind::Epoch => {
            steps.epoch = steps.epoch.or(count);
            // `Epoch: [2][100/500]`
            if let Some((at, rest)) = rest.strip_prefix("][").and_then(integer)
                && let (Some(of), _) = total(rest)
            {
                steps.batch = Some(Count { at, of: Some(of) });
            }
        }
    }
}

/// `/10` or ` of 10` behind a count.
fn total(rest: &str) -> (Option<i64>, &str) {
    let trimmed = rest.trim_start();
    let after = trimmed.strip_prefix('/').or_else(|| trimmed.strip_prefix("of "));
    match after.and_then(|after| integer(after.trim_start())) {
        Some((of, rest)) => (Some(of), rest),
        None => (None, rest),
    }
}

fn integer(text: &str) -> Option<(i64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}

fn leading(text: &str) -> Option<i64> {
    let (at, rest) = integer(text.strip_prefix('[')?)?;
    rest.strip_prefix(']')?.starts_with([' ', '\t', ':']).then_some(at)
}
