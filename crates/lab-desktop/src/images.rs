//! Pictures: on the graphics card once, and two of them against each other: side by side, swiped, blinking.

use std::collections::HashMap;
use std::time::Duration;

use egui::{
    ColorImage, CursorIcon, Rect, Sense, Stroke, StrokeKind, TextureHandle, TextureOptions, Ui, Vec2, pos2, vec2,
};
use lab_plot::Image;
use lab_view::compare::images::ImagePair;
use serde::{Deserialize, Serialize};

use crate::blocks;
use crate::charts::choice;
use crate::theme::{GAP, Theme};
use lab_view::Tone;

/// Pictures on the graphics card, by their name and size.
#[derive(Default)]
pub struct Textures(HashMap<String, ([usize; 2], TextureHandle)>);

impl Textures {
    fn of(&mut self, ui: &Ui, name: &str, image: &Image) -> TextureHandle {
        let size = [image.width, image.height];
        if let Some((known, texture)) = self.0.get(name)
            && *known == size
        {
            return texture.clone();
        }
        let pixels = image.pixels.iter().map(|[red, green, blue]| egui::Color32::from_rgb(*red, *green, *blue));
        let pixels = ColorImage::new(size, pixels.collect());
        let texture = ui.ctx().load_texture(name, pixels, TextureOptions::LINEAR);
        self.0.insert(name.to_owned(), (size, texture.clone()));
        texture
    }

    /// Paints a picture as large as it fits.
    pub fn show(&mut self, ui: &mut Ui, name: &str, image: &Image, room: Vec2) {
        let (area, response) = ui.allocate_exact_size(room, Sense::hover());
        self.put(ui, name, image, area);
        response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, &image.name));
    }

    fn put(&mut self, ui: &Ui, name: &str, image: &Image, area: Rect) -> Rect {
        let place = fitted(image, area);
        let texture = self.of(ui, name, image);
        let whole = Rect::from_min_max(pos2(0.0, 0.0), pos2(1.0, 1.0));
        ui.painter().image(texture.id(), place, whole, egui::Color32::WHITE);
        ui.painter().rect_stroke(place, 0.0, Theme::of(ui).line(), StrokeKind::Outside);
        place
    }
}

/// The largest place of the picture's shape in the middle of an area.
fn fitted(image: &Image, area: Rect) -> Rect {
    let size = vec2(image.width.max(1) as f32, image.height.max(1) as f32);
    let scale = (area.width() / size.x).min(area.height() / size.y);
    Rect::from_center_size(area.center(), size * scale)
}

/// How two pictures are held against each other.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug, Serialize, Deserialize)]
pub enum Way {
    /// Beside each other.
    #[default]
    Sides,
    /// One over the other, up to a line that is dragged.
    Swipe,
    /// One after the other.
    Blink,
}

/// How two pictures are compared, and where the line stands.
pub struct Against {
    /// How.
    pub way: Way,
    /// From left (0) to right (1).
    pub line: f32,
    /// On the graphics card.
    pub textures: Textures,
}

impl Default for Against {
    fn default() -> Self {
        Self { way: Way::default(), line: 0.5, textures: Textures::default() }
    }
}

/// How long each picture is seen while they blink.
const BLINK: Duration = Duration::from_millis(600);
/// The height of the pictures of a pair, and of all that belongs to it, in points.
const HEIGHT: f32 = 300.0;
pub const PAIR: f32 = HEIGHT + 44.0;

/// Chooses how pictures are compared.
pub fn ways(ui: &mut Ui, against: &mut Against) {
    let ways = [(Way::Sides, "Side by side"), (Way::Swipe, "Swipe"), (Way::Blink, "Blink")];
    if let Some(way) = choice(ui, "", &ways, against.way) {
        against.way = way;
    }
}

/// Paints two pictures.
pub fn pair(ui: &mut Ui, pair: &ImagePair, names: [&str; 2], against: &mut Against) {
    ui.horizontal(|ui| {
        ui.label(egui::RichText::new(&pair.path).font(crate::theme::text::mono()));
        blocks::words(ui, &pair.note, Tone::Muted);
    });
    let (area, response) = ui.allocate_exact_size(vec2(ui.available_width(), HEIGHT), Sense::click_and_drag());
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Image, true, format!("Pictures {}", pair.path)));
    let keys = [format!("{}:old", pair.path), format!("{}:new", pair.path)];
    let sides = [pair.left.as_ref(), pair.right.as_ref()];
    match (against.way, sides) {
        (Way::Swipe, [Some(old), Some(new)]) => swipe(ui, area, &response, [old, new], &keys, against),
        (Way::Blink, [Some(old), Some(new)]) => {
            let seconds = ui.input(|input| input.time);
            let place = usize::from((seconds / BLINK.as_secs_f64()) as u64 % 2 == 1);
            against.textures.put(ui, &keys[place], [old, new][place], area);
            caption(ui, area, names[place]);
            ui.ctx().request_repaint_after(BLINK / 2);
        }
        _ => {
            let half = vec2((area.width() - 3.0 * GAP) / 2.0, area.height());
            for (place, image) in sides.into_iter().enumerate() {
                let at = area.min + vec2((half.x + 3.0 * GAP) * place as f32, 0.0);
                let area = Rect::from_min_size(at, half);
                match image {
                    Some(image) => drop(against.textures.put(ui, &keys[place], image, area)),
                    None => drop(ui.painter().rect_stroke(area, 4.0, Theme::of(ui).line(), StrokeKind::Inside)),
                }
                caption(ui, area, names[place]);
            }
        }
    }
    ui.add_space(3.0 * GAP);
}

fn swipe(
    ui: &Ui,
    area: Rect,
    response: &egui::Response,
    [old, new]: [&Image; 2],
    keys: &[String; 2],
    against: &mut Against,
) {
    let place = fitted(new, area);
    if let Some(at) = response.interact_pointer_pos() {
        against.line = ((at.x - place.left()) / place.width()).clamp(0.0, 1.0);
    }
    let x = place.left() + against.line * place.width();
    let line = against.line;
    for (image, key, part) in [(old, &keys[0], [0.0, line]), (new, &keys[1], [line, 1.0])] {
        let texture = against.textures.of(ui, key, image);
        let [from, to] = part.map(|part| place.left() + part * place.width());
        let shown = Rect::from_min_max(pos2(from, place.top()), pos2(to, place.bottom()));
        let of = Rect::from_min_max(pos2(part[0], 0.0), pos2(part[1], 1.0));
        ui.painter().image(texture.id(), shown, of, egui::Color32::WHITE);
    }
    let theme = Theme::of(ui);
    ui.painter().vline(x, place.y_range(), Stroke::new(2.0, theme.accent));
    ui.painter().circle(pos2(x, place.center().y), 7.0, theme.raised, Stroke::new(2.0, theme.accent));
    if response.hovered() {
        ui.ctx().set_cursor_icon(CursorIcon::ResizeHorizontal);
    }
}

fn caption(ui: &Ui, area: Rect, words: &str) {
    let theme = Theme::of(ui);
    let galley = ui.painter().layout_no_wrap(words.to_owned(), crate::theme::text::small(), theme.text);
    let place = Rect::from_min_size(area.min + vec2(6.0, 6.0), galley.size() + vec2(12.0, 4.0));
    ui.painter().rect_filled(place, 4.0, theme.raised.gamma_multiply(0.9));
    ui.painter().galley(place.min + vec2(6.0, 2.0), galley, theme.text);
}
