//! Garbage collection and purging.

use lab_model::*;
use lab_store::*;

use crate::common::*;

fn options(time: i64, number: u8) -> GcOptions {
    GcOptions { grace_millis: 1000, garbage_percent: 1, ..GcOptions::new(Time(time), [number; 16]) }
}

fn collect(fixture: &Fixture, time: i64, number: u8) -> GcReport {
    fixture.notebook.gc(&options(time, number), &mut |_, _| {}).unwrap()
}

/// Whether these bytes stand anywhere in the notebook's files.
pub fn stands_anywhere(fixture: &Fixture, needle: &[u8]) -> Option<std::path::PathBuf> {
    let mut stack = vec![fixture.path()];
    while let Some(path) = stack.pop() {
        if path.is_dir() {
            stack.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        } else if std::fs::read(&path).unwrap().windows(needle.len()).any(|window| window == needle) {
            return Some(path);
        }
    }
    None
}

#[test]
fn removed_runs_go_and_the_rest_stays_byte_for_byte() {
    let mut fixture = Fixture::new();
    let big = [noise(1, 200_000), noise(2, 6_000_000), noise(3, 300_000)];
    let kept = fixture.run(1, &[("a", b"shared"), ("big", &big[0])]);
    let gone = fixture.run(2, &[("a", b"shared"), ("big", &big[1]), ("only", b"only here")]);
    let also = fixture.run(3, &[("a", b"shared"), ("big", &big[2])]);
    fixture.edit(&gone, Change::Remove);
    fixture.edit(&kept, Change::Star { on: true });
    let reader = fixture.reader();
    let state = |reader: &Reader, run: &RunId| {
        let row = reader.run(run).unwrap().unwrap();
        let end = row.end.as_ref().unwrap().snapshot.unwrap();
        format!("{row:?}{}{}", files_of(reader, row.start.snapshot.unwrap()), files_of(reader, end))
    };
    let before = [state(&reader, &kept), state(&reader, &also)];
    let report = collect(&fixture, 10_000, 90);
    assert!(report.retired_packs == 1 && report.removed_bytes > 6_000_000, "{report:?}");
    assert_eq!([state(&reader, &kept), state(&reader, &also)], before, "an older reader sees the new places");
    let reader = fixture.reader();
    assert_eq!([state(&reader, &kept), state(&reader, &also)], before);
    assert!(reader.run(&gone).unwrap().is_none());
    assert!(!reader.contains(&Hash::of(Domain::Content, b"only here")).unwrap());
    fixture.assert_clean();
    assert_eq!(collect(&fixture, 10_500, 91).retired_packs, 0, "nothing left to do, and too early to empty the trash");
    assert!(fixture.reader().statistics().unwrap().trash_bytes > 6_000_000);
    let report = collect(&fixture, 12_000, 92);
    assert_eq!((report.deleted_packs, report.trash_kept), (1, false));
    fixture.run(4, &[("a", b"shared")]);
    fixture.assert_clean();
    let told = fixture.told();
    fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(fixture.told(), told);
    fixture.assert_clean();
}

#[test]
fn what_may_still_be_needed_is_kept() {
    let mut fixture = Fixture::new();
    // A snapshot that nothing names yet, as before a restore.
    let (alone, records) = fixture.snapshot_records(&[("precious", b"precious")]);
    fixture.commit(records).unwrap();
    let removed = fixture.run(1, &[("a", b"restored later")]);
    let target = fixture.reader().run(&removed).unwrap().unwrap().start.snapshot.unwrap();
    let restore = RestoreRecord {
        time: fixture.tick(),
        project: project(),
        kind: RestoreKind::Restore,
        before: alone,
        target,
        run: Some(removed.clone()),
        paths: Vec::new(),
        of: None,
    };
    fixture.commit(vec![Encoder::default().json(RecordKind::Restore, &restore)]).unwrap();
    fixture.edit(&removed, Change::Remove);
    fixture.run(2, &[("a", b"x")]);
    assert!(collect(&fixture, 10_000, 90).removed_records > 0);
    let reader = fixture.reader();
    assert!(!files_of(&reader, alone).contains("Err"));
    assert!(!files_of(&reader, target).contains("Err"), "undo and redo need it");
    assert!(reader.run(&removed).unwrap().is_none());
    fixture.assert_clean();
}

