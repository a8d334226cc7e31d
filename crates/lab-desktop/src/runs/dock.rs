//! Which panels stand where in the place of runs. What a person has made of it is kept for each project.

use std::collections::BTreeSet;

use egui::{Id, Vec2};
use egui_tiles::{Container, Linear, LinearDir, SimplificationOptions, Tile, TileId, Tiles, Tree};
use lab_view::screens::runs::Panel;
use serde::{Deserialize, Deserializer, Serialize};

/// The height of the tabs of panels.
pub const TABS: f32 = 30.0;
/// Between panels, where their sizes can be changed.
pub const BETWEEN: f32 = 1.0;
/// A panel is no smaller when a person makes it smaller.
pub const LEAST: f32 = 120.0;
/// What the list has at least when the window gets smaller.
const LIST_LEAST: f32 = 240.0;
/// What stands at the right is so wide at first.
const SIDE: f32 = 366.0;

/// What is never left standing: containers with one child, or none.
pub const TIDY: SimplificationOptions = SimplificationOptions {
    prune_empty_tabs: true,
    prune_empty_containers: true,
    prune_single_child_tabs: true,
    prune_single_child_containers: true,
    all_panes_must_have_tabs: true,
    join_nested_linear_containers: true,
    flatten_tabs_in_tabs: true,
};

/// Where charts stand, seen from the list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Side {
    Below,
    Beside,
}

/// What a person wants of the panels.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Change {
    /// This one is there, or not.
    Toggle(Panel),
    /// Charts stand there.
    Charts(Side),
    /// All stand where they stand at first.
    Reset,
}

/// The panels, and where they stand.
#[derive(Serialize)]
#[serde(transparent)]
pub struct Dock {
    pub tree: Tree<Panel>,
}

/// Under this name the toolkit knows the panels.
const ID: &str = "panels of runs";

impl Default for Dock {
    /// The list, and at its right what is known of the run under the cursor.
    fn default() -> Self {
        let mut tiles = Tiles::default();
        let list = tiles.insert_pane(Panel::Runs);
        let mut dock = Self { tree: Tree::new(Id::unique(ID), list, tiles) };
        dock.open(Panel::Inspector);
        dock
    }
}

impl<'de> Deserialize<'de> for Dock {
    /// What is broken, or was written otherwise by an older version, is forgotten; nothing else is forgotten with it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = serde_json::Value::deserialize(deserializer)?;
        let tree: Option<Tree<Panel>> = serde_json::from_value(value).ok();
        Ok(tree.and_then(Self::of).unwrap_or_default())
    }
}

impl Dock {
    /// Nothing at all: what is there while the panels are being painted.
    pub fn empty() -> Self {
        Self { tree: Tree::empty(Id::unique(ID)) }
    }

    /// The panels of this tree, if each stands in one place and the list is among them.
    fn of(tree: Tree<Panel>) -> Option<Self> {
        let mut seen = (BTreeSet::new(), BTreeSet::new());
        let root = tree.root?;
        let is_whole = is_whole(&tree.tiles, root, &mut seen) && seen.1.contains(&Panel::Runs);
        let mut dock = Self { tree: Tree::new(Id::unique(ID), root, tree.tiles) };
        dock.tree.tiles.recompute_next_tile_id();
        dock.tidy();
        is_whole.then_some(dock)
    }

    /// Whether this panel is there; it may be behind another one, or out of sight in a small window.
    pub fn has(&self, panel: Panel) -> bool {
        self.tree.tiles.find_pane(&panel).is_some()
    }

    /// Where the charts stand, when they share an edge with what holds the list.
    pub fn charts(&self) -> Option<Side> {
        let charts = self.tree.tiles.find_pane(&Panel::Charts)?;
        let mut tile = self.tree.tiles.parent_of(charts)?;
        loop {
            if let Some(Container::Linear(linear)) = self.tree.tiles.get_container(tile) {
                return Some(if linear.dir == LinearDir::Vertical { Side::Below } else { Side::Beside });
            }
            tile = self.tree.tiles.parent_of(tile)?;
        }
    }

