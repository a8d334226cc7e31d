//! Pictures: in half-blocks as text, or by what the terminal offers for pixels.
//!
//! Formats: Kitty's graphics protocol (<https://sw.kovidgoyal.net/kitty/graphics-protocol/>), iTerm2's inline images
//! (<https://iterm2.com/documentation-images.html>), and Sixel as in DEC's VT330/340 programmer reference, chapter 14.

use std::sync::Arc;

use lab_plot::Image;
use ratatui::buffer::{Buffer, CellDiffOption};
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};

use crate::blocks::Styled;
use crate::frame::Paint;
use crate::terminal::base64;
use crate::theme::nearest_of_256;
use crate::{Depth, Theme};

/// How pictures are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Graphics {
    /// Two pixels in each cell, by its two colours.
    Blocks,
    /// Kitty's protocol.
    Kitty,
    /// iTerm2's.
    Inline,
    /// DEC's.
    Sixel,
}

impl Graphics {
    /// By its name in `$LAB_IMAGES`.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "blocks" => Self::Blocks,
            "kitty" => Self::Kitty,
            "iterm" => Self::Inline,
            "sixel" => Self::Sixel,
            _ => return None,
        })
    }
}

/// Pixels on top of the cells of a frame.
#[derive(Clone, PartialEq, Debug)]
pub struct Placed {
    /// Where.
    pub area: Rect,
    /// What.
    pub image: Arc<Image>,
}

/// Whether pictures can be shown at all: a line says what there is where they cannot.
pub fn can_show(theme: &Theme) -> bool {
    matches!(theme.depth, Depth::Many | Depth::True) && !theme.ascii
}

/// Shows a picture in an area.
pub fn paint(paint: &mut Paint<'_>, area: Rect, image: &Arc<Image>) {
    if area.is_empty() {
        return;
    }
    // What lies on top of pixels would not be seen.
    if paint.graphics == Graphics::Blocks || paint.session.dialog().is_some() {
        return blocks(paint.buffer, paint.theme.depth, area, image);
    }
    for y in area.top()..area.bottom() {
        for x in area.left()..area.right() {
            if let Some(cell) = paint.buffer.cell_mut((x, y)) {
                cell.set_diff_option(CellDiffOption::Skip);
            }
        }
    }
    paint.placed.push(Placed { area, image: Arc::clone(image) });
}

/// Paints a picture into an area in half-blocks.
fn blocks(buffer: &mut Buffer, depth: Depth, area: Rect, image: &Image) {
    for (row, cells) in half_blocks(depth, usize::from(area.width), usize::from(area.height), image).iter().enumerate()
    {
        for (column, style) in cells.iter().enumerate() {
            if let Some(cell) = buffer.cell_mut((area.x + column as u16, area.y + row as u16)) {
                cell.set_symbol(UPPER).set_style(*style);
            }
        }
    }
}

/// A picture within running text: rows of half-blocks, since text may be scrolled halfway off the screen.
pub fn lines(theme: &Theme, width: usize, height: usize, image: &Image) -> Vec<Styled> {
    let rows = half_blocks(theme.depth, width, height, image);
    rows.into_iter().map(|cells| cells.into_iter().map(|style| (UPPER.to_owned(), style)).collect()).collect()
}

/// The upper half of a cell.
const UPPER: &str = "▀";

/// The colours of half-blocks that show a picture in so many cells at most.
fn half_blocks(depth: Depth, width: usize, height: usize, image: &Image) -> Vec<Vec<Style>> {
    let image = image.fitted(width, height * 2);
    let colour = |[red, green, blue]: [u8; 3]| match depth {
        Depth::True => Color::Rgb(red, green, blue),
        _ => Color::Indexed(nearest_of_256(red, green, blue)),
    };
    let rows: Vec<&[[u8; 3]]> = image.pixels.chunks(image.width.max(1)).collect();
    let cells = |pair: &[&[[u8; 3]]]| {
        let upper = pair[0].iter().map(|upper| Style::new().fg(colour(*upper)));
        let both = |(column, style): (usize, Style)| pair.get(1).map_or(style, |lower| style.bg(colour(lower[column])));
        upper.enumerate().map(both).collect()
    };
    rows.chunks(2).map(cells).collect()
}

