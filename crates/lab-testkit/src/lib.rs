//! Temporary notebooks, a fixed clock and scripted projects for tests.
