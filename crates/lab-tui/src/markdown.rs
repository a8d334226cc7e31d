//! Markdown as lines of text: headings, emphasis, lists, quotes, code, tables and links without their signs.

use std::ops::Range;

use lab_model::RunId;
use lab_view::{Tone, coloured};
use pulldown_cmark::{Alignment, CodeBlockKind, Event, HeadingLevel, Options, Parser, Tag, TagEnd};
use ratatui::style::{Modifier, Style};
use unicode_segmentation::UnicodeSegmentation;

use crate::Theme;
use crate::blocks::Styled;
use crate::text::{safe, shorten, width};

/// A line, and which of its columns lead to a run.
#[derive(Default)]
pub struct Read {
    /// What is painted.
    pub line: Styled,
    /// Where `[words](run:ID)` stands.
    pub links: Vec<(Range<usize>, RunId)>,
}

/// Longer texts are cut: nobody reads them in a note, and a frame must not wait.
const LONGEST_BYTES: usize = 64 << 10;
/// Deeper lists and quotes stand where these do.
const DEEPEST: usize = 6;

/// Markdown in lines of so many columns.
pub fn read(words: &str, theme: &Theme, columns: usize) -> Vec<Read> {
    let end = words.floor_char_boundary(LONGEST_BYTES);
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH | Options::ENABLE_TASKLISTS;
    let mut page = Page::new(theme, columns.max(8));
    for event in Parser::new_ext(&words[..end], options) {
        page.take(event);
    }
    page.paragraph();
    if end < words.len() {
        let left_out = lab_view::format::bytes((words.len() - end) as u64);
        page.add(vec![(format!("… and {left_out} more"), theme.tone(Tone::Muted))]);
    }
    page.lines
}

/// Some words of one look; a line break is a piece of its own.
struct Piece {
    text: String,
    style: Style,
    link: Option<RunId>,
}

/// A table while it is read: its cells are short, and are told as words.
#[derive(Default)]
struct Cells {
    sides: Vec<Alignment>,
    rows: Vec<Vec<String>>,
}

struct Page<'a> {
    theme: &'a Theme,
    columns: usize,
    lines: Vec<Read>,
    /// What is collected of the paragraph.
    pieces: Vec<Piece>,
    /// The looks that the next words have, the innermost last.
    styles: Vec<Style>,
    link: Option<RunId>,
    /// What stands before each line: of quotes and lists.
    before: Vec<String>,
    /// The sign of the list item that begins.
    sign: Option<String>,
    /// The next number of each list that is open; none for lists without numbers.
    numbers: Vec<Option<u64>>,
    /// A block of code that is open: its language and what it says.
    code: Option<(String, String)>,
    /// Where the links that are open lead to, unless to a run.
    targets: Vec<String>,
    table: Option<Cells>,
}

impl<'a> Page<'a> {
    const fn new(theme: &'a Theme, columns: usize) -> Self {
        Self {
            theme,
            columns,
            lines: Vec::new(),
            pieces: Vec::new(),
            styles: Vec::new(),
            link: None,
            before: Vec::new(),
            sign: None,
            numbers: Vec::new(),
            code: None,
            targets: Vec::new(),
            table: None,
        }
    }

    fn style(&self) -> Style {
        self.styles.iter().fold(Style::new(), |all, style| all.patch(*style))
    }

    fn say(&mut self, words: &str, style: Style) {
        if let Some(cell) = self.table.as_mut().and_then(|table| table.rows.last_mut()?.last_mut()) {
            cell.push_str(words);
        } else if let Some((_, code)) = &mut self.code {
            code.push_str(words);
        } else {
            self.pieces.push(Piece { text: safe(words), style, link: self.link.clone() });
        }
    }

