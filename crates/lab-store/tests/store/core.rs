//! What goes in comes out, in every order, from several writers, and after a rebuild.

use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::sync::{Arc, Barrier};

use crate::common::*;
use lab_model::*;
use lab_store::*;

#[test]
fn creating_twice_gives_the_same_notebook_with_private_modes() {
    let fixture = Fixture::new();
    let again = Notebook::create(&fixture.path(), [9; 16], Time(2)).unwrap();
    assert_eq!(again.id(), fixture.notebook.id());
    let mut fixture = fixture;
    fixture.run(1, &[("a", b"x")]);
    let mut stack = vec![fixture.path()];
    while let Some(path) = stack.pop() {
        let metadata = std::fs::metadata(&path).unwrap();
        let wanted = if metadata.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(metadata.mode() & 0o777, wanted, "{}", path.display());
        if metadata.is_dir() {
            stack.extend(std::fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    assert!(matches!(Notebook::open(fixture.dir.path()), Err(StoreError::NotANotebook { .. })));
}

#[test]
fn a_run_comes_back_whole() {
    let mut fixture = Fixture::new();
    let large = noise(1, 9_000_000);
    let files: &[(&str, &[u8])] =
        &[("train.py", b"print(1)\n"), ("data/big.bin", &large), (".env", b"PASSWORD=hunter2"), ("empty", b"")];
    let run = fixture.run(1, files);
    let reader = fixture.reader();
    let row = reader.run(&run).unwrap().unwrap();
    assert_eq!((row.name.as_str(), row.status(), row.tags.clone()), ("name-1", Status::Done, vec!["start".to_owned()]));
    assert!(row.environment.is_some());
    let snapshot = reader.snapshot(&row.start.snapshot.unwrap()).unwrap();
    let root = reader.tree(&snapshot.root).unwrap();
    let data = reader.tree(&root.get(b"data").unwrap().tree.unwrap()).unwrap();
    let mut copied = Vec::new();
    let count = reader
        .copy_content(&data.get(b"big.bin").unwrap().content, None, &mut |bytes| {
            copied.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
    assert_eq!((count as usize, copied == large), (large.len(), true));
    let sealed = root.get(b".env").unwrap().content;
    let id = sealed.hash().unwrap();
    assert_eq!(reader.read(&id, Some(&key())).unwrap(), b"PASSWORD=hunter2");
    assert!(matches!(reader.read(&id, None), Err(StoreError::Sealed { .. })));
    assert!(matches!(reader.read(&id, Some(&SealKey::new(&[1; 32]))), Err(StoreError::Sealed { .. })));
    assert!(matches!(reader.read(&Hash([3; 32]), None), Err(StoreError::Missing { .. })));
    assert!(matches!(reader.tree(&id), Err(StoreError::Sealed { .. } | StoreError::Kind { .. })));
    assert_eq!(reader.produced(&project()).unwrap(), [RelPath::new(*b"result.txt").unwrap()]);
    assert!(reader.open_runs().unwrap().is_empty());
    fixture.assert_clean();
}

#[test]
fn nothing_is_stored_twice_and_nothing_is_there_before_the_commit() {
    let mut fixture = Fixture::new();
    let record = Encoder::default().chunk(b"some bytes");
    let mut writer = fixture.writer();
    assert!(!writer.contains(&record.id()).unwrap());
    assert!(writer.append(record.clone()).unwrap());
    assert!(!writer.append(record.clone()).unwrap(), "within the batch");
    assert!(!fixture.reader().contains(&record.id()).unwrap());
    let first = writer.commit(Time(5)).unwrap();
    assert!(fixture.reader().contains(&record.id()).unwrap());
    assert!(!writer.append(record.clone()).unwrap(), "from the index");
    assert_eq!(writer.commit(Time(6)).unwrap(), first, "an empty batch makes no commit");
    drop(writer);
    assert!(!fixture.writer().append(record).unwrap(), "from another writer");
}

#[test]
fn a_dropped_batch_leaves_a_pack_that_can_be_gone_on_with() {
    let mut fixture = Fixture::new();
    fixture.run(1, &[("a", b"1")]);
    let before = fixture.notebook.reader().unwrap().statistics().unwrap().pack_bytes;
    let mut writer = fixture.writer();
    for seed in 0..5 {
        writer.append(Encoder::default().chunk(&noise(seed, 500_000))).unwrap();
    }
    drop(writer);
    assert_eq!(fixture.reader().statistics().unwrap().pack_bytes, before, "given back");
    fixture.run(2, &[("a", b"2")]);
    assert_eq!(fixture.reader().statistics().unwrap().packs, 1);
    fixture.assert_clean();
}

#[test]
fn full_packs_are_sealed_also_within_a_batch() {
    let mut fixture = Fixture::with(Options { seal_bytes: 300_000, ..options() });
    let files: Vec<_> = (0..20).map(|seed| (format!("f{seed:02}"), noise(seed, 50_000))).collect();
    let files: Vec<_> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
    fixture.run(1, &files);
    let packs: Vec<_> = std::fs::read_dir(fixture.path().join("packs")).unwrap().map(|entry| entry.unwrap()).collect();
    let sealed = packs.iter().filter(|pack| pack.metadata().unwrap().permissions().mode() & 0o777 == 0o400);
    assert!(sealed.count() >= 3, "{packs:?}");
    fixture.assert_clean();
    let told = fixture.told();
    fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(fixture.told(), told);
    fixture.assert_clean();
}

#[test]
fn edits_fold_to_the_newest_whatever_the_order() {
    let run = run_id(1);
    let edit = |time, change| Edit::new(Time(time), Target::Run(run.clone()), change);
    let edits = [
        edit(10, Change::Name { name: "first".into() }),
        edit(30, Change::Name { name: "third".into() }),
        edit(20, Change::Name { name: "second".into() }),
        edit(10, Change::Tag { tag: "a".into() }),
        edit(20, Change::Untag { tag: "a".into() }),
        edit(20, Change::Untag { tag: "start".into() }),
        edit(21, Change::Tag { tag: "b".into() }),
        edit(5, Change::Star { on: true }),
        edit(6, Change::Hide { on: true }),
        edit(7, Change::Hide { on: false }),
        edit(8, Change::Remove),
        edit(8, Change::Unremove),
        edit(9, Change::Note { kind: NoteKind::Reason, text: "why".into() }),
        edit(4, Change::Note { kind: NoteKind::Outcome, text: "what".into() }),
    ];
    let mut told = Vec::new();
    for turn in 0..edits.len() {
        let mut fixture = Fixture::new();
        let mut encoder = Encoder::default();
        let (snapshot, mut records) = snapshot_records(Time(1), &[("a", b"x")]);
        let (end, more) = run_end(1, Time(90), &[]);
        records.extend(more);
        let mut rest = vec![
            encoder.json(RecordKind::RunStart, &run_start(1, Time(2), snapshot)),
            encoder.json(RecordKind::RunEnd, &end),
            encoder.json(RecordKind::RunEnd, &RunEnd { status: Status::Lost, time: Time(99), ..end.clone() }),
        ];
        rest.extend(edits.iter().map(|edit| encoder.json(RecordKind::Edit, edit)));
        rest.rotate_left(turn);
        if turn % 2 == 1 {
            rest.reverse();
        }
        fixture.commit(records).unwrap();
        for record in rest {
            fixture.commit(vec![record]).unwrap();
        }
        let row = fixture.reader().run(&run).unwrap().unwrap();
        assert_eq!((row.name.as_str(), row.tags.as_slice()), ("third", &["b".to_owned()][..]));
        assert_eq!((row.starred, row.hidden, row.status()), (true, false, Status::Done));
        assert_eq!(row.notes.iter().map(|note| note.2.as_str()).collect::<Vec<_>>(), ["what", "why"]);
        told.push(fixture.told());
    }
    assert!(told.windows(2).all(|pair| pair[0] == pair[1]));
}

#[test]
fn runs_are_found_filtered_and_ordered() {
    let mut fixture = Fixture::new();
    let runs: Vec<_> = (0..6).map(|number| fixture.run(number, &[("a", b"x")])).collect();
    fixture.edit(&runs[1], Change::Hide { on: true });
    fixture.edit(&runs[2], Change::Remove);
    fixture.edit(&runs[3], Change::Tag { tag: "best".into() });
    fixture.edit(&runs[4], Change::Name { name: "renamed".into() });
    let reader = fixture.reader();
    let ids =
        |query: &RunQuery| -> Vec<RunId> { reader.runs(query).unwrap().into_iter().map(|row| row.start.run).collect() };
    let all = RunQuery::default();
    assert_eq!(ids(&all), [&runs[5], &runs[4], &runs[3], &runs[0]].map(Clone::clone));
    assert_eq!(
        ids(&RunQuery { limit: Some(2), oldest_first: true, ..all.clone() }),
        [runs[0].clone(), runs[3].clone()]
    );
    assert_eq!(ids(&RunQuery { tag: Some("best".into()), ..all.clone() }), [runs[3].clone()]);
    assert_eq!(ids(&RunQuery { status: Some(Status::Failed), ..all.clone() }), []);
    assert_eq!(ids(&RunQuery { include_hidden: true, include_removed: true, ..all.clone() }).len(), 6);
    assert_eq!(ids(&RunQuery { project: Some("zzzzzzzzzzzz".parse().unwrap()), ..all }), []);
    let find = |text: &str| reader.find_runs(text, Some(&project())).unwrap();
    assert_eq!(find("renamed"), [runs[4].clone()]);
    assert_eq!(find("name-4"), [], "its former name");
    assert_eq!(find("name-5"), [runs[5].clone()]);
    assert_eq!(find("name-2"), [runs[2].clone()], "removed, but nothing else is meant");
    assert_eq!(find(&runs[0].as_str()[..6]), [runs[0].clone()]);
    assert_eq!(find(""), []);
    assert_eq!(find("%"), []);
    assert!(reader.name_taken("renamed").unwrap() && reader.name_taken("name-4").unwrap());
    assert!(!reader.name_taken("free").unwrap());
    assert_eq!(reader.statistics().unwrap().runs, 6);
    let contents = reader.live_contents(None).unwrap();
    let shared = contents.iter().find(|content| content.path.as_bytes() == b"a").unwrap();
    assert_eq!(shared.runs.len(), 5, "every run that is not removed");
    let snapshot = reader.snapshots(&project()).unwrap()[0].0;
    assert_eq!(reader.find_snapshots(&snapshot.to_string()[..9]).unwrap(), [snapshot]);
}

#[test]
fn a_run_is_open_from_start_to_end_in_either_order() {
    let mut fixture = Fixture::new();
    let mut encoder = Encoder::default();
    let (snapshot, records) = snapshot_records(Time(1), &[("a", b"x")]);
    fixture.commit(records).unwrap();
    let start = run_start(1, Time(2), snapshot);
    fixture.commit(vec![encoder.json(RecordKind::RunStart, &start)]).unwrap();
    assert_eq!(fixture.reader().open_runs().unwrap(), [start]);
    let (end, records) = run_end(1, Time(3), &[]);
    fixture.commit(records).unwrap();
    fixture.commit(vec![encoder.json(RecordKind::RunEnd, &end)]).unwrap();
    assert!(fixture.reader().open_runs().unwrap().is_empty());
    let (end, records) = run_end(2, Time(3), &[]);
    fixture.commit(records).unwrap();
    fixture.commit(vec![encoder.json(RecordKind::RunEnd, &end)]).unwrap();
    fixture.commit(vec![encoder.json(RecordKind::RunStart, &run_start(2, Time(2), snapshot))]).unwrap();
    assert!(fixture.reader().open_runs().unwrap().is_empty());
}

#[test]
fn eight_writers_at_once_lose_nothing() {
    let fixture = Fixture::with(Options { wait_millis: 60_000, ..Options::default() });
    let barrier = Arc::new(Barrier::new(8));
    std::thread::scope(|scope| {
        for thread in 0..8 {
            let (notebook, barrier) = (fixture.notebook.clone(), Arc::clone(&barrier));
            scope.spawn(move || {
                barrier.wait();
                for turn in 0..6_u64 {
                    let number = thread * 100 + turn;
                    let mut pack = [0; 16];
                    pack[..8].copy_from_slice(&number.to_le_bytes());
                    let mut writer = notebook.writer(pack).unwrap();
                    let text = format!("file of run {number}");
                    let (snapshot, records) = snapshot_records(Time(1), &[("a", text.as_bytes()), ("same", b"same")]);
                    for record in records {
                        writer.append(record).unwrap();
                    }
                    let start = run_start(number, Time(number as i64), snapshot);
                    writer.append(Encoder::default().json(RecordKind::RunStart, &start)).unwrap();
                    writer.commit(Time(1)).unwrap();
                }
            });
        }
    });
    assert_eq!(fixture.reader().runs(&RunQuery::default()).unwrap().len(), 48);
    assert!(fixture.reader().statistics().unwrap().packs <= 8);
    fixture.assert_clean();
}

#[test]
fn a_read_only_notebook_can_be_read_and_refuses_to_be_written() {
    let mut fixture = Fixture::new();
    fixture.run(1, &[("a", b"x")]);
    let told = fixture.told();
    let read_only = Notebook::open_with(&fixture.path(), Options { read_only: true, ..options() }).unwrap();
    assert_eq!(crate::common::told(&read_only.reader().unwrap()), told);
    let refused = read_only.writer([1; 16]).map(|_| ()).unwrap_err();
    assert!(refused.is_read_only(), "{refused}");
    // As on media: no memory file beside the log can be made or is there.
    std::fs::remove_file(fixture.path().join("notebook.db-shm")).unwrap();
    assert_eq!(crate::common::told(&read_only.reader().unwrap()), told);
}

#[test]
fn the_index_of_another_notebook_is_refused() {
    let (mut one, two) = (Fixture::new(), Fixture::new());
    one.run(1, &[("a", b"x")]);
    let other = Notebook::create_with(&two.dir.path().join("other"), [8; 16], Time(1), options()).unwrap();
    for suffix in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(one.path().join(format!("notebook.db{suffix}")));
    }
    assert!(matches!(one.notebook.reader().map(|_| ()), Err(StoreError::IndexMissing { .. })));
    std::fs::copy(other.dir().join("notebook.db"), one.path().join("notebook.db")).unwrap();
    assert!(matches!(one.notebook.reader().map(|_| ()), Err(StoreError::IndexForeign { .. })));
}

#[test]
fn threads_that_open_a_new_notebook_at_once_get_one_index() {
    let fixture = Fixture::new();
    for turn in 0..40 {
        for suffix in ["", "-wal", "-shm"] {
            let _ = std::fs::remove_file(fixture.path().join(format!("notebook.db{suffix}")));
        }
        let start = Barrier::new(4);
        let open = || {
            start.wait();
            Notebook::open(&fixture.path()).unwrap().reader().map(|_| ())
        };
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| std::thread::Builder::new().spawn_scoped(scope, open).unwrap()).collect();
            for thread in threads {
                assert!(thread.join().unwrap().is_ok(), "turn {turn}");
            }
        });
        let left = std::fs::read_dir(fixture.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let left: Vec<_> = left.filter(|name| name.to_string_lossy().contains(".new")).collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

#[test]
fn other_processes_changes_are_noticed() {
    let mut fixture = Fixture::new();
    let reader = fixture.reader();
    let before = reader.data_version().unwrap();
    assert_eq!(reader.data_version().unwrap(), before);
    fixture.run(1, &[("a", b"x")]);
    assert_ne!(reader.data_version().unwrap(), before);
    assert_eq!(reader.runs(&RunQuery::default()).unwrap().len(), 1);
}

#[test]
fn the_index_of_an_older_program_is_made_anew() {
    use std::os::unix::fs::FileExt;
    let mut fixture = Fixture::new();
    fixture.run(1, &[("train.py", b"x = 1")]);
    let told = fixture.told();
    let path = fixture.notebook.dir().join("notebook.db");
    // The version of the tables, in the header of an SQLite file.
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().write_all_at(&1_u32.to_be_bytes(), 60).unwrap();
    let again = Notebook::open(fixture.notebook.dir()).unwrap();
    assert_eq!(crate::common::told(&again.reader().unwrap()), told);
    let report = again.verify(true, Some(&key()), &mut |_, _| {}).unwrap();
    assert!(report.findings.is_empty(), "{report:?}");
    assert_eq!(std::fs::read_dir(fixture.path().join("quarantine")).unwrap().count(), 0);
}
