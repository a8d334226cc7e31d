//! The program is stopped at every durable step: what was acknowledged stays, the rest is whole or
//! not there, and the next program goes on.

use lab_model::*;
use lab_store::fault::{self, Action};
use lab_store::*;

use crate::common::*;

/// Runs `step` once for every time that it passes `point`, stopping it there.
fn at_every_pass(
    point: &str,
    mut prepare: impl FnMut() -> Fixture,
    step: impl Fn(&mut Fixture) -> Result<(), StoreError>,
    check: impl Fn(&mut Fixture, bool),
) -> u32 {
    for skip in 0.. {
        let mut fixture = prepare();
        fault::set_for_thread(point, skip, Action::Stop);
        let outcome = step(&mut fixture);
        let passed = fault::clear_for_thread();
        match outcome {
            Err(StoreError::Fault { .. }) => {}
            Err(error) => panic!("{point} {skip}: {error:?}"),
            Ok(()) => assert!(passed, "{point}: the step went on after it was stopped"),
        }
        check(&mut fixture, passed);
        if passed {
            return skip;
        }
        assert!(skip < 200, "{point}");
    }
    unreachable!()
}

#[test]
fn a_run_is_there_when_it_was_acknowledged_and_whole_when_it_is_there() {
    for point in [
        "pack-created",
        "pack-written",
        "pack-synced",
        "directory-synced",
        "index-begun",
        "index-committed",
        "pack-sealed",
    ] {
        let prepare = || {
            let mut fixture = Fixture::with(Options { seal_bytes: 30_000, ..options() });
            if point != "pack-created" && point != "directory-synced" {
                fixture.run(1, &[("a", b"first")]);
            }
            fixture
        };
        let passes = at_every_pass(
            point,
            prepare,
            |fixture| {
                let (snapshot, mut records) = fixture.snapshot_records(&[("a", b"second"), ("b", &noise(4, 40_000))]);
                records.push(Encoder::default().json(RecordKind::RunStart, &run_start(2, Time(1), snapshot)));
                fixture.commit(records)?;
                fixture.try_run(3, &[("c", &noise(5, 40_000))]).map(|_| ())
            },
            |fixture, finished| {
                fixture.assert_clean();
                let before = fixture.told();
                assert!(!before.contains("Err("), "{before}");
                if finished {
                    assert!(fixture.reader().run(&run_id(3)).unwrap().unwrap().end.is_some());
                }
                fixture.run(9, &[("a", b"later")]);
                fixture.assert_clean();
                let told = fixture.told();
                fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
                assert_eq!(fixture.told(), told, "{point}");
                fixture.assert_clean();
            },
        );
        assert!(passes > 0, "{point} is never reached");
    }
}

#[test]
fn collection_can_be_cut_short_anywhere() {
    for point in ["gc-marked", "gc-copied", "gc-synced", "gc-indexed", "gc-moved", "gc-deleted"] {
        let options = |time, number| GcOptions {
            grace_millis: 0,
            garbage_percent: 1,
            ..GcOptions::new(Time(time), [number; 16])
        };
        let told = |fixture: &Fixture| {
            let rows = fixture.reader().runs(&RunQuery::default()).unwrap();
            let files = rows.iter().map(|row| files_of(&fixture.reader(), row.end.as_ref().unwrap().snapshot.unwrap()));
            format!("{rows:?} {:?}", files.collect::<Vec<_>>())
        };
        let passes = at_every_pass(
            point,
            || {
                let mut fixture = Fixture::with(Options { seal_bytes: 60_000, ..crate::common::options() });
                for number in 0..4 {
                    let run = fixture.run(number, &[("a", &noise(number, 40_000)), ("same", b"same")]);
                    if number % 2 == 0 {
                        fixture.edit(&run, Change::Remove);
                    }
                }
                fixture
            },
            |fixture| {
                let before = told(fixture);
                let outcome = fixture.notebook.gc(&options(5000, 70), &mut |_, _| {});
                assert_eq!(told(fixture), before, "{point}: also right after");
                outcome.map(|_| ())
            },
            |fixture, _| {
                let before = told(fixture);
                assert!(!before.contains("Err("));
                fixture.assert_clean();
                fixture.run(8, &[("a", b"later")]);
                fixture.assert_clean();
                let before = told(fixture);
                fixture.notebook.gc(&options(6000, 71), &mut |_, _| {}).unwrap();
                fixture.assert_clean();
                assert_eq!(told(fixture), before);
                assert!(
                    fixture.reader().run(&run_id(0)).unwrap().is_none(),
                    "the second collection finishes the first"
                );
                assert!(!fixture.reader().contains(&Hash::of(Domain::Content, &noise(0, 40_000))).unwrap());
                fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
                assert_eq!(told(fixture), before);
            },
        );
        assert!(passes > 0, "{point} is never reached");
    }
}

#[test]
fn purging_can_be_cut_short_and_done_again() {
    let secret = noise(70, 40_000);
    for point in ["gc-copied", "gc-synced", "purge-copied", "purge-indexed", "purge-deleted"] {
        let request = |number| PurgeRequest {
            time: Time(5000),
            pack_id: [number; 16],
            runs: Vec::new(),
            records: vec![Hash::of(Domain::Content, &secret)],
        };
        let passes = at_every_pass(
            point,
            || {
                let mut fixture = Fixture::with(Options { seal_bytes: 60_000, ..options() });
                fixture.run(1, &[("a", &secret), ("b", b"kept")]);
                fixture.run(2, &[("b", &noise(71, 50_000))]);
                fixture
            },
            |fixture| fixture.notebook.purge(&request(70), &mut |_, _| {}).map(|_| ()),
            |fixture, _| {
                fixture.assert_clean();
                fixture.notebook.purge(&request(71), &mut |_, _| {}).unwrap();
                assert_eq!(crate::gc::stands_anywhere(fixture, &secret[500..600]), None);
                fixture.assert_clean();
                assert_eq!(fixture.reader().read(&Hash::of(Domain::Content, b"kept"), None).unwrap(), b"kept");
            },
        );
        assert!(passes > 0, "{point} is never reached");
    }
}

#[test]
fn a_rebuild_can_be_cut_short() {
    for point in ["rebuild-built", "rebuild-moved"] {
        let told = std::cell::RefCell::new(String::new());
        at_every_pass(
            point,
            || {
                let mut fixture = Fixture::new();
                fixture.run(1, &[("a", b"x")]);
                *told.borrow_mut() = fixture.told();
                fixture
            },
            |fixture| fixture.notebook.rebuild(&mut |_, _| {}).map(|_| ()),
            |fixture, _| {
                fixture.assert_clean();
                assert_eq!(fixture.told(), *told.borrow());
                fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
                assert_eq!(fixture.told(), *told.borrow());
            },
        );
    }
}

#[test]
fn every_point_is_fired_by_some_test() {
    let own = include_str!("crash.rs");
    for point in fault::POINTS {
        assert!(own.contains(&format!("\"{point}\"")), "{point}");
    }
}