    fn break_line(&mut self) {
        self.pieces.push(Piece { text: "\n".to_owned(), style: Style::new(), link: None });
    }

    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(words) => self.say(&words, self.style()),
            Event::Code(words) => {
                let style = self.style().patch(self.theme.code());
                let sign = self.theme.code_sign();
                self.say(&format!("{sign}{words}{sign}"), style);
            }
            // What was written in lines is read in lines.
            Event::SoftBreak | Event::HardBreak => self.break_line(),
            Event::Rule => {
                self.paragraph();
                let rule = self.theme.mark("─", "-").repeat(self.room().min(40));
                self.add(vec![(rule, self.theme.edge())]);
            }
            Event::TaskListMarker(done) => {
                let sign = if done { self.theme.mark("☑ ", "[x] ") } else { self.theme.mark("☐ ", "[ ] ") };
                self.sign = Some(sign.to_owned());
            }
            Event::Html(words) | Event::InlineHtml(words) => self.say(words.trim_end(), self.style()),
            Event::FootnoteReference(words) | Event::InlineMath(words) | Event::DisplayMath(words) => {
                self.say(&words, self.style());
            }
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { level, .. } => {
                self.gap();
                let style = self.theme.heading();
                let accent = style.patch(self.theme.tone(Tone::Accent));
                self.styles.push(if level <= HeadingLevel::H2 { accent } else { style });
            }
            Tag::Paragraph if self.before.is_empty() => self.gap(),
            Tag::BlockQuote(_) => {
                self.paragraph();
                self.gap();
                self.before.push(self.theme.mark("▌ ", "| ").to_owned());
                self.styles.push(self.theme.tone(Tone::Muted));
            }
            Tag::CodeBlock(kind) => {
                self.paragraph();
                self.gap();
                let language = match kind {
                    CodeBlockKind::Fenced(language) => language.split_whitespace().next().unwrap_or("").to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
            }
            Tag::List(first) => {
                self.paragraph();
                if self.numbers.is_empty() {
                    self.gap();
                }
                self.numbers.push(first);
            }
            Tag::Item => {
                self.paragraph();
                let sign = match self.numbers.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => self.theme.mark("• ", "- ").to_owned(),
                };
                self.before.push(" ".repeat(width(&sign)));
                self.sign = Some(sign);
            }
            Tag::Emphasis => self.styles.push(Style::new().add_modifier(Modifier::ITALIC)),
            Tag::Strong => self.styles.push(Style::new().add_modifier(Modifier::BOLD)),
            Tag::Strikethrough => self.styles.push(Style::new().add_modifier(Modifier::CROSSED_OUT)),
            Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. } => {
                self.link = dest_url.strip_prefix("run:").and_then(|run| run.parse().ok());
                self.styles.push(self.theme.tone(Tone::Accent).add_modifier(Modifier::UNDERLINED));
                // What does not lead to a run is told, for those who want to go there.
                self.targets.push(if self.link.is_some() { String::new() } else { dest_url.to_string() });
            }
            Tag::Table(sides) => {
                self.paragraph();
                self.gap();
                self.table = Some(Cells { sides, rows: Vec::new() });
            }
            Tag::TableHead | Tag::TableRow => self.table.iter_mut().for_each(|table| table.rows.push(Vec::new())),
            Tag::TableCell => {
                let row = self.table.as_mut().and_then(|table| table.rows.last_mut());
                row.into_iter().for_each(|row| row.push(String::new()));
            }
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.paragraph();
                self.styles.pop();
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => self.paragraph(),
            TagEnd::BlockQuote(_) => {
                self.paragraph();
                self.before.pop();
                self.styles.pop();
            }
            TagEnd::CodeBlock => self.code_block(),
            TagEnd::List(_) => {
                self.paragraph();
                self.numbers.pop();
            }
            TagEnd::Item => {
                self.paragraph();
                self.before.pop();
                self.sign = None;
            }
            TagEnd::Emphasis | TagEnd::Strong | TagEnd::Strikethrough => drop(self.styles.pop()),
            TagEnd::Link | TagEnd::Image => {
                self.styles.pop();
                self.link = None;
                let target = self.targets.pop().unwrap_or_default();
                let is_told = self.pieces.last().is_some_and(|piece| piece.text == safe(&target));
                if !target.is_empty() && !is_told {
                    self.say(&format!(" ({target})"), self.theme.tone(Tone::Muted));
                }
            }
            TagEnd::Table => self.grid(),
            _ => {}
        }
    }

    /// Columns beside what stands before each line.
    fn room(&self) -> usize {
        let before: usize = self.before.iter().take(DEEPEST).map(|before| width(before)).sum();
        self.columns.saturating_sub(before).max(8)
    }

    /// An empty line between two blocks.
    fn gap(&mut self) {
        if self.sign.is_none() && self.lines.last().is_some_and(|last| !last.line.is_empty()) {
            self.lines.push(Read::default());
        }
    }

    /// Adds a line behind what stands before it.
    fn add(&mut self, line: Styled) {
        self.add_linked(Read { line, links: Vec::new() });
    }

    fn add_linked(&mut self, Read { line, links }: Read) {
        let mut before: String = self.before.iter().take(DEEPEST).map(String::as_str).collect();
        if let Some(sign) = self.sign.take() {
            before.truncate(before.floor_char_boundary(before.len().saturating_sub(width(&sign))));
            before.push_str(&sign);
        }
        let shift = width(&before);
        let mut whole = vec![(before, self.theme.tone(Tone::Muted))];
        whole.extend(line);
        let links = links.into_iter().map(|(at, run)| (at.start + shift..at.end + shift, run)).collect();
        self.lines.push(Read { line: whole, links });
    }

    /// What was collected, over as many lines as it takes.
    fn paragraph(&mut self) {
        let pieces = std::mem::take(&mut self.pieces);
        if pieces.iter().all(|piece| piece.text.trim().is_empty()) {
            return;
        }
        for read in wrapped(&pieces, self.room()) {
            self.add_linked(read);
        }
    }

    fn code_block(&mut self) {
        let Some((language, code)) = self.code.take() else { return };
        let edge = (self.theme.mark("│ ", "| ").to_owned(), self.theme.edge());
        for spans in coloured(&format!("code.{}", extension(&language)), code.trim_end_matches('\n')) {
            let mut left = self.room().saturating_sub(2);
            let mut line = vec![edge.clone()];
            for span in spans {
                let words = shorten(&safe(span.text.trim_end_matches('\n')), left);
                left = left.saturating_sub(width(&words));
                line.push((words, self.theme.syntax(span.syntax)));
            }
            self.add(line);
        }
    }

    fn grid(&mut self) {
        let Some(table) = self.table.take() else { return };
        let count = table.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &Vec<String>, place: usize| row.get(place).map(|cell| safe(cell.trim())).unwrap_or_default();
        let mut widths: Vec<usize> =
            (0..count).map(|place| table.rows.iter().map(|row| width(&cell(row, place))).max().unwrap_or(0)).collect();
        while widths.iter().sum::<usize>() + 2 * count.saturating_sub(1) > self.room() {
            let Some(widest) = widths.iter_mut().max().filter(|widest| **widest > 3) else { break };
            *widest -= 1;
        }
        for (row, cells) in table.rows.iter().enumerate() {
            let mut line = Styled::new();
            for (place, wide) in widths.iter().enumerate() {
                let words = shorten(&cell(cells, place), *wide);
                let free = wide - width(&words);
                let left = match table.sides.get(place) {
                    Some(Alignment::Right) => free,
                    Some(Alignment::Center) => free / 2,
                    _ => 0,
                };
                let style = if row == 0 { self.theme.heading() } else { Style::new() };
                line.push((format!("{:left$}{words}{:2$}  ", "", "", free - left), style));
            }
            self.add(line);
            if row == 0 {
                let rule: Vec<String> = widths.iter().map(|wide| self.theme.mark("─", "-").repeat(*wide)).collect();
                self.add(vec![(rule.join("  "), self.theme.edge())]);
            }
        }
    }
}

