//! The real `lab`, as a person or a script meets it: cleared environment, fixed clock, temporary home.

mod compare;
mod errors;
mod frameworks;
mod help;
mod hostile;
mod lineage;
mod list;
mod maintain;
mod notebooks;
mod pages;
mod plot;
mod restore;
mod run;
mod secrets;
mod tui;
mod tui_hostile;
mod tui_look;
mod watch;
mod words;

use lab_testkit::Home;

/// A temporary home for the `lab` that was just built.
fn home() -> Home {
    Home::new(env!("CARGO_BIN_EXE_lab"))
}

/// Text as JSON.
fn json(text: &str) -> serde_json::Value {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}
