//! Reads and writes a project directory: rules, scan, restore.
