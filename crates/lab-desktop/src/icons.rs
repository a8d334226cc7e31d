//! The few signs of the window, drawn with lines, so that they are sharp at every size and need no font.

use egui::{Color32, Painter, Pos2, Rect, Response, Sense, Shape, Stroke, Ui, pos2, vec2};

/// A sign.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Icon {
    Runs,
    Charts,
    Notes,
    Search,
    Health,
    Projects,
    Folder,
    View,
    Panel,
    Inspector,
    Panels,
    Sun,
    Moon,
    Close,
    Star,
    Sort,
    Group,
    Columns,
    Command,
    Check,
    More,
    Back,
    Forward,
    Up,
    Down,
    Unfold,
    Compare,
    Enlarge,
    Reduce,
}

/// Lines of a sign on a field of 16 by 16.
type Lines = &'static [&'static [(f32, f32)]];

impl Icon {
    const fn lines(self) -> Lines {
        match self {
            Self::Runs => &[
                &[(2.5, 4.0), (3.5, 4.0)],
                &[(6.0, 4.0), (13.5, 4.0)],
                &[(2.5, 8.0), (3.5, 8.0)],
                &[(6.0, 8.0), (13.5, 8.0)],
                &[(2.5, 12.0), (3.5, 12.0)],
                &[(6.0, 12.0), (13.5, 12.0)],
            ],
            Self::Charts => {
                &[&[(2.5, 2.5), (2.5, 13.5), (13.5, 13.5)], &[(5.0, 10.5), (7.5, 7.0), (9.5, 9.0), (13.0, 4.0)]]
            }
            Self::Notes => &[
                &[(3.5, 2.5), (12.5, 2.5), (12.5, 13.5), (3.5, 13.5), (3.5, 2.5)],
                &[(6.0, 6.0), (10.0, 6.0)],
                &[(6.0, 8.5), (10.0, 8.5)],
                &[(6.0, 11.0), (8.5, 11.0)],
            ],
            Self::Search => &[&[(10.3, 10.3), (13.5, 13.5)]],
            Self::Health => &[&[(2.0, 8.5), (5.0, 8.5), (6.5, 4.0), (9.0, 12.5), (10.5, 8.5), (14.0, 8.5)]],
            Self::Projects => &[
                &[(2.5, 2.5), (7.0, 2.5), (7.0, 7.0), (2.5, 7.0), (2.5, 2.5)],
                &[(9.0, 2.5), (13.5, 2.5), (13.5, 7.0), (9.0, 7.0), (9.0, 2.5)],
                &[(2.5, 9.0), (7.0, 9.0), (7.0, 13.5), (2.5, 13.5), (2.5, 9.0)],
                &[(9.0, 9.0), (13.5, 9.0), (13.5, 13.5), (9.0, 13.5), (9.0, 9.0)],
            ],
            Self::Folder => {
                &[&[(2.0, 12.5), (2.0, 3.5), (6.0, 3.5), (7.5, 5.5), (14.0, 5.5), (14.0, 12.5), (2.0, 12.5)]]
            }
            Self::View => &[&[(4.5, 2.5), (11.5, 2.5), (11.5, 13.5), (8.0, 10.5), (4.5, 13.5), (4.5, 2.5)]],
            Self::Panel => {
                &[&[(2.0, 3.0), (14.0, 3.0), (14.0, 13.0), (2.0, 13.0), (2.0, 3.0)], &[(6.0, 3.0), (6.0, 13.0)]]
            }
            Self::Inspector => {
                &[&[(2.0, 3.0), (14.0, 3.0), (14.0, 13.0), (2.0, 13.0), (2.0, 3.0)], &[(10.0, 3.0), (10.0, 13.0)]]
            }
            Self::Panels => &[
                &[(2.0, 3.0), (14.0, 3.0), (14.0, 13.0), (2.0, 13.0), (2.0, 3.0)],
                &[(10.0, 3.0), (10.0, 13.0)],
                &[(2.0, 8.5), (10.0, 8.5)],
            ],
            Self::Sun => &[
                &[(8.0, 1.5), (8.0, 3.0)],
                &[(8.0, 13.0), (8.0, 14.5)],
                &[(1.5, 8.0), (3.0, 8.0)],
                &[(13.0, 8.0), (14.5, 8.0)],
                &[(3.4, 3.4), (4.5, 4.5)],
                &[(11.5, 11.5), (12.6, 12.6)],
                &[(3.4, 12.6), (4.5, 11.5)],
                &[(11.5, 4.5), (12.6, 3.4)],
            ],
            Self::Moon => &[&[
                (9.5, 2.5),
                (6.0, 3.0),
                (3.2, 5.8),
                (3.2, 10.0),
                (6.0, 12.9),
                (10.0, 12.9),
                (12.9, 10.3),
                (10.3, 10.2),
                (8.2, 8.2),
                (7.9, 5.2),
                (9.5, 2.5),
            ]],
            Self::Close => &[&[(4.0, 4.0), (12.0, 12.0)], &[(12.0, 4.0), (4.0, 12.0)]],
            Self::Star => &[&[
                (8.0, 2.0),
                (9.8, 6.0),
                (14.0, 6.4),
                (10.8, 9.3),
                (11.8, 13.6),
                (8.0, 11.3),
                (4.2, 13.6),
                (5.2, 9.3),
                (2.0, 6.4),
                (6.2, 6.0),
                (8.0, 2.0),
            ]],
            Self::Sort => &[
                &[(5.0, 3.0), (5.0, 13.0)],
                &[(2.5, 10.5), (5.0, 13.0), (7.5, 10.5)],
                &[(11.0, 13.0), (11.0, 3.0)],
                &[(8.5, 5.5), (11.0, 3.0), (13.5, 5.5)],
            ],
            Self::Group => &[
                &[(2.5, 3.5), (13.5, 3.5)],
                &[(5.5, 7.0), (13.5, 7.0)],
                &[(5.5, 10.0), (13.5, 10.0)],
                &[(2.5, 13.0), (13.5, 13.0)],
            ],
            Self::Columns => &[
                &[(2.5, 3.0), (13.5, 3.0), (13.5, 13.0), (2.5, 13.0), (2.5, 3.0)],
                &[(6.2, 3.0), (6.2, 13.0)],
                &[(9.8, 3.0), (9.8, 13.0)],
            ],
            Self::Command => &[&[(3.0, 5.0), (6.0, 8.0), (3.0, 11.0)], &[(8.0, 11.5), (13.0, 11.5)]],
            Self::Check => &[&[(3.0, 8.5), (6.5, 12.0), (13.0, 4.5)]],
            Self::More => &[&[(3.0, 8.0), (4.0, 8.0)], &[(7.5, 8.0), (8.5, 8.0)], &[(12.0, 8.0), (13.0, 8.0)]],
            Self::Back => &[&[(10.0, 3.0), (5.0, 8.0), (10.0, 13.0)]],
            Self::Forward => &[&[(6.0, 3.0), (11.0, 8.0), (6.0, 13.0)]],
            Self::Compare => &[
                &[(2.5, 3.0), (6.5, 3.0), (6.5, 13.0), (2.5, 13.0), (2.5, 3.0)],
                &[(9.5, 3.0), (13.5, 3.0), (13.5, 13.0), (9.5, 13.0), (9.5, 3.0)],
            ],
            Self::Unfold => &[&[(5.0, 6.0), (8.0, 3.0), (11.0, 6.0)], &[(5.0, 10.0), (8.0, 13.0), (11.0, 10.0)]],
            Self::Up => &[&[(3.5, 10.0), (8.0, 5.5), (12.5, 10.0)]],
            Self::Enlarge => &[
                &[(9.5, 3.0), (13.0, 3.0), (13.0, 6.5)],
                &[(13.0, 3.0), (9.0, 7.0)],
                &[(6.5, 13.0), (3.0, 13.0), (3.0, 9.5)],
                &[(3.0, 13.0), (7.0, 9.0)],
            ],
            Self::Reduce => &[
                &[(9.0, 3.5), (9.0, 7.0), (12.5, 7.0)],
                &[(9.0, 7.0), (13.0, 3.0)],
                &[(7.0, 12.5), (7.0, 9.0), (3.5, 9.0)],
                &[(7.0, 9.0), (3.0, 13.0)],
            ],
            Self::Down => &[&[(3.5, 6.0), (8.0, 10.5), (12.5, 6.0)]],
        }
    }

