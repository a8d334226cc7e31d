//! Notebooks of Jupyter: the cells of a saved one, the order in which cells ran, and a notebook as it was run.
//!
//! Source: [the notebook format](https://nbformat.readthedocs.io/en/latest/format_description.html) 4.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

/// An execution of a cell.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Execution {
    /// The number that the kernel gave it.
    pub count: u64,
    /// The code, as it was executed.
    pub code: String,
}

/// The code cells of a saved notebook, from the top.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SavedCells {
    cells: Vec<String>,
}

/// What is not in order, in words. At most [`MAX_WORDS`], then a count.
const MAX_WORDS: usize = 20;

impl SavedCells {
    /// Reads a saved notebook; `None` when it is none of format 4.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        #[derive(Deserialize)]
        struct Saved {
            cells: Vec<SavedCell>,
        }
        #[derive(Deserialize)]
        struct SavedCell {
            cell_type: String,
            #[serde(default)]
            source: Value,
        }
        let saved: Saved = serde_json::from_slice(bytes).ok()?;
        let code = saved.cells.into_iter().filter(|cell| cell.cell_type == "code");
        Some(Self { cells: code.map(|cell| text_of(&cell.source)).collect() })
    }

    /// Whether a cell holds exactly this code.
    pub fn holds(&self, code: &str) -> bool {
        self.places(code).next().is_some()
    }

    /// The places of the cells with this code, from 1.
    fn places<'a>(&'a self, code: &'a str) -> impl Iterator<Item = usize> + 'a {
        let is = move |cell: &String| !code.trim().is_empty() && cell.trim_end() == code.trim_end();
        self.cells.iter().enumerate().filter(move |(_, cell)| is(cell)).map(|(at, _)| at + 1)
    }

    /// What is not in order in the executions of a kernel: cells that ran after one below them, again, or with code
    /// that no saved cell has. Only what is said of the executions from `first` on comes back.
    pub fn out_of_order(&self, executions: &[Execution], first: usize) -> Vec<String> {
        let (mut said, mut unsaved) = (Vec::new(), Vec::new());
        // Of the cells that ran so far: place and number, the lowest one on the page last.
        let mut lowest: Option<(usize, u64)> = None;
        let mut ran: Vec<(usize, u64)> = Vec::new();
        for (at, execution) in executions.iter().enumerate() {
            let count = execution.count;
            let fresh = |place: &usize| !ran.iter().any(|(other, _)| other == place);
            // Of equal cells the first that has not run yet is meant.
            let Some(place) = self.places(&execution.code).find(fresh).or_else(|| self.places(&execution.code).next())
            else {
                unsaved.extend((at >= first && !self.cells.is_empty()).then(|| format!("[{count}]")));
                continue;
            };
            if at >= first {
                let again = ran.iter().rev().find(|(other, _)| *other == place);
                match (again, lowest) {
                    (Some((_, before)), _) => said.push(format!("[{count}] ran cell {place} again, after [{before}]")),
                    (None, Some((below, before))) if below > place => {
                        said.push(format!("[{count}] ran cell {place} after cell {below} ([{before}])"));
                    }
                    _ => {}
                }
            }
            ran.push((place, count));
            if lowest.is_none_or(|(below, _)| below < place) {
                lowest = Some((place, count));
            }
        }
        if !unsaved.is_empty() {
            let more = if unsaved.len() > MAX_WORDS { " and more" } else { "" };
            unsaved.truncate(MAX_WORDS);
            said.insert(0, format!("no cell of the saved notebook has the code of {}{more}", unsaved.join(", ")));
        }
        if said.len() > MAX_WORDS {
            let more = said.len() - MAX_WORDS;
            said.truncate(MAX_WORDS);
            said.push(format!("and {more} more"));
        }
        said
    }
}

/// A notebook of what was executed, in that order. The executions from `first` on are those of the run; what is known
/// of the saved notebook's language stays.
pub fn as_run(executions: &[Execution], first: usize, saved: Option<&[u8]>) -> Vec<u8> {
    let saved: Option<Value> = saved.and_then(|bytes| serde_json::from_slice(bytes).ok());
    let mut metadata = Map::new();
    for name in ["kernelspec", "language_info"] {
        if let Some(value) = saved.as_ref().and_then(|saved| saved["metadata"].get(name)) {
            metadata.insert(name.to_owned(), value.clone());
        }
    }
    let cell = |(at, execution): (usize, &Execution)| {
        json!({
            "cell_type": "code",
            "execution_count": execution.count,
            "metadata": { "lab": { "of_the_run": at >= first } },
            "outputs": [],
            "source": execution.code,
        })
    };
    let cells: Vec<Value> = executions.iter().enumerate().map(cell).collect();
    let notebook = json!({ "cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 4 });
    let mut bytes = serde_json::to_vec_pretty(&notebook).expect("because JSON values always serialise");
    bytes.push(b'\n');
    bytes
}

/// A text, or its lines.
fn text_of(source: &Value) -> String {
    match source {
        Value::String(text) => text.clone(),
        Value::Array(lines) => lines.iter().filter_map(Value::as_str).collect(),
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn executions(cells: &[&str]) -> Vec<Execution> {
        let numbered = cells.iter().zip(1..);
        numbered.map(|(code, count)| Execution { count, code: (*code).to_owned() }).collect()
    }

    fn saved() -> SavedCells {
        let bytes = br#"{"nbformat": 4, "cells": [
            {"cell_type": "markdown", "source": "b"},
            {"cell_type": "code", "source": ["a = 1\n", "a"]},
            {"cell_type": "code", "source": "b\n"},
            {"cell_type": "code", "source": "c"},
            {"cell_type": "code", "source": "b"}]}"#;
        SavedCells::read(bytes).unwrap()
    }

    #[test]
    fn order_is_told() {
        let table: &[(&[&str], usize, &[&str])] = &[
            (&["a = 1\na", "b", "c", "b"], 0, &[]),
            (&["c", "a = 1\na"], 0, &["[2] ran cell 1 after cell 3 ([1])"]),
            (&["c", "c"], 0, &["[2] ran cell 3 again, after [1]"]),
            (&["c", "a = 1\na", "c"], 2, &["[3] ran cell 3 again, after [1]"]),
            (&["a = 2"], 0, &["no cell of the saved notebook has the code of [1]"]),
            (&["a = 1\na", "c"], 0, &[]),
        ];
        for (ran, first, expected) in table {
            assert_eq!(saved().out_of_order(&executions(ran), *first), *expected, "{ran:?}");
        }
        let many: Vec<&str> = vec!["c"; 30];
        assert_eq!(saved().out_of_order(&executions(&many), 0).len(), MAX_WORDS + 1);
    }

    #[test]
    fn a_notebook_as_run_reads_back() {
        let own = br#"{"cells": [], "metadata": {"kernelspec": {"name": "python3"}, "other": 1}}"#;
        let ran = executions(&["c", "a = 1\na"]);
        let bytes = as_run(&ran, 1, Some(own));
        let value: Value = serde_json::from_slice(&bytes).unwrap();
        assert_eq!(value["metadata"], json!({ "kernelspec": { "name": "python3" } }));
        assert_eq!(value["cells"][0]["metadata"]["lab"]["of_the_run"], false);
        assert_eq!(value["cells"][1]["execution_count"], 2);
        let read = SavedCells::read(&bytes).unwrap();
        assert_eq!(read.cells, ["c", "a = 1\na"]);
        assert!(SavedCells::read(b"{}").is_none() && SavedCells::read(b"x").is_none());
    }
}