/// What puts a picture on the screen where the cursor is; `cell` is the size of a cell in pixels. Empty for half-blocks.
pub fn sequence(graphics: Graphics, placed: &Placed, cell: (u16, u16)) -> String {
    let (columns, rows) = (usize::from(placed.area.width), usize::from(placed.area.height));
    let image = placed.image.fitted(columns * usize::from(cell.0), rows * usize::from(cell.1));
    match graphics {
        Graphics::Blocks => String::new(),
        Graphics::Kitty => image.to_png().map(|png| kitty(&png)).unwrap_or_default(),
        Graphics::Inline => image.to_png().map(|png| inline(&png, &image)).unwrap_or_default(),
        Graphics::Sixel => sixel(&image),
    }
}

/// What takes all pictures off the screen again, beside writing over them.
pub const fn forget(graphics: Graphics) -> &'static str {
    match graphics {
        Graphics::Kitty => "\u{1b}_Ga=d,q=2\u{1b}\\",
        Graphics::Blocks | Graphics::Inline | Graphics::Sixel => "",
    }
}

/// A PNG, shown at once without moving the cursor, in parts of 4096 letters.
fn kitty(png: &[u8]) -> String {
    const PART: usize = 4096;
    let coded = base64(png);
    let parts: Vec<&str> = coded.as_bytes().chunks(PART).filter_map(|part| std::str::from_utf8(part).ok()).collect();
    let mut text = String::with_capacity(coded.len() + 64 * parts.len());
    for (place, part) in parts.iter().enumerate() {
        let head = if place == 0 { "a=T,f=100,C=1,q=2," } else { "" };
        let more = u8::from(place + 1 < parts.len());
        text.push_str(&format!("\u{1b}_G{head}m={more};{part}\u{1b}\\"));
    }
    text
}

fn inline(png: &[u8], image: &Image) -> String {
    let (size, width, height) = (png.len(), image.width, image.height);
    let coded = base64(png);
    format!("\u{1b}]1337;File=inline=1;size={size};width={width}px;height={height}px:{coded}\u{7}")
}

/// Bands of six rows; in each band every colour of the 6 × 6 × 6 cube that it has is written once.
fn sixel(image: &Image) -> String {
    let level = |part: u8| (usize::from(part) * 5 + 127) / 255;
    let slot = |[red, green, blue]: [u8; 3]| 36 * level(red) + 6 * level(green) + level(blue);
    let mut text = format!("\u{1b}P0;1q\"1;1;{};{}", image.width, image.height);
    let mut is_named = [false; 216];
    for band in image.pixels.chunks(6 * image.width.max(1)) {
        let rows: Vec<Vec<usize>> =
            band.chunks(image.width).map(|row| row.iter().map(|pixel| slot(*pixel)).collect()).collect();
        let mut used = [false; 216];
        rows.iter().flatten().for_each(|slot| used[*slot] = true);
        for slot in (0..216).filter(|slot| used[*slot]) {
            text.push_str(&format!("#{slot}"));
            if !std::mem::replace(&mut is_named[slot], true) {
                text.push_str(&format!(";2;{};{};{}", slot / 36 * 20, slot / 6 % 6 * 20, slot % 6 * 20));
            }
            let bits = |column: usize| {
                let set = rows.iter().enumerate().filter(|(_, row)| row[column] == slot);
                set.fold(0_u8, |bits, (row, _)| bits | 1 << row)
            };
            let columns: Vec<u8> = (0..image.width).map(bits).collect();
            for same in columns.chunk_by(|left, right| left == right) {
                let letter = char::from(63 + same[0]);
                match same.len() {
                    1..=3 => text.extend(std::iter::repeat_n(letter, same.len())),
                    many => text.push_str(&format!("!{many}{letter}")),
                }
            }
            text.push('$');
        }
        text.push('-');
    }
    text.push_str("\u{1b}\\");
    text
}

/// Asks a terminal what it can show: Kitty's question, its cells in pixels, then its attributes, which every terminal
/// knows.
pub const QUESTION: &str = "\u{1b}_Gi=31,s=1,v=1,a=q,t=d,f=24;AAAA\u{1b}\\\u{1b}[c";

/// Whether the answer to [`QUESTION`] is whole: it ends with the attributes, `ESC [ ? … c`.
pub fn is_whole(answer: &str) -> bool {
    answer.rfind("\u{1b}[?").is_some_and(|at| answer[at..].ends_with('c'))
}

