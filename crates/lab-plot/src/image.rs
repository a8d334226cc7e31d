//! Small pictures for a grid of images.

use serde::Serialize;

/// Bytes of a decoded image at most.
const BYTES_MAX: usize = 256 << 20;

/// A picture, row after row from the top.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Image {
    /// What it shows.
    pub name: String,
    /// Pixels.
    pub width: usize,
    /// Pixels.
    pub height: usize,
    /// Red, green and blue of each pixel.
    #[serde(skip)]
    pub pixels: Vec<[u8; 3]>,
}

impl Image {
    /// Reads a PNG; what is transparent becomes white. `None` when it is none, or larger than 256 MiB.
    pub fn from_png(name: impl Into<String>, bytes: &[u8]) -> Option<Self> {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_limits(png::Limits { bytes: BYTES_MAX });
        decoder.set_transformations(png::Transformations::normalize_to_color8());
        let mut reader = decoder.read_info().ok()?;
        let mut data = vec![0; reader.output_buffer_size().filter(|size| *size <= BYTES_MAX)?];
        let frame = reader.next_frame(&mut data).ok()?;
        let over_white = |part: u8, alpha: u8| {
            let alpha = u32::from(alpha);
            ((u32::from(part) * alpha + 255 * (255 - alpha)) / 255) as u8
        };
        let pixel = |parts: &[u8]| match *parts {
            [grey] => [grey; 3],
            [grey, alpha] => [over_white(grey, alpha); 3],
            [red, green, blue] => [red, green, blue],
            [red, green, blue, alpha, ..] => [red, green, blue].map(|part| over_white(part, alpha)),
            [] => [255; 3],
        };
        let pixels = data[..frame.buffer_size()].chunks_exact(frame.color_type.samples()).map(pixel).collect();
        Some(Self { name: name.into(), width: frame.width as usize, height: frame.height as usize, pixels })
    }

    /// Reads a PNG or a JPEG, told by how it begins. `None` when it is neither, or larger than 256 MiB.
    pub fn read(name: impl Into<String>, bytes: &[u8]) -> Option<Self> {
        if bytes.starts_with(b"\xff\xd8\xff") { Self::from_jpeg(name, bytes) } else { Self::from_png(name, bytes) }
    }

    fn from_jpeg(name: impl Into<String>, bytes: &[u8]) -> Option<Self> {
        let mut decoder = zune_jpeg::JpegDecoder::new(std::io::Cursor::new(bytes));
        decoder.decode_headers().ok()?;
        let (width, height) = decoder.dimensions()?;
        width.checked_mul(height)?.checked_mul(4).filter(|size| *size <= BYTES_MAX)?;
        let data = decoder.decode().ok()?;
        let pixels: Vec<[u8; 3]> = match data.len().checked_div(width * height)? {
            1 => data.iter().map(|grey| [*grey; 3]).collect(),
            3 => data.chunks_exact(3).map(|pixel| [pixel[0], pixel[1], pixel[2]]).collect(),
            _ => return None,
        };
        Some(Self { name: name.into(), width, height, pixels })
    }

