//! What the words of a line of source code are: a light tokenizer by tables, good enough to read a diff by.
//!
//! It knows comments, strings, numbers, keywords, calls and keys of a dozen languages. It never fails: what it does not
//! know is plain.

use std::ops::Range;

use serde::Serialize;

/// What a piece of source code is. Painters turn it into a colour; without one nothing is lost.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Syntax {
    /// Nothing special.
    #[default]
    Plain,
    /// A word of the language.
    Keyword,
    /// Text in quotes.
    String,
    /// A comment.
    Comment,
    /// A number, or a constant such as `true`.
    Number,
    /// The name of what is called or defined.
    Function,
    /// The key of a config entry.
    Key,
}

/// What tells the words of a language apart.
struct Language {
    extensions: &'static [&'static str],
    keywords: &'static str,
    line_comment: &'static [&'static str],
    block_comment: Option<(&'static str, &'static str)>,
    quotes: &'static [&'static str],
    /// The mark between key and value, where keys are to be seen.
    key_mark: Option<char>,
}

const CONSTANTS: &[&str] = &[
    "true", "false", "null", "none", "True", "False", "None", "TRUE", "FALSE", "NULL", "NA", "NaN", "Inf", "nothing",
    "missing", "nullptr", "self",
];

const LANGUAGES: &[Language] = &[
    Language {
        extensions: &["py", "pyi", "pyx", "smk", "ipynb"],
        keywords: "and as assert async await break case class continue def del elif else except finally for from global \
                   if import in is lambda match nonlocal not or pass raise return try while with yield",
        line_comment: &["#"],
        block_comment: None,
        quotes: &["\"\"\"", "'''", "\"", "'"],
        key_mark: None,
    },
    Language {
        extensions: &["r", "rmd"],
        keywords: "break else for function if in library next repeat require return while",
        line_comment: &["#"],
        block_comment: None,
        quotes: &["\"", "'", "`"],
        key_mark: None,
    },
    Language {
        extensions: &["jl"],
        keywords: "abstract baremodule begin break catch const continue do else elseif end export finally for function \
                   global if import in isa let local macro module mutable quote return struct try using where while",
        line_comment: &["#"],
        block_comment: Some(("#=", "=#")),
        quotes: &["\"\"\"", "\""],
        key_mark: None,
    },
    Language {
        extensions: &["sh", "bash", "zsh", "fish", "slurm", "sbatch", "mk", "makefile", "dockerfile"],
        keywords: "case do done elif else esac export fi for function if in local return select set source then until \
                   while FROM RUN COPY ENV ARG WORKDIR ENTRYPOINT CMD",
        line_comment: &["#"],
        block_comment: None,
        quotes: &["\"", "'"],
        key_mark: None,
    },
    Language {
        extensions: &["toml", "ini", "cfg", "conf", "lock", "env"],
        keywords: "",
        line_comment: &["#", ";"],
        block_comment: None,
        quotes: &["\"\"\"", "'''", "\"", "'"],
        key_mark: Some('='),
    },
    Language {
        extensions: &["yaml", "yml"],
        keywords: "",
        line_comment: &["#"],
        block_comment: None,
        quotes: &["\"", "'"],
        key_mark: Some(':'),
    },
    Language {
        extensions: &["json", "jsonl", "json5"],
        keywords: "",
        line_comment: &["//"],
        block_comment: None,
        quotes: &["\""],
        key_mark: Some(':'),
    },
    Language {
        extensions: &["c", "h", "cc", "cpp", "cxx", "hpp", "cu", "cuh", "java", "go", "js", "ts", "scala"],
        keywords: "auto bool break case catch char class const constexpr continue default delete do double else enum \
                   explicit extern float for func function goto if import inline int interface let long namespace new \
                   operator package private protected public return short signed sizeof static struct switch template \
                   this throw try typedef typename union unsigned using var virtual void volatile while",
        line_comment: &["//", "#"],
        block_comment: Some(("/*", "*/")),
        quotes: &["\"", "'", "`"],
        key_mark: None,
    },
    Language {
        extensions: &["rs"],
        keywords: "as async await break const continue crate dyn else enum extern fn for if impl in let loop match mod \
                   move mut pub ref return static struct super trait type unsafe use where while",
        line_comment: &["//"],
        block_comment: Some(("/*", "*/")),
        quotes: &["\""],
        key_mark: None,
    },
];