    /// Circles: middle and radius.
    const fn circle(self) -> Option<((f32, f32), f32)> {
        match self {
            Self::Search => Some(((7.0, 7.0), 4.3)),
            Self::Sun => Some(((8.0, 8.0), 3.0)),
            _ => None,
        }
    }

    /// Draws it in the middle of an area, so many points high.
    pub fn paint(self, painter: &Painter, area: Rect, size: f32, color: Color32) {
        let corner = area.center() - vec2(size, size) / 2.0;
        let at = |(x, y): &(f32, f32)| -> Pos2 { corner + vec2(*x, *y) * (size / 16.0) };
        let stroke = Stroke::new((size / 16.0 * 1.4).max(1.2), color);
        for line in self.lines() {
            painter.add(Shape::line(line.iter().map(at).collect(), stroke));
        }
        if let Some((middle, radius)) = self.circle() {
            painter.circle_stroke(at(&middle), radius * size / 16.0, stroke);
        }
    }

    /// A star that is on.
    pub fn paint_full_star(painter: &Painter, middle: Pos2, size: f32, color: Color32) {
        // Ten corners are not convex: five kites from the middle are.
        let corner = |turn: usize, far: bool| {
            let angle = std::f32::consts::TAU * (turn as f32 / 10.0 - 0.25);
            middle + vec2(angle.cos(), angle.sin()) * (size / 2.0 * if far { 1.0 } else { 0.45 })
        };
        for point in 0..5 {
            let turn = point * 2;
            let kite = vec![middle, corner(turn + 9, false), corner(turn, true), corner(turn + 1, false)];
            painter.add(Shape::convex_polygon(kite, color, Stroke::NONE));
        }
    }
}

/// A button that is only a sign; `name` is what it is called, and what is told when the pointer rests on it.
pub fn button(ui: &mut Ui, icon: Icon, name: &str) -> Response {
    button_in(ui, icon, name, None)
}

/// The same in a colour of its own.
pub fn button_in(ui: &mut Ui, icon: Icon, name: &str, color: Option<Color32>) -> Response {
    let theme = crate::theme::Theme::of(ui);
    let (area, response) = ui.allocate_exact_size(vec2(26.0, 26.0), Sense::click());
    if response.hovered() || response.has_focus() {
        ui.painter().rect_filled(area, 6.0, theme.hover);
    }
    let usual = if response.hovered() { theme.text } else { theme.muted };
    icon.paint(ui.painter(), area, 15.0, color.unwrap_or(usual));
    response.widget_info(|| egui::WidgetInfo::labeled(egui::Role::Button, ui.is_enabled(), name));
    response.on_hover_text(name)
}

/// Where a sign stands before words in a row.
pub fn before(area: Rect) -> (Rect, Rect) {
    let place = Rect::from_min_size(area.min, vec2(area.height(), area.height()));
    (place, Rect::from_min_max(pos2(place.right() + 2.0, area.top()), area.max))
}
