//! Secrets stay out: canaries are planted wherever a real project has credentials, and nothing of
//! them may stand in the notebook or on the screen in clear.

#![expect(clippy::unwrap_used, reason = "also what the tests share may panic")]

use std::collections::BTreeMap;
use std::path::Path;

use lab_model::{Domain, Hash};
use lab_store::Notebook;
use lab_testkit::{Ended, Home};

use crate::{home, json};

/// A canary is short enough to be found and random enough to be taken for real. The first half never
/// stands in this file as it is looked for, so that a copy of this file would be no hit.
fn canary(seed: &str) -> String {
    let digest = Hash::of(Domain::Content, seed.as_bytes()).to_string();
    // Letters of both cases and digits, as most tokens have them.
    let mixed = digest.char_indices().map(|(at, c)| if at % 3 == 0 { c.to_ascii_uppercase() } else { c });
    mixed.take(36).collect()
}

/// The lines of a private key that nothing opens.
fn private_key(seed: &str) -> Vec<String> {
    let line = |number: usize| {
        let digits = format!("{}{}", canary(&format!("{seed}{number}")), canary(&format!("{number}{seed}")));
        digits[..64].to_owned()
    };
    (0..6).map(line).collect()
}

fn pem(seed: &str) -> String {
    // Cut, so that this file is not taken for a key itself.
    let word = "PRIVATE KEY";
    format!("-----BEGIN RSA {word}-----\n{}\n-----END RSA {word}-----\n", private_key(seed).join("\n"))
}

/// Every file below a directory, by its path in it.
fn files(directory: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(place) = pending.pop() {
        for entry in std::fs::read_dir(place).unwrap_or_else(|error| panic!("{error}")).flatten() {
            let path = entry.path();
            if path.is_dir() && !path.is_symlink() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(directory).expect("because it lies below").display().to_string();
                let read = std::fs::read(&path);
                found.insert(name, read.unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            }
        }
    }
    found
}

/// Every byte that the notebook holds: its files as they lie there, and every record of every pack
/// decoded (sealed ones without their key: they must give nothing).
fn everything(home: &Home) -> Vec<(String, Vec<u8>)> {
    let directory = home.notebook();
    let reader = Notebook::open(&directory).unwrap().reader().unwrap();
    let mut all: Vec<_> = files(&directory).into_iter().collect();
    let mut decoded = Vec::new();
    for (name, bytes) in all.iter().filter(|(name, _)| name.ends_with(".pack")) {
        let mut at = 32;
        while bytes.get(at..at + 4) == Some(b"LREC") {
            let number = |from: usize| u64::from_le_bytes(bytes[at + from..at + from + 8].try_into().unwrap());
            let (kind, sealed, stored) = (bytes[at + 4], bytes[at + 5] == 2, number(16));
            let id = Hash(bytes[at + 24..at + 56].try_into().unwrap());
            match reader.read(&id, None) {
                Ok(raw) => decoded.push((format!("{name}: record of kind {kind} at {at}"), raw)),
                // Commits are not in the index; they hold hashes and times.
                Err(error) => assert!(sealed || kind == 13 || name.starts_with("trash"), "{name} at {at}: {error}"),
            }
            at += 64 + usize::try_from(stored).unwrap();
        }
        assert!(at > 32, "{name} has no records");
    }
    all.extend(decoded);
    all
}

/// The first place in the notebook where any of the canaries stands, in bytes or in wide characters.
fn first_leak<'a>(home: &Home, canaries: impl IntoIterator<Item = (&'a str, &'a str)>) -> Option<String> {
    // One pass over everything, by the first two bytes of what is looked for.
    let mut starts: BTreeMap<[u8; 2], Vec<(&str, Vec<u8>)>> = BTreeMap::new();
    for (name, canary) in canaries {
        let wide = canary.encode_utf16().flat_map(u16::to_le_bytes).collect();
        for needle in [canary.as_bytes().to_vec(), wide] {
            starts.entry([needle[0], needle[1]]).or_default().push((name, needle));
        }
    }
    let mut is_start = vec![false; 1 << 16];
    starts.keys().for_each(|start| is_start[usize::from(u16::from_le_bytes(*start))] = true);
    everything(home).iter().find_map(|(place, bytes)| {
        let pairs = bytes.windows(2).enumerate();
        pairs.filter(|(_, pair)| is_start[usize::from(u16::from_le_bytes([pair[0], pair[1]]))]).find_map(
            |(at, pair)| {
                let (name, _) =
                    starts[&[pair[0], pair[1]]].iter().find(|(_, needle)| bytes[at..].starts_with(needle))?;
                let near = String::from_utf8_lossy(&bytes[at.saturating_sub(60)..bytes.len().min(at + 60)]);
                Some(format!("{name} stands in {place}: {near:?}"))
            },
        )
    })
}