#[test]
fn collection_waits_for_writers_and_refuses_what_it_cannot_read() {
    let mut fixture = Fixture::with(Options { wait_millis: 30, ..crate::common::options() });
    let gone = fixture.run(1, &[("a", &noise(1, 300_000))]);
    fixture.run(2, &[("a", b"needed")]);
    fixture.edit(&gone, Change::Remove);
    let writer = fixture.writer();
    let busy = fixture.notebook.gc(&options(10_000, 90), &mut |_, _| {});
    assert!(matches!(busy, Err(StoreError::Busy { .. })));
    drop(writer);
    let dry = GcOptions { dry_run: true, ..options(10_000, 90) };
    assert!(fixture.notebook.gc(&dry, &mut |_, _| {}).unwrap().removed_records > 0);
    // A tree of a run that must be kept is damaged.
    let snapshot = fixture.reader().runs(&RunQuery::default()).unwrap()[0].start.snapshot.unwrap();
    let root = fixture.reader().snapshot(&snapshot).unwrap().root;
    flip_record(&fixture, &root);
    let before = fixture.reader().statistics().unwrap().pack_bytes;
    let refused = fixture.notebook.gc(&options(10_000, 90), &mut |_, _| {});
    assert!(matches!(refused, Err(StoreError::Root { .. })), "{refused:?}");
    assert_eq!(fixture.reader().statistics().unwrap().pack_bytes, before);
}

/// Flips a bit in the stored bytes of a record.
fn flip_record(fixture: &Fixture, id: &Hash) {
    let packs = std::fs::read_dir(fixture.path().join("packs")).unwrap().map(|entry| entry.unwrap().path());
    for path in packs.filter(|path| path.extension().is_some_and(|extension| extension == "pack")) {
        let mut bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(32).position(|window| window == id.0);
        if let Some(place) = found.filter(|place| bytes[place - 24..place - 20] == *b"LREC") {
            bytes[place + 45] ^= 1;
            std::fs::write(&path, bytes).unwrap();
            return;
        }
    }
    panic!("no pack holds {id}");
}

#[test]
fn purged_content_is_nowhere_and_everything_else_is_there() {
    let mut fixture = Fixture::new();
    let secret = noise(77, 40_000);
    let other = noise(78, 40_000);
    let run = fixture.run(1, &[("secret.bin", &secret), ("other.bin", &other)]);
    let later = fixture.run(2, &[("other.bin", &other)]);
    let gone = fixture.run(3, &[("other.bin", &other), ("mine.bin", &secret)]);
    fixture.edit(&gone, Change::Remove);
    collect(&fixture, 5_000, 80); // leaves a copy in the trash
    assert!(stands_anywhere(&fixture, &secret[100..200]).is_some());
    let id = Hash::of(Domain::Content, &secret);
    let request = PurgeRequest { time: Time(6_000), pack_id: [81; 16], runs: Vec::new(), records: vec![id] };
    let report = fixture.notebook.purge(&request, &mut |_, _| {}).unwrap();
    assert_eq!((report.purged.clone(), report.log_in_use), (vec![id], false));
    assert_eq!(stands_anywhere(&fixture, &secret[100..200]), None);
    let reader = fixture.reader();
    assert!(matches!(reader.read(&id, None), Err(StoreError::Purged { .. })));
    assert_eq!(reader.read(&Hash::of(Domain::Content, &other), None).unwrap(), other);
    assert!(reader.run(&run).unwrap().is_some() && reader.run(&later).unwrap().is_some());
    drop(reader);
    fixture.assert_clean();
    let again = fixture.notebook.purge(&request, &mut |_, _| {}).unwrap();
    assert_eq!(again.purged, [], "a second time is no error");
    let unknown = PurgeRequest { records: vec![Hash([1; 32])], ..request };
    assert!(matches!(fixture.notebook.purge(&unknown, &mut |_, _| {}), Err(StoreError::Missing { .. })));
    let told = fixture.told();
    fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(fixture.told(), told);
}

