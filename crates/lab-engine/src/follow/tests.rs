use std::fs::OpenOptions;
use std::io::Write;

use super::*;

/// Says what a test wants it to say.
struct Told {
    writers: HashMap<PathBuf, Writer>,
    is_alone: bool,
}

impl Witness for Told {
    fn writers(&mut self, _: &Path) -> HashMap<PathBuf, Writer> {
        self.writers.clone()
    }

    fn is_alone(&mut self) -> bool {
        self.is_alone
    }
}

#[derive(Default)]
struct Seen(Vec<String>);

impl FollowSink for Seen {
    fn point(&mut self, source: &Source, key: &str, at: At, value: f64) {
        let step = at.step.map_or_else(String::new, |step| format!("@{step}"));
        self.0.push(format!("{}:{key}={value}{step}", source.place));
    }

    fn param(&mut self, _: &Source, name: &str, value: &Value) {
        self.0.push(format!("{name}:={value}"));
    }

    fn trouble(&mut self, source: &Source, words: &str) {
        self.0.push(format!("{}!{words}", source.path));
    }
}

struct Scene {
    directory: tempfile::TempDir,
    follow: Follow,
    told: Told,
    seen: Seen,
}

impl Scene {
    /// A directory with these files, before the run begins.
    fn new(before: &[(&str, &str)]) -> Self {
        let directory = tempfile::tempdir().unwrap();
        for (path, text) in before {
            write(directory.path(), path, text);
            let file = OpenOptions::new().append(true).open(directory.path().join(path)).unwrap();
            file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_000)).unwrap();
        }
        let follow = Follow::new(
            directory.path(),
            &[directory.path().join("nb")],
            (2_000, 0),
            Box::new(|path| path == "named.txt"),
        );
        Self { directory, follow, told: Told { writers: HashMap::new(), is_alone: true }, seen: Seen::default() }
    }

    fn write(&self, path: &str, text: &str) {
        write(self.directory.path(), path, text);
    }

    fn append(&self, path: &str, text: &str) {
        let mut file = OpenOptions::new().append(true).create(true).open(self.directory.path().join(path)).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    /// What some ticks find, which is all that is there.
    #[track_caller]
    fn check(&mut self, expected: &[&str]) {
        for _ in 0..4 {
            self.follow.tick(&mut self.told, &mut self.seen);
        }
        // Whose turn it is first does not matter; of one file the order does, and steps tell it.
        let mut seen = std::mem::take(&mut self.seen.0);
        let mut expected = expected.to_vec();
        seen.sort();
        expected.sort_unstable();
        assert_eq!(seen, expected);
    }

    #[track_caller]
    fn check_end(&mut self, expected: &[&str]) {
        self.follow.finish(&mut self.told, &mut self.seen);
        assert_eq!(std::mem::take(&mut self.seen.0), expected);
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let path = root.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn files_are_found_and_read_while_they_grow() {
    let mut scene = Scene::new(&[]);
    scene.check(&[]);
    scene.write("a/b/train.jsonl", "{\"step\": 1, \"loss\": 0.5}\n{\"step\": 2, ");
    scene.check(&["a/b/train:loss=0.5@1"]);
    scene.append("a/b/train.jsonl", "\"loss\": 0.25}\n");
    scene.check(&["a/b/train:loss=0.25@2"]);
    scene.write("nb/x.jsonl", "{\"step\": 1, \"loss\": 9}\n");
    scene.write("data.csv", "name,size\na,1\n");
    scene.write("named.txt", "{\"loss\": 7}\n");
    scene.check(&["named:loss=7"]);
    scene.append("a/b/train.jsonl", "{\"step\": 3, \"loss\": 0.125}");
    scene.check(&[]);
    scene.check_end(&["a/b/train:loss=0.125@3"]);
}

#[test]
fn what_was_there_before_does_not_count() {
    let old = [
        ("old.jsonl", "{\"step\": 1, \"loss\": 0.5}\n"),
        ("log.csv", "step,loss\n1,0.5\n"),
        ("l.csv", "step,a\n1,2\n"),
    ];
    let mut scene = Scene::new(&old);
    scene.check(&[]);
    scene.append("old.jsonl", "{\"step\": 1, \"loss\": 0.75}\n");
    scene.append("log.csv", "1,0.75\n");
    scene.write("l.csv", "step,a\n1,3\n1,4\n");
    scene.check(&["l:a=3@1", "l:a=4@1", ":loss=0.75@1", "old:loss=0.75@1"]);
    scene.check_end(&[]);
}

#[test]
fn a_rewritten_table_gives_each_row_once() {
    let mut scene = Scene::new(&[]);
    let path = "lightning_logs/version_0/metrics.csv";
    let place = "lightning_logs/version_0";
    scene.write(path, "epoch,loss,step\n0,0.5,1\n0,nan,2\n");
    scene.check(&[
        &format!("{place}:epoch=0@1"),
        &format!("{place}:loss=0.5@1"),
        &format!("{place}:epoch=0@2"),
        &format!("{place}:loss=NaN@2"),
    ]);
    // Seen empty, then half, then whole.
    for text in ["", "epoch,loss,step,val\n0,0.5,1,\n", "epoch,loss,step,val\n0,0.5,1,\n0,nan,2,\n0,,2,0.25\n"] {
        scene.write(path, text);
        let expected = [format!("{place}:epoch=0@2"), format!("{place}:val=0.25@2")];
        let expected: Vec<&str> = expected.iter().map(String::as_str).collect();
        scene.check(if text.contains("0.25") { &expected } else { &[] });
    }
    scene.check_end(&[]);
    // Other values are other values.
    scene.write(path, "epoch,loss,step\n0,0.75,1\n");
    scene.check(&[&format!("{place}:loss=0.75@1")]);
}

#[test]
fn checkpoints_repeat_the_history() {
    let mut scene = Scene::new(&[]);
    let state = |count: usize| {
        let entries: Vec<String> = (0..count).map(|step| format!("{{\"step\": {step}, \"loss\": {step}.5}}")).collect();
        format!("{{\"log_history\": [{}]}}", entries.join(","))
    };
    scene.write("out/checkpoint-2/trainer_state.json", &state(2));
    scene.check(&["out:loss=0.5@0", "out:loss=1.5@1"]);
    scene.write("out/checkpoint-3/trainer_state.json", &state(3));
    scene.check(&["out:loss=2.5@2"]);
    scene.write("out/trainer_state.json", &state(3));
    scene.write("dvclive/metrics.json", "{\"step\": 4, \"train\": {\"acc\": 1}}");
    scene.check(&["dvclive:train/acc=1@4"]);
    scene.write("dvclive/metrics.json", "{\"step\": 5, \"train\": {\"acc\": 1}}");
    scene.write("run/.hydra/config.yaml", "lr: 0.1\nopt:\n  name: adam\n");
    scene.check(&["dvclive:train/acc=1@5", "lr:=0.1", "opt.name:=\"adam\""]);
    scene.check_end(&[]);
}

#[test]
fn files_of_others_are_left_alone() {
    let mut scene = Scene::new(&[]);
    let line = "{\"step\": 1, \"loss\": 1}\n";
    scene.told.is_alone = false;
    for path in ["own.jsonl", "other.jsonl", "unknown.jsonl"] {
        scene.write(path, line);
    }
    let place = |path: &str| scene.directory.path().join(path);
    scene.told.writers = HashMap::from([(place("own.jsonl"), Writer::Own), (place("other.jsonl"), Writer::Other)]);
    scene.check(&["own:loss=1@1"]);
    scene.told.writers.clear();
    scene.check_end(&["unknown.jsonl!another run went on here, and which of the two wrote it is not known"]);
}

#[test]
fn what_a_run_wrote_before_it_was_followed_is_its_own_unless_the_file_was_there() {
    let directory = tempfile::tempdir().unwrap();
    write(directory.path(), "old/metrics.csv", "step,loss\n1,9\n");
    let made = std::fs::metadata(directory.path().join("old/metrics.csv")).unwrap();
    let stamp = |metadata: &std::fs::Metadata| {
        use std::os::unix::fs::MetadataExt;
        (metadata.mtime(), metadata.mtime_nsec())
    };
    // The file system's clock has a grain: the run begins when it has moved on.
    let since = loop {
        write(directory.path(), "new/metrics.csv", "step,loss\n1,0.5\n");
        let now = stamp(&std::fs::metadata(directory.path().join("new/metrics.csv")).unwrap());
        if now > stamp(&made) {
            std::fs::remove_file(directory.path().join("new/metrics.csv")).unwrap();
            break now;
        }
    };
    write(directory.path(), "new/metrics.csv", "step,loss\n1,0.5\n");
    let old = directory.path().join("old/metrics.csv");
    OpenOptions::new().append(true).open(old).unwrap().write_all(b"2,8\n").unwrap();
    let follow = Follow::new(directory.path(), &[], since, Box::new(|_| false));
    let told = Told { writers: HashMap::new(), is_alone: true };
    let mut scene = Scene { directory, follow, told, seen: Seen::default() };
    scene.append("old/metrics.csv", "3,7\n");
    let Scene { follow, told, seen, .. } = &mut scene;
    follow.finish(told, seen);
    assert_eq!(seen.0, ["new:loss=0.5@1", "old:loss=7@3"]);
}

#[test]
fn the_next_run_goes_on_from_what_the_last_one_has_found() {
    let mut first = Scene::new(&[("old/metrics.csv", "step,loss\n1,9\n")]);
    first.append("old/metrics.csv", "2,8\n");
    first.check_end(&["old:loss=8@2"]);
    let Scene { directory, follow, told, .. } = first;
    let walks = Walks::default();
    walks.keep(follow);
    write(directory.path(), "between/metrics.csv", "step,loss\n1,7\n");
    for name in ["old", "between"] {
        let file = OpenOptions::new().append(true).open(directory.path().join(name).join("metrics.csv")).unwrap();
        file.set_modified(std::time::UNIX_EPOCH + std::time::Duration::from_secs(2_500)).unwrap();
    }
    let follow = walks.begin(directory.path(), &[], (3_000, 0), Box::new(|_| false));
    let mut second = Scene { directory, follow, told, seen: Seen::default() };
    for name in ["old", "between"] {
        second.append(&format!("{name}/metrics.csv"), "3,6\n");
    }
    second.write("new/metrics.csv", "step,loss\n1,5\n");
    second.check_end(&["between:loss=6@3", "new:loss=5@1", "old:loss=6@3"]);
}
