//! `docs/format.md` and the code say the same: a reader that was written from that page alone
//! restores what the code has kept.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use lab_model::*;
use lab_store::*;

use crate::common::*;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap().to_owned()
}

/// A Python with the modules; `None`, said loudly, when there is none.
#[expect(clippy::print_stderr, reason = "a test that is left out must be seen")]
fn python() -> Option<PathBuf> {
    let own = root().join("target/xtask-venv/bin/python3");
    let found = [own, "python3".into()].into_iter().find(|python| {
        let imports = Command::new(python).args(["-c", "import blake3, zstandard"]).output();
        imports.is_ok_and(|output| output.status.success())
    });
    if found.is_none() {
        eprintln!("SKIPPED: no python3 with blake3 and zstandard: `cargo xtask test` installs them");
    }
    found
}

fn reader(python: &Path, notebook: &Path, arguments: &[&str]) -> (i32, String, String) {
    let script = root().join("tests/format_reader.py");
    let output = Command::new(python).arg("-B").arg(script).arg(notebook).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_page_is_enough_to_restore_everything() {
    let Some(python) = python() else { return };
    let mut fixture = Fixture::with(Options { seal_bytes: 3_000_000, ..options() });
    let gone = fixture.run(1, &[("a", b"first"), ("noise", &noise(1, 100_000))]);
    let mut records = Vec::new();
    let snapshot = every_kind(&mut records);
    records.push(Encoder::default().json(RecordKind::RunStart, &run_start(2, Time(9_000), snapshot)));
    fixture.commit(records).unwrap();
    fixture.edit(&gone, Change::Remove);
    let options = GcOptions { garbage_percent: 1, ..GcOptions::new(Time(9_100), [90; 16]) };
    assert!(fixture.notebook.gc(&options, &mut |_, _| {}).unwrap().retired_packs > 0);
    // A batch that was never closed stands at the end of a pack.
    let open = fs::read_dir(fixture.path().join("packs")).unwrap().map(|entry| entry.unwrap().path()).max().unwrap();
    let tail = [fs::read(&open).unwrap(), b"LREC and then the power failed".to_vec()].concat();
    fs::write(&open, tail).unwrap();
    let (code, listed, said) = reader(&python, &fixture.path(), &["list"]);
    assert_eq!(code, 0, "{said}");
    assert!(listed.contains(&format!("{} 9000 open {snapshot} name-2", run_id(2))), "{listed}");
    assert!(!listed.contains(gone.as_str()), "{listed}");
    // Without the key everything but the sealed file comes back.
    let target = fixture.dir.path().join("without key");
    let id = snapshot.to_string();
    let (code, _, said) = reader(&python, &fixture.path(), &["restore", &id[..12], target.to_str().unwrap()]);
    assert_eq!((code, said.contains("no key was given")), (1, true), "{said}");
    let key = fixture.dir.path().join("machine.key");
    fs::write(&key, [42; 32]).unwrap();
    let target = fixture.dir.path().join("restored");
    let run = run_id(2);
    let arguments = ["restore", run.as_str(), target.to_str().unwrap(), "--key", key.to_str().unwrap()];
    let (code, _, said) = reader(&python, &fixture.path(), &arguments);
    assert_eq!(code, 1, "a FIFO and a hashed file cannot come back: {said}");
    assert!(said.contains("fifo': only named") && said.contains("hashed': only hashed"), "{said}");
    compare(&fixture.reader(), snapshot, &target);
}

/// A snapshot with every kind of entry and odd names, modes, times.
fn every_kind(records: &mut Vec<Record>) -> Hash {
    let mut encoder = Encoder::default();
    let mut sparse = vec![0; 5_000_000];
    sparse[2_000_000..2_000_010].fill(7);
    let mut file = |name: &[u8], bytes: &[u8], sealed: bool| {
        let content = keep(bytes, sealed, records);
        Entry { name: name.to_vec(), content, size: bytes.len() as u64, ..entry("", Kind::File) }
    };
    let mut entries = vec![
        Entry { mode: 0o4755, ..file(b"executable", b"#!/bin/sh\n", false) },
        Entry {
            mtime: -1_000_000,
            mtime_nanos: 1,
            ..file(b"not utf-8 \xff\n", "text ".repeat(9_000).as_bytes(), false)
        },
        Entry { mode: 0o400, ..file(b"large", &noise(4, 6_000_000), false) },
        Entry { sparse: true, ..file(b"sparse", &sparse, false) },
        Entry { mode: 0o600, ..file(b".env", "TOKEN=abc\n".repeat(20).as_bytes(), true) },
        file(b"empty", b"", false),
        Entry { target: b"../nowhere \xfe".to_vec(), mode: 0o777, ..entry("link", Kind::Symlink) },
        entry("fifo", Kind::Fifo),
        Entry { content: Content::Hashed(Hash([1; 32])), size: 9, ..entry("hashed", Kind::File) },
    ];
    let nothing = encoder.tree(&Tree::default());
    let inner = Tree { entries: vec![file(b"inner", b"deep", false)] };
    let inner = encoder.tree(&inner);
    entries.push(Entry { tree: Some(nothing.id()), mode: 0o1777, ..entry("empty directory", Kind::Directory) });
    entries.push(Entry { tree: Some(inner.id()), mode: 0o500, ..entry("read-only directory", Kind::Directory) });
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    let root = encoder.tree(&Tree { entries });
    let snapshot = Snapshot {
        project: project(),
        time: Time(8_000),
        root: root.id(),
        root_mode: 0o750,
        root_mtime: (1_600_000_000, 42),
        roles: [None; 4],
        coverage: Coverage::default(),
    };
    let snapshot = encoder.json(RecordKind::Snapshot, &snapshot);
    let id = snapshot.id();
    records.extend([nothing, inner, root, snapshot]);
    id
}

fn compare(reader: &Reader, snapshot: Hash, target: &Path) {
    let snapshot = reader.snapshot(&snapshot).unwrap();
    let stat = fs::symlink_metadata(target).unwrap();
    assert_eq!((stat.mode() & 0o7777, stat.mtime(), stat.mtime_nsec()), (0o750, 1_600_000_000, 42));
    let mut stack = vec![(target.to_owned(), snapshot.root)];
    let mut seen = 0;
    while let Some((directory, id)) = stack.pop() {
        for entry in reader.tree(&id).unwrap().entries {
            let path = directory.join(std::ffi::OsStr::from_bytes(&entry.name));
            if entry.kind == Kind::Fifo || matches!(entry.content, Content::Hashed(_)) {
                assert!(!path.exists());
                continue;
            }
            seen += 1;
            let stat = fs::symlink_metadata(&path).unwrap();
            assert_eq!((stat.mtime(), stat.mtime_nsec()), (entry.mtime, i64::from(entry.mtime_nanos)), "{path:?}");
            if entry.kind == Kind::Symlink {
                assert_eq!(fs::read_link(&path).unwrap().as_os_str().as_bytes(), entry.target);
                continue;
            }
            assert_eq!(stat.mode() & 0o7777, entry.mode, "{path:?}");
            if let Some(tree) = entry.tree {
                stack.push((path, tree));
                continue;
            }
            let mut bytes = Vec::new();
            reader
                .copy_content(&entry.content, Some(&key()), &mut |piece| {
                    bytes.extend_from_slice(piece);
                    Ok(())
                })
                .unwrap();
            assert!(fs::read(&path).unwrap() == bytes, "{path:?}");
            assert!(!entry.sparse || stat.blocks() * 512 < stat.size() / 2, "{path:?} has no holes");
        }
    }
    assert_eq!(seen, 10);
}