/// What is planted: name and the text that must not be found.
#[derive(Default)]
struct Planted(Vec<(String, String)>);

impl Planted {
    fn plant(&mut self, name: &str) -> String {
        let value = canary(name);
        self.0.push((name.to_owned(), value.clone()));
        value
    }

    fn plant_key(&mut self, name: &str) -> String {
        self.0.extend(private_key(name).into_iter().map(|line| (name.to_owned(), line)));
        pem(name)
    }

    fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    fn assert_unseen(&self, what: &str, text: &str) {
        for (name, value) in self.all() {
            assert!(!text.contains(value), "{name} is shown by {what}:\n{text}");
        }
    }
}

/// The files of the project that hold a secret.
fn write_files(home: &Home, planted: &mut Planted) -> Vec<String> {
    let mut sealed = Vec::new();
    let mut write = |name: &str, content: &[u8]| {
        home.write(name, content);
        sealed.push(name.to_owned());
    };
    write(".env", format!("DB_PASSWORD={}\n", planted.plant(".env")).as_bytes());
    write("keys/id_rsa", planted.plant_key("id_rsa").as_bytes());
    write("keys/server.pem", planted.plant_key("server.pem").as_bytes());
    write(".netrc", format!("machine h.org login me password {}\n", planted.plant(".netrc")).as_bytes());
    let aws = format!("{}a/+B", canary("aws"));
    planted.0.push(("aws".to_owned(), aws.clone()));
    let id = format!("AKIA{}", "Q3EGRNW5Z7XK2VHD");
    write(
        "cloud/credentials",
        format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {aws}\n").as_bytes(),
    );
    write("conf/params.yaml", format!("lr: 0.1\nservice:\n  api_key: {}\n", planted.plant("yaml")).as_bytes());
    write("conf/smtp.yaml", format!("mail:\n  smtp_pass: {}\n", planted.plant("smtp_pass")).as_bytes());
    write("train.py", format!("password = \"{}\"\nprint('acc=0.5')\n", planted.plant("python literal")).as_bytes());
    let output = format!("token: ghp_{}", planted.plant("ipynb"));
    let notebook = |filler: usize| {
        let filler = "x".repeat(filler);
        format!("{{\"cells\": [{{\"outputs\": [{{\"text\": [\"{filler}\\n\", \"{output}\\n\"]}}]}}]}}\n")
    };
    write("small.ipynb", notebook(10).as_bytes());
    write("large.ipynb", notebook(1 << 20).as_bytes());
    write("huge.ipynb", notebook(4 << 20).as_bytes());
    let wide: String = format!("API_TOKEN={}\r\n", planted.plant("UTF-16"));
    let wide: Vec<u8> = [0xff, 0xfe].into_iter().chain(wide.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    write("from_windows.txt", &wide);
    let store = |name: &str| format!("{name}\n").repeat(115_000).into_bytes();
    write("large.p12", &store(&planted.plant("large key store")));
    write("mine.dat", planted.plant("sealed by rule").as_bytes());
    home.write("lab.toml", "[secrets]\nseal = [\"mine.dat\"]\n");
    home.write("plain.py", "print('nothing to hide')\n");
    sealed
}

/// A script that prints secrets in all the ways that programs do.
fn write_script(home: &Home, planted: &mut Planted) {
    let mut lines = vec!["import sys".to_owned()];
    let mut say = |stream: &str, text: &str| lines.push(format!("sys.{stream}.write({})", serde_json::json!(text)));
    say("stdout", &format!("logged in with token=ghp_{}\n", planted.plant("stdout")));
    say("stderr", &format!("API_KEY: {}\n", planted.plant("stderr")));
    say("stdout", &planted.plant_key("printed key"));
    say("stderr", &planted.plant_key("printed key with a prefix").replace('\n', "\n2026 INFO "));
    say("stdout", &format!("\u{1b}[32mghp_{}\u{1b}[0m\n", planted.plant("coloured")));
    say("stdout", &format!("api_key: \u{1b}[1m{}\u{1b}[0m\n", planted.plant("coloured value")));
    say("stdout", &format!("10%\rpassword={}\r\n", planted.plant("progress")));
    say("stdout", &format!("{} ghp_{}\n", "y".repeat((64 << 10) - 20), planted.plant("across a cut")));
    say("stderr", &format!("https://me:{}@host.org/x\n", planted.plant("printed URL")));
    say("stdout", &format!("{{\"loss\": 0.5, \"api_key\": \"{}\"}}\n", planted.plant("JSON line")));
    say("stderr", &format!("Authorization: Bearer {}\n", planted.plant("header")));
    lines.push(format!(
        "open(__import__('os').environ['LAB_METRICS'], 'a').write('{{\"f1\": 1, \"api_key\": \"{}\"}}\\n')",
        planted.plant("$LAB_METRICS")
    ));
    lines.push(format!("raise ValueError('no access with password={}')", planted.plant("traceback")));
    // Outside the project: the script itself would be sealed, and that is not what is asked here.
    let path = home.path("tools");
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("say.py"), lines.join("\n")).unwrap();
}

