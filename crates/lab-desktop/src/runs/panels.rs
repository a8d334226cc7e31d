//! Paints the panels in the place of runs: their tabs, what is between them, and what happens while one is dragged.

use std::collections::BTreeSet;

use egui::accesskit::Action as Motion;
use egui::{Color32, CursorIcon, Id, Margin, Painter, Rect, Response, Sense, Stroke, StrokeKind, Ui, vec2};
use egui_tiles::{Behavior, Container, LinearDir, ResizeState, SimplificationOptions, TabState, Tabs, Tile};
use egui_tiles::{TileId, Tiles, UiResponse};
use lab_view::screens::run::Part;
use lab_view::screens::runs::{Panel, RunsAction};
use lab_view::session::{Action, Aside};
use lab_view::{ActionId, Tone};

use super::dock::{BETWEEN, Change, Dock, LEAST, Side, TABS, TIDY};
use super::inspector;
use crate::app::Paint;
use crate::icons::{self, Icon};
use crate::theme::{Theme, text};
use crate::{blocks, charts, compare, log, run};

/// In a place narrower than this there is no room beside the list.
const NARROW: f32 = 760.0;

/// Paints the list with what stands beside it; `are_runs` says that there are runs in it, not groups or nothing.
pub fn paint(paint: &mut Paint<'_>, ui: &mut Ui, are_runs: bool) {
    let area = ui.available_rect_before_wrap();
    let mut dock = std::mem::replace(&mut paint.places.runs.dock, Dock::empty());
    dock.set_visible(|_| are_runs, area.width() < NARROW);
    dock.fit(area.size());
    let alone = !dock.panes().any(|(tile, panel)| panel != Panel::Runs && dock.tree.is_visible(tile));
    let theme = Theme::of(ui);
    let mut panels = Panels { paint, theme, alone, seen: BTreeSet::new(), change: None, several: false };
    dock.tree.ui(&mut panels, ui);
    let (seen, change) = (panels.seen, panels.change);
    between(ui, &mut dock);
    change.into_iter().for_each(|change| dock.change(change));
    let open = dock.panes().map(|(_, panel)| panel).filter(|panel| *panel != Panel::Runs).collect();
    if open != paint.session.runs.screen.open {
        paint.wish(Action::Runs(RunsAction::Opened(open)));
    }
    if seen != paint.session.runs.screen.panels {
        paint.wish(Action::Runs(RunsAction::Panels(seen)));
    }
    paint.places.runs.dock = dock;
}

/// What stands beside the list is chosen in a menu.
pub fn menu(paint: &mut Paint<'_>, ui: &mut Ui) {
    let button = icons::button(ui, Icon::Panels, "Panels");
    egui::Popup::menu(&button).show(|ui| {
        if let Some(change) = choices(ui, &paint.places.runs.dock) {
            paint.places.runs.dock.change(change);
        }
    });
}

fn choices(ui: &mut Ui, dock: &Dock) -> Option<Change> {
    let mut wanted = None;
    for panel in Panel::BESIDE {
        let row = ui.selectable_label(dock.has(panel), panel.title()).on_hover_text(panel.help());
        if row.clicked() {
            wanted = Some(Change::Toggle(panel));
        }
    }
    ui.separator();
    for (side, words) in [(Side::Below, "Charts below"), (Side::Beside, "Charts beside")] {
        if ui.selectable_label(dock.charts() == Some(side), words).clicked() {
            wanted = Some(Change::Charts(side));
        }
    }
    ui.separator();
    let reset = ActionId::ResetPanels.row();
    if ui.selectable_label(false, reset.label).on_hover_text(reset.help).clicked() {
        wanted = Some(Change::Reset);
    }
    if wanted.is_some() {
        ui.close();
    }
    wanted
}

