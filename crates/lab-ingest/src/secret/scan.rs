use std::fmt;

use aho_corasick::packed::{Config, MatchKind, Searcher};
use aho_corasick::{AhoCorasick, Span};

use super::{Finding, assignment, tokens};

/// What to check where a literal was seen. The secret's range is given by the check.
#[derive(Clone, Copy)]
pub(super) enum Check {
    /// Characters of a kind behind the literal, which belongs to the secret.
    Token(tokens::Token),
    /// A part of a name such as `password`.
    Name,
    /// A PEM block.
    Pem,
    /// `scheme://user:password@host`.
    Url,
    /// `Bearer …`.
    Bearer,
    /// `"key": "…"` of a Kaggle file.
    Kaggle,
}

/// Every literal that a rule starts from. Few and rare ones: they are all looked for at once.
fn literals() -> Vec<(&'static str, Check)> {
    let mut literals: Vec<_> = tokens::TOKENS.iter().map(|token| (token.literal, Check::Token(*token))).collect();
    literals.extend(assignment::NAME_PARTS.iter().map(|part| (*part, Check::Name)));
    literals.extend([
        ("-----BEGIN ", Check::Pem),
        ("://", Check::Url),
        ("earer ", Check::Bearer),
        ("\"key\"", Check::Kaggle),
    ]);
    literals
}

/// Looks for credentials. Cheap to make, and to be shared.
pub struct Scanner {
    searcher: Search,
    checks: Vec<Check>,
}

enum Search {
    /// Compares many bytes at once.
    Packed(Searcher),
    /// For processors without the instructions for it.
    Automaton(AhoCorasick),
}

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Scanner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scanner").field("rules", &self.checks.len()).finish_non_exhaustive()
    }
}

impl Scanner {
    /// A scanner with all rules.
    pub fn new() -> Self {
        let literals = literals();
        let mut builder = Config::new().match_kind(MatchKind::LeftmostFirst).builder();
        builder.extend(literals.iter().map(|(literal, _)| literal));
        let searcher = builder.build().map_or_else(
            || {
                let automaton = AhoCorasick::new(literals.iter().map(|(literal, _)| literal));
                Search::Automaton(automaton.expect("because a few short literals always fit an automaton"))
            },
            Search::Packed,
        );
        Self { searcher, checks: literals.into_iter().map(|(_, check)| check).collect() }
    }

    /// All secrets. `strict` takes more for one; see the module.
    pub(super) fn scan(&self, bytes: &[u8], strict: bool) -> Vec<Finding> {
        let mut found: Vec<Finding> = Vec::new();
        let mut at = 0;
        while let Some((pattern, start)) = self.next(bytes, at) {
            at = start + 1;
            let secret = match self.checks[pattern] {
                Check::Token(token) => tokens::token(bytes, start, &token),
                Check::Name => assignment::find(bytes, start, strict).map(|found| tokens::sharpen(bytes, found)),
                Check::Pem => tokens::pem(bytes, start),
                Check::Url => tokens::url(bytes, start, strict),
                Check::Bearer => tokens::bearer(bytes, start),
                Check::Kaggle => assignment::kaggle(bytes, start),
            };
            let Some(secret) = secret else { continue };
            let is_new = found.last().is_none_or(|last| secret.range.start >= last.range.end);
            if !is_new {
                continue;
            }
            at = at.max(secret.range.end);
            let pair =
                (secret.rule == tokens::AWS_KEY_ID).then(|| tokens::aws_secret(bytes, secret.range.end)).flatten();
            found.push(secret);
            if let Some(pair) = pair {
                at = at.max(pair.range.end);
                found.push(pair);
            }
        }
        found
    }

    fn next(&self, bytes: &[u8], at: usize) -> Option<(usize, usize)> {
        if at >= bytes.len() {
            return None;
        }
        match &self.searcher {
            Search::Packed(searcher) => {
                let found = searcher.find_in(bytes, Span::from(at..bytes.len()))?;
                Some((found.pattern().as_usize(), found.start()))
            }
            Search::Automaton(automaton) => {
                let found = automaton.find(&bytes[at..])?;
                Some((found.pattern().as_usize(), at + found.start()))
            }
        }
    }
}