fn write_git(home: &Home, planted: &mut Planted) {
    let remote = format!("https://bot:{}@git.example.org/a/b.git", planted.plant("git remote"));
    home.write(".git/HEAD", "ref: refs/heads/main\n");
    home.write(".git/config", format!("[remote \"origin\"]\n\turl = {remote}\n"));
    std::fs::create_dir_all(home.project().join(".git/objects")).unwrap();
    std::fs::create_dir_all(home.project().join(".git/refs")).unwrap();
}

/// Runs the script with secrets in its command line and environment.
fn run(home: &Home, planted: &mut Planted, name: &str) -> Ended {
    std::fs::create_dir_all(home.path("outside")).unwrap();
    let settings = format!("[db]\npass = \"{}\"\nuser = \"me\"\n", planted.plant("outside config"));
    std::fs::write(home.path("outside/settings.toml"), settings).unwrap();
    let arguments = [
        "--api-key".to_owned(),
        planted.plant("argv --api-key"),
        format!("token={}", planted.plant("argv token=")),
        format!("--db=postgres://me:{}@db.example.org/x", planted.plant("argv URL")),
        format!("--password={}", planted.plant("argv --password=")),
        "--header".to_owned(),
        format!("Authorization: Bearer {}", planted.plant("argv header")),
        "--config".to_owned(),
        "conf/params.yaml".to_owned(),
        "--config2=../outside/settings.toml".to_owned(),
        "--config3=conf/smtp.yaml".to_owned(),
        "--lr=0.1".to_owned(),
    ];
    let command = ["run", "--name", name, "--", "python3", "../tools/say.py"].map(str::to_owned);
    home.lab(command.into_iter().chain(arguments))
        .env("TORCH_API_TOKEN", planted.plant("environment"))
        .env("GITHUB_TOKEN", planted.plant("environment that is not kept"))
        .env("PYTHONPATH", format!("https://me:{}@pypi.example.org", planted.plant("environment URL")))
        .run()
}