/// Reads the lines of one file, in order.
pub(crate) struct Highlighter {
    language: Option<&'static Language>,
    /// What ends the comment or string that began on an earlier line.
    open: Option<(&'static str, Syntax)>,
}

impl Highlighter {
    /// For the file at `path`; the language is told by the name.
    pub(crate) fn new(path: &str) -> Self {
        let name = path.rsplit('/').next().unwrap_or(path).to_lowercase();
        let extension = name.rsplit('.').next().unwrap_or_default();
        let knows = |language: &&Language| language.extensions.contains(&extension);
        Self { language: LANGUAGES.iter().find(knows), open: None }
    }

    /// The pieces of the next line that are something, in order and apart from each other; byte ranges on character
    /// boundaries.
    pub(crate) fn line(&mut self, line: &str) -> Vec<(Range<usize>, Syntax)> {
        let Some(language) = self.language else { return Vec::new() };
        let mut found: Vec<(Range<usize>, Syntax)> = Vec::new();
        let mut at = 0;
        if let Some((end, syntax)) = self.open {
            at = line.find(end).map_or(line.len(), |place| place + end.len());
            if at < line.len() || line.ends_with(end) {
                self.open = None;
            }
            found.push((0..at, syntax));
        }
        while let Some(first) = line[at..].chars().next() {
            let rest = &line[at..];
            let before = line[..at].chars().next_back();
            let (length, syntax) = if let Some(length) = self.comment(language, rest, before) {
                (length, Syntax::Comment)
            } else if let Some(length) = self.string(language, rest) {
                let after = rest[length..].trim_start();
                let is_key = language.key_mark.is_some_and(|mark| after.starts_with(mark));
                (length, if is_key { Syntax::Key } else { Syntax::String })
            } else if is_word(first) {
                word(language, rest, line[..at].trim_start().trim_start_matches("- ").is_empty())
            } else {
                (first.len_utf8(), Syntax::Plain)
            };
            if syntax != Syntax::Plain && length > 0 {
                found.push((at..at + length, syntax));
            }
            at += length.max(first.len_utf8());
        }
        found
    }

    /// The length of the comment that begins here.
    fn comment(&mut self, language: &Language, rest: &str, before: Option<char>) -> Option<usize> {
        if let Some((start, end)) = language.block_comment.filter(|(start, _)| rest.starts_with(start)) {
            return Some(match rest[start.len()..].find(end) {
                Some(place) => start.len() + place + end.len(),
                None => {
                    self.open = Some((end, Syntax::Comment));
                    rest.len()
                }
            });
        }
        let starts = language.line_comment.iter().any(|mark| rest.starts_with(mark));
        // `#` inside of a word, as in `$#` or `a#b`, begins nothing.
        let apart = before.is_none_or(|before| before.is_whitespace() || ",;()[]".contains(before));
        (starts && apart).then_some(rest.len())
    }

