//! Folders and files that fold, as far as they are in sight; where it makes sense with boxes to tick.

use std::collections::BTreeSet;

use egui::{Align2, Rect, Response, Role, ScrollArea, Sense, Stroke, Ui, WidgetInfo, pos2, vec2};
use lab_view::tree::FileTree;
use lab_view::{Align, Tone};

use crate::blocks;
use crate::theme::{GAP, ROW, Theme, text};

/// A tree, and what stands beside its names.
pub struct Tree<'a> {
    /// What it is called for those who do not see it.
    pub name: &'a str,
    /// The folders and files.
    pub tree: &'a FileTree,
    /// The row that is chosen.
    pub chosen: usize,
    /// Whether a row is ticked; without it there are no boxes.
    pub ticked: Option<&'a dyn Fn(usize) -> bool>,
    /// The tone of a row's name.
    pub tone: &'a dyn Fn(usize) -> Tone,
    /// What stands on the right of a row, the rightmost last: words, tone, width.
    pub beside: &'a dyn Fn(usize) -> Vec<(&'a str, Tone, f32)>,
    /// What those are told of a row who do not see it.
    pub told: &'a dyn Fn(usize) -> String,
}

/// What a person did.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Hit {
    /// Chose a row.
    Chosen(usize),
    /// Opened a row.
    Opened(usize),
    /// Ticked these rows, or took the ticks away.
    Ticked(Vec<usize>, bool),
}

/// A folder's or file's box.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Tick {
    On,
    Off,
    Some,
}

/// How far a level stands in.
const STEP: f32 = 16.0;

/// Paints the tree so that it fills the place.
pub fn paint(ui: &mut Ui, tree: &Tree<'_>, folded: &mut BTreeSet<String>) -> Option<Hit> {
    let mut hit = None;
    let id = ui.scope_id().with(tree.name);
    let way = tree.tree.way_to(tree.chosen);
    let known: Option<usize> = ui.data(|data| data.get_temp(id));
    let is_new = known != Some(tree.chosen);
    if is_new {
        // Whoever moves to a file wants to see it.
        way.iter().rev().skip(1).for_each(|above| {
            folded.remove(&tree.tree.nodes[*above].path);
        });
        ui.data_mut(|data| data.insert_temp(id, tree.chosen));
    }
    let seen = tree.tree.seen(folded);
    // Of what is folded away the folder stands for it.
    let here = way.iter().rev().find_map(|node| seen.iter().position(|place| place == node));
    let mut area = ScrollArea::vertical().id_salt(tree.name).auto_shrink(false);
    let height = ui.available_height();
    let top: f32 = ui.data(|data| data.get_temp(id.with("top"))).unwrap_or_default();
    if let Some(at) = here.filter(|_| is_new).map(|row| row as f32 * ROW)
        && (at < top || at + ROW > top + height)
    {
        area = area.vertical_scroll_offset((at - height / 3.0).max(0.0));
    }
    let output = area.show_viewport(ui, |ui, sight| {
        ui.set_width(ui.available_width());
        ui.set_height(seen.len() as f32 * ROW);
        let corner = ui.min_rect().min;
        let first = (sight.min.y / ROW).floor().max(0.0) as usize;
        let fits = (sight.height() / ROW).ceil() as usize + 1;
        for (row, place) in seen.iter().enumerate().skip(first).take(fits) {
            let area = Rect::from_min_size(corner + vec2(0.0, row as f32 * ROW), vec2(ui.min_rect().width(), ROW));
            let found = node(ui, area, tree, *place, here == Some(row), folded);
            hit = hit.take().or(found);
        }
    });
    ui.data_mut(|data| data.insert_temp(id.with("top"), output.state.clamped_offset().y));
    hit
}

