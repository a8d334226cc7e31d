//! A line that is being typed: the session has the text, the toolkit knows how to edit it.

use egui::text::{CCursor, LayoutJob};
use egui::{Id, Response, TextEdit, Ui};
use lab_view::{Input, Typing};

use crate::theme::text;

/// What came of a frame.
pub struct Typed {
    /// The field.
    pub response: Response,
    /// What was changed in it.
    pub typing: Option<Typing>,
    /// Its letters.
    galley: std::sync::Arc<egui::Galley>,
    /// Where they stand.
    corner: egui::Pos2,
}

impl Typed {
    /// Draws a wave below some bytes of the text, which are wrong; at a place where something is missing, a short one.
    pub fn mark_wrong(&self, ui: &Ui, text: &str, wrong: &std::ops::Range<usize>) {
        let place = |byte: usize| text.get(..byte).map_or(0, |before| before.chars().count());
        let at = |place: usize| self.galley.pos_from_cursor(CCursor::new(place)).min.x + self.corner.x;
        let (left, right) = (at(place(wrong.start)), at(place(wrong.end.max(wrong.start))));
        let right = right.max(left + 6.0);
        let y = self.response.rect.bottom() - 6.0;
        let steps = ((right - left) / 2.5).ceil() as usize;
        let wave = |step: usize| {
            egui::pos2((left + step as f32 * 2.5).min(right), y + if step.is_multiple_of(2) { 0.0 } else { 2.0 })
        };
        let stroke = egui::Stroke::new(1.4, crate::theme::Theme::of(ui).bad);
        ui.painter().add(egui::Shape::line((0..=steps).map(wave).collect(), stroke));
    }
}

/// The text letter by letter as it may be painted: what would turn its direction, or is not seen, has a sign instead.
fn shown(text: &str) -> String {
    let is_plain =
        |letter: char| letter == ' ' || crate::code::safe(letter.encode_utf8(&mut [0; 4])).len() == letter.len_utf8();
    text.chars().map(|letter| if is_plain(letter) { letter } else { '\u{fffd}' }).collect()
}

/// A field with the text of the session in it. `name` is what it is called for those who do not see it.
pub fn field(ui: &mut Ui, id: Id, input: &Input, name: &str, edit: impl FnOnce(TextEdit<'_>) -> TextEdit<'_>) -> Typed {
    let mut text = input.text().to_owned();
    let at = text[..input.cursor()].chars().count();
    // What the session has put in, such as a completion, moves the cursor too.
    let known: Option<(String, usize)> = ui.data(|data| data.get_temp(id));
    if known.as_ref().is_none_or(|(before, place)| *before != text || *place != at) {
        let mut state = TextEdit::load_state(ui.ctx(), id).unwrap_or_default();
        state.cursor.set_char_range(Some(egui::text::CCursorRange::one(CCursor::new(at))));
        state.store(ui.ctx(), id);
    }
    let mut layouter = |ui: &Ui, text: &dyn egui::TextBuffer, _: f32| {
        let job = LayoutJob::simple_singleline(shown(text.as_str()), text::body(), ui.visuals().text_color());
        ui.fonts_mut(|fonts| fonts.layout_job(job))
    };
    let output = edit(TextEdit::singleline(&mut text)).id(id).layouter(&mut layouter).show(ui);
    let response = output.response.response;
    let place = output.cursor_range.map_or(at, |range| range.primary.index.0).min(text.chars().count());
    response.widget_info(|| {
        let mut info = egui::WidgetInfo::text_edit(true, input.text(), &text, "");
        info.label = Some(name.to_owned());
        info
    });
    let typing = (text != input.text() || place != at).then(|| {
        let cursor = text.char_indices().nth(place).map_or(text.len(), |(byte, _)| byte);
        Typing::Place(text.clone(), cursor)
    });
    ui.data_mut(|data| data.insert_temp(id, (text, place)));
    Typed { response, typing, galley: output.galley, corner: output.galley_pos }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_letter_keeps_its_place_and_none_turns_the_others() {
        assert_eq!(shown("né 漢 a\u{202e}b\u{200b}c"), "né 漢 a\u{fffd}b\u{fffd}c");
    }
}