    /// The length of the string that begins here, quotes included.
    fn string(&mut self, language: &Language, rest: &str) -> Option<usize> {
        let quote = language.quotes.iter().find(|quote| rest.starts_with(**quote))?;
        let mut at = quote.len();
        while at < rest.len() {
            if rest[at..].starts_with(quote) {
                return Some(at + quote.len());
            }
            let mut characters = rest[at..].chars();
            let first = characters.next().map_or(1, char::len_utf8);
            let escaped = if rest[at..].starts_with('\\') { characters.next().map_or(0, char::len_utf8) } else { 0 };
            at += first + escaped;
        }
        if quote.len() == 3 {
            self.open = Some((quote, Syntax::String));
            return Some(rest.len());
        }
        // A lone quote, such as an apostrophe or a lifetime, is no string.
        (*quote == "\"").then_some(rest.len())
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The length of the word that begins here and what it is; `leads` when nothing stands before it.
fn word(language: &Language, rest: &str, leads: bool) -> (usize, Syntax) {
    let digits = rest.starts_with(|c: char| c.is_ascii_digit());
    let belongs = |(place, c): &(usize, char)| {
        let exponent = |c: char| matches!(c, '+' | '-') && digits && rest[..*place].ends_with(['e', 'E']);
        !(is_word(*c) || (digits && *c == '.') || exponent(*c))
    };
    let length = rest.char_indices().find(belongs).map_or(rest.len(), |(place, _)| place);
    let (text, after) = rest.split_at(length);
    if let Some(mark) = language.key_mark.filter(|_| leads) {
        let name = rest.find(|c: char| !(is_word(c) || "-./".contains(c))).unwrap_or(rest.len());
        if rest[name..].trim_start().starts_with(mark) {
            return (name, Syntax::Key);
        }
    }
    if digits || CONSTANTS.contains(&text) {
        return (length, Syntax::Number);
    }
    if language.keywords.split_whitespace().any(|keyword| keyword == text) {
        return (length, Syntax::Keyword);
    }
    let is_call = language.key_mark.is_none() && after.starts_with(['(', '!']) && !after.starts_with("!=");
    (length, if is_call { Syntax::Function } else { Syntax::Plain })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each piece as `letter:text`.
    fn check(path: &str, text: &str, expected: &[&str]) {
        let mut highlighter = Highlighter::new(path);
        let mut found = Vec::new();
        for line in text.lines() {
            for (range, syntax) in highlighter.line(line) {
                found.push(format!("{}:{}", &format!("{syntax:?}")[..1], &line[range]));
            }
        }
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn words_of_languages() {
        check(
            "a.py",
            "def f(x): return 'a#b' + 1e-3 # no\nx = None",
            &["K:def", "F:f", "K:return", "S:'a#b'", "N:1e-3", "C:# no", "N:None"],
        );
        check("a.py", "\"\"\"doc\nif\n\"\"\" if", &["S:\"\"\"doc", "S:if", "S:\"\"\"", "K:if"]);
        check("a.rs", "fn f<'a>() { println!(\"x\\\"y\") } // c", &["K:fn", "F:println", "S:\"x\\\"y\"", "C:// c"]);
        check("a.c", "int /* a\nb */ x = 0x1F;", &["K:int", "C:/* a", "C:b */", "N:0x1F"]);
        check("c.toml", "lr = 0.1 # low\nname = \"a = b\"", &["K:lr", "N:0.1", "C:# low", "K:name", "S:\"a = b\""]);
        check("c.yaml", "- opt-name: true\n  url: http://x", &["K:opt-name", "N:true", "K:url"]);
        check("c.json", "{\"lr\": 0.1, \"n\": \"x\"}", &["K:\"lr\"", "N:0.1", "K:\"n\"", "S:\"x\""]);
        check("run.sh", "for i in 1; do echo $# a; done", &["K:for", "K:in", "N:1", "K:do", "K:done"]);
        check("notes.txt", "if 1 'a'", &[]);
    }

    #[test]
    fn whatever_comes_the_pieces_are_sound() {
        for path in ["a.py", "a.r", "a.jl", "a.sh", "a.toml", "a.yaml", "a.json", "a.c", "a.rs"] {
            let mut highlighter = Highlighter::new(path);
            for line in ["é'日本\\", "\\", "\"\\é", "'''", "/*", "x\u{301}(", "0.", "é#=", "=#é", "\u{1b}[2J\"é"]
            {
                let mut end = 0;
                for (range, _) in highlighter.line(line) {
                    assert!(range.start >= end && line.get(range.clone()).is_some(), "{path} {line} {range:?}");
                    end = range.end;
                }
            }
        }
    }
}
