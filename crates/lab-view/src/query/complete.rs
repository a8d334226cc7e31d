//! What could come next at a place in a query.

use lab_engine::plan::Field;
use lab_engine::{KeyKind, Reader, Result};

use super::print::word;
use super::words::{self, ASPECTS, DIRECTIVES, FIELDS, FILTERS, FUNCTIONS, Name, STATES};

/// What a notebook has that a query can name.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Vocabulary {
    /// Parameters.
    pub params: Vec<String>,
    /// Metrics.
    pub metrics: Vec<String>,
    /// The different values of the field that is just compared, see [`Vocabulary::for_text`].
    pub values: Vec<String>,
}

/// Something that could stand at the cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Completion {
    /// The text to be put in the place of `replaces`.
    pub text: String,
    /// Bytes of the query.
    pub replaces: std::ops::Range<usize>,
    /// What it means.
    pub help: String,
}

impl Vocabulary {
    /// The keys that a notebook has.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn read(reader: &Reader) -> Result<Self> {
        Ok(Self { params: reader.keys(KeyKind::Param)?, metrics: reader.keys(KeyKind::Metric)?, values: Vec::new() })
    }

    /// The same with the values that could stand at the cursor.
    ///
    /// # Errors
    /// Those of the reader.
    pub fn for_text(reader: &Reader, text: &str, cursor: usize) -> Result<Self> {
        let mut vocabulary = Self::read(reader)?;
        let field = match Scene::at(text, cursor).before {
            Before::Colon("tag") => Some(Field::Tags),
            Before::Colon(name) => words::field(name),
            Before::Operator(key) => {
                words::field(&key).or_else(|| vocabulary.params.contains(&key).then_some(Field::Param(key)))
            }
            _ => None,
        };
        let short = |text: &String| text.len() <= 60;
        vocabulary.values = field.map(|field| reader.texts(&field)).transpose()?.unwrap_or_default();
        vocabulary.values.retain(short);
        Ok(vocabulary)
    }
}

/// What could stand at `cursor` (in bytes): keys, functions, filters, operators, values that begin like
/// the word there; where none begins so, those that hold it.
pub fn complete(text: &str, cursor: usize, vocabulary: &Vocabulary) -> Vec<Completion> {
    let scene = Scene::at(text, cursor);
    let mut offers: Vec<(String, String)> = Vec::new();
    let mut add = |text: &str, help: &str| offers.push((text.to_owned(), help.to_owned()));
    let names = |names: &[Name], end: &str, add: &mut dyn FnMut(&str, &str)| {
        names.iter().for_each(|name| add(&format!("{}{end}", name.name), name.help));
    };
    let keys = |keys: &[String], help: &str, add: &mut dyn FnMut(&str, &str)| {
        keys.iter().for_each(|key| add(&word(key), help));
    };
    match scene.before {
        Before::Term { after_word } => {
            if after_word {
                for operator in ["=", "!=", "<", "<=", ">", ">=", "~"] {
                    add(operator, "compare");
                }
            }
            keys(&vocabulary.metrics, "metric", &mut add);
            keys(&vocabulary.params, "parameter", &mut add);
            names(FIELDS, "", &mut add);
            names(FUNCTIONS, "(", &mut add);
            names(FILTERS, ":", &mut add);
            names(DIRECTIVES, ":", &mut add);
            for (keyword, help) in [("and", "both"), ("or", "one of both"), ("not", "the opposite")] {
                add(keyword, help);
            }
        }
        Before::Call(function) => {
            if function == "same" {
                add("@", "the newest run");
                add("@-1", "the run before");
            } else {
                keys(&vocabulary.metrics, "metric", &mut add);
            }
        }
        Before::Colon(name) => {
            if DIRECTIVES.iter().any(|directive| directive.name == name) || name == "has" {
                keys(&vocabulary.metrics, "metric", &mut add);
                keys(&vocabulary.params, "parameter", &mut add);
                names(FIELDS, "", &mut add);
                if name != "has" {
                    names(FUNCTIONS, "(", &mut add);
                }
            } else if ASPECTS.contains(&name) {
                add("same(", "as that run");
            } else if name == "is" || name == "status" {
                let known = if name == "is" { &STATES[..] } else { &STATES[3..] };
                known.iter().for_each(|state| add(state, "state"));
            } else if name == "since" || name == "until" {
                ["today", "yesterday", "7d", "30d"].iter().for_each(|moment| add(moment, "moment"));
            } else {
                keys(&vocabulary.values, name, &mut add);
            }
        }
        Before::Operator(key) => keys(&vocabulary.values, &format!("value of {key}"), &mut add),
        Before::Quote => {}
    }
    let typed = text.get(scene.start..cursor).unwrap_or_default().trim_start_matches('-');
    let replaces = cursor - typed.len()..cursor;
    let typed = typed.to_lowercase();
    let bare = |offer: &str| offer.trim_start_matches('"').to_lowercase();
    let begins = |(offer, _): &(String, String)| bare(offer).starts_with(&typed);
    let any = offers.iter().any(begins);
    offers.retain(|offer| if any { begins(offer) } else { bare(&offer.0).contains(&typed) });
    offers.into_iter().map(|(text, help)| Completion { text, replaces: replaces.clone(), help }).collect()
}

