/// Why a figure could not be made.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// No pixels, or too many.
    #[error("a picture of {width} × {height} pixels cannot be made")]
    Size {
        /// Pixels.
        width: f64,
        /// Pixels.
        height: f64,
    },
    /// The PNG encoder failed.
    #[error("could not encode the PNG")]
    Png(#[from] png::EncodingError),
}

/// What this crate returns.
pub type Result<T> = std::result::Result<T, Error>;
