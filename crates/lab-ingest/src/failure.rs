//! Finds what a failed run says for itself: its traceback, or the lines that tell most.

use lab_model::Failure;

use crate::text;

/// The most lines and the longest line that are kept.
const MAX_LINES: usize = 400;
const MAX_LINE_BYTES: usize = 2000;
/// Lines that are kept of a log without anything that looks like a failure.
const LAST_LINES: usize = 20;
const MAX_TITLE_BYTES: usize = 300;

const TRACEBACK: &str = "Traceback (most recent call last)";

/// The failure in the last lines of a log; `None` when they say nothing at all. Colours are
/// removed.
pub fn find(lines: &[String]) -> Option<Failure> {
    let lines: Vec<String> = lines
        .iter()
        .map(|line| clip(&text::strip_controls(text::last_overwrite(line)), MAX_LINE_BYTES).trim_end().to_owned())
        .collect();
    let (title, range) = python(&lines)
        .or_else(|| syntax_error(&lines))
        .or_else(|| panic(&lines))
        .or_else(|| marked(&lines))
        .or_else(|| last_lines(&lines))?;
    let range = if range.len() > MAX_LINES { range.end - MAX_LINES..range.end } else { range };
    let text = lines[range].join("\n").trim_matches('\n').to_owned();
    Some(Failure { title: clip(title.trim(), MAX_TITLE_BYTES).to_owned(), text })
}

type Found = (String, std::ops::Range<usize>);

/// The last Python traceback, with those that it was raised from or while handling.
fn python(lines: &[String]) -> Option<Found> {
    let starts: Vec<usize> = (0..lines.len()).filter(|at| lines[*at].contains(TRACEBACK)).collect();
    let mut last = *starts.last()?;
    let (mut title, mut end) = exception(lines, last);
    // What starts several processes reports that one of them failed; that one says why.
    if title.contains("ChildFailedError") && starts.len() > 1 {
        last = starts[starts.len() - 2];
        (title, end) = exception(lines, last);
    }
    let is_link = |line: &String| {
        line.contains("During handling of the above exception")
            || line.contains("direct cause of the following exception")
    };
    let mut start = last;
    for before in starts.iter().rev().filter(|before| **before < last) {
        if !lines[*before..start].iter().any(is_link) {
            break;
        }
        start = *before;
    }
    Some((title, start..end))
}

/// The exception line of the traceback at `start`, and where its message ends.
fn exception(lines: &[String], start: usize) -> (String, usize) {
    let is_box = lines[start].contains('╭') || lines[start].contains('─');
    let prefix = lines[start].find(TRACEBACK).filter(|_| !is_box).map_or("", |at| &lines[start][..at]);
    let bare = |at: usize| lines[at].strip_prefix(prefix).unwrap_or(&lines[at]);
    let is_exception = |at: &usize| {
        let line = bare(*at);
        if is_box {
            !line.is_empty() && !line.starts_with(['│', '╭', '╰', '┃', '─', ' '])
        } else {
            !line.is_empty() && !line.starts_with([' ', '\t'])
        }
    };
    // The message may have more lines; it ends at a blank one.
    let end_of = |at: usize| {
        let limit = lines.len().min(at + 40);
        (at + 1..limit).find(|at| lines[*at].is_empty()).unwrap_or(limit)
    };
    // In a notebook the exception's name stands before the words, and its message behind all frames.
    let name = prefix.trim_end();
    let is_notebook = !name.is_empty() && prefix.ends_with("  ") && !name.contains([' ', ':', ']']);
    let is_message =
        |line: &String| line.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(':'));
    if is_notebook && let Some(at) = (start + 1..lines.len()).find(|at| is_message(&lines[*at])) {
        return (lines[at].clone(), end_of(at));
    }
    let Some(at) = (start + 1..lines.len()).find(is_exception) else {
        return (TRACEBACK.to_owned(), lines.len());
    };
    (bare(at).to_owned(), end_of(at))
}