    /// Does what a person wants.
    pub fn change(&mut self, change: Change) {
        match change {
            Change::Toggle(panel) if self.has(panel) => self.close(panel),
            Change::Toggle(panel) => self.open(panel),
            Change::Charts(side) => {
                self.close(Panel::Charts);
                let list = self.tree.tiles.find_pane(&Panel::Runs);
                let at = list.and_then(|list| self.tree.tiles.parent_of(list)).or(self.tree.root);
                let dir = match side {
                    Side::Below => LinearDir::Vertical,
                    Side::Beside => LinearDir::Horizontal,
                };
                at.into_iter().for_each(|at| self.insert(Panel::Charts, at, dir, None));
            }
            Change::Reset => *self = Self::default(),
        }
        self.tidy();
    }

    /// These panels stand beside the list, and no others.
    pub fn show(&mut self, panels: &BTreeSet<Panel>) {
        for panel in Panel::BESIDE {
            if self.has(panel) != panels.contains(&panel) {
                self.change(Change::Toggle(panel));
            }
        }
    }

    fn close(&mut self, panel: Panel) {
        if let Some(tile) = self.tree.tiles.find_pane(&panel) {
            self.tree.remove_recursively(tile);
        }
        self.tidy();
    }

    /// Charts come below the list, what tells of the run under the cursor at the right, as tabs when there are several.
    fn open(&mut self, panel: Panel) {
        if panel == Panel::Charts {
            return self.change(Change::Charts(Side::Below));
        }
        let others = Panel::BESIDE.into_iter().filter(|other| *other != Panel::Charts);
        let other = others.filter_map(|other| self.tree.tiles.find_pane(&other)).next();
        let tabs = other.and_then(|other| self.tree.tiles.parent_of(other));
        let tile = match (tabs, self.tree.root) {
            (Some(tabs), _) => {
                let tile = self.tree.tiles.insert_pane(panel);
                if let Some(Tile::Container(container)) = self.tree.tiles.get_mut(tabs) {
                    container.add_child(tile);
                }
                tile
            }
            (None, Some(root)) => return self.insert(panel, root, LinearDir::Horizontal, Some(SIDE)),
            (None, None) => return,
        };
        self.tidy();
        self.tree.make_active(|at, _| at == tile);
    }

    /// Puts a panel behind a tile, at its right or below; without a size it gets an equal part.
    fn insert(&mut self, panel: Panel, at: TileId, dir: LinearDir, size: Option<f32>) {
        let tiles = &mut self.tree.tiles;
        let pane = tiles.insert_pane(panel);
        let parent = tiles.parent_of(at);
        let is_row =
            |tile: &TileId| matches!(tiles.get_container(*tile), Some(Container::Linear(row)) if row.dir == dir);
        let row = Some(at).filter(is_row).or(parent.filter(is_row));
        if let Some(Tile::Container(Container::Linear(row))) = row.and_then(|row| tiles.get_mut(row)) {
            let place =
                row.children.iter().position(|child| *child == at).map_or(row.children.len(), |place| place + 1);
            row.children.insert(place, pane);
            size.into_iter().for_each(|size| row.shares.set_share(pane, size));
        } else {
            let mut pair = Linear::new(dir, vec![at, pane]);
            size.into_iter().for_each(|size| pair.shares.set_share(pane, size));
            let pair = tiles.insert_container(pair);
            match parent.and_then(|parent| tiles.get_mut(parent)) {
                Some(Tile::Container(parent)) => drop(parent.replace_child(at, pair)),
                _ => self.tree.root = Some(pair),
            }
        }
        self.tidy();
    }

    /// Each panel has tabs of its own, and containers are no deeper than they need to be.
    fn tidy(&mut self) {
        self.tree.simplify(&TIDY);
    }

    /// Gives each panel its room. Shares are points, so that panels keep their size when the window gets another one;
    /// the list takes what is left.
    pub fn fit(&mut self, size: Vec2) {
        if let Some(root) = self.tree.root {
            fit(&mut self.tree.tiles, root, size);
        }
    }

    /// Says which panels have something to show. In a narrow window nothing stands beside the list.
    pub fn set_visible(&mut self, is_visible: impl Fn(Panel) -> bool, is_narrow: bool) {
        let mut aside = BTreeSet::new();
        if is_narrow && let Some(root) = self.tree.root {
            beside_list(&self.tree.tiles, root, false, &mut aside);
        }
        let panes: Vec<(TileId, Panel)> = self.panes().collect();
        for (tile, panel) in panes {
            let is_visible = panel == Panel::Runs || is_visible(panel) && !aside.contains(&panel);
            self.tree.set_visible(tile, is_visible);
        }
    }

