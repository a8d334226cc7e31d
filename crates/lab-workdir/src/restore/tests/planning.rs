use lab_model::diff::PathDiff;
use lab_model::{Content, Domain, Entry, Hash, Kind, Role};

use super::super::*;
use super::scene::path;

/// An entry from a few letters: a kind (`f`ile, `l`ink, `d`irectory, fi`p`o), how much is kept (`c`opied,
/// `s`ealed, `h`ashed, s`a`mpled, `m`issing), the content, and `o` for an output, `x` for executable, `t` for
/// touched. `-` is nothing.
fn entry(text: &str) -> Option<Entry> {
    let mut letters = text.chars();
    let kind = match letters.next()? {
        '-' => return None,
        'f' => Kind::File,
        'l' => Kind::Symlink,
        'd' => Kind::Directory,
        'p' => Kind::Fifo,
        other => panic!("{other}"),
    };
    let kept = letters.next().unwrap_or('m');
    let content = letters.next().unwrap_or('0');
    let hash = Hash::of(Domain::Content, content.to_string().as_bytes());
    let flags: String = letters.collect();
    Some(Entry {
        name: Vec::new(),
        kind,
        role: if flags.contains('o') { Role::Output } else { Role::Code },
        mode: if flags.contains('x') { 0o755 } else { 0o644 },
        size: 10,
        mtime: i64::from(flags.contains('t')),
        mtime_nanos: 0,
        sparse: false,
        unsteady: false,
        content: match kept {
            _ if kind != Kind::File => Content::Missing,
            'c' => Content::Copied(hash),
            's' => Content::Sealed(hash),
            'h' => Content::Hashed(hash),
            'a' => Content::Sampled(hash),
            _ => Content::Missing,
        },
        tree: None,
        target: vec![content as u8],
    })
}

/// One line for each thing a plan says.
fn told(plan: &Plan) -> String {
    let mut lines = Vec::new();
    lines.extend(plan.steps.iter().map(|step| format!("{:?} {}", step.action, step.path).to_lowercase()));
    lines.extend(plan.kept.iter().map(|kept| format!("kept {} {:?}", kept.path, kept.reason).to_lowercase()));
    let lost = |it: &Unrestorable| format!("lost {} {:?}", it.path, it.reason).to_lowercase();
    lines.extend(plan.unrestorable.iter().map(lost));
    lines.join(", ")
}

/// `differences`: lines of path, left and right.
fn plan_of(differences: &[&str], options: &PlanOptions) -> Plan {
    let parse = |line: &&str| {
        let parts: Vec<_> = line.split(' ').collect();
        PathDiff { path: path(parts[0]), left: entry(parts[1]), right: entry(parts[2]) }
    };
    plan(&differences.iter().map(parse).collect::<Vec<_>>(), options)
}

fn check(differences: &[&str], expected: &str) {
    assert_eq!(told(&plan_of(differences, &PlanOptions::default())), expected, "{differences:?}");
}

#[test]
fn single_files() {
    check(&["a - fc1"], "create a");
    check(&["a - fs1"], "create a");
    check(&["a - fh1"], "lost a hashed");
    check(&["a - fa1"], "lost a sampled");
    check(&["a - fm"], "lost a missing");
    check(&["a fc1 -"], "remove a");
    check(&["a fs1 -"], "remove a");
    check(&["a fh1 -"], "kept a notcopied");
    check(&["a fm -"], "kept a notcopied");
    check(&["a fc1o -"], "kept a output");
    check(&["a l.1o -"], "kept a output");
    check(&["a l.1 -"], "remove a");
    check(&["a fc1 fc2"], "replace a");
    check(&["a fc1o fc2o"], "replace a");
    check(&["a fs1 fc1"], "replace a");
    check(&["a fh1 fc2"], "kept a notcopied");
    check(&["a fc1 fh2"], "lost a hashed");
    check(&["a fa1 fa2"], "lost a sampled");
}

#[test]
fn equal_content_however_much_is_kept() {
    for (left, right) in [("c", "h"), ("h", "c"), ("h", "h"), ("a", "a"), ("s", "s")] {
        check(&[&format!("a f{left}1 f{right}1")], "");
        check(&[&format!("a f{left}1 f{right}1t")], "metadata a");
        check(&[&format!("a f{left}1 f{right}1x")], "metadata a");
    }
    check(&["a fh1 fa1"], "lost a sampled");
    check(&["a l.1 l.1x"], "");
    check(&["a l.1 l.1t"], "metadata a");
    check(&["a l.1 l.2"], "replace a");
    check(&["a fc1 fc1o"], "");
}

#[test]
fn kinds_that_change() {
    check(&["a fc1 l.1"], "replace a");
    check(&["a l.1 fc1"], "replace a");
    check(&["a l.1 fh1"], "lost a hashed");
    check(&["a fc1 d", "a/x - fc1"], "replace a, create a/x");
    check(&["a fh1 d", "a/x - fc1"], "kept a notcopied, lost a/x blocked { by: a }");
    check(&["a d fc1", "a/x fc1 -"], "replace a, remove a/x");
    check(&["a d fc1", "a/x fh1 -", "a/y fc1 -"], "remove a/y, kept a/x notcopied, lost a blocked { by: a/x }");
    check(&["a d fh1", "a/x fc1 -"], "kept a/x target, lost a hashed");
    check(&["a p fc1"], "kept a special { kind: fifo }");
    check(&["a fc1 p"], "lost a special { kind: fifo }");
    check(&["a p p..t"], "");
}