#[test]
fn nothing_secret_stands_in_the_notebook_or_on_the_screen() {
    let home = home();
    let mut planted = Planted::default();
    let sealed = write_files(&home, &mut planted);
    write_script(&home, &mut planted);
    write_git(&home, &mut planted);
    let ended = run(&home, &mut planted, "first").code(1);
    assert!(planted.0.len() > 40, "{}", planted.0.len());
    assert!(ended.out.contains(&canary("stdout")), "the program's own output passes through untouched");
    assert_eq!(first_leak(&home, planted.all()), None);

    // On the screen and in JSON.
    home.write("plain.py", "print('changed')\n").write(".env", "DB_PASSWORD=another8one\n");
    home.ok(["run", "--", "true"]);
    let shown: &[&[&str]] = &[
        &["ls", "--json"],
        &["show", "first"],
        &["show", "first", "--json"],
        &["show", "first", "--log"],
        &["show", "first", "--traceback"],
        &["diff", "first", "@"],
        &["diff", "first", "@", "--json"],
        &["diff", "first", ".", "--json"],
        &["grep", "PASSWORD"],
        &["grep", "pass", "--json"],
        &["grep", &canary("stdout"), "--json"],
        &["files", "first", "--json"],
        &["coverage", "first", "--json"],
        &["cat", "first", ".env", "--json"],
        &["cat", "first", "train.py", "--json"],
    ];
    for arguments in shown {
        let ended = home.lab(*arguments).run();
        planted.assert_unseen(&arguments.join(" "), &ended.out);
        planted.assert_unseen(&arguments.join(" "), &ended.err.replace(&canary("stdout"), ""));
    }

    // What is sealed is said.
    let coverage = home.ok(["coverage", "first"]);
    let listed = home.ok(["files", "first", "--json"]);
    for name in &sealed {
        assert!(coverage.contains(name.as_str()), "{name}: {coverage}");
        assert!(listed.contains(name.as_str()), "{name}");
    }
    let told = json(&home.ok(["coverage", "first", "--json"])).to_string();
    assert!(told.contains(&format!("{} files sealed", sealed.len())), "{told}");
    assert_eq!(home.ok(["cat", "first", "train.py"]).lines().count(), 2, "on this machine it opens");
}

#[test]
fn here_a_restore_is_exact_and_elsewhere_it_names_what_is_sealed() {
    let home = home();
    let mut planted = Planted::default();
    let sealed = write_files(&home, &mut planted);
    home.ok(["-q", "run", "--name", "first", "--", "true"]);
    let before = files(&home.project());
    home.ok(["restore", "first", "--to", "../copy"]);
    assert_eq!(files(&home.path("copy")), before);

    for other in ["home/other.key", "home/none.key"] {
        if other.ends_with("other.key") {
            std::fs::write(home.path(other), [7; 32]).unwrap();
        }
        let there = format!("../{}-copy", other.replace('/', "-"));
        let ended = home.lab(["restore", "first", "--to", &there]).env("LAB_KEY_FILE", home.path(other)).run();
        let told = format!("{}{}", ended.out, ended.err);
        for name in &sealed {
            assert!(told.contains(name.as_str()), "{name} is not named: {told}");
        }
        let mut expected = before.clone();
        expected.retain(|name, _| !sealed.contains(name));
        assert_eq!(files(&home.project().join(&there)), expected, "{told}");
    }

    // In place, elsewhere: what is sealed stays as it is, everything else comes back.
    std::fs::write(home.project().join("plain.py"), "changed").unwrap();
    std::fs::write(home.project().join(".env"), "DB_PASSWORD=another8one\n").unwrap();
    std::fs::remove_file(home.project().join("train.py")).unwrap();
    let ended = home.lab(["restore", "first", "--yes"]).env("LAB_KEY_FILE", home.path("home/other.key")).run();
    let told = format!("{}{}", ended.out, ended.err);
    assert_eq!(home.read("plain.py"), before["plain.py"], "{told}");
    assert_eq!(home.read(".env"), b"DB_PASSWORD=another8one\n", "{told}");
    assert!(told.contains(".env") && told.contains("train.py"), "{told}");
    // And back at home it is exact.
    home.ok(["restore", "first", "--yes"]);
    assert_eq!(files(&home.project()), before);
    assert!(home.lab(["verify", "--deep"]).run().code == Some(0));
}

#[test]
fn equal_secrets_have_equal_placeholders() {
    let home = home();
    let (one, other) = (canary("one"), canary("other"));
    for (name, key) in [("first", &one), ("again", &one), ("other", &other)] {
        home.ok(["-q", "run", "--name", name, "--", "true", "--api-key", key]);
    }
    let placeholder = |run: &str| {
        let page = json(&home.ok(["show", run, "--json"])).to_string();
        let start = page.find("[secret-name:").unwrap_or_else(|| panic!("no placeholder: {page}"));
        page[start..].split(']').next().unwrap().to_owned()
    };
    assert_eq!(placeholder("first"), placeholder("again"));
    assert_ne!(placeholder("first"), placeholder("other"));
    assert_eq!(first_leak(&home, [("one", one.as_str()), ("other", other.as_str())]), None);
    assert!(home.ok(["diff", "first", "other"]).contains("[secret-name:"), "the difference is told without the values");
}