/// Tells those who do not see them what is between panels, and lets them move it.
fn between(ui: &Ui, dock: &mut Dock) {
    let rows: Vec<(TileId, LinearDir, Vec<TileId>)> = dock
        .tree
        .tiles
        .iter()
        .filter_map(|(tile, what)| match what {
            Tile::Container(Container::Linear(linear)) => Some((*tile, linear.dir, linear.children.clone())),
            _ => None,
        })
        .collect();
    for (row, dir, children) in rows {
        let tiles = &mut dock.tree.tiles;
        let shown: Vec<(TileId, Rect)> =
            children.iter().filter_map(|child| Some((*child, tiles.rect(*child)?))).collect();
        for pair in shown.windows(2) {
            let [(one, before), (other, after)] = pair else { continue };
            let line = match dir {
                LinearDir::Horizontal => Rect::from_min_max(before.right_top(), after.left_bottom()),
                LinearDir::Vertical => Rect::from_min_max(before.left_bottom(), after.right_top()),
            };
            let id = ui.scope_id().with(("between", row, *one));
            let response = ui.interact(line, id, Sense::hover());
            let words = format!("Between {} and {}", title(tiles, *one), title(tiles, *other));
            response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Splitter, true, &words));
            ui.ctx().accesskit_node_builder(id, |node| {
                node.add_action(Motion::Increment);
                node.add_action(Motion::Decrement);
            });
            let asked = |motion| ui.input(|input| input.num_accesskit_action_requests(id, motion)) as f32;
            let by = STEP * (asked(Motion::Increment) - asked(Motion::Decrement));
            if by != 0.0
                && let Some(Tile::Container(Container::Linear(linear))) = tiles.get_mut(row)
            {
                linear.shares[*one] = (linear.shares[*one] + by).max(LEAST);
                linear.shares[*other] = (linear.shares[*other] - by).max(LEAST);
                ui.ctx().request_repaint();
            }
        }
    }
}

/// Beside the words of a tab; the sign that closes it has its place there.
const PADDING: f32 = 15.0;
/// So many points further is one step.
const STEP: f32 = 24.0;

/// What stands in a tile.
fn title(tiles: &Tiles<Panel>, tile: TileId) -> String {
    match tiles.get(tile) {
        Some(Tile::Pane(panel)) => panel.title().to_owned(),
        Some(Tile::Container(container)) => {
            let titles: Vec<String> = container.children().map(|child| title(tiles, *child)).collect();
            titles.join(", ")
        }
        None => String::new(),
    }
}

/// How panels look, and what was done to them in this frame.
struct Panels<'a, 'b> {
    paint: &'a mut Paint<'b>,
    theme: &'static Theme,
    /// Nothing stands beside the list: it needs no tab.
    alone: bool,
    /// What is in sight; nothing is read for what is not.
    seen: BTreeSet<Panel>,
    change: Option<Change>,
    /// The tabs that are painted now are more than one.
    several: bool,
}

impl Behavior<Panel> for Panels<'_, '_> {
    fn pane_ui(&mut self, ui: &mut Ui, _: TileId, panel: &mut Panel) -> UiResponse {
        if *panel != Panel::Runs {
            self.seen.insert(*panel);
        }
        match panel {
            Panel::Runs => super::list(self.paint, ui),
            Panel::Inspector => inside(ui, |ui| inspector::paint(self.paint, ui)),
            Panel::Charts => charts::beside(self.paint, ui),
            Panel::Log => self.at(Aside::Run(Part::Log), |paint| log::paint(paint, ui)),
            Panel::Notes => inside(ui, |ui| inspector::notes(self.paint, ui)),
            Panel::Files => self.at(Aside::Run(Part::Files), |paint| run::files_beside(paint, ui)),
            Panel::Changes => self.at(Aside::Changes, |paint| compare::beside(paint, ui)),
        }
        UiResponse::None
    }

    fn tab_title_for_pane(&mut self, panel: &Panel) -> egui::WidgetText {
        panel.title().into()
    }

    fn tab_title_for_tile(&mut self, tiles: &Tiles<Panel>, tile: TileId) -> egui::WidgetText {
        title(tiles, tile).into()
    }