    /// The picture as a PNG file.
    ///
    /// # Errors
    /// [`crate::Error::Png`] when it has no pixels.
    pub fn to_png(&self) -> crate::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width as u32, self.height as u32);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_depth(png::BitDepth::Eight);
        encoder.write_header()?.write_image_data(self.pixels.as_flattened())?;
        Ok(bytes)
    }

    /// The same picture as large as it fits into so many pixels, with its sides in proportion. A small one grows by
    /// whole factors at most `GROWTH`, so that its pixels stay square.
    #[must_use]
    pub fn fitted(&self, width: usize, height: usize) -> Self {
        if self.width == 0 || self.height == 0 || self.pixels.len() != self.width * self.height {
            return Self::default();
        }
        let growth = (width / self.width).min(height / self.height).min(Self::GROWTH);
        if growth >= 1 {
            return self.scaled(self.width * growth, self.height * growth);
        }
        let by_width = (width, (self.height * width / self.width).max(1));
        let (width, height) =
            if by_width.1 <= height { by_width } else { ((self.width * height / self.height).max(1), height) };
        self.scaled(width, height)
    }

    /// A small picture is shown so many times as large at most.
    const GROWTH: usize = 4;

    /// Each pixel is the mean of those it stands for.
    fn scaled(&self, width: usize, height: usize) -> Self {
        let part =
            |at: usize, of: usize, whole: usize| at * whole / of..((at + 1) * whole / of).max(at * whole / of + 1);
        let mut pixels = Vec::with_capacity(width * height);
        for (row, column) in (0..height).flat_map(|row| (0..width).map(move |column| (row, column))) {
            let (rows, columns) = (part(row, height, self.height), part(column, width, self.width));
            let (mut sum, count) = ([0usize; 3], rows.len() * columns.len());
            for pixel in rows.flat_map(|row| &self.pixels[row * self.width..][columns.clone()]) {
                sum.iter_mut().zip(pixel).for_each(|(sum, part)| *sum += usize::from(*part));
            }
            pixels.push(sum.map(|sum| (sum / count) as u8));
        }
        Self { name: self.name.clone(), width, height, pixels }
    }

    /// The same picture with at most so many pixels along a side: each the mean of those it stands for.
    #[must_use]
    pub fn within(&self, side: usize) -> Self {
        let longest = self.width.max(self.height);
        if longest <= side || side == 0 || self.pixels.len() != self.width * self.height {
            return self.clone();
        }
        let [width, height] = [self.width, self.height].map(|length| (length * side / longest).max(1));
        self.scaled(width, height)
    }

    /// Runs of pixels of one colour: row, first column, column after the last, colour.
    pub(crate) fn runs(&self) -> impl Iterator<Item = (usize, usize, usize, [u8; 3])> + '_ {
        let rows = self.pixels.chunks(self.width.max(1)).take(self.height).enumerate();
        rows.flat_map(|(row, pixels)| {
            let mut start = 0;
            pixels.chunk_by(|left, right| left == right).map(move |same| {
                let from = start;
                start += same.len();
                (row, from, start, same[0])
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(colour: png::ColorType, data: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, 2, 1);
        encoder.set_color(colour);
        encoder.write_header().unwrap().write_image_data(data).unwrap();
        bytes
    }

    #[test]
    fn every_kind_of_png() {
        let read = |colour, data: &[u8]| Image::from_png("a", &encode(colour, data)).unwrap().pixels;
        assert_eq!(read(png::ColorType::Grayscale, &[7, 255]), [[7; 3], [255; 3]]);
        assert_eq!(read(png::ColorType::Rgb, &[1, 2, 3, 4, 5, 6]), [[1, 2, 3], [4, 5, 6]]);
        assert_eq!(read(png::ColorType::Rgba, &[1, 2, 3, 255, 0, 0, 0, 0]), [[1, 2, 3], [255; 3]]);
        assert_eq!(Image::from_png("a", b"GIF89a"), None);
    }

    #[test]
    fn a_jpeg_is_read_and_a_picture_becomes_a_png() {
        // Eight by eight grey pixels, baseline.
        let image = Image::read("a", include_bytes!("../tests/grey.jpg")).unwrap();
        assert_eq!((image.width, image.height), (8, 8));
        assert!(image.pixels.iter().all(|[red, green, blue]| red == green && green == blue && red.abs_diff(128) < 3));
        let again = Image::from_png("a", &image.to_png().unwrap()).unwrap();
        assert_eq!(again, image);
        assert_eq!(Image::read("a", b"\xff\xd8\xff torn"), None);
    }

    #[test]
    fn a_picture_fits_in_proportion() {
        let image = Image { width: 40, height: 20, pixels: vec![[9; 3]; 800], ..Image::default() };
        let size = |width, height| (image.fitted(width, height).width, image.fitted(width, height).height);
        assert_eq!(
            [size(20, 20), size(100, 10), size(90, 90), size(1000, 1000)],
            [(20, 10), (20, 10), (80, 40), (160, 80)]
        );
        assert_eq!(Image::default().fitted(9, 9), Image::default());
    }

    #[test]
    fn smaller_is_the_mean() {
        let image = Image { width: 4, height: 2, pixels: [[0; 3], [100; 3]].repeat(4), ..Image::default() };
        assert_eq!(image.within(2), Image { width: 2, height: 1, pixels: vec![[50; 3]; 2], ..Image::default() });
        assert_eq!(image.within(9), image);
        assert_eq!(image.within(2).runs().collect::<Vec<_>>(), [(0, 0, 2, [50; 3])]);
    }
}