#[test]
fn the_hash_of_a_secret_file_outside_the_project_is_keyed() {
    let home = home();
    let content = "DB_PASSWORD=hunter2\n";
    std::fs::create_dir_all(home.path("outside/folder")).unwrap();
    std::fs::write(home.path("outside/.env"), content).unwrap();
    std::fs::write(home.path("outside/folder/id_rsa"), pem("outside")).unwrap();
    home.ok(["-q", "run", "--", "true", "--env", "../outside/.env", "--keys=../outside/folder/id_rsa"]);
    for content in [content, &pem("outside")] {
        // Whoever guesses the content must not learn from the notebook that the guess is right.
        let plain = Hash::of(Domain::Content, content.as_bytes()).to_string();
        assert_eq!(first_leak(&home, [("the plain hash", plain.as_str())]), None);
    }
}

#[test]
fn purging_a_path_leaves_nothing_of_it() {
    let home = home();
    // Nothing that is recognised: only the person knows that it must go.
    let (old, new) = (format!("note {}", canary("old")), format!("note {}", canary("new")));
    home.write("secret.txt", &old).write("keep.py", "print(1)\n");
    home.ok(["-q", "run", "--name", "first", "--", "true"]);
    home.write("secret.txt", &new);
    home.ok(["-q", "run", "--name", "second", "--", "true"]);
    assert!(first_leak(&home, [("old", old.as_str())]).is_some(), "it is there before");
    home.ok(["rm", "first", "--yes"]);
    home.ok(["gc", "--grace", "0"]);
    home.ok(["purge", "--path", "secret.txt", "--yes"]);
    assert_eq!(first_leak(&home, [("old", old.as_str()), ("new", new.as_str())]), None);
    home.ok(["verify", "--deep"]);
    let ended = home.lab(["restore", "second", "--to", "../copy"]).run();
    assert!(format!("{}{}", ended.out, ended.err).contains("secret.txt"), "{ended:?}");
    assert_eq!(std::fs::read(home.path("copy/keep.py")).unwrap(), b"print(1)\n");
    home.write("keep.py", "print(2)\n").write("secret.txt", "another");
    let ended = home.lab(["restore", "second", "--yes"]).run().ok();
    assert!(ended.err.contains("secret.txt"), "{ended:?}");
    assert_eq!((home.read("keep.py"), home.read("secret.txt")), (b"print(1)\n".to_vec(), b"another".to_vec()));
    // The file still lies in the project: the next run would keep it again, and may.
    std::fs::remove_file(home.project().join("secret.txt")).unwrap();
    home.ok(["-q", "run", "--name", "third", "--", "true"]);
    home.ok(["rebuild"]);
    assert_eq!(first_leak(&home, [("old", old.as_str()), ("new", new.as_str())]), None);
}

#[test]
fn purging_a_run_leaves_nothing_of_it() {
    let home = home();
    let values: Vec<String> = ["file", "log", "argument", "note", "output"].map(canary).to_vec();
    home.write("keep.py", "print(1)\n");
    home.ok(["-q", "run", "--name", "kept", "--", "true"]);
    home.write("only.txt", &values[0]);
    let script = format!("echo word {}; echo {} > out.txt", values[1], values[4]);
    home.ok(["-q", "run", "--name", "gone", "--", "sh", "-c", &script, &values[2]]);
    home.ok(["note", "gone", &values[3]]);
    for name in ["only.txt", "out.txt"] {
        std::fs::remove_file(home.project().join(name)).unwrap();
    }
    let named = || values.iter().map(|value| (value.as_str(), value.as_str()));
    for pair in named() {
        assert!(first_leak(&home, [pair]).is_some(), "{pair:?} is there before");
    }
    home.ok(["purge", "gone", "--yes"]);
    assert_eq!(first_leak(&home, named()), None);
    home.ok(["verify", "--deep"]);
    assert_eq!(json(&home.ok(["ls", "--json"])).to_string().matches("\"kept\"").count(), 1);
    assert_eq!(home.lab(["show", "gone"]).run().code, Some(3));
}