    fn tab_ui(&mut self, tiles: &mut Tiles<Panel>, ui: &mut Ui, id: Id, tile: TileId, state: &TabState) -> Response {
        let (theme, words) = (self.theme, title(tiles, tile));
        let panel = tiles.get_pane(&tile).copied();
        let wide = blocks::width(ui, &words, text::body()) + 2.0 * PADDING;
        let (_, area) = ui.allocate_space(vec2(wide, TABS));
        let response = ui.interact(area, id, Sense::click_and_drag());
        response.widget_info(|| egui::WidgetInfo::selected(egui::Role::Tab, true, state.active, &words));
        let is_near = ui.rect_contains_pointer(area) || response.has_focus();
        if state.active || is_near {
            ui.painter().rect_filled(area, 0.0, if state.active { theme.ground } else { theme.hover });
        }
        if state.active && self.several {
            ui.painter().rect_filled(Rect::from_min_size(area.min, vec2(wide, 2.0)), 0.0, theme.accent);
        }
        let ink = if state.active { theme.text } else { theme.muted };
        let inside = area.shrink2(vec2(PADDING, 0.0)).expand2(vec2(1.0, 0.0));
        blocks::elided(ui, inside, &words, text::body(), ink, lab_view::Align::Left);
        let Some(panel) = panel.filter(|panel| *panel != Panel::Runs) else { return response };
        let cross = Rect::from_center_size(area.right_center() - vec2(8.0, 0.0), vec2(16.0, 18.0));
        let close = ui.interact(cross, id.with("close"), Sense::CLICK);
        close.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, true, format!("Close {words}")));
        if is_near || close.has_focus() {
            if close.hovered() {
                ui.painter().rect_filled(cross.shrink2(vec2(0.0, 1.0)), 4.0, theme.edge);
            }
            Icon::Close.paint(ui.painter(), cross, 9.0, theme.muted);
        }
        if close.clicked() || response.middle_clicked() {
            self.change = Some(Change::Toggle(panel));
        }
        response.context_menu(|ui| {
            for (words, change) in
                [("Close", Change::Toggle(panel)), (ActionId::ResetPanels.row().label, Change::Reset)]
            {
                if ui.button(words).clicked() {
                    self.change = Some(change);
                    ui.close();
                }
            }
        });
        response
    }

    fn tab_bar_left_ui(&mut self, tiles: &Tiles<Panel>, _: &mut Ui, _: TileId, tabs: &Tabs) {
        self.several = tabs.children.iter().filter(|child| tiles.is_visible_in_layout(**child)).count() > 1;
    }

    fn drag_ui(&mut self, tiles: &Tiles<Panel>, ui: &mut Ui, tile: TileId) {
        blocks::pill(ui, &title(tiles, tile), Tone::Accent);
    }

    fn tab_bar_height(&self, _: &egui::Style) -> f32 {
        TABS
    }

    fn is_tab_bar_visible(&self, _: TileId, _: &Tabs) -> bool {
        !self.alone
    }

    fn gap_width(&self, _: &egui::Style) -> f32 {
        BETWEEN
    }

    fn min_size(&self) -> f32 {
        LEAST
    }

    fn simplification_options(&self) -> SimplificationOptions {
        TIDY
    }

    fn resize_stroke(&self, _: &egui::Style, state: ResizeState) -> Stroke {
        match state {
            ResizeState::Idle => self.theme.line(),
            ResizeState::Hovering => Stroke::new(2.0, self.theme.muted),
            ResizeState::Dragging => Stroke::new(2.0, self.theme.accent),
        }
    }

    fn tab_bar_color(&self, _: &egui::Visuals) -> Color32 {
        self.theme.bar
    }

    fn tab_hover_cursor_icon(&self) -> CursorIcon {
        CursorIcon::Default
    }

    fn dragged_overlay_color(&self, _: &egui::Visuals) -> Color32 {
        self.theme.ground.gamma_multiply(0.6)
    }

    fn paint_drag_preview(&self, _: &egui::Visuals, painter: &Painter, _: Option<Rect>, preview: Rect) {
        let (fill, edge) = (self.theme.accent.gamma_multiply(0.14), Stroke::new(1.5, self.theme.accent));
        painter.rect(preview.shrink(3.0), f32::from(crate::theme::RADIUS), fill, edge, StrokeKind::Inside);
    }
}

impl Panels<'_, '_> {
    /// Paints something of the run under the cursor; what is done there is done at it.
    fn at(&mut self, aside: Aside, add: impl FnOnce(&mut Paint<'_>)) {
        self.paint.beside = Some(aside);
        add(self.paint);
        self.paint.beside = None;
    }
}

fn inside(ui: &mut Ui, add: impl FnOnce(&mut Ui)) {
    egui::Frame::new().inner_margin(Margin { left: 16, right: 12, top: 0, bottom: 0 }).show(ui, |ui| {
        add(ui);
        ui.take_available_space();
    });
}
