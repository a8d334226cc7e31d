//! A file's changes.

use egui::{RichText, Ui};
use lab_view::{Diff, Sign, Tone};

use crate::blocks;
use crate::theme::{Theme, text};

/// Paints the changes of one file.
pub fn block(ui: &mut Ui, diff: &Diff) {
    let words = format!("{}  +{} −{}", diff.path, diff.added, diff.removed);
    ui.label(RichText::new(words).font(text::mono()).strong());
    if let Some(note) = &diff.note {
        blocks::words(ui, note, Tone::Muted);
    }
    for hunk in &diff.hunks {
        for line in &hunk.lines {
            let (sign, tone) = match line.sign {
                Sign::Added => ("+", Tone::Added),
                Sign::Removed => ("−", Tone::Removed),
                Sign::Equal => (" ", Tone::Plain),
            };
            let words: String = line.spans.iter().map(|span| crate::code::safe(&span.text)).collect();
            let color = Theme::of(ui).tone(tone);
            ui.label(RichText::new(format!("{sign} {words}")).font(text::mono()).color(color));
        }
    }
}
