//! A comparison as items below each other whose heights are known: only what is in sight is painted.

use std::collections::{BTreeMap, BTreeSet};

use egui::{Rect, Sense, Ui, pos2, vec2};
use lab_view::screens::compare::CompareView;
use lab_view::{Align, Block, Blocks, Column, Diff, Line, Section, Table};

use crate::blocks;
use crate::diff;
use crate::images;
use crate::theme::{GAP, Theme, text};

/// The height of a row of a table.
const ROW: f32 = 26.0;

/// One item.
pub struct Item<'a> {
    /// What it is.
    pub kind: Kind<'a>,
    /// Where it begins, in points.
    pub top: f32,
    /// Its place among the items.
    pub place: usize,
}

/// What can stand on the page.
pub enum Kind<'a> {
    /// Causes, or effects.
    Group(&'static str),
    /// The heading of a section.
    Title(String),
    /// A sentence.
    Line(&'a Line),
    /// Names of columns; the table's place among the tables.
    Head(&'a Table, usize),
    /// A row of a table.
    Row(&'a Table, usize, usize),
    /// A row of a file's changes.
    Code(diff::Row<'a>),
    /// How pictures are compared.
    Ways,
    /// A pair of pictures.
    Picture(usize),
    /// Nothing.
    Space,
}

impl Item<'_> {
    /// In points.
    pub fn height(&self) -> f32 {
        match &self.kind {
            Kind::Group(_) => 46.0,
            Kind::Title(_) => 38.0,
            Kind::Line(_) | Kind::Head(..) => 24.0,
            Kind::Row(..) => ROW,
            Kind::Code(row) => row.height(),
            Kind::Ways => 32.0,
            Kind::Picture(_) => images::PAIR,
            Kind::Space => 14.0,
        }
    }
}

/// An entry of the contents.
pub struct Entry {
    /// What is written.
    pub words: String,
    /// How many, or how much.
    pub detail: String,
    /// 0 for groups, 1 for sections, 2 for files.
    pub depth: usize,
    /// Where it leads.
    pub item: usize,
}

/// The whole page.
pub struct Document<'a> {
    /// From top to bottom.
    pub items: Vec<Item<'a>>,
    /// All together, in points.
    pub height: f32,
    /// What there is, to go to.
    pub contents: Vec<Entry>,
    /// The headings of files.
    pub files: Vec<(usize, String)>,
    /// The first item of each place that changed.
    pub changes: Vec<usize>,
    /// Old and new in two columns.
    pub side_by_side: bool,
    tables: Vec<&'a Table>,
    diffs: BTreeMap<usize, &'a Diff>,
    /// Places of files of which the equal lines are shown too.
    open: &'a BTreeSet<(String, usize)>,
}

/// Sections that tell what came of it.
const EFFECTS: [&str; 3] = ["Metrics", "Metrics over seeds", "Effects"];
/// Sections that tell neither.
const OVERVIEW: [&str; 1] = ["Runs"];

impl<'a> Document<'a> {
    /// Lays a comparison out.
    pub fn new(
        page: &'a CompareView,
        side_by_side: bool,
        folded: &BTreeSet<String>,
        open: &'a BTreeSet<(String, usize)>,
    ) -> Self {
        let mut document = Self {
            items: Vec::new(),
            height: 0.0,
            contents: Vec::new(),
            files: Vec::new(),
            changes: Vec::new(),
            side_by_side,
            tables: Vec::new(),
            diffs: BTreeMap::new(),
            open,
        };
        let mut groups: [Vec<Vec<Section<'a>>>; 3] = Default::default();
        let mut equal = None;
        let mut last = 0;
        let sections = page.blocks();
        for section in sections.into_iter().skip(1) {
            match (section.title, section.block) {
                ("", Block::Fields(_)) => {}
                ("", Block::Line(line)) if line.text().starts_with("Equal") => equal = Some(line),
                ("", _) => {
                    groups[last].last_mut().into_iter().for_each(|parts| parts.push(section.clone()));
                }
                (title, _) => {
                    last = if OVERVIEW.contains(&title) { 0 } else { 1 + usize::from(EFFECTS.contains(&title)) };
                    groups[last].push(vec![section]);
                }
            }
        }
        let [overview, causes, effects] = groups;
        document.group("", overview, folded);
        document.group("What could be the cause", causes, folded);
        document.group("What came of it", effects, folded);
        document.pictures(page);
        if let Some(line) = equal {
            document.add(Kind::Space);
            document.add(Kind::Line(line));
        }
        document
    }

    /// The file that an item belongs to, when its heading is further up.
    pub fn file_at(&self, item: usize) -> Option<&'a Diff> {
        let is_code = |item: &Item<'_>| matches!(&item.kind, Kind::Code(row) if !matches!(row, diff::Row::File(..)));
        self.items.get(item).filter(|item| is_code(item))?;
        self.diff_of(item)
    }

    /// The file whose heading stands last above an item, or is it.
    pub fn diff_of(&self, item: usize) -> Option<&'a Diff> {
        self.diffs.range(..=item).next_back().map(|(_, diff)| *diff)
    }

    fn add(&mut self, kind: Kind<'a>) -> usize {
        let place = self.items.len();
        let item = Item { kind, top: self.height, place };
        self.height += item.height();
        self.items.push(item);
        place
    }

    fn group(&mut self, name: &'static str, sections: Vec<Vec<Section<'a>>>, folded: &BTreeSet<String>) {
        if sections.is_empty() {
            return;
        }
        if !name.is_empty() {
            let item = self.add(Kind::Group(name));
            self.contents.push(Entry { words: name.to_owned(), detail: String::new(), depth: 0, item });
        }
        for parts in sections {
            let title = parts[0].title;
            let item = self.add(Kind::Title(title.to_owned()));
            let count: usize = parts.iter().map(|part| counted(part.block)).sum();
            self.contents.push(Entry { words: title.to_owned(), detail: count.to_string(), depth: 1, item });
            for part in parts {
                self.block(part.block, folded);
            }
            self.add(Kind::Space);
        }
    }

    fn block(&mut self, block: Block<'a>, folded: &BTreeSet<String>) {
        match block {
            Block::Line(line) => {
                self.add(Kind::Line(line));
            }
            Block::Table(table) => {
                let of = self.tables.len();
                self.tables.push(table);
                if table.columns.iter().any(|column| !column.title.is_empty()) {
                    self.add(Kind::Head(table, of));
                }
                for row in 0..table.rows.len() {
                    self.add(Kind::Row(table, of, row));
                }
            }
            Block::Diff(diff) => self.diff(diff, folded.contains(&diff.path)),
            _ => {}
        }
    }

    fn diff(&mut self, diff: &'a Diff, is_folded: bool) {
        let open = self.open;
        let is_open = |place| !open.is_empty() && open.contains(&(diff.path.clone(), place));
        let rows = diff::rows(diff, self.side_by_side, is_folded, &is_open);
        let only_head = rows.len() == 1;
        let mut was_changed = false;
        for row in rows {
            let is_changed = row.is_changed();
            let item = self.add(Kind::Code(row));
            if matches!(row, diff::Row::File(..)) {
                self.files.push((item, diff.path.clone()));
                self.diffs.insert(item, diff);
                let detail = if diff.added + diff.removed > 0 { diff.summary() } else { String::new() };
                self.contents.push(Entry { words: diff.path.clone(), detail, depth: 2, item });
            }
            if is_changed && !was_changed || only_head {
                self.changes.push(item);
            }
            was_changed = is_changed;
        }
        self.add(Kind::Space);
    }

    fn pictures(&mut self, page: &'a CompareView) {
        let CompareView::Pair(_, pictures) = page else { return };
        if pictures.is_empty() {
            return;
        }
        let item = self.add(Kind::Title(lab_view::compare::images::title(pictures)));
        let detail = pictures.len().to_string();
        self.contents.push(Entry { words: "Pictures".to_owned(), detail, depth: 1, item });
        self.add(Kind::Ways);
        for place in 0..pictures.len() {
            self.add(Kind::Picture(place));
        }
    }
}

fn counted(block: Block<'_>) -> usize {
    match block {
        Block::Table(table) => table.rows.len(),
        Block::Diff(_) => 1,
        _ => 0,
    }
}

/// What the two sides are called.
pub fn names(page: &CompareView) -> [&str; 2] {
    let CompareView::Pair(page, _) = page else { return ["", ""] };
    let name = |place: usize| page.sides.0.get(place).map_or("", |field| field.cell.text.as_str());
    [name(0), name(1)]
}

/// Widths that hold as long as the page is the same.
pub struct Widths {
    /// The shown columns of each table, with their widths.
    pub tables: Vec<Vec<(usize, f32)>>,
    /// The longest line of code, in points.
    code: f32,
}

/// So many rows say how wide a column should be.
const MEASURED: usize = 200;
/// Between columns.
const BESIDE: f32 = 7.0 * GAP;

impl Widths {
    /// Measures a page.
    pub fn new(ui: &Ui, document: &Document<'_>) -> Self {
        let longest = document.diffs.values().map(|diff| diff::longest(diff)).max().unwrap_or(0);
        let tables = document.tables.iter().map(|table| columns(ui, table)).collect();
        Self { tables, code: longest as f32 * text::LETTER + 90.0 }
    }

    /// How wide the page has to be for everything to be seen.
    pub fn whole(&self, side_by_side: bool, room: f32) -> f32 {
        let widest = self.tables.iter().map(|columns| columns.iter().map(|(_, wide)| wide).sum::<f32>() + 40.0);
        let table = widest.fold(0.0, f32::max);
        // What of a line does not fit into its column is reached by scrolling.
        let column = if side_by_side { room / 2.0 } else { room };
        table.max(room + (self.code - column).max(0.0))
    }
}

fn columns(ui: &Ui, table: &Table) -> Vec<(usize, f32)> {
    let is_shown = |place: &usize| {
        table.columns[*place].priority != Column::HIDDEN
            && table.rows.iter().any(|row| !row.cells[*place].text.is_empty())
    };
    let wide = |place: usize| {
        let title = blocks::width(ui, &table.columns[place].title, text::small());
        let cells = table.rows.iter().take(MEASURED).map(|row| blocks::width(ui, &row.cells[place].text, text::body()));
        (cells.fold(title, f32::max).ceil() + BESIDE).clamp(56.0, 380.0)
    };
    (0..table.columns.len()).filter(is_shown).map(|place| (place, wide(place))).collect()
}

/// The places of the columns of a row: the first stays in sight, the others scroll under it, and the last one has what
/// room is left.
fn cells(area: Rect, table: &Table, columns: &[(usize, f32)], across: f32) -> Vec<(usize, Rect)> {
    let mut x = area.left();
    let mut placed = Vec::new();
    for (order, (place, wide)) in columns.iter().enumerate() {
        let left = if order == 0 { x } else { x - across };
        let is_last = order + 1 == columns.len() && table.columns[*place].align == Align::Left;
        let wide = if is_last { wide.max(area.right() - x) } else { *wide };
        placed.push((*place, Rect::from_min_size(pos2(left, area.top()), vec2(wide, area.height()))));
        x += wide;
    }
    placed
}

fn put(ui: &Ui, area: Rect, placed: &[(usize, Rect)], paint: &dyn Fn(&Ui, usize, Rect)) {
    let edge = placed.first().map_or(area.left(), |(_, first)| first.right());
    let room = Rect::from_min_max(pos2(edge, area.top()), area.max);
    for (order, (place, cell)) in placed.iter().enumerate() {
        let seen = if order == 0 { *cell } else { cell.intersect(room) };
        if seen.width() > 4.0 {
            let inside = Rect::from_min_max(
                pos2(cell.left().max(seen.left()), cell.top()),
                pos2(cell.right() - BESIDE, cell.bottom()),
            );
            paint(ui, *place, inside);
        }
    }
}

/// Paints the names of columns.
pub fn head(ui: &Ui, area: Rect, table: &Table, columns: &[(usize, f32)], across: f32) {
    let theme = Theme::of(ui);
    ui.painter().hline(area.x_range(), area.bottom() - 0.5, theme.line());
    let names: Vec<&str> = columns.iter().map(|(place, _)| table.columns[*place].title.as_str()).collect();
    blocks::named(ui, area, &names.join(" · "));
    put(ui, area, &cells(area, table, columns, across), &|ui, place, inside| {
        let column = &table.columns[place];
        blocks::elided(ui, inside, &column.title, text::small(), theme.muted, column.align);
    });
}

/// Paints a row.
pub fn row(ui: &Ui, area: Rect, table: &Table, row: usize, columns: &[(usize, f32)], across: f32) {
    let theme = Theme::of(ui);
    let found = &table.rows[row];
    let response = ui.interact(area, ui.scope_id().with(("row", &found.key, area.top() as i32)), Sense::hover());
    if response.hovered() {
        ui.painter().rect_filled(area, 4.0, theme.hover);
    }
    put(ui, area, &cells(area, table, columns, across), &|ui, place, inside| {
        let cell = &found.cells[place];
        blocks::elided(ui, inside, &cell.text, text::body(), theme.tone(cell.tone), table.columns[place].align);
    });
    let words: Vec<&str> = columns.iter().map(|(place, _)| found.cells[*place].text.as_str()).collect();
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::ListItem, true, words.join(" · ")));
    let is_cut = |(place, cell): &(usize, Rect)| {
        blocks::width(ui, &found.cells[*place].text, text::body()) > cell.width() - BESIDE + 1.0
    };
    if response.hovered() && cells(area, table, columns, across).iter().any(is_cut) {
        response.on_hover_text(words.join("\n"));
    }
}
