//! One thing is damaged: `verify --deep` says so, or nothing that a person sees is different.

use std::fs;
use std::path::{Path, PathBuf};

use lab_model::*;
use lab_store::*;

use crate::common::*;

/// A notebook with several packs, a sealed file, a large file, edits, a restore, a collection.
fn example() -> Fixture {
    let mut fixture = Fixture::with(Options { seal_bytes: 150_000, ..options() });
    fixture.run(1, &[("a", b"x"), (".env", b"TOKEN=abcdefgh"), ("d/text", "some text ".repeat(300).as_bytes())]);
    let gone = fixture.run(2, &[("a", b"y"), ("noise", &noise(2, 100_000))]);
    fixture.edit(&gone, Change::Remove);
    let options = GcOptions { garbage_percent: 1, ..GcOptions::new(Time(2000), [90; 16]) };
    fixture.notebook.gc(&options, &mut |_, _| {}).unwrap();
    let run = fixture.run(3, &[("a", b"y"), ("d/text", b"other"), ("noise", &noise(3, 200_000))]);
    fixture.edit(&run, Change::Name { name: "third".into() });
    fixture.edit(&run, Change::Note { kind: NoteKind::Outcome, text: "it worked".into() });
    let mut encoder = Encoder::default();
    let known = Project { id: project(), name: "example".into(), root: "/home/me/example".into(), time: Time(7) };
    let snapshots = fixture.reader().snapshots(&project()).unwrap();
    let restore = RestoreRecord {
        time: Time(3000),
        project: project(),
        kind: RestoreKind::Restore,
        before: snapshots[0].0,
        target: snapshots[1].0,
        run: Some(run),
        paths: vec![RelPath::new(*b"a").unwrap()],
        of: None,
    };
    let records = vec![encoder.json(RecordKind::Project, &known), encoder.json(RecordKind::Restore, &restore)];
    fixture.commit(records).unwrap();
    fixture.run(4, &[("large", &noise(9, 4_300_000))]);
    fixture.run(5, &[("a", b"last")]);
    fixture
}