    /// All panels.
    pub fn panes(&self) -> impl Iterator<Item = (TileId, Panel)> {
        self.tree.tiles.iter().filter_map(|(tile, what)| match what {
            Tile::Pane(panel) => Some((*tile, *panel)),
            Tile::Container(_) => None,
        })
    }
}

/// Whether all below a tile is there once.
fn is_whole(tiles: &Tiles<Panel>, tile: TileId, seen: &mut (BTreeSet<u64>, BTreeSet<Panel>)) -> bool {
    seen.0.insert(tile.0)
        && match tiles.get(tile) {
            None | Some(Tile::Container(Container::Grid(_))) => false,
            Some(Tile::Pane(panel)) => seen.1.insert(*panel),
            Some(Tile::Container(container)) => {
                container.num_children() > 0 && container.children().all(|child| is_whole(tiles, *child, seen))
            }
        }
}

fn holds_list(tiles: &Tiles<Panel>, tile: TileId) -> bool {
    match tiles.get(tile) {
        Some(Tile::Pane(panel)) => *panel == Panel::Runs,
        Some(Tile::Container(container)) => container.children().any(|child| holds_list(tiles, *child)),
        None => false,
    }
}

/// Panels that stand at a side of the list rather than above or below it.
fn beside_list(tiles: &Tiles<Panel>, tile: TileId, is_aside: bool, aside: &mut BTreeSet<Panel>) {
    match tiles.get(tile) {
        Some(Tile::Pane(panel)) if is_aside => drop(aside.insert(*panel)),
        Some(Tile::Container(container)) => {
            let is_row = matches!(container, Container::Linear(linear) if linear.dir == LinearDir::Horizontal);
            let is_row = is_row && holds_list(tiles, tile);
            for child in container.children() {
                beside_list(tiles, *child, is_aside || is_row && !holds_list(tiles, *child), aside);
            }
        }
        _ => {}
    }
}

fn fit(tiles: &mut Tiles<Panel>, tile: TileId, size: Vec2) {
    let Some(Tile::Container(container)) = tiles.get(tile) else { return };
    let children = container.children_vec();
    let Container::Linear(Linear { dir, shares, .. }) = container else {
        return children.into_iter().for_each(|child| fit(tiles, child, size - Vec2::new(0.0, TABS)));
    };
    let dir = *dir;
    let along = if dir == LinearDir::Horizontal { size.x } else { size.y };
    let shown: Vec<TileId> = children.into_iter().filter(|child| tiles.is_visible_in_layout(*child)).collect();
    let list = shown.iter().position(|child| holds_list(tiles, *child));
    let room = along - BETWEEN * shown.len().saturating_sub(1) as f32;
    let shares = fitted(shown.iter().map(|child| shares[*child]).collect(), list, room.max(1.0));
    let sum: f32 = shares.iter().sum();
    for (child, share) in shown.into_iter().zip(shares) {
        if let Some(Tile::Container(Container::Linear(linear))) = tiles.get_mut(tile) {
            linear.shares.set_share(child, share);
        }
        let given = share / sum * room;
        let inside = if dir == LinearDir::Horizontal { Vec2::new(given, size.y) } else { Vec2::new(size.x, given) };
        fit(tiles, child, inside);
    }
}

