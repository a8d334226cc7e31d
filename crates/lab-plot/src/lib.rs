//! Charts as data, and what turns them into something to look at.
//!
//! Start with [`Chart`]: axes and layers, plain values. [`Picture`] is the same on the unit square:
//! ranges and ticks found, points thinned, lines cut at the frame; whoever paints a chart stretches
//! a picture. [`paper`] makes figures of it ([`svg`], [`pdf`], [`png`]), [`text`] lines of text for a
//! terminal. [`thin`], `pyramid`, `smooth` and `align` prepare points.
//!
//! This crate never reads or writes a file, knows no notebook and starts no thread.

mod align;
mod backend;
mod chart;
mod error;
mod font;
mod image;
pub mod palette;
pub mod paper;
pub mod pdf;
pub mod picture;
pub mod png;
mod pyramid;
mod scale;
pub mod scene;
mod smooth;
pub mod svg;
pub mod text;
pub mod thin;
mod ticks;

pub use align::{Spread, band, statistics};
pub use chart::{Axis, Bins, Chart, Figure, Layer, ParallelRow, RidgeRow, Scale};
pub use error::{Error, Result};
pub use image::Image;
pub use paper::Paper;
pub use picture::Picture;
pub use pyramid::{Cell, Pyramid};
pub use scale::Mapping;
pub use smooth::exponential;
pub use ticks::{Ticks, number};
