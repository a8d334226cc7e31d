//! Every text of every page appears on the screen, when that is large enough.

use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use lab_testkit::{CLOCK_MILLIS, config, parity, small_project};
use lab_tui::{Depth, Theme, shot};
use lab_view::session::Session;

/// Headings under which nothing stands that is not told elsewhere: the lineage of a run has a heading of its own.
const TOLD_OTHERWISE: [&str; 1] = ["Inputs and outputs"];

#[test]
fn the_terminal_shows_all_that_the_pages_say() {
    let small = small_project();
    let (sender, woken) = sync_channel(1);
    let sender = Mutex::new(sender);
    // When it is full the test is awake anyway.
    let wake = Arc::new(move || sender.lock().unwrap().try_send(()).unwrap_or_default());
    let mut session =
        Session::start(config(&small.notebook(), CLOCK_MILLIS), Some(small.project.clone()), wake).unwrap();
    let settle = |session: &mut Session| loop {
        session.poll();
        if !session.is_busy() {
            return;
        }
        woken.recv_timeout(Duration::from_secs(60)).unwrap();
    };
    let theme = Theme { depth: Depth::None, light: false, ascii: false };
    let mut complaints = Vec::new();
    for scene in parity::scenes(&small) {
        let (mut said, mut shown) = (Vec::new(), String::new());
        for step in scene.steps {
            for action in step {
                session.act(action);
                settle(&mut session);
            }
            // Wide enough for every column, and high enough for every line; 149 has no second column of pages.
            for (columns, rows) in [(400, 600), (149, 600)] {
                shown += &shot(&mut session, &theme, columns, rows, &mut |session| settle(session));
            }
            said.extend(parity::said(&session));
        }
        assert!(!said.is_empty(), "{} says nothing", scene.name);
        let mut missing = parity::missing(&said, &shown);
        missing.retain(|text| !TOLD_OTHERWISE.contains(&text.as_str()));
        complaints.extend(missing.into_iter().map(|text| format!("{}: {text}", scene.name)));
    }
    assert!(complaints.is_empty(), "not on the screen:\n{}", complaints.join("\n"));
}