/// A file that Python could not even read has no traceback.
fn syntax_error(lines: &[String]) -> Option<Found> {
    let is_error =
        |line: &String| ["SyntaxError:", "IndentationError:", "TabError:"].iter().any(|name| line.starts_with(name));
    let at = lines.iter().rposition(is_error)?;
    let start = lines[..at].iter().rposition(|line| line.starts_with("  File \"")).unwrap_or(at);
    Some((lines[at].clone(), start..at + 1))
}

/// `thread 'main' panicked at src/main.rs:2:5:` and the message behind it.
fn panic(lines: &[String]) -> Option<Found> {
    let at = lines.iter().rposition(|line| line.starts_with("thread '") && line.contains(" panicked at "))?;
    let message = lines.get(at + 1).filter(|_| lines[at].ends_with(':'));
    let title = message.map_or_else(|| lines[at].clone(), |message| format!("panic: {message}"));
    Some((title, at..lines.len()))
}

/// Lines that begin or hold what other languages, shells and drivers say.
fn marked(lines: &[String]) -> Option<Found> {
    let starts: &[&[&str]] = &[
        &["ERROR: LoadError:", "ERROR: "],
        &["Error in ", "Error: ", "Error : "],
        &["Exception in thread ", "panic: ", "terminate called", "Uncaught "],
    ];
    for words in starts {
        if let Some(at) = lines.iter().rposition(|line| words.iter().any(|word| line.starts_with(word))) {
            return Some((with_next(lines, at), at..lines.len()));
        }
    }
    let inside = [
        "CUDA out of memory",
        "CUDA error",
        "OutOfMemoryError",
        "Segmentation fault",
        "core dumped",
        "command not found",
        "Bus error",
        "Illegal instruction",
        "std::bad_alloc",
        "No space left on device",
        "Permission denied",
        "No such file or directory",
        "Out of memory",
        "oom-kill",
    ];
    for word in inside {
        if let Some(at) = lines.iter().rposition(|line| line.contains(word)) {
            return Some((lines[at].clone(), at.saturating_sub(LAST_LINES - 1)..lines.len()));
        }
    }
    None
}

/// R puts a long message on the line below.
fn with_next(lines: &[String], at: usize) -> String {
    match lines.get(at + 1) {
        Some(next) if lines[at].ends_with(':') && !next.is_empty() => format!("{} {}", lines[at], next.trim()),
        _ => lines[at].clone(),
    }
}

fn last_lines(lines: &[String]) -> Option<Found> {
    let end = lines.iter().rposition(|line| !line.trim().is_empty())? + 1;
    let range = end.saturating_sub(LAST_LINES)..end;
    let tells = |line: &&String| {
        let lower = line.to_ascii_lowercase();
        ["error", "fatal", "failed", "exception", "killed", "aborted"].iter().any(|word| lower.contains(word))
    };
    let title = lines[range.clone()].iter().rfind(tells).unwrap_or(&lines[end - 1]).clone();
    Some((title, range))
}

