//! Pictures that runs wrote, step by step.

use std::collections::{BTreeMap, BTreeSet};

use egui::{RichText, ScrollArea, Ui, vec2};
use lab_plot::{Image, Layer};
use lab_view::screens::charts::ChartsView;

use crate::theme::{GAP, MARGIN, Theme, text};
use crate::{blocks, images};

/// What lasts as long as the window.
#[derive(Default)]
pub struct Own {
    place: usize,
    textures: images::Textures,
}

/// The side of a picture, in points.
const SIDE: f32 = 220.0;

/// Paints each run's pictures of one step, with a slider from step to step.
pub fn paint(ui: &mut Ui, page: &ChartsView, own: &mut Own) {
    let pictures: Vec<(&str, Vec<&Image>)> =
        page.charts.iter().map(|(_, chart)| (chart.title.as_str(), images_of(&chart.layers))).collect();
    let steps: BTreeSet<u64> =
        pictures.iter().flat_map(|(_, images)| images).filter_map(|image| step(&image.name)).collect();
    let steps: Vec<u64> = steps.into_iter().collect();
    if steps.len() > 1 {
        own.place = own.place.min(steps.len() - 1);
        ui.horizontal(|ui| {
            ui.add_space(MARGIN);
            ui.label(RichText::new("Step").font(text::small()).color(Theme::of(ui).muted));
            own.place = blocks::stepper(ui, own.place, steps.len(), "step").unwrap_or(own.place);
            ui.label(steps[own.place].to_string());
        });
    }
    let now = steps.get(own.place).copied();
    ScrollArea::vertical().auto_shrink(false).show(ui, |ui| {
        for (name, images) in &pictures {
            ui.horizontal(|ui| {
                ui.add_space(MARGIN);
                ui.label(RichText::new(*name).font(text::heading()));
            });
            ui.horizontal_wrapped(|ui| {
                ui.add_space(MARGIN);
                ui.spacing_mut().item_spacing = vec2(3.0 * GAP, 2.0 * GAP);
                for image in at_step(images, now) {
                    ui.vertical(|ui| {
                        ui.set_width(SIDE);
                        own.textures.show(ui, &format!("{name}/{}", image.name), image, vec2(SIDE, SIDE));
                        ui.label(RichText::new(&image.name).font(text::small()).color(Theme::of(ui).muted));
                    });
                }
            });
        }
    });
}

fn images_of(layers: &[Layer]) -> Vec<&Image> {
    let images = layers.iter().filter_map(|layer| match layer {
        Layer::Images { images } => Some(images),
        _ => None,
    });
    images.flatten().collect()
}

/// The last number in a file's name.
fn step(path: &str) -> Option<u64> {
    let name = path.rsplit('/').next()?;
    let digits = name.split(|letter: char| !letter.is_ascii_digit()).rfind(|part| !part.is_empty())?;
    digits.parse().ok()
}

/// Of each series of pictures the newest up to this step; what has no step is always shown.
fn at_step<'a>(images: &[&'a Image], now: Option<u64>) -> Vec<&'a Image> {
    let mut newest: BTreeMap<String, (u64, &'a Image)> = BTreeMap::new();
    for image in images {
        let at = step(&image.name).unwrap_or(0);
        let series = image.name.replace(|letter: char| letter.is_ascii_digit(), "");
        let fits = now.is_none_or(|now| at <= now);
        if fits && newest.get(&series).is_none_or(|(known, _)| at >= *known) {
            newest.insert(series, (at, image));
        }
    }
    newest.into_values().map(|(_, image)| image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_picture_up_to_a_step() {
        let named = |name: &str| Image { name: name.to_owned(), ..Image::default() };
        let images = ["a/mask-1.png", "a/mask-20.png", "a/mask-3.png", "b/plot.png"].map(named);
        let images: Vec<&Image> = images.iter().collect();
        let shown = |now| at_step(&images, now).iter().map(|image| image.name.as_str()).collect::<Vec<_>>();
        assert_eq!(
            shown(Some(5)),
            ["b/plot.png", "a/mask-3.png"].map(|name| name).into_iter().rev().collect::<Vec<_>>()
        );
        assert_eq!(shown(None).len(), 2);
        assert_eq!(step("out/epoch_0012.png"), Some(12));
    }
}
