//! A scene as SVG 1.1: words stay words, so that they can be searched and edited.

use std::fmt::Write;

use crate::font;
use crate::palette::Rgb;
use crate::scene::{Anchor, Scene, Shape, Stroke};

/// The file.
pub fn write(scene: &Scene) -> String {
    let (width, height) = (Short(scene.width), Short(scene.height));
    let mut out = String::new();
    push(
        &mut out,
        format_args!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}pt\" height=\"{height}pt\" \
         viewBox=\"0 0 {width} {height}\" font-family=\"{}\">\n<rect width=\"100%\" height=\"100%\" fill=\"{}\"/>\n",
            font::FAMILY,
            Hex(scene.background),
        ),
    );
    for shape in &scene.shapes {
        write_shape(&mut out, shape);
    }
    out.push_str("</svg>\n");
    out
}

fn write_shape(out: &mut String, shape: &Shape) {
    match shape {
        Shape::Lines { pieces, stroke } => {
            out.push_str("<path d=\"");
            pieces.iter().for_each(|piece| path(out, piece));
            out.push_str("\" fill=\"none\"");
            write_stroke(out, stroke);
            out.push_str("/>\n");
        }
        Shape::Areas { outlines, colour, opacity } => {
            out.push_str("<path d=\"");
            for outline in outlines {
                path(out, outline);
                out.push('Z');
            }
            push(out, format_args!("\" fill=\"{}\"{}/>\n", Hex(*colour), Sheer("fill-opacity", *opacity)));
        }
        Shape::Circles { centres, radius, colour, opacity } => {
            push(out, format_args!("<g fill=\"{}\"{}>", Hex(*colour), Sheer("fill-opacity", *opacity)));
            for [x, y] in centres {
                push(out, format_args!("<circle cx=\"{}\" cy=\"{}\" r=\"{}\"/>", Short(*x), Short(*y), Short(*radius)));
            }
            out.push_str("</g>\n");
        }
        Shape::Text { at, text, size, anchor, turned, colour } => {
            let anchor = match anchor {
                Anchor::Start => "",
                Anchor::Middle => " text-anchor=\"middle\"",
                Anchor::End => " text-anchor=\"end\"",
            };
            let (x, y) = (Short(at[0]), Short(at[1]));
            let place = if *turned {
                format!("transform=\"translate({x} {y}) rotate(-90)\"")
            } else {
                format!("x=\"{x}\" y=\"{y}\"")
            };
            let (size, colour) = (Short(*size), Hex(*colour));
            push(out, format_args!("<text {place} font-size=\"{size}\" fill=\"{colour}\"{anchor}>"));
            escape(out, text);
            out.push_str("</text>\n");
        }
    }
}

fn write_stroke(out: &mut String, stroke: &Stroke) {
    push(
        out,
        format_args!(
            " stroke=\"{}\" stroke-width=\"{}\"{} stroke-linejoin=\"round\" stroke-linecap=\"{}\"",
            Hex(stroke.colour),
            Short(stroke.width),
            Sheer("stroke-opacity", stroke.opacity),
            if stroke.dash.is_empty() { "round" } else { "butt" },
        ),
    );
    if !stroke.dash.is_empty() {
        let dash: Vec<String> = stroke.dash.iter().map(|length| Short(*length).to_string()).collect();
        push(out, format_args!(" stroke-dasharray=\"{}\"", dash.join(" ")));
    }
}

fn path(out: &mut String, points: &[[f64; 2]]) {
    for (place, [x, y]) in points.iter().enumerate() {
        out.push(match place {
            0 => 'M',
            1 => 'L',
            _ => ' ',
        });
        short(out, *x);
        out.push(' ');
        short(out, *y);
    }
}

/// Text that XML allows; what it cannot hold at all is left out.
fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if font::is_unprintable(c) || matches!(c, '\u{fffe}' | '\u{ffff}') => {}
            c => out.push(c),
        }
    }
}

/// Writing to a string cannot fail.
fn push(out: &mut String, arguments: std::fmt::Arguments<'_>) {
    out.write_fmt(arguments).expect("because a string takes everything");
}

/// A number with at most two digits after the point: a seven-thousandth of a millimetre. By whole
/// numbers, because this is where a large figure spends its time.
fn short(out: &mut String, value: f64) {
    let hundredths = (value * 100.0).round() as i64;
    if hundredths < 0 {
        out.push('-');
    }
    let (whole, rest) = (hundredths.unsigned_abs() / 100, hundredths.unsigned_abs() % 100);
    let mut digits = [0u8; 20];
    let mut start = digits.len();
    let mut left = whole;
    loop {
        start -= 1;
        digits[start] = b'0' + (left % 10) as u8;
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend(digits[start..].iter().map(|digit| char::from(*digit)));
    if rest > 0 {
        out.push('.');
        out.push(char::from(b'0' + (rest / 10) as u8));
        if !rest.is_multiple_of(10) {
            out.push(char::from(b'0' + (rest % 10) as u8));
        }
    }
}

struct Short(f64);

impl std::fmt::Display for Short {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = String::new();
        short(&mut text, self.0);
        formatter.write_str(&text)
    }
}

struct Hex(Rgb);

impl std::fmt::Display for Hex {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Rgb(red, green, blue) = self.0;
        write!(formatter, "#{red:02x}{green:02x}{blue:02x}")
    }
}

struct Sheer(&'static str, f64);

impl std::fmt::Display for Sheer {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.1 < 1.0 { write!(formatter, " {}=\"{}\"", self.0, Short(self.1)) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let all = [0.0, -0.001, 1.5, -12.345, 1e6, 0.05].map(|value| Short(value).to_string());
        assert_eq!(all, ["0", "0", "1.5", "-12.35", "1000000", "0.05"]);
    }

    #[test]
    fn text_is_escaped() {
        let mut out = String::new();
        escape(&mut out, "a<b & \u{0}\u{1b}\"c\u{202e}");
        assert_eq!(out, "a&lt;b &amp; &quot;c");
    }
}