/// The ending of files in a language that a block of code names.
fn extension(language: &str) -> &str {
    match language {
        "python" => "py",
        "rust" => "rs",
        "bash" | "shell" => "sh",
        "javascript" => "js",
        "typescript" => "ts",
        "yaml" => "yml",
        other => other,
    }
}

/// Pieces over lines of so many columns, broken at blanks where there are some.
fn wrapped(pieces: &[Piece], columns: usize) -> Vec<Read> {
    let letters = pieces.iter().flat_map(|piece| piece.text.graphemes(true).map(move |letter| (letter, piece)));
    let mut lines: Vec<Vec<(&str, &Piece)>> = vec![Vec::new()];
    let mut used = 0;
    for (letter, piece) in letters {
        let line = lines.last_mut().expect("because there is always a line");
        if letter == "\n" {
            (used, _) = (0, lines.push(Vec::new()));
            continue;
        }
        // No line that was broken begins with a blank.
        if letter == " " && (line.is_empty() || used >= columns) {
            continue;
        }
        used += width(letter);
        line.push((letter, piece));
        if used > columns {
            let from = line.iter().rposition(|(letter, _)| *letter == " ").map_or(line.len() - 1, |blank| blank + 1);
            let rest = line.split_off(from);
            used = rest.iter().map(|(letter, _)| width(letter)).sum();
            lines.push(rest);
        }
    }
    lines.into_iter().map(|line| joined(&line)).collect()
}

