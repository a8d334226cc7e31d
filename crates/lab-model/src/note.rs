//! Pictures in the Markdown of a note.

use std::ops::Range;

use crate::Hash;

/// What stands before the hash of a picture that the notebook holds.
const KEPT: &str = "picture:";

/// A picture that a note shows: `![words](source)`, also `![words](<source>)`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PictureLink<'a> {
    /// Where it stands, in bytes.
    pub range: Range<usize>,
    /// What stands for it where it cannot be seen.
    pub words: &'a str,
    /// Where it is: a path, an address, or what [`kept`] reads.
    pub source: &'a str,
}

/// The pictures of a note in their order; what stands in fenced code is code.
pub fn pictures(text: &str) -> Vec<PictureLink<'_>> {
    let (mut found, mut at, mut fence) = (Vec::new(), 0, None);
    for line in text.split_inclusive('\n') {
        let mark = ["```", "~~~"].into_iter().find(|mark| line.trim_start().starts_with(mark));
        match (fence, mark) {
            (None, None) => pictures_of_line(line, at, &mut found),
            (None, _) => fence = mark,
            (Some(_), _) if fence == mark => fence = None,
            (Some(_), _) => {}
        }
        at += line.len();
    }
    found
}

fn pictures_of_line<'a>(line: &'a str, at: usize, found: &mut Vec<PictureLink<'a>>) {
    let mut from = 0;
    while let Some(start) = line[from..].find("![").map(|place| from + place) {
        from = start + 2;
        let Some((words, rest)) = line[from..].split_once("](") else { return };
        let (source, length) = match rest.strip_prefix('<') {
            Some(rest) => match rest.split_once(">)") {
                Some((source, _)) => (source, source.len() + 3),
                None => continue,
            },
            None => match rest.split_once(')') {
                Some((source, _)) => (source, source.len() + 1),
                None => continue,
            },
        };
        if words.contains(['[', ']']) || source.is_empty() {
            continue;
        }
        let end = from + words.len() + 2 + length;
        found.push(PictureLink { range: at + start..at + end, words, source });
        from = end;
    }
}

/// The hash of a picture that the notebook holds.
pub fn kept(source: &str) -> Option<Hash> {
    source.strip_prefix(KEPT)?.parse().ok()
}

/// A link to a picture that the notebook holds.
pub fn kept_link(words: &str, picture: &Hash) -> String {
    format!("![{words}]({KEPT}{picture})")
}

/// A note without where its pictures are: it says the same before and after they are kept.
pub fn without_places(text: &str) -> String {
    let (mut bare, mut from) = (String::with_capacity(text.len()), 0);
    for link in pictures(text) {
        bare.push_str(&text[from..link.range.start]);
        bare.push_str(&format!("![{}]", link.words));
        from = link.range.end;
    }
    bare.push_str(&text[from..]);
    bare
}

/// A link to a picture in a file, with words that stand for it.
pub fn file_link(words: &str, path: &str) -> String {
    let words = words.replace(['[', ']'], " ");
    let plain = path.chars().all(|letter| !letter.is_whitespace() && !"()<>".contains(letter));
    if plain { format!("![{words}]({path})") } else { format!("![{words}](<{path}>)") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_found_where_markdown_has_them() {
        let check = |text: &str, expected: &[(&str, &str, &str)]| {
            let found = pictures(text);
            let found: Vec<_> = found.iter().map(|link| (&text[link.range.clone()], link.words, link.source)).collect();
            assert_eq!(found, expected, "{text:?}");
        };
        check("no [link](a.png) but", &[]);
        check("see ![loss](a.png), fine", &[("![loss](a.png)", "loss", "a.png")]);
        check(
            "![](a.png)![b](<my plot (2).png>)",
            &[("![](a.png)", "", "a.png"), ("![b](<my plot (2).png>)", "b", "my plot (2).png")],
        );
        check("one\n![ä](/t/ö.png)\n", &[("![ä](/t/ö.png)", "ä", "/t/ö.png")]);
        check("```\n![a](b)\n~~~\n```\n![c](d)", &[("![c](d)", "c", "d")]);
        check("![open", &[]);
        check("![a](b", &[]);
        check("![a](<b)", &[]);
        check("![a]() ![b](c)", &[("![b](c)", "b", "c")]);
        check("![ ![b](c)", &[("![b](c)", "b", "c")]);
    }

    #[test]
    fn a_kept_picture_is_named_by_its_hash() {
        let hash = Hash([7; 32]);
        let link = kept_link("loss", &hash);
        assert_eq!(pictures(&link)[0].words, "loss");
        assert_eq!(kept(pictures(&link)[0].source), Some(hash));
        assert_eq!(without_places(&format!("so: {link}.")), without_places("so: ![loss](/a.png)."));
        assert_eq!(kept("picture:12"), None);
        assert_eq!(kept("/picture:12.png"), None);
    }

    #[test]
    fn a_file_is_linked_whatever_its_name() {
        for path in ["/a/b.png", "/a b/c (2).png", "/a/[x].png"] {
            let link = file_link(path, path);
            assert_eq!((pictures(&link).len(), pictures(&link)[0].source), (1, path));
        }
    }
}