/// The shares of some panels beside each other. Each keeps what it had, which has not gone when there is less room for
/// a while: then all give way alike. The list takes what is left. What has come just now gets an equal part.
fn fitted(mut shares: Vec<f32>, list: Option<usize>, room: f32) -> Vec<f32> {
    let fair = room / shares.len() as f32;
    for share in &mut shares {
        // A new one is 1.
        if !share.is_finite() || *share < LEAST / 2.0 {
            *share = fair;
        }
    }
    if let Some(list) = list {
        shares[list] = 0.0;
        let others: f32 = shares.iter().sum();
        let most = (room - LIST_LEAST).max(room / 3.0);
        let part = (most / others).min(1.0);
        shares[list] = (room - others * part) / part;
    }
    shares
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_takes_what_the_others_leave() {
        let check = |given: &[f32], list, room: f32, expected: &[f32]| {
            let shares = fitted(given.to_vec(), list, room);
            let sum: f32 = shares.iter().sum();
            let sizes: Vec<f32> = shares.iter().map(|share| (share / sum * room).round()).collect();
            assert_eq!(sizes, expected, "{given:?} in {room}");
            shares
        };
        check(&[1.0, 350.0], Some(0), 1000.0, &[650.0, 350.0]);
        check(&[900.0, 350.0], Some(0), 1000.0, &[650.0, 350.0]);
        // One that has just come gets an equal part.
        check(&[650.0, 1.0, 350.0], Some(0), 1200.0, &[450.0, 400.0, 350.0]);
        // In little room all give way, the list keeps what it needs, and later all is as it was.
        let squeezed = check(&[500.0, 350.0], Some(0), 500.0, &[240.0, 260.0]);
        check(&squeezed, Some(0), 1000.0, &[650.0, 350.0]);
        check(&[f32::NAN, 300.0], None, 600.0, &[300.0, 300.0]);
        check(&[100.0, 300.0], None, 800.0, &[200.0, 600.0]);
        check(&[700.0], Some(0), 640.0, &[640.0]);
    }

    fn kept(text: &str) -> Dock {
        serde_json::from_str(text).expect("a layout")
    }

    fn shown(dock: &Dock) -> BTreeSet<Panel> {
        dock.panes().map(|(_, panel)| panel).collect()
    }

    #[test]
    fn panels_are_opened_and_closed_and_kept() {
        let mut dock = Dock::default();
        let first = shown(&dock);
        assert_eq!(first, [Panel::Runs, Panel::Inspector].into());
        for panel in Panel::BESIDE {
            dock.show(&[panel].into());
            assert_eq!(shown(&dock), [Panel::Runs, panel].into());
            assert_eq!(shown(&kept(&serde_json::to_string(&dock).expect("text"))), shown(&dock));
        }
        dock.show(&Panel::BESIDE.into());
        assert_eq!(shown(&dock).len(), 7);
        for side in [Side::Beside, Side::Below] {
            dock.change(Change::Charts(side));
            assert_eq!(dock.charts(), Some(side));
        }
        dock.show(&BTreeSet::new());
        assert_eq!(shown(&dock), [Panel::Runs].into());
        dock.change(Change::Reset);
        assert_eq!(shown(&dock), first);
    }

    #[test]
    fn a_broken_layout_is_forgotten() {
        let first = shown(&Dock::default());
        let whole = serde_json::to_value(Dock::default()).expect("a value");
        assert_eq!(shown(&kept(&whole.to_string())), first);
        let mut damaged = vec![serde_json::json!(null), serde_json::json!("Below"), serde_json::json!({"root": 7})];
        let tiles = whole["tiles"]["tiles"].as_object().expect("tiles");
        for tile in tiles.keys() {
            // One that is missing, one that holds what holds it, and one that nobody knows.
            for other in
                [None, Some(tiles[&whole["root"].to_string()].clone()), Some(serde_json::json!({"Pane": "Elsewhere"}))]
            {
                let mut value = whole.clone();
                let tiles = value["tiles"]["tiles"].as_object_mut().expect("tiles");
                match other {
                    None => drop(tiles.remove(tile)),
                    Some(other) if other != tiles[tile] => drop(tiles.insert(tile.clone(), other)),
                    Some(_) => continue,
                }
                damaged.push(value);
            }
        }
        assert!(damaged.len() > 10);
        for value in damaged {
            assert_eq!(shown(&kept(&value.to_string())), first, "{value}");
        }
    }

    #[test]
    fn nothing_stands_beside_the_list_where_it_is_narrow() {
        let mut dock = Dock::default();
        dock.show(&[Panel::Inspector, Panel::Charts, Panel::Log].into());
        dock.set_visible(|_| true, true);
        let visible: BTreeSet<Panel> =
            dock.panes().filter(|(tile, _)| dock.tree.is_visible(*tile)).map(|(_, panel)| panel).collect();
        assert_eq!(visible, [Panel::Runs, Panel::Charts].into());
    }
}
