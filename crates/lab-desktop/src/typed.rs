//! A line that is being typed: the session has the text, the toolkit knows how to edit it.

use egui::text::CCursor;
use egui::{Id, Response, TextEdit, Ui};
use lab_view::{Input, Typing};

/// What came of a frame.
pub struct Typed {
    /// The field.
    pub response: Response,
    /// What was changed in it.
    pub typing: Option<Typing>,
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
    let output = edit(TextEdit::singleline(&mut text)).id(id).show(ui);
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
    Typed { response, typing }
}
