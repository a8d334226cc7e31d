//! Tables that fit: columns go by priority, then text is cut.

use lab_view::{Align, Column, Table, Tone};

use super::width::{display_width, shorten, shorten_front};
use super::{HEADING, Style, push, tone};

/// Blanks between columns.
const GAP: usize = 2;
/// Columns are not cut below this.
const SHORTEST: usize = 12;

pub fn table(text: &mut String, table: &Table, style: &Style, indent: usize) {
    let mut places: Vec<usize> =
        (0..table.columns.len()).filter(|place| table.columns[*place].priority != Column::HIDDEN).collect();
    let natural: Vec<usize> = (0..table.columns.len()).map(|place| natural_width(table, place)).collect();
    let mut widths = natural.clone();
    if let Some(columns) = style.columns {
        widths = fit(table, &natural, &mut places, columns.saturating_sub(indent));
    }
    let titled = places.iter().any(|place| !table.columns[*place].title.is_empty());
    if titled {
        let titles = |place: usize| (table.columns[place].title.as_str(), Tone::Muted);
        row(text, table, &places, &widths, indent, &titles, true);
    }
    for cells in &table.rows {
        let cell = |place: usize| (cells.cells[place].text.as_str(), cells.cells[place].tone);
        row(text, table, &places, &widths, indent, &cell, false);
    }
    let shown = table.rows.len() as u64;
    if let Some(more) = table.total.and_then(|total| total.checked_sub(shown)).filter(|more| *more > 0) {
        let muted = tone(Tone::Muted);
        push(text, format_args!("{:indent$}{muted}… and {more} more{muted:#}\n", ""));
    }
}

fn natural_width(table: &Table, place: usize) -> usize {
    let cells = table.rows.iter().map(|row| display_width(&row.cells[place].text));
    cells.max().unwrap_or(0).max(display_width(&table.columns[place].title))
}

/// Drops and cuts columns until they fit into `room`.
fn fit(table: &Table, natural: &[usize], places: &mut Vec<usize>, room: usize) -> Vec<usize> {
    let mut widths = natural.to_vec();
    let shortest = |place: usize| {
        let column = &table.columns[place];
        if column.shrinks { natural[place].min(SHORTEST.max(display_width(&column.title))) } else { natural[place] }
    };
    let needed = |places: &[usize]| {
        places.iter().map(|place| shortest(*place)).sum::<usize>() + GAP * places.len().saturating_sub(1)
    };
    while needed(places) > room {
        let worst = places.iter().copied().filter(|place| table.columns[*place].priority > 0);
        // Of equals the last one goes.
        let Some(worst) = worst.max_by_key(|place| (table.columns[*place].priority, *place)) else { break };
        places.retain(|place| *place != worst);
    }
    let total = |widths: &[usize]| {
        places.iter().map(|place| widths[*place]).sum::<usize>() + GAP * places.len().saturating_sub(1)
    };
    // The widest gives first; when those that may be cut are at their shortest, the others give too.
    for may_cut in [true, false] {
        let least = |place: usize| if may_cut { shortest(place) } else { 4.min(natural[place]) };
        while total(&widths) > room {
            let candidates = places.iter().copied().filter(|place| table.columns[*place].shrinks || !may_cut);
            let widest = candidates.filter(|place| widths[*place] > least(*place)).max_by_key(|place| widths[*place]);
            let Some(widest) = widest else { break };
            widths[widest] -= 1;
        }
    }
    widths
}

fn row<'a>(
    text: &mut String,
    table: &Table,
    places: &[usize],
    widths: &[usize],
    indent: usize,
    cell: &dyn Fn(usize) -> (&'a str, Tone),
    is_title: bool,
) {
    let mut line = " ".repeat(indent);
    let mut pending = 0;
    for place in places {
        let (words, word_tone) = cell(*place);
        let column = &table.columns[*place];
        let words = match column.key.as_str() {
            "path" | "root" if !is_title => shorten_front(words, widths[*place]),
            _ => shorten(words, widths[*place]),
        };
        let pad = widths[*place].saturating_sub(display_width(&words));
        let (before, after) = if column.align == Align::Right { (pad, 0) } else { (0, pad) };
        if !words.is_empty() {
            let style = if is_title { HEADING.dimmed() } else { tone(word_tone) };
            push(&mut line, format_args!("{:1$}{style}{words}{style:#}", "", pending + before));
            pending = after + GAP;
        } else {
            pending += pad + GAP;
        }
    }
    text.push_str(&line);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use lab_view::Cell;

    use super::*;

    fn cells(texts: &[&str]) -> Vec<Cell> {
        texts.iter().map(|text| Cell::plain(*text)).collect()
    }

    fn example() -> Table {
        let mut table = Table::new(vec![
            Column::left("name", "Name", 0),
            Column::right("loss", "Loss", 1),
            Column::left("tags", "Tags", 2),
            Column::left("command", "Command", 3).shrinking(),
            Column::left("secret", "Secret", Column::HIDDEN),
        ]);
        table.push("a", cells(&["brave-otter", "0.31", "", "python train.py --lr 0.1", "x"]));
        table.push("b", cells(&["calm-lynx", "12", "paper", "python train.py", "y"]));
        table
    }

    fn paint(columns: Option<usize>) -> String {
        let mut text = String::new();
        table(&mut text, &example(), &Style { columns, side_by_side: false, ascii: false }, 0);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn without_a_terminal_nothing_is_cut() {
        assert_eq!(
            paint(None),
            "Name         Loss  Tags   Command\n\
             brave-otter  0.31         python train.py --lr 0.1\n\
             calm-lynx      12  paper  python train.py\n"
        );
    }

    #[test]
    fn text_is_cut_before_columns_go() {
        let text = paint(Some(40));
        assert!(text.contains("python train.…"), "{text}");
        assert!(text.contains("paper"), "{text}");
    }

    #[test]
    fn every_width_is_kept() {
        for columns in 20..100 {
            for line in paint(Some(columns)).lines() {
                assert!(display_width(line) <= columns, "{columns}: {line}");
            }
        }
        assert!(!paint(Some(22)).contains("Tags"));
        assert!(paint(Some(20)).contains("brave-otter"));
    }
}