/// What stands around the cursor.
struct Scene {
    /// Where the word at the cursor begins.
    start: usize,
    before: Before,
}

enum Before {
    /// A condition may begin; `after_word` when an operator could come too.
    Term { after_word: bool },
    /// `best(`.
    Call(String),
    /// `tag:`.
    Colon(&'static str),
    /// `lr =`.
    Operator(String),
    /// Within quotation marks.
    Quote,
}

impl Scene {
    /// Walks over the words up to the cursor and keeps what came last.
    fn at(text: &str, cursor: usize) -> Self {
        let head = text.get(..cursor).unwrap_or(text);
        let mut start = 0;
        let mut before = Before::Term { after_word: false };
        let mut word = String::new();
        let mut quoted = false;
        for (place, c) in head.char_indices() {
            let end = place + c.len_utf8();
            match c {
                '"' => quoted = !quoted,
                _ if quoted => word.push(c),
                '(' if !word.is_empty() => {
                    before = Before::Call(std::mem::take(&mut word));
                    start = end;
                }
                ':' if words::find(FILTERS, &word).or_else(|| words::find(DIRECTIVES, &word)).is_some() => {
                    let found = words::find(FILTERS, &word).or_else(|| words::find(DIRECTIVES, &word));
                    before = Before::Colon(found.unwrap_or_default());
                    word.clear();
                    start = end;
                }
                ',' if matches!(before, Before::Colon(_)) => {
                    word.clear();
                    start = end;
                }
                '=' | '<' | '>' | '~' | '!' if matches!(before, Before::Term { .. } | Before::Operator(_)) => {
                    if !word.is_empty() {
                        before = Before::Operator(std::mem::take(&mut word));
                    }
                    start = end;
                }
                c if c.is_whitespace() => {
                    let waits = matches!(before, Before::Operator(_)) && word.is_empty();
                    if !waits && !word.is_empty() {
                        let is_key = matches!(before, Before::Term { .. })
                            && !["and", "or", "not"].iter().any(|keyword| word.eq_ignore_ascii_case(keyword));
                        before = Before::Term { after_word: is_key };
                        if !followed_by_operator(&head[end..]) {
                            word.clear();
                        }
                    }
                    start = end;
                }
                '(' | ')' | ',' => {
                    before = Before::Term { after_word: false };
                    word.clear();
                    start = end;
                }
                c => {
                    if word.is_empty() || start > place {
                        start = place;
                    }
                    word.push(c);
                }
            }
        }
        if quoted {
            before = Before::Quote;
        }
        Self { start, before }
    }
}

fn followed_by_operator(rest: &str) -> bool {
    rest.trim_start().starts_with(['=', '<', '>', '~', '!'])
}