/// Letters of the same piece become one again.
fn joined(letters: &[(&str, &Piece)]) -> Read {
    let (mut read, mut at) = (Read::default(), 0);
    for part in letters.chunk_by(|left, right| std::ptr::eq(left.1, right.1)) {
        let piece = part[0].1;
        let words: String = part.iter().map(|(letter, _)| *letter).collect();
        let wide = width(&words);
        read.links.extend(piece.link.clone().map(|run| (at..at + wide, run)));
        read.line.push((words, piece.style));
        at += wide;
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Depth;

    const THEME: Theme = Theme { depth: Depth::True, light: false, ascii: false };

    fn text(words: &str, columns: usize) -> String {
        let line = |read: &Read| read.line.iter().map(|(words, _)| words.as_str()).collect::<String>();
        read(words, &THEME, columns).iter().map(|read| line(read).trim_end().to_owned() + "\n").collect()
    }

    #[test]
    fn a_note_is_read_without_its_signs() {
        let note = "# Plan\nA **bold** and *slanted* word, `code`.\n\n- one\n- two\n  1. deep\n- [x] done\n\n> said\n\n\
            ```python\nloss = 0.1\n```\n\n| a | b |\n|---|--:|\n| x | 12 |\n\n[site](https://example.org) ~~gone~~\n";
        insta::assert_snapshot!(text(note, 40));
        insta::assert_snapshot!(text("one two three four five\nsix", 9), @"
        one two
        three
        four five
        six
        ");
    }

    #[test]
    fn a_link_leads_to_a_run() {
        let run = "k3f9aaaaaaaa";
        let lines = read(&format!("- see [that](run:{run}) run"), &THEME, 40);
        let links: Vec<_> =
            lines.iter().flat_map(|line| &line.links).map(|(at, run)| (at.clone(), run.as_str())).collect();
        assert_eq!(links, [(6..10, run)]);
    }

    #[test]
    fn what_controls_terminals_is_made_visible() {
        for note in [
            "\u{1b}[2J",
            "`\u{1b}[2J`",
            "```\n\u{1b}[2J\n```",
            "|a|\n|-|\n|\u{1b}[2J|",
            "[a](\u{1b}[2J)",
            "> \u{202e}x",
        ] {
            let shown = text(note, 40);
            assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
        }
        assert!(text(&"x".repeat(1 << 20), 40).contains("more"));
    }
}
