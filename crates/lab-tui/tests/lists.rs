//! What the lists look like in a terminal.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use lab_testkit::sample::Sample;
use lab_tui::{Depth, Theme, shot};
use lab_view::session::{Action, Session};
use lab_view::{ActionId, Typing};

const PLAIN: Theme = Theme { depth: Depth::None, light: false, ascii: false };

fn start() -> (Sample, Session, Receiver<()>) {
    let sample = Sample::new();
    let (ring, bell) = sync_channel(16);
    // A bell that is ringing already, or that nobody hears any more, need not ring.
    let wake = Arc::new(move || ring.try_send(()).unwrap_or_default());
    let session = Session::start(sample.config(), Some(sample.project.clone()), wake).expect("a session");
    (sample, session, bell)
}

/// Paints until the shot shows the text, and gives it.
#[track_caller]
fn shows(session: &mut Session, bell: &Receiver<()>, (columns, rows): (u16, u16), text: &str) -> String {
    loop {
        session.poll();
        let seen = shot(session, &PLAIN, columns, rows, &mut |_| {});
        if seen.contains(text) {
            return seen;
        }
        let missing = |_| panic!("{text} is never seen:\n{seen}");
        bell.recv_timeout(Duration::from_secs(30)).unwrap_or_else(missing);
    }
}

/// The course of the last run in sight is what comes last.
const OLDEST_IS_THERE: &str = "first    ▇▃▁▁▁▁▁▁";

#[test]
fn runs_in_a_small_terminal() {
    let (_sample, mut session, bell) = start();
    insta::assert_snapshot!(shows(&mut session, &bell, (80, 24), "calm-lynx"));
}

#[test]
fn runs_in_a_terminal_of_usual_size() {
    let (_sample, mut session, bell) = start();
    insta::assert_snapshot!(shows(&mut session, &bell, (120, 40), OLDEST_IS_THERE));
}

#[test]
fn runs_in_a_wide_terminal_with_the_run_under_the_cursor() {
    let (_sample, mut session, bell) = start();
    shows(&mut session, &bell, (200, 60), OLDEST_IS_THERE);
    insta::assert_snapshot!(shows(&mut session, &bell, (200, 60), "config (seed 1 → 2) changed since"));
}

#[test]
fn the_filter_stands_below_the_list_that_it_chooses() {
    let (_sample, mut session, bell) = start();
    shows(&mut session, &bell, (80, 24), "calm-lynx");
    session.act(Action::Do(ActionId::Filter));
    let typing = Typing::Insert("val/loss < 1.2 and lrr = 3".into());
    session.act(Action::Dialog(lab_view::session::DialogAction::Type(typing)));
    insta::assert_snapshot!(shows(&mut session, &bell, (80, 24), "did you mean"));
}

#[test]
fn groups_tell_mean_and_spread() {
    let (_sample, mut session, bell) = start();
    session.act(Action::Runs(lab_view::screens::runs::RunsAction::GroupBy(vec!["lr".into()])));
    insta::assert_snapshot!(shows(&mut session, &bell, (80, 24), "4 groups of 12 runs"));
}

#[test]
fn projects_and_the_help() {
    let (_sample, mut session, bell) = start();
    session.act(Action::Do(ActionId::GoProjects));
    shows(&mut session, &bell, (120, 40), "kB");
    insta::assert_snapshot!("projects", shows(&mut session, &bell, (120, 40), "Last runs of weather"));
    session.act(Action::Do(ActionId::Help));
    insta::assert_snapshot!("help", shows(&mut session, &bell, (200, 60), "Keys"));
}

#[test]
fn ascii_is_all_that_reaches_a_terminal_that_shows_nothing_else() {
    let (_sample, mut session, bell) = start();
    shows(&mut session, &bell, (120, 40), OLDEST_IS_THERE);
    let theme = Theme { ascii: true, ..PLAIN };
    let seen = shot(&mut session, &theme, 120, 40, &mut |_| {});
    assert!(seen.is_ascii(), "{seen}");
}
