//! A scene as PNG, with its resolution written down.

use plotters::backend::BitMapBackend;

use crate::backend::{self, Joints};
use crate::scene::Scene;
use crate::{Error, Result};

/// Pixels along a side, and altogether, at most.
const SIDE_MAX: f64 = 16_000.0;
const PIXELS_MAX: f64 = 4e7;
/// Every pixel is the mean of so many by so many: soft edges.
const FINER: usize = 3;

/// The file, with so many pixels for each inch.
///
/// # Errors
/// [`Error::Size`] when it has no pixels, more than 16,000 along a side, or more than 40 million.
pub fn write(scene: &Scene, dots_per_inch: f64) -> Result<Vec<u8>> {
    let scale = dots_per_inch / 72.0;
    let [width, height] = [scene.width, scene.height].map(|side| (side * scale).round());
    let fits = |side: f64| (1.0..=SIDE_MAX).contains(&side);
    if !(fits(width) && fits(height) && width * height <= PIXELS_MAX) {
        return Err(Error::Size { width, height });
    }
    let (width, height) = (width as usize, height as usize);
    let pixels = coarser(&paint(scene, scale * FINER as f64, [width * FINER, height * FINER]), width * FINER);
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, width as u32, height as u32);
    encoder.set_color(png::ColorType::Rgb);
    encoder.set_depth(png::BitDepth::Eight);
    let per_metre = (dots_per_inch / 0.0254).round() as u32;
    encoder.set_pixel_dims(Some(png::PixelDimensions { xppu: per_metre, yppu: per_metre, unit: png::Unit::Meter }));
    encoder.write_header()?.write_image_data(&pixels)?;
    Ok(bytes)
}

/// Red, green and blue of every pixel.
fn paint(scene: &Scene, scale: f64, [width, height]: [usize; 2]) -> Vec<u8> {
    let mut pixels = vec![0; width * height * 3];
    let mut backend = BitMapBackend::with_buffer(&mut pixels, (width as u32, height as u32));
    backend::draw(scene, &mut backend, scale, Joints::Drawn).expect("because the pixels are in memory");
    drop(backend);
    pixels
}

/// Each square of fine pixels as one.
fn coarser(fine: &[u8], width: usize) -> Vec<u8> {
    let columns = width / FINER;
    let mut sums = vec![0u16; columns * 3];
    let mut pixels = Vec::with_capacity(fine.len() / (FINER * FINER));
    for rows in fine.chunks_exact(width * 3 * FINER) {
        sums.fill(0);
        for row in rows.chunks_exact(width * 3) {
            for (sum, square) in sums.chunks_exact_mut(3).zip(row.chunks_exact(3 * FINER)) {
                for pixel in square.chunks_exact(3) {
                    sum.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += u16::from(*part));
                }
            }
        }
        pixels.extend(sums.iter().map(|sum| (sum / (FINER * FINER) as u16) as u8));
    }
    pixels
}
