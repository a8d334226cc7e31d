//! A scene as SVG 1.1: words stay words, so that they can be searched and edited.

use plotters::backend::SVGBackend;

use crate::backend::{self, Joints};
use crate::scene::Scene;

/// Plotters counts in whole numbers: so many to a point make a step of a sixtieth of a millimetre.
const UNITS: f64 = 20.0;

/// The file.
pub fn write(scene: &Scene) -> String {
    let [width, height] = [scene.width, scene.height].map(|side| side * UNITS);
    let mut body = String::new();
    let mut backend = SVGBackend::with_string(&mut body, (width.ceil() as u32, height.ceil() as u32));
    backend::draw(scene, &mut backend, UNITS, Joints::Given).expect("because a string takes everything");
    drop(backend);
    // The root of its own says how large a unit is on paper, and how all lines are joined.
    let (_, shapes) = body.split_once('>').expect("because plotters opens the root first");
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{:.2}pt\" height=\"{:.2}pt\" viewBox=\"0 0 {width:.0} \
         {height:.0}\" stroke-linejoin=\"round\">{shapes}",
        scene.width, scene.height,
    )
}
