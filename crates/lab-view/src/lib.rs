//! Pages: what a place in the notebook shows, as plain data.