#[test]
fn purged_runs_leave_no_word() {
    let mut fixture = Fixture::new();
    fixture.run(1, &[("a", b"shared by both")]);
    let run = fixture.run(2, &[("a", b"shared by both"), ("b", b"only in the second")]);
    fixture.edit(&run, Change::Note { kind: NoteKind::Note, text: "xyzzy-plugh-note".into() });
    fixture.edit(&run, Change::Name { name: "xyzzy-plugh-name".into() });
    let told = |fixture: &Fixture| {
        let row = fixture.reader().run(&run_id(1)).unwrap().unwrap();
        format!("{row:?} {}", files_of(&fixture.reader(), row.start.snapshot.unwrap()))
    };
    let before = told(&fixture);
    let result = FilePath::from(RelPath::new(*b"result.txt").unwrap());
    let writers = |fixture: &Fixture| {
        let found = fixture.reader().writers(&result, &project()).unwrap();
        found.into_iter().map(|used| used.run).collect::<Vec<_>>()
    };
    assert_eq!(writers(&fixture), [run_id(1), run.clone()]);
    let request = PurgeRequest { time: Time(6_000), pack_id: [81; 16], runs: vec![run.clone()], records: Vec::new() };
    let report = fixture.notebook.purge(&request, &mut |_, _| {}).unwrap();
    assert!(report.purged.contains(&Hash::of(Domain::Content, b"only in the second")));
    assert!(!report.purged.contains(&Hash::of(Domain::Content, b"shared by both")));
    for word in ["xyzzy-plugh-note", "xyzzy-plugh-name", "name-2"] {
        assert_eq!(stands_anywhere(&fixture, word.as_bytes()), None, "{word}");
    }
    assert!(fixture.reader().run(&run).unwrap().is_none());
    assert_eq!(writers(&fixture), [run_id(1)], "what it read and wrote is forgotten with it");
    assert_eq!(told(&fixture), before);
    fixture.assert_clean();
    let nobody = PurgeRequest { runs: vec![run_id(99)], ..request };
    assert!(matches!(fixture.notebook.purge(&nobody, &mut |_, _| {}), Err(StoreError::NoRun { .. })));
}

#[test]
fn what_a_note_shows_is_kept_as_long_as_the_note() {
    let mut fixture = Fixture::new();
    let run = fixture.run(1, &[("a", b"x")]);
    let mut encoder = Encoder::default();
    let picture = encoder.chunk(b"a picture");
    let (id, change) = (picture.id(), Change::Note { kind: NoteKind::Note, text: "look".into() });
    let edit = Edit { needs: vec![id], ..Edit::new(Time(90), Target::Run(run.clone()), change) };
    fixture.commit(vec![picture, encoder.json(RecordKind::Edit, &edit), encoder.chunk(b"needed by nobody")]).unwrap();
    assert_eq!(collect(&fixture, 5_000, 80).removed_records, 1);
    assert_eq!(fixture.reader().read(&id, None).unwrap(), b"a picture");
    fixture.assert_clean();
    let request = PurgeRequest { time: Time(6_000), pack_id: [81; 16], runs: vec![run], records: Vec::new() };
    assert!(fixture.notebook.purge(&request, &mut |_, _| {}).unwrap().purged.contains(&id));
    fixture.assert_clean();
}

#[test]
fn dead_tails_and_empty_packs_are_collected() {
    let mut fixture = Fixture::new();
    fixture.run(1, &[("a", b"x")]);
    let packs = fixture.path().join("packs");
    let dead = packs.join(format!("{:032x}.pack", 5));
    std::fs::write(&dead, b"LABPACK1 and then the power failed").unwrap();
    fixture.run(2, &[("a", b"y")]);
    fixture.assert_clean();
    let report = collect(&fixture, 10_000, 90);
    assert!(report.retired_packs >= 1 && !dead.exists(), "{report:?}");
    fixture.assert_clean();
}
