//! A picture of `lab-plot` as triangles, made once and painted in every frame until something about it changes.

use std::sync::Arc;

use egui::epaint::{PathShape, PathStroke, TessellationOptions, Tessellator};
use egui::{Color32, Mesh, Pos2, Rect, Shape, Stroke, pos2, vec2};
use lab_plot::palette;
use lab_plot::picture::{Mark, Picture, Tint};

/// The width of a line, in points.
const LINE: f32 = 1.6;
/// What is less important, and what stands back while another series is looked at.
const FAINT: f32 = 0.30;
/// A band lets what is behind it be seen.
const SHEER: f32 = 0.16;
/// With more lines than this, marks on their points only hide each other.
const POINTED: usize = 8;
/// The radius of a point, in points.
const POINT: f32 = 3.5;

/// Colours of series, and what about them is special now.
pub struct Ink<'a> {
    /// The colour of each slot.
    pub series: &'a dyn Fn(usize) -> Color32,
    /// Only this series stands out.
    pub only: Option<usize>,
}

impl Ink<'_> {
    fn of(&self, slot: usize) -> Color32 {
        let color = (self.series)(slot);
        if self.only.is_some_and(|only| only != slot) { color.gamma_multiply(FAINT * 0.7) } else { color }
    }
}

/// Triangles that lie somewhere on the screen.
#[derive(Default)]
pub struct Canvas {
    mesh: Arc<Mesh>,
    corner: Pos2,
}

impl Canvas {
    /// Makes the triangles of a picture as large as this.
    pub fn new(picture: &Picture, area: Rect, pixels_per_point: f32, ink: &Ink<'_>) -> Self {
        let pen = Pen {
            points: true,
            mesh: Mesh::default(),
            area,
            tessellator: Tessellator::new(pixels_per_point, TessellationOptions::default(), [1, 1], Vec::new()),
        };
        let lines = picture.marks.iter().filter(|mark| matches!(mark, Mark::Line { .. })).count();
        let mut pen = Pen { points: lines <= POINTED, ..pen };
        // What stands out is painted last.
        let is_only = |mark: &&Mark| ink.only.is_some_and(|only| slot(mark) == Some(only));
        picture.marks.iter().filter(|mark| !is_only(mark)).for_each(|mark| pen.mark(mark, ink));
        picture.marks.iter().filter(is_only).for_each(|mark| pen.mark(mark, ink));
        Self { mesh: Arc::new(pen.mesh), corner: area.min }
    }

    /// The triangles with their upper left corner here.
    pub fn shape(&mut self, corner: Pos2) -> Shape {
        if corner != self.corner {
            Arc::make_mut(&mut self.mesh).translate(corner - self.corner);
            self.corner = corner;
        }
        Shape::mesh(Arc::clone(&self.mesh))
    }
}

const fn slot(mark: &Mark) -> Option<usize> {
    match mark {
        Mark::Line { tint: Tint::Slot(slot), .. } | Mark::Area { slot, .. } | Mark::Points { slot, .. } => Some(*slot),
        _ => None,
    }
}

struct Pen {
    /// Points of short lines are marked.
    points: bool,
    mesh: Mesh,
    area: Rect,
    tessellator: Tessellator,
}

impl Pen {
    fn at(&self, [x, y]: [f64; 2]) -> Pos2 {
        let size = self.area.size();
        self.area.min + vec2(x as f32 * size.x, (1.0 - y as f32) * size.y)
    }

    fn mark(&mut self, mark: &Mark, ink: &Ink<'_>) {
        match mark {
            Mark::Line { tint, faint, sparse, pieces } => {
                let color = match tint {
                    Tint::Slot(slot) => ink.of(*slot),
                    Tint::Shade(part) => shade(*part),
                };
                let color = if *faint { color.gamma_multiply(FAINT) } else { color };
                for piece in pieces {
                    self.line(piece, Stroke::new(if *faint { 1.0 } else { LINE }, color));
                    if self.points && *sparse && !faint || piece.len() == 1 {
                        piece.iter().for_each(|point| self.point(*point, 2.2, color));
                    }
                }
            }
            Mark::Area { slot, sheer, outlines } => {
                let color = ink.of(*slot);
                let color = if *sheer { color.gamma_multiply(SHEER) } else { color.gamma_multiply(0.75) };
                outlines.iter().for_each(|outline| self.strip(outline, color));
            }
            Mark::Points { slot, points } => {
                points.iter().for_each(|point| self.point(*point, POINT, ink.of(*slot)));
            }
            Mark::Tile { part, low, high, .. } => {
                let palette::Rgb(red, green, blue) = palette::tile(*part, palette::Theme::Light);
                let rect = Rect::from_two_pos(self.at(*low), self.at(*high)).shrink(0.5);
                self.mesh.add_colored_rect(rect, Color32::from_rgb(red, green, blue));
            }
            Mark::Image { .. } => {}
        }
    }

    fn line(&mut self, points: &[[f64; 2]], stroke: Stroke) {
        let points: Vec<Pos2> = points.iter().map(|point| self.at(*point)).collect();
        if points.len() > 1 {
            let path = PathShape::line(points, PathStroke::from(stroke));
            self.tessellator.tessellate_path(&path, &mut self.mesh);
        }
    }

    fn point(&mut self, point: [f64; 2], radius: f32, color: Color32) {
        let circle = egui::epaint::CircleShape::filled(self.at(point), radius, color);
        self.tessellator.tessellate_circle(circle, &mut self.mesh);
    }

    /// An outline that goes along its top and back along its ground, as bands, boxes and ridges do.
    fn strip(&mut self, outline: &[[f64; 2]], color: Color32) {
        let points: Vec<Pos2> = outline.iter().map(|point| self.at(*point)).collect();
        let (Some(first), Some(last)) = (points.first(), points.last()) else { return };
        let is_ridge = points.len() > 4 && first.y == last.y && (first.x - points[1].x).abs() < f32::EPSILON;
        let pairs: Vec<(Pos2, Pos2)> = if is_ridge {
            points.iter().map(|point| (*point, pos2(point.x, first.y))).collect()
        } else {
            (0..points.len() / 2).map(|place| (points[place], points[points.len() - 1 - place])).collect()
        };
        let start = self.mesh.vertices.len() as u32;
        for (top, ground) in &pairs {
            self.mesh.colored_vertex(*top, color);
            self.mesh.colored_vertex(*ground, color);
        }
        for place in 0..(pairs.len() as u32).saturating_sub(1) {
            let at = start + 2 * place;
            self.mesh.add_triangle(at, at + 1, at + 2);
            self.mesh.add_triangle(at + 1, at + 3, at + 2);
        }
    }
}

/// The colour of a number from 0 to 1.
pub fn shade(part: f64) -> Color32 {
    let palette::Rgb(red, green, blue) = palette::shade(part);
    Color32::from_rgb(red, green, blue)
}