#[test]
fn directories() {
    check(&["d d -", "d/x fc1 -", "e - d"], "remove d, remove d/x, create e");
    check(&["d d -", "d/e d -", "d/e/x fc1o -", "d/y fc1 -"], "remove d/y, kept d/e/x output");
    check(&["d d d..t"], "metadata d");
    check(&["d d d..x"], "metadata d");
}

#[test]
fn outputs_go_when_asked() {
    let options = PlanOptions { remove_outputs: true, ..PlanOptions::default() };
    assert_eq!(told(&plan_of(&["a fc1o -", "b fh1o -"], &options)), "remove a, kept b notcopied");
    let options = PlanOptions { removable_outputs: [path("a")].into(), ..PlanOptions::default() };
    assert_eq!(told(&plan_of(&["a fc1o -", "b fc1o -"], &options)), "remove a, kept b output");
}

#[test]
fn reserved_places_stay() {
    check(&[".git d -", ".git/x fc1 -", "a - fc1"], "create a, kept .git reserved, kept .git/x reserved");
    check(
        &[".git - d", ".git/hooks - d", ".git/hooks/x - fc1"],
        "lost .git reserved, lost .git/hooks reserved, lost .git/hooks/x reserved",
    );
    check(&["d d -", "d/.git fc1 -"], "kept d/.git reserved");
}

#[test]
fn chosen_paths_and_their_parents() {
    let check = |paths: &[&str], differences: &[&str], expected: &str| {
        let paths = paths.iter().map(|text| path(text)).collect();
        let root = RootMetadata { mode: 0o755, mtime: 1, mtime_nanos: 2 };
        let root = Some(RootChange { before: root, after: RootMetadata { mode: 0o700, ..root } });
        let plan = plan_of(differences, &PlanOptions { paths, root, ..PlanOptions::default() });
        assert_eq!(told(&plan), expected, "{differences:?}");
        assert_eq!(plan.root, None);
    };
    let differences =
        ["a d d..t", "a/x fc1 fc2", "a/y fc1 fc2", "a-b fc1 fc2", "b - d", "b/c - d", "b/c/x - fc1", "b/y - fc1"];
    check(&["a"], &differences, "metadata a, replace a/x, replace a/y");
    check(&["a/x"], &differences, "replace a/x");
    check(&["b/c/x"], &differences, "create b, create b/c, create b/c/x");
    check(&["b/c/nothing"], &differences, "");
    check(&["a/x"], &["a fc1 d", "a/x - fc1", "a/y - fc1"], "replace a, create a/x");
    check(&["a/x"], &["a d fc1", "a/x fc1 -", "a/y fc1 -"], "remove a/x");
}

#[test]
fn exactly_the_chosen_paths() {
    let check = |paths: &[&str], differences: &[&str], expected: &str| {
        let paths = paths.iter().map(|text| path(text)).collect();
        let plan = plan_of(differences, &PlanOptions { paths, exact: true, ..PlanOptions::default() });
        assert_eq!(told(&plan), expected, "{differences:?}");
    };
    check(&["a", "a/x"], &["a d d..t", "a/x fc1 fc2", "a/y fc1 fc2"], "metadata a, replace a/x");
    // What came later keeps its directory, and what should come in the directory's place stays away.
    check(&["a", "a/x"], &["a d -", "a/x fc1 -", "a/y fc1 -"], "remove a/x");
    check(&["a", "a/x"], &["a d fc1", "a/x fc1 -", "a/y fc1 -"], "remove a/x, lost a blocked { by: a/y }");
    check(&["a", "a/x"], &["a d -", "a/x fc1 -"], "remove a, remove a/x");
    check(&["b/c/x"], &["b - d", "b/c - d", "b/c/x - fc1", "b/y - fc1"], "create b, create b/c, create b/c/x");
    check(&[""], &["a fc1 fc2"], "");
}

#[test]
fn plans_count_bytes_and_go_through_json() {
    let root = RootMetadata { mode: 0o755, mtime: 1, mtime_nanos: 2 };
    let change = RootChange { before: root, after: RootMetadata { mtime: 9, ..root } };
    let options = PlanOptions { root: Some(change), ..PlanOptions::default() };
    let lines =
        ["a fc1 fc2", "b - fc1", "c fc1 -", "d fc1 fc1t", "e d l.x", "f fh1 -", "g fc1 p", "h fm fc1", "i - fh1"];
    let plan = plan_of(&lines, &options);
    assert_eq!(plan.bytes_to_write, 20);
    assert_eq!(plan.root, Some(change.after));
    let json = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&json).unwrap(), plan);
    let options = PlanOptions { root: Some(RootChange { before: root, after: root }), ..PlanOptions::default() };
    assert!(plan_of(&[], &options).is_empty());
}
