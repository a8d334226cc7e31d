//! The settings of a project as they are in force: `lab.toml` over the defaults.

use lab_engine::{Config, Keep, TraceMode};
use lab_model::ROLES;
use serde::Serialize;
use serde_json::Value;

use crate::block::{Block, Blocks, Section, Sections};
use crate::{Cell, Column, Fields, Line, Table, Tone, format};

/// The settings of a project.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct SettingsPage {
    /// Where they come from.
    pub headline: Line,
    /// Name, notebook, what is left out, logs, secrets.
    pub settings: Fields,
    /// What is kept of code, config, data and output files.
    pub roles: Table,
}

impl Blocks for SettingsPage {
    fn blocks(&self) -> Vec<Section<'_>> {
        Sections::default()
            .add("", Block::Line(&self.headline))
            .add("", Block::Fields(&self.settings))
            .add("By role", Block::Table(&self.roles))
            .finish()
    }
}

/// The page of `config`, read from `path` where there is such a file; `notebook` is the one in use.
pub fn page(config: &Config, path: &str, exists: bool, notebook: &str) -> SettingsPage {
    let shown = lab_model::display_bytes(path.as_bytes());
    let headline = if exists {
        Line::of(format!("{shown} over the defaults"), Tone::Plain)
    } else {
        Line::of(format!("There is no {shown}: these are the defaults"), Tone::Plain)
    };
    let mut settings = Fields::default();
    settings.push("path", "", Cell::none().with(path));
    settings.push("exists", "", Cell::none().with(exists));
    let text = |text: &str| Cell::plain(lab_model::display_bytes(text.as_bytes())).with(text);
    let name = config.name.as_deref().map_or_else(|| muted("that of the directory"), text);
    settings.push("name", "name", name);
    settings.push("notebook", "notebook", text(notebook));
    settings.push("ignore", "ignore", list(&config.ignore));
    settings.push("cross_filesystems", "cross_filesystems", yes_or_no(config.cross_filesystems));
    settings.push("log_limit_bytes", "log_limit", size(config.log_limit_bytes));
    let trace = match config.trace {
        TraceMode::Hybrid => Cell::plain("hybrid"),
        TraceMode::Full => Cell::plain("full"),
        TraceMode::Off => Cell::new("off", Tone::Warn),
    };
    settings.push("trace", "run.trace", trace);
    settings.push("seal", "secrets.seal", list(&config.seal));
    settings.push("unseal", "secrets.unseal", list(&config.unseal));
    settings.push("metrics files", "metrics.files", list(&config.metrics));
    let mut roles = Table::new(vec![
        Column::left("role", "Role", 0),
        Column::left("keep", "keep", 0),
        Column::right("file_limit_bytes", "file_limit", 0),
        Column::right("total_limit_bytes", "total_limit", 0),
        Column::left("files", "files", 1).shrinking(),
    ]);
    for role in ROLES {
        let settled = config.role(role);
        let keep = match settled.keep {
            Keep::Copy => Cell::plain("copy"),
            Keep::Hash => Cell::new("hash", Tone::Warn),
            Keep::Skip => Cell::new("skip", Tone::Warn),
        };
        let limits = [settled.file_limit_bytes, settled.total_limit_bytes].map(size);
        let [file, total] = limits;
        let name = Cell::new(role.name(), Tone::Accent);
        roles.push(role.name(), vec![name, keep, file, total, list(&settled.files)]);
    }
    SettingsPage { headline, settings, roles }
}

fn muted(text: &str) -> Cell {
    Cell::new(text, Tone::Muted).with(Value::Null)
}

fn yes_or_no(on: bool) -> Cell {
    Cell::plain(if on { "true" } else { "false" }).with(on)
}

fn list(patterns: &[String]) -> Cell {
    let text = if patterns.is_empty() { "none".to_owned() } else { patterns.join("  ") };
    let tone = if patterns.is_empty() { Tone::Muted } else { Tone::Plain };
    Cell::new(lab_model::display_bytes(text.as_bytes()), tone).with(patterns.to_vec())
}

/// A size as it is written in `lab.toml`: `64 MiB`.
fn size(bytes: u64) -> Cell {
    let units = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let whole = units.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
    let text = whole.map_or_else(|| format::bytes(bytes), |(name, unit)| format!("{} {name}", bytes / unit));
    Cell::plain(text).with(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_and_settings_are_told_apart() {
        let page = page(&Config::default(), "/p/lab.toml", false, "/n");
        assert_eq!(page.headline.text(), "There is no /p/lab.toml: these are the defaults");
        assert_eq!(page.settings.get("log_limit_bytes").unwrap().text, "256 MiB");
        assert_eq!(page.roles.rows[2].cells[2].text, "64 MiB");
        let config =
            Config::parse(b"ignore = ['*.tmp']\n[data]\nkeep = 'hash'\nfile_limit = 1500", "lab.toml".as_ref());
        let page = super::page(&config.unwrap(), "/p/lab.toml", true, "/n");
        assert_eq!(page.settings.get("ignore").unwrap().text, "*.tmp");
        assert_eq!(page.roles.rows[2].cells[1].text, "hash");
        assert_eq!(page.roles.rows[2].cells[2].text, "1.50 kB");
    }
}