fn node(
    ui: &Ui,
    area: Rect,
    tree: &Tree<'_>,
    place: usize,
    is_here: bool,
    folded: &mut BTreeSet<String>,
) -> Option<Hit> {
    let theme = Theme::of(ui);
    let node = &tree.tree.nodes[place];
    let is_folder = tree.tree.is_folder(place);
    let response = ui.interact(area, ui.scope_id().with(("node", place)), Sense::CLICK);
    if is_here || response.hovered() {
        ui.painter().rect_filled(area, 0.0, if is_here { theme.chosen } else { theme.hover });
    }
    let mut hit = None;
    let mut x = area.left() + 2.0 * GAP + node.depth as f32 * STEP;
    if is_folder {
        let sign = if folded.contains(&node.path) { "⏵" } else { "⏷" };
        ui.painter().text(pos2(x + 6.0, area.center().y), Align2::CENTER_CENTER, sign, text::small(), theme.muted);
    }
    x += STEP;
    if let Some(ticked) = tree.ticked {
        let rows: Vec<usize> = tree.tree.rows(place).collect();
        let on = rows.iter().filter(|row| ticked(**row)).count();
        let tick = if on == rows.len() {
            Tick::On
        } else if on == 0 {
            Tick::Off
        } else {
            Tick::Some
        };
        let square = Rect::from_center_size(pos2(x + 7.0, area.center().y), vec2(15.0, 15.0));
        if tick_box(ui, square, place, &node.path, tick).clicked() {
            hit = Some(Hit::Ticked(rows, tick != Tick::On));
        }
        x += 22.0;
    }
    let mut right = area.right() - 2.0 * GAP;
    let beside = node.row.map(|row| (tree.beside)(row)).unwrap_or_default();
    for (words, tone, wide) in beside.iter().rev() {
        let cell = Rect::from_min_max(pos2(right - wide, area.top()), pos2(right, area.bottom()));
        blocks::elided(ui, cell, words, text::body(), theme.tone(*tone), Align::Right);
        right -= wide + 2.0 * GAP;
    }
    let tone = node.row.map_or(Tone::Plain, |row| (tree.tone)(row));
    let name = if is_folder { format!("{}/", node.name) } else { node.name.clone() };
    let cell = Rect::from_min_max(pos2(x, area.top()), pos2(right.max(x), area.bottom()));
    blocks::elided(ui, cell, &name, text::body(), theme.tone(tone), Align::Left);
    response.widget_info(|| {
        let words = node.row.map_or_else(|| name.clone(), |row| (tree.told)(row));
        WidgetInfo::selected(Role::ListItem, true, is_here, words)
    });
    if response.clicked() {
        match node.row {
            Some(row) => hit = hit.or(Some(Hit::Chosen(row))),
            None => fold(folded, &node.path),
        }
    }
    if response.double_clicked() {
        match node.row.filter(|_| !is_folder) {
            Some(row) => hit = Some(Hit::Opened(row)),
            None => fold(folded, &node.path),
        }
    }
    hit
}

fn fold(folded: &mut BTreeSet<String>, path: &str) {
    if !folded.remove(path) {
        folded.insert(path.to_owned());
    }
}

/// A box that is ticked, empty, or in between.
fn tick_box(ui: &Ui, square: Rect, place: usize, path: &str, tick: Tick) -> Response {
    let theme = Theme::of(ui);
    let response = ui.interact(square.expand(4.0), ui.scope_id().with(("tick", place)), Sense::CLICK);
    let painter = ui.painter();
    let edge = if response.hovered() || tick != Tick::Off { theme.accent } else { theme.muted };
    let ground = if tick == Tick::Off { theme.ground } else { theme.accent };
    painter.rect(square, 4.0, ground, Stroke::new(1.2, edge), egui::StrokeKind::Inside);
    let ink = Stroke::new(1.8, theme.on_accent);
    let at = |x: f32, y: f32| square.min + square.size() * vec2(x, y);
    match tick {
        Tick::On => {
            painter.line_segment([at(0.24, 0.52), at(0.43, 0.72)], ink);
            painter.line_segment([at(0.43, 0.72), at(0.78, 0.30)], ink);
        }
        Tick::Some => drop(painter.line_segment([at(0.25, 0.5), at(0.75, 0.5)], ink)),
        Tick::Off => {}
    }
    response.widget_info(|| WidgetInfo::selected(Role::CheckBox, true, tick == Tick::On, format!("Restore {path}")));
    response
}