/// Every file that `verify` answers for.
fn watched(dir: &Path) -> Vec<PathBuf> {
    let mut files = vec!["notebook.toml".into(), "notebook.db".into(), "notebook.db-wal".into()];
    let mut packs: Vec<_> = fs::read_dir(dir.join("packs")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    packs.sort();
    files.extend(packs.into_iter().map(|name| Path::new("packs").join(name)));
    files.retain(|file: &PathBuf| dir.join(file).is_file() && !file.ends_with(".gc.lock"));
    files
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn damage(file: &Path, seed: u64) -> String {
    let picks = noise(seed, 24);
    let pick = |place: usize| u64::from_le_bytes(picks[place * 8..][..8].try_into().unwrap());
    let mut bytes = fs::read(file).unwrap();
    let _ = fs::set_permissions(file, std::os::unix::fs::PermissionsExt::from_mode(0o600));
    let place = (pick(1) % bytes.len().max(1) as u64) as usize;
    match pick(0) % 8 {
        0 => {
            fs::remove_file(file).unwrap();
            "deleted".into()
        }
        1 => {
            bytes.truncate(place);
            fs::write(file, bytes).unwrap();
            format!("cut to {place}")
        }
        2 => {
            let end = (place + 512).min(bytes.len());
            bytes[place..end].fill(0);
            fs::write(file, bytes).unwrap();
            format!("zeros at {place}")
        }
        _ if bytes.is_empty() => {
            fs::write(file, [1]).unwrap();
            "a byte more".into()
        }
        _ => {
            let bit = pick(2) % 8;
            bytes[place] ^= 1 << bit;
            fs::write(file, bytes).unwrap();
            format!("bit {bit} of {place}")
        }
    }
}

fn check(count: u64, first_seed: u64) {
    let fixture = example();
    fixture.assert_clean();
    let told = fixture.told();
    assert!(!told.contains("Err("));
    let dir = fixture.path();
    let (mut found, mut harmless) = (0, 0);
    for seed in first_seed..first_seed + count {
        let work = tempfile::tempdir().unwrap();
        let path = work.path().join("notebook");
        copy(&dir, &path);
        let files = watched(&path);
        // Small files get their share: the file is picked first, then the place in it.
        let file = &files[(noise(seed ^ 0x5555, 1)[0] as usize) % files.len()];
        let what = format!("seed {seed}: {} {}", file.display(), damage(&path.join(file), seed));
        let Ok(notebook) = Notebook::open_with(&path, options()) else {
            found += 1;
            continue;
        };
        let report =
            notebook.verify(true, Some(&key()), &mut |_, _| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
        if report.is_clean() {
            harmless += 1;
            let now =
                notebook.reader().map_or_else(|error| panic!("{what}: {error}"), |reader| crate::common::told(&reader));
            assert!(now == told, "{what}: nobody noticed");
        } else {
            found += 1;
        }
        let rebuilt = notebook.rebuild(&mut |_, _| {}).unwrap_or_else(|error| panic!("{what}: {error}"));
        let index = report.findings.iter().all(|finding| finding.what.is_index());
        if index && rebuilt.findings.is_empty() {
            assert!(notebook.verify(true, Some(&key()), &mut |_, _| {}).unwrap().is_clean(), "{what}: not rebuilt");
            assert!(crate::common::told(&notebook.reader().unwrap()) == told, "{what}: rebuilt to something else");
        }
    }
    assert!(found > harmless, "{found} found, {harmless} harmless");
}

#[test]
fn harmful_damage_is_found() {
    check(60, 1);
}

/// All ten thousand, or as many as `LAB_TORTURE_COUNT` says.
#[test]
#[ignore = "takes minutes"]
#[expect(clippy::disallowed_methods, reason = "the count of a torture run comes from outside")]
fn harmful_damage_is_found_many_times() {
    let count = std::env::var("LAB_TORTURE_COUNT").ok().and_then(|count| count.parse().ok()).unwrap_or(10_000);
    check(count, 1_000_000);
}

#[test]
fn findings_name_the_runs_that_are_touched() {
    let fixture = example();
    let content = Hash::of(Domain::Content, &noise(3, 200_000));
    for file in watched(&fixture.path()).into_iter().filter(|file| file.starts_with("packs")) {
        let path = fixture.path().join(file);
        let mut bytes = fs::read(&path).unwrap();
        if let Some(place) = bytes.windows(64).position(|window| window[..4] == *b"LREC" && window[24..56] == content.0)
        {
            fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
            bytes[place + 1000] ^= 4;
            fs::write(&path, bytes).unwrap();
        }
    }
    let report = fixture.verify();
    let [finding] = &report.findings[..] else { panic!("{report:#?}") };
    assert_eq!((finding.id, &finding.what), (Some(content), &Trouble::Record(Flaw::Checksum)));
    assert_eq!(finding.runs, [run_id(3)]);
    assert_eq!(finding.snapshots.len(), 2);
    assert!(matches!(fixture.reader().read(&content, None), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_lost_pack_is_noticed_even_when_the_index_is_lost_too() {
    let mut fixture = Fixture::with(Options { seal_bytes: 40_000, ..options() });
    for number in 0..4 {
        fixture.run(number, &[("a", &noise(number, 50_000))]);
    }
    fs::remove_file(fixture.path().join("notebook.db")).unwrap();
    let packs: Vec<_> = watched(&fixture.path()).into_iter().filter(|file| file.starts_with("packs")).collect();
    assert!(packs.len() >= 4);
    let mut noticed = 0;
    for pack in &packs {
        let (path, away) = (fixture.path().join(pack), fixture.dir.path().join("away"));
        fs::rename(&path, &away).unwrap();
        let report = fixture.verify();
        noticed += usize::from(report.findings.iter().any(|finding| finding.what == Trouble::PackMissing));
        fs::rename(&away, &path).unwrap();
    }
    // The very last pack is named by nothing but the index.
    assert_eq!(noticed, packs.len() - 1);
}

#[test]
fn rebuilding_keeps_what_is_good_and_sets_a_damaged_index_aside() {
    let fixture = example();
    let told = fixture.told();
    let database = fixture.path().join("notebook.db");
    let mut bytes = fs::read(&database).unwrap();
    bytes[4096..].fill(0xaa);
    fs::write(&database, bytes).unwrap();
    // Pages in the log would stand for those that are damaged.
    fs::remove_file(fixture.path().join("notebook.db-wal")).unwrap();
    assert!(!fixture.verify().is_clean());
    let report = fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
    assert!(report.quarantined.is_some_and(|path| path.exists()));
    assert_eq!(fixture.told(), told);
    fixture.assert_clean();
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(fixture.path().join(format!("notebook.db{suffix}")));
    }
    assert_eq!(fixture.verify().findings[0].what, Trouble::IndexMissing);
    assert_eq!(fixture.notebook.rebuild(&mut |_, _| {}).unwrap().quarantined, None);
    assert_eq!(fixture.told(), told);
}

#[test]
fn a_damaged_commit_costs_no_run_even_after_a_rebuild_and_a_collection() {
    let mut fixture = Fixture::new();
    fixture.run(1, &[("a", b"first")]);
    fixture.run(2, &[("a", b"second")]);
    let told = fixture.told();
    let pack = watched(&fixture.path()).into_iter().find(|file| file.starts_with("packs")).unwrap();
    let path = fixture.path().join(pack);
    let mut bytes = fs::read(&path).unwrap();
    let last = bytes.len() - 20;
    bytes[last] ^= 1;
    fs::write(&path, bytes).unwrap();
    assert!(!fixture.verify().is_clean());
    let report = fixture.notebook.rebuild(&mut |_, _| {}).unwrap();
    assert_eq!(report.findings.len(), 1, "{report:?}");
    assert_eq!(fixture.told(), told);
    fixture.run(3, &[("a", b"third")]);
    let options = GcOptions { garbage_percent: 0, ..GcOptions::new(Time(9000), [90; 16]) };
    assert!(fixture.notebook.gc(&options, &mut |_, _| {}).is_err_and(|error| error.is_damage()));
    assert!(fixture.told().ends_with(told.split_once('\n').unwrap().1) || fixture.told().contains("name-2"));
    assert!(!fixture.verify().is_clean(), "the damage stays known");
}
