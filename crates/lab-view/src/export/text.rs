//! CSV, Markdown and LaTeX.

use serde_json::Value;

use super::{Flat, Paper, words};
use crate::format;

/// RFC 4180. Text that a spreadsheet would take for a formula gets an apostrophe in front; numbers never do.
pub(super) fn csv(flat: &Flat) -> String {
    let quoted = |text: &str| {
        let harmless = !text.starts_with(['=', '+', '-', '@', '\t', '\r']);
        let text = if harmless { text.to_owned() } else { format!("'{text}") };
        if text.contains([',', '"', '\n', '\r', '\'']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
    };
    let cell = |value: &Value| match value {
        // Infinities are numbers too.
        Value::String(text) if text == "-inf" => text.clone(),
        Value::Number(number) => number.to_string(),
        other => words(other).map_or_else(String::new, |text| quoted(&text)),
    };
    let mut text = flat.names.iter().map(|name| quoted(name)).collect::<Vec<_>>().join(",") + "\r\n";
    for row in &flat.rows {
        text += &row.iter().map(cell).collect::<Vec<_>>().join(",");
        text += "\r\n";
    }
    text
}

/// The head and the rows of a paper's table, the metrics by `metric`, which is told whether the value is the best.
fn table(
    paper: &Paper,
    escape: fn(&str) -> String,
    metric: impl Fn((f64, f64, usize), bool) -> String,
) -> (Vec<String>, Vec<Vec<String>>) {
    let mut head = vec!["Run".to_owned(), "Seeds".to_owned()];
    head.extend(paper.params.iter().chain(&paper.metrics).map(|name| escape(name)));
    let row =
        |(place, group): (usize, &super::SeedRow)| {
            let mut cells = vec![escape(&group.label), group.rows.len().to_string()];
            cells.extend(paper.params.iter().map(|name| {
                group.params.get(name).map_or_else(|| "–".to_owned(), |value| escape(&format::value(value)))
            }));
            let best = |index: usize| paper.best(index) == Some(place);
            cells.extend(group.metrics.iter().enumerate().map(|(index, value)| metric(*value, best(index))));
            cells
        };
    (head, paper.groups.iter().enumerate().map(row).collect())
}

pub(super) fn value((mean, deviation, count): (f64, f64, usize)) -> String {
    match count {
        0 => "–".to_owned(),
        1 => format::number(mean, 4),
        _ => format::spread(mean, deviation),
    }
}

pub(super) fn markdown(paper: &Paper) -> String {
    let bold = |numbers, best| if best { format!("**{}**", value(numbers)) } else { value(numbers) };
    let (head, rows) = table(paper, markdown_escape, bold);
    let words = 2 + paper.params.len();
    let rule: Vec<&str> = (0..head.len()).map(|place| if place >= words { "---:" } else { "---" }).collect();
    let line = |cells: &[String]| format!("| {} |\n", cells.join(" | "));
    let mut text = line(&head) + &format!("| {} |\n", rule.join(" | "));
    rows.iter().for_each(|row| text += &line(row));
    text
}

fn markdown_escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in lab_model::display_bytes(text.as_bytes()).chars() {
        if "\\`*_[]<>|#&~".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

pub(super) fn latex(paper: &Paper) -> String {
    let number = |numbers: (f64, f64, usize), best: bool| {
        let words = value(numbers).replace('±', "\\pm").replace('∞', "\\infty");
        match (numbers.2, best) {
            (0, _) => "--".to_owned(),
            (_, true) => format!("$\\mathbf{{{words}}}$"),
            _ => format!("${words}$"),
        }
    };
    let (head, rows) = table(paper, latex_escape, number);
    let words = 2 + paper.params.len();
    let mut text = "% \\usepackage{booktabs}\n\\begin{tabular}{".to_owned();
    (0..head.len()).for_each(|place| text.push(if place == 1 || place >= words { 'r' } else { 'l' }));
    text += "}\n\\toprule\n";
    let line = |cells: &[String]| format!("{} \\\\\n", cells.join(" & ").replace('–', "--"));
    text += &line(&head);
    text += "\\midrule\n";
    rows.iter().for_each(|row| text += &line(row));
    text + "\\bottomrule\n\\end{tabular}\n"
}

fn latex_escape(text: &str) -> String {
    let mut escaped = String::new();
    for c in lab_model::display_bytes(text.as_bytes()).chars() {
        match c {
            '\\' => escaped += "\\textbackslash{}",
            '~' => escaped += "\\textasciitilde{}",
            '^' => escaped += "\\textasciicircum{}",
            '<' => escaped += "\\textless{}",
            '>' => escaped += "\\textgreater{}",
            '&' | '%' | '$' | '#' | '_' | '{' | '}' => {
                escaped.push('\\');
                escaped.push(c);
            }
            c => escaped.push(c),
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn no_cell_is_a_formula() {
        let flat = Flat {
            names: vec!["name".into(), "=x".into()],
            rows: vec![vec![json!("=cmd()|x"), json!(-1.5)], vec![json!("a,\"b\"\n"), json!("@SUM")]],
        };
        assert_eq!(csv(&flat), "name,\"'=x\"\r\n\"'=cmd()|x\",-1.5\r\n\"a,\"\"b\"\"\n\",\"'@SUM\"\r\n");
    }

    #[test]
    fn special_characters_mean_themselves() {
        assert_eq!(
            latex_escape("a_b & 5% \\x{~^}"),
            "a\\_b \\& 5\\% \\textbackslash{}x\\{\\textasciitilde{}\\textasciicircum{}\\}"
        );
        assert_eq!(markdown_escape("<b>|a_b*\n"), "\\<b\\>\\|a\\_b\\*\\\\n");
    }
}
