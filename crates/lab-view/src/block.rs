use serde::ser::{SerializeMap, SerializeSeq};
use serde::{Serialize, Serializer};
use serde_json::Value;

/// What a piece of text means to the reader. A painter turns it into a colour in one table; the
/// words always say the same thing without the colour.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tone {
    /// Nothing special.
    #[default]
    Plain,
    /// Less important.
    Muted,
    /// A name or the thing to look at.
    Accent,
    /// Better, or as it should be.
    Good,
    /// Needs a look.
    Warn,
    /// Worse, or broken.
    Bad,
    /// Only on the right side, or new.
    Added,
    /// Only on the left side, or gone.
    Removed,
    /// On both sides, and different.
    Changed,
}

/// A piece of text with its tone. In JSON it is its value where it has one, otherwise its text.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Cell {
    /// What people read.
    pub text: String,
    /// What it means.
    pub tone: Tone,
    /// What programs read and tables are sorted by.
    pub value: Option<Value>,
}

impl Cell {
    /// Text in the given tone.
    pub fn new(text: impl Into<String>, tone: Tone) -> Self {
        Self { text: text.into(), tone, value: None }
    }

    /// Plain text.
    pub fn plain(text: impl Into<String>) -> Self {
        Self::new(text, Tone::Plain)
    }

    /// Nothing: an empty place in a table, `null` in JSON.
    pub fn none() -> Self {
        Self { text: String::new(), tone: Tone::Muted, value: Some(Value::Null) }
    }

    /// The same cell with a value for programs.
    #[must_use]
    pub fn with(mut self, value: impl Into<Value>) -> Self {
        self.value = Some(value.into());
        self
    }

    /// The same cell in another tone.
    #[must_use]
    pub fn tone(mut self, tone: Tone) -> Self {
        self.tone = tone;
        self
    }
}

impl Serialize for Cell {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.value {
            Some(value) => value.serialize(serializer),
            None => self.text.serialize(serializer),
        }
    }
}

/// A sentence made of toned pieces. In JSON it is its text.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Line(pub Vec<Cell>);

impl Line {
    /// A sentence of one piece.
    pub fn of(text: impl Into<String>, tone: Tone) -> Self {
        Self(vec![Cell::new(text, tone)])
    }

    /// Adds a piece.
    pub fn push(&mut self, text: impl Into<String>, tone: Tone) -> &mut Self {
        self.0.push(Cell::new(text, tone));
        self
    }

    /// The words without their tones.
    pub fn text(&self) -> String {
        self.0.iter().map(|cell| cell.text.as_str()).collect()
    }

    /// Whether there is nothing to read.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|cell| cell.text.is_empty())
    }
}

impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.text().serialize(serializer)
    }
}

/// One label and what stands beside it.
#[derive(Clone, PartialEq, Debug)]
pub struct Field {
    /// The stable name in JSON.
    pub key: String,
    /// What people read.
    pub label: String,
    /// What stands beside it.
    pub cell: Cell,
}

/// Labels and values. In JSON an object.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Fields(pub Vec<Field>);

impl Fields {
    /// Adds a field.
    pub fn push(&mut self, key: &str, label: &str, cell: Cell) -> &mut Self {
        self.0.push(Field { key: key.to_owned(), label: label.to_owned(), cell });
        self
    }

    /// Adds a field when there is something to say.
    pub fn push_some(&mut self, key: &str, label: &str, cell: Option<Cell>) -> &mut Self {
        if let Some(cell) = cell {
            self.push(key, label, cell);
        }
        self
    }

    /// The cell of a field.
    pub fn get(&self, key: &str) -> Option<&Cell> {
        self.0.iter().find(|field| field.key == key).map(|field| &field.cell)
    }
}

impl Serialize for Fields {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for field in &self.0 {
            map.serialize_entry(&field.key, &field.cell)?;
        }
        map.end()
    }
}

/// On which side a column's text stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Align {
    /// Words.
    #[default]
    Left,
    /// Numbers.
    Right,
}

/// One column of a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Column {
    /// The stable name in JSON; empty for a column that only people see.
    pub key: String,
    /// The head.
    pub title: String,
    /// On which side the text stands.
    pub align: Align,
    /// 0 is never dropped; of the others the largest number is dropped first where space is short.
    /// [`Column::HIDDEN`] is only for programs.
    pub priority: u8,
    /// May be cut to make the table fit.
    pub shrinks: bool,
}

impl Column {
    /// The priority of a column that stands only in JSON.
    pub const HIDDEN: u8 = u8::MAX;

    /// A column of words.
    pub fn left(key: &str, title: &str, priority: u8) -> Self {
        Self { key: key.into(), title: title.into(), align: Align::Left, priority, shrinks: false }
    }

    /// A column of numbers.
    pub fn right(key: &str, title: &str, priority: u8) -> Self {
        Self { align: Align::Right, ..Self::left(key, title, priority) }
    }

    /// The same column, which may be cut.
    #[must_use]
    pub fn shrinking(self) -> Self {
        Self { shrinks: true, ..self }
    }
}

/// One row of a table.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// What the row is about, such as a run's id.
    pub key: String,
    /// One cell for each column.
    pub cells: Vec<Cell>,
}

/// Rows and columns. In JSON a list of objects.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Table {
    /// The columns.
    pub columns: Vec<Column>,
    /// The rows.
    pub rows: Vec<Row>,
    /// Rows there are in all, when only some of them are here.
    pub total: Option<u64>,
}