fn clip(text: &str, limit: usize) -> &str {
    if text.len() <= limit {
        return text;
    }
    let end = (0..=limit).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(log: &str, title: &str, first: &str, last: &str) {
        let lines: Vec<String> = log.lines().map(str::to_owned).collect();
        let failure = find(&lines).unwrap();
        assert_eq!(failure.title, title, "{log}");
        assert_eq!(failure.text.lines().next(), Some(first), "{log}");
        assert_eq!(failure.text.lines().last(), Some(last), "{log}");
    }

    const PLAIN: &str = "Traceback (most recent call last):\n  File \"a.py\", line 1, in <module>\n    f()\nValueError: shapes do not match\n";

    #[test]
    fn python_tracebacks() {
        let first = PLAIN.lines().next().unwrap();
        check(
            &format!("loss: 1\n{PLAIN}"),
            "ValueError: shapes do not match",
            first,
            "ValueError: shapes do not match",
        );
        let cell = "ValueError          Traceback (most recent call last)\nCell In[2], line 1\n----> 1 f()\n\nFile a.py:3\n      3 g()\n\nValueError: shapes do not match\n";
        let head = "ValueError          Traceback (most recent call last)";
        check(cell, "ValueError: shapes do not match", head, "ValueError: shapes do not match");
        check(&format!("{PLAIN}more\n\nbye"), "ValueError: shapes do not match", first, "more");
        let chained = format!(
            "KeyErr\n{}\nDuring handling of the above exception, another exception occurred:\n\n{PLAIN}",
            PLAIN.replace("ValueError", "KeyError")
        );
        check(&chained, "ValueError: shapes do not match", first, "ValueError: shapes do not match");
        let lines: Vec<String> = chained.lines().map(str::to_owned).collect();
        assert!(find(&lines).unwrap().text.contains("KeyError: "));
        let apart = format!("{}\nsomething else\n{PLAIN}", PLAIN.replace("ValueError", "KeyError"));
        let lines: Vec<String> = apart.lines().map(str::to_owned).collect();
        assert!(!find(&lines).unwrap().text.contains("KeyError"));
        let coloured = PLAIN.replace("ValueError", "\x1b[1;31mValueError\x1b[0m").replace('\n', "\r\n");
        check(&coloured, "ValueError: shapes do not match", first, "ValueError: shapes do not match");
        let ranked: String = PLAIN.lines().map(|line| format!("[rank0]: {line}\n")).collect();
        check(
            &ranked,
            "ValueError: shapes do not match",
            "[rank0]: Traceback (most recent call last):",
            "[rank0]: ValueError: shapes do not match",
        );
        let child =
            format!("{PLAIN}\n{}", PLAIN.replace("ValueError: shapes do not match", "torch.x.ChildFailedError:"));
        check(&child, "ValueError: shapes do not match", first, "ValueError: shapes do not match");
        check("Traceback (most recent call last):\n  File", "Traceback (most recent call last)", first, "  File");
        check(
            "  File \"a.py\", line 1\n    x = = 1\n        ^\nSyntaxError: invalid syntax",
            "SyntaxError: invalid syntax",
            "  File \"a.py\", line 1",
            "SyntaxError: invalid syntax",
        );
    }

    #[test]
    fn rich_boxes() {
        let log = "╭──── Traceback (most recent call last) ────╮\n│ a.py:1 in <module>                        │\n╰───────────────────────────────────────────╯\nZeroDivisionError: division by zero\n";
        check(
            log,
            "ZeroDivisionError: division by zero",
            log.lines().next().unwrap(),
            "ZeroDivisionError: division by zero",
        );
    }

    #[test]
    fn other_languages() {
        check(
            "x\nError in f(x) : \n  object 'y' not found\nCalls: f\nExecution halted",
            "Error in f(x) : object 'y' not found",
            "Error in f(x) :",
            "Execution halted",
        );
        check(
            "ERROR: LoadError: UndefVarError: `x` not defined\nStacktrace:\n [1] top",
            "ERROR: LoadError: UndefVarError: `x` not defined",
            "ERROR: LoadError: UndefVarError: `x` not defined",
            " [1] top",
        );
        check(
            "a\nthread 'main' panicked at src/main.rs:2:5:\nboom\nnote: run",
            "panic: boom",
            "thread 'main' panicked at src/main.rs:2:5:",
            "note: run",
        );
        check(
            "a\nbash: line 1: pyhton: command not found",
            "bash: line 1: pyhton: command not found",
            "a",
            "bash: line 1: pyhton: command not found",
        );
        check(
            "RuntimeError\nCUDA out of memory. Tried to allocate 2 GiB\nbye",
            "CUDA out of memory. Tried to allocate 2 GiB",
            "RuntimeError",
            "bye",
        );
        check(
            "Segmentation fault (core dumped)",
            "Segmentation fault (core dumped)",
            "Segmentation fault (core dumped)",
            "Segmentation fault (core dumped)",
        );
    }

    #[test]
    fn without_a_mark_the_last_lines_count() {
        let log: String = (0..50).map(|line| format!("line {line}\n")).collect();
        check(&log, "line 49", "line 30", "line 49");
        check("fatal: bad\nusage: x\n\n", "fatal: bad", "fatal: bad", "usage: x");
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[String::new(), " ".to_owned()]), None);
        let long = vec!["é".repeat(5000)];
        assert!(find(&long).unwrap().title.len() <= MAX_TITLE_BYTES);
    }
}
