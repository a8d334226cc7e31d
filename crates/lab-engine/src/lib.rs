//! The only façade below the view: commands, jobs, readers.