impl Table {
    /// A table without rows.
    pub fn new(columns: Vec<Column>) -> Self {
        Self { columns, rows: Vec::new(), total: None }
    }

    /// Adds a row.
    pub fn push(&mut self, key: impl Into<String>, cells: Vec<Cell>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "because every row has a cell for each column");
        self.rows.push(Row { key: key.into(), cells });
    }

    /// Whether there are no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Only the columns with these keys, in this order; unknown ones are returned.
    pub fn select(&mut self, keys: &[String]) -> Vec<String> {
        let place = |key: &String| self.columns.iter().position(|column| &column.key == key || &column.title == key);
        let unknown = keys.iter().filter(|key| place(key).is_none()).cloned().collect();
        let places: Vec<usize> = keys.iter().filter_map(place).collect();
        for row in &mut self.rows {
            row.cells = places.iter().map(|place| row.cells[*place].clone()).collect();
        }
        self.columns = places.iter().map(|place| Column { priority: 0, ..self.columns[*place].clone() }).collect();
        unknown
    }
}

struct RowObject<'a>(&'a [Column], &'a Row);

impl Serialize for RowObject<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let named = || self.0.iter().zip(&self.1.cells).filter(|(column, _)| !column.key.is_empty());
        let mut map = serializer.serialize_map(Some(named().count()))?;
        for (column, cell) in named() {
            map.serialize_entry(&column.key, cell)?;
        }
        map.end()
    }
}

impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.rows.len()))?;
        for row in &self.rows {
            list.serialize_element(&RowObject(&self.columns, row))?;
        }
        list.end()
    }
}

/// Running text, Markdown.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Prose(pub String);

/// What a program printed; may hold its own colours, which a painter keeps or drops.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
#[serde(transparent)]
pub struct Log(pub Vec<String>);

/// Any block, for painters that put one below the other.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Block<'a> {
    /// A sentence that stands alone.
    Line(&'a Line),
    /// Labels and values.
    Fields(&'a Fields),
    /// Rows and columns.
    Table(&'a Table),
    /// A file's changes.
    Diff(&'a crate::Diff),
    /// Running text.
    Prose(&'a Prose),
    /// Program output.
    Log(&'a Log),
    /// Axes and what is drawn on them.
    Chart(&'a lab_plot::Chart),
}

/// A block under its heading; an empty heading belongs to the block before.
#[derive(Clone, PartialEq, Debug)]
pub struct Section<'a> {
    /// The heading.
    pub title: &'a str,
    /// The block.
    pub block: Block<'a>,
}

/// A page as a list of blocks in reading order.
pub trait Blocks {
    /// The blocks that have something to show.
    fn blocks(&self) -> Vec<Section<'_>>;
}

/// Collects the sections of a page and passes over what is empty.
#[derive(Default)]
pub(crate) struct Sections<'a>(Vec<Section<'a>>);

impl<'a> Sections<'a> {
    pub(crate) fn add(mut self, title: &'a str, block: Block<'a>) -> Self {
        let empty = match block {
            Block::Line(line) => line.is_empty(),
            // Fields without a label are for programs.
            Block::Fields(fields) => fields.0.iter().all(|field| field.label.is_empty() || field.cell.text.is_empty()),
            Block::Table(table) => table.is_empty(),
            Block::Diff(diff) => diff.is_empty(),
            Block::Prose(prose) => prose.0.is_empty(),
            Block::Log(log) => log.0.is_empty(),
            Block::Chart(chart) => chart.layers.is_empty(),
        };
        if !empty {
            self.0.push(Section { title, block });
        }
        self
    }

    /// Adds several diffs under one heading.
    pub(crate) fn diffs(mut self, title: &'a str, diffs: &'a [crate::Diff]) -> Self {
        for (place, diff) in diffs.iter().enumerate() {
            self = self.add(if place == 0 { title } else { "" }, Block::Diff(diff));
        }
        self
    }

    pub(crate) fn finish(self) -> Vec<Section<'a>> {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let mut table = Table::new(vec![Column::left("name", "Name", 0), Column::right("size_bytes", "Size", 1)]);
        table.push("a", vec![Cell::plain("a"), Cell::plain("1 kB").with(1000)]);
        table.push("b", vec![Cell::plain("b"), Cell::none()]);
        table
    }

    #[test]
    fn a_table_is_a_list_of_objects_in_json() {
        let json = serde_json::to_string(&table()).unwrap();
        assert_eq!(json, r#"[{"name":"a","size_bytes":1000},{"name":"b","size_bytes":null}]"#);
    }

    #[test]
    fn selecting_columns_keeps_order_and_names_the_unknown() {
        let mut table = table();
        let unknown = table.select(&["Size".into(), "weight".into(), "name".into()]);
        assert_eq!(unknown, ["weight"]);
        assert_eq!(table.columns[0].key, "size_bytes");
        assert_eq!(table.rows[0].cells[1].text, "a");
    }

    #[test]
    fn fields_are_an_object_and_lines_are_text() {
        let mut fields = Fields::default();
        fields.push("id", "Id", Cell::plain("k3f9")).push_some("note", "Note", None);
        assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"id":"k3f9"}"#);
        let mut line = Line::of("code", Tone::Changed);
        line.push(" changed", Tone::Plain);
        assert_eq!(serde_json::to_string(&line).unwrap(), r#""code changed""#);
    }
}
