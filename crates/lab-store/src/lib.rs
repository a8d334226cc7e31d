//! The notebook on disk: packs and index.
