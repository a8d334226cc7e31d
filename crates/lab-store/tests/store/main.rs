//! The notebook on disk, through the public interface alone.

mod common;
mod core;
mod crash;
mod damage;
mod gc;
mod python;