/// What an answer and the variables of a terminal say that it can show.
pub fn from_answer(answer: &str, variable: &dyn Fn(&str) -> Option<String>) -> Graphics {
    if answer.contains("\u{1b}_Gi=31;OK") {
        return Graphics::Kitty;
    }
    let is = |name: &str, values: &[&str]| variable(name).is_some_and(|value| values.contains(&value.as_str()));
    if is("TERM_PROGRAM", &["iTerm.app", "WezTerm", "mintty"]) || is("LC_TERMINAL", &["iTerm2"]) {
        return Graphics::Inline;
    }
    let attributes = answer.rfind("\u{1b}[?").map_or("", |at| answer[at + 3..].trim_end_matches('c'));
    // Attribute 4 is Sixel.
    if attributes.split(';').skip(1).any(|attribute| attribute == "4") { Graphics::Sixel } else { Graphics::Blocks }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(width: usize, height: usize, colour: [u8; 3]) -> Image {
        Image { width, height, pixels: vec![colour; width * height], ..Image::default() }
    }

    #[test]
    fn a_terminal_says_what_it_can_show() {
        let check = |answer: &str, program: &str, expected: Graphics| {
            let variable = |name: &str| (name == "TERM_PROGRAM" && !program.is_empty()).then(|| program.to_owned());
            assert_eq!(from_answer(answer, &variable), expected, "{answer:?}");
        };
        check("\u{1b}_Gi=31;OK\u{1b}\\\u{1b}[?62;c", "", Graphics::Kitty);
        check("\u{1b}[?62;4;22c", "", Graphics::Sixel);
        check("\u{1b}[?64;1;9;15;22c", "", Graphics::Blocks);
        check("\u{1b}[?4c", "", Graphics::Blocks);
        check("\u{1b}[?1;2c", "iTerm.app", Graphics::Inline);
        check("", "", Graphics::Blocks);
        assert!(is_whole("\u{1b}_Gi=31;OK\u{1b}\\\u{1b}[?62;c"));
        assert!(!is_whole("\u{1b}_Gi=31;OK\u{1b}\\\u{1b}[?62;"));
    }

    #[test]
    fn a_half_block_holds_two_pixels() {
        let area = Rect::new(0, 0, 4, 2);
        let mut picture = image(2, 3, [255, 0, 0]);
        picture.pixels[2] = [0, 0, 255];
        let mut buffer = Buffer::empty(area);
        blocks(&mut buffer, Depth::True, area, &picture);
        let looks = |x, y| (buffer[(x, y)].symbol(), buffer[(x, y)].fg, buffer[(x, y)].bg);
        let (red, blue) = (Color::Rgb(255, 0, 0), Color::Rgb(0, 0, 255));
        assert_eq!([looks(0, 0), looks(1, 0)], [("▀", red, blue), ("▀", red, red)]);
        // The last row of an odd number has nothing below.
        assert_eq!([looks(0, 1), looks(2, 0)], [("▀", red, Color::Reset), (" ", Color::Reset, Color::Reset)]);
        blocks(&mut buffer, Depth::Many, area, &picture);
        assert_eq!(buffer[(0, 0)].fg, Color::Indexed(196));
    }

    #[test]
    fn kitty_gets_a_png_in_parts() {
        let text = kitty(&vec![0; 5000]);
        let parts: Vec<&str> = text.split("\u{1b}\\").filter(|part| !part.is_empty()).collect();
        assert_eq!(parts.len(), 2);
        assert!(parts[0].starts_with("\u{1b}_Ga=T,f=100,C=1,q=2,m=1;AAAA"));
        assert!(parts[1].starts_with("\u{1b}_Gm=0;"));
        assert_eq!(parts.iter().map(|part| part.split_once(';').unwrap().1.len()).sum::<usize>(), 6668);
    }

    #[test]
    fn inline_images_say_their_size() {
        let text = inline(b"png", &image(7, 5, [0; 3]));
        assert_eq!(text, "\u{1b}]1337;File=inline=1;size=3;width=7px;height=5px:cG5n\u{7}");
    }

    #[test]
    fn sixel_writes_each_colour_of_a_band_once() {
        let mut two = image(4, 8, [255, 0, 0]);
        two.pixels[0] = [0, 0, 255];
        let expected = "\u{1b}P0;1q\"1;1;4;8#5;2;0;0;100@???$#180;2;100;0;0}~~~$-#180!4B$-\u{1b}\\";
        assert_eq!(sixel(&two), expected);
    }
}
