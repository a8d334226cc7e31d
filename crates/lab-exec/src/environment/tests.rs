use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;

struct World {
    folder: tempfile::TempDir,
    variables: BTreeMap<OsString, OsString>,
}

impl World {
    /// An empty home with a project in `p`, and a Python 3.11.7 in `base`.
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self { folder, variables: BTreeMap::new() };
        world.write("p/train.py", "");
        world.program("base/bin/python3.11");
        symlink("python3.11", world.path("base/bin/python3")).unwrap();
        symlink("python3", world.path("base/bin/python")).unwrap();
        world.write("base/lib/python3.11/os.py", "");
        world.write(
            "base/include/python3.11/patchlevel.h",
            "#define PY_MAJOR_VERSION 3\n#define PY_VERSION      \"3.11.7\"\n",
        );
        world.package("base/lib/python3.11/site-packages", "pip", "24.0");
        world.set("HOME", "");
        world.set("PATH", "base/bin");
        world
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.path(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }

    fn program(&self, path: &str) {
        self.script(path, "\x7fELF");
    }

    fn script(&self, path: &str, text: &str) {
        self.write(path, text);
        std::fs::set_permissions(self.path(path), std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    fn package(&self, site: &str, name: &str, version: &str) {
        let text = format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nName: no\n");
        self.write(&format!("{site}/{}-{version}.dist-info/METADATA", name.replace('-', "_")), &text);
    }

    fn venv(&self, prefix: &str, settings: &str) {
        let base = self.path("base/bin/python3");
        std::fs::create_dir_all(self.path(&format!("{prefix}/bin"))).unwrap();
        symlink(base, self.path(&format!("{prefix}/bin/python"))).unwrap();
        self.write(&format!("{prefix}/pyvenv.cfg"), settings);
    }

    fn set(&mut self, name: &str, path: &str) {
        let value = self.path(path).into_os_string();
        self.variables.insert(name.into(), value);
    }

    fn capture(&self, command: &str) -> (Environment, Vec<String>) {
        let argv: Vec<OsString> = command.split(' ').map(OsString::from).collect();
        let root = self.path("p");
        let request = Request { argv: &argv, cwd: &root, project_root: &root, variables: &self.variables };
        capture(&request, &mut |name, value| {
            if name.contains("SECRET") { "redacted".to_owned() } else { value.to_owned() }
        })
    }

    /// Version, manager and packages in one line.
    fn shown(&self, command: &str) -> String {
        let (environment, _) = self.capture(command);
        let Some(interpreter) = environment.interpreter else { return "none".to_owned() };
        let packages: Vec<String> = environment.packages.iter().map(|p| format!("{} {}", p.name, p.version)).collect();
        format!("{} {} {}: {}", interpreter.language, interpreter.version, interpreter.manager, packages.join(", "))
    }
}

#[test]
fn an_installed_python() {
    let world = World::new();
    for command in ["python train.py", "python3 -u train.py", "env A=1 python train.py", "A=1 python x"] {
        assert_eq!(world.shown(command), "python 3.11.7 system: pip 24.0", "{command}");
    }
    let (environment, missing) = world.capture("python train.py");
    let interpreter = environment.interpreter.unwrap();
    assert_eq!(interpreter.path, world.path("base/bin/python3.11").to_string_lossy());
    assert_eq!((interpreter.prefix, missing), (None, vec![]));
}

#[test]
fn commands_without_an_interpreter() {
    let world = World::new();
    world.program("base/bin/true");
    world.script("p/loop", "#!./loop\n");
    for command in ["true", "nothing", "", "./gone", "env", "uv sync", "./loop"] {
        assert_eq!(world.shown(command), "none", "{command}");
    }
}

#[test]
fn a_virtual_environment_is_found_beside_the_link() {
    let mut world = World::new();
    world.venv("v", "home = x\ninclude-system-site-packages = false\nversion = 3.11.6\n");
    world.package("v/lib/python3.11/site-packages", "Foo.Bar_baz", "1.0");
    world.package(".local/lib/python3.11/site-packages", "user", "1");
    assert_eq!(world.shown("../v/bin/python train.py"), "python 3.11.6 venv: foo-bar-baz 1.0");
    world.write("v/pyvenv.cfg", "include-system-site-packages = true\nuv = 0.5\nversion_info = 3.11.6.final.0\n");
    assert_eq!(world.shown("../v/bin/python train.py"), "python 3.11.6 uv: foo-bar-baz 1.0, pip 24.0, user 1");
    world.set("PYTHONNOUSERSITE", "x");
    world.package("v/lib/python3.11/site-packages", "pip", "25.0");
    assert_eq!(world.shown("../v/bin/python train.py"), "python 3.11.6 uv: foo-bar-baz 1.0, pip 25.0");
    let prefix = world.capture("../v/bin/python x").0.interpreter.unwrap().prefix;
    assert_eq!(prefix.unwrap(), world.path("v").to_string_lossy());
}

#[test]
fn scripts_name_their_interpreter() {
    let world = World::new();
    world.venv("v", "version = 3.11.6\n");
    let python = world.path("v/bin/python");
    world.script("v/bin/torchrun", &format!("#!{}\n", python.display()));
    world.script("p/run.py", "#!/usr/bin/env -S python -u\n");
    world.script("p/long", &format!("#!/bin/sh\n'''exec' \"{}\" \"$0\" \"$@\"\n' '''\n", python.display()));
    assert_eq!(world.shown("../v/bin/torchrun train.py"), "python 3.11.6 venv: ");
    assert_eq!(world.shown("./run.py"), "python 3.11.7 system: pip 24.0");
    assert_eq!(world.shown("./long"), "python 3.11.6 venv: ");
}

#[test]
fn runners_choose_the_environment() {
    let mut world = World::new();
    for tool in ["uv", "poetry", "conda", "bash"] {
        world.program(&format!("base/bin/{tool}"));
    }
    assert_eq!(world.capture("poetry run python t.py").1, ["the environment of poetry was not found"]);
    world.venv("p/.venv", "version = 3.11.6\nuv = 1\n");
    assert_eq!(world.shown("uv run --with x train.py"), "python 3.11.6 uv: ");
    assert_eq!(world.shown("uv run python train.py"), "python 3.11.6 uv: ");
    assert_eq!(world.shown("poetry run python train.py"), "python 3.11.6 poetry: ");
    assert_eq!(world.shown("bash run.sh"), "none");
    world.set("VIRTUAL_ENV", "p/.venv");
    assert_eq!(world.shown("bash run.sh"), "python 3.11.6 uv: ");
    world.program("miniconda3/envs/e/bin/python3.12");
    symlink("python3.12", world.path("miniconda3/envs/e/bin/python")).unwrap();
    world.write("miniconda3/envs/e/conda-meta/python-3.12.4-h1_0.json", "");
    world.write("miniconda3/envs/e/conda-meta/libblas-3.9.0-22_mkl.json", "");
    assert_eq!(world.shown("conda run -n e python t.py"), "python 3.12.4 conda: libblas 3.9.0, python 3.12.4");
}

#[test]
fn shims_of_pyenv_are_seen_through() {
    let mut world = World::new();
    world.script("y/.pyenv/shims/python", "#!/usr/bin/env bash\n");
    for version in ["3.10.1", "3.10.12", "3.9.2"] {
        world.program(&format!("y/.pyenv/versions/{version}/bin/python"));
        world.write(
            &format!("y/.pyenv/versions/{version}/lib/python{}/os.py", &version[..version.rfind('.').unwrap()]),
            "",
        );
    }
    world.write("y/.pyenv/version", "3.9.2\n");
    world.set("PATH", "y/.pyenv/shims");
    assert_eq!(world.shown("python t.py"), "python 3.9.2 pyenv: ");
    world.write("p/.python-version", "3.10\n");
    assert_eq!(world.shown("python t.py"), "python 3.10.12 pyenv: ");
    world.variables.insert("PYENV_VERSION".into(), "3.10.1".into());
    assert_eq!(world.shown("python t.py"), "python 3.10.1 pyenv: ");
}

#[test]
fn packages_of_every_kind() {
    let mut world = World::new();
    let site = "base/lib/python3.11/site-packages";
    world.write(&format!("{site}/old-1.0.egg-info"), "Metadata-Version: 1.0\nName: old\nVersion: 1.0\n");
    world.write(&format!("{site}/eggy.egg-info/PKG-INFO"), "Name: eggy\nVersion: 2\n");
    world.write(&format!("{site}/~broken-1.dist-info/METADATA"), "Name: broken\nVersion: 1\n");
    world.write(&format!("{site}/bad-1.dist-info/METADATA"), "\n");
    world.write(&format!("{site}/a.pth"), &format!("import x\n{}\nmissing\n", world.path("src").display()));
    world.write("src/dev.egg-info/PKG-INFO", "Name: dev\nVersion: 3\n");
    for (name, json) in [
        ("edit", format!(r#"{{"url": "file://{}", "dir_info": {{"editable": true}}}}"#, world.path("p").display())),
        ("vcs", r#"{"url": "https://h/a.git", "vcs_info": {"vcs": "git", "commit_id": "abc"}}"#.to_owned()),
    ] {
        world.package(site, name, "1");
        world.write(&format!("{site}/{name}-1.dist-info/direct_url.json"), &json);
    }
    world.package("first", "pip", "99");
    world.set("PYTHONPATH", "first");
    let (environment, _) = world.capture("python t.py");
    let shown: Vec<String> = environment
        .packages
        .iter()
        .map(|p| format!("{} {} {}", p.name, p.version, p.source.as_deref().unwrap_or("-")))
        .collect();
    assert_eq!(
        shown,
        ["dev 3 -", "edit 1 editable .", "eggy 2 -", "old 1.0 -", "pip 99 -", "vcs 1 git+https://h/a.git@abc"]
    );
}

#[test]
fn locks_and_variables() {
    let mut world = World::new();
    world.write("p/requirements-dev.txt", "pip==23.0\nother==1\n");
    world.write("p/Cargo.lock", "[[package]]\nname = \"pip\"\nversion = \"1\"\n");
    world.variables.insert("PYTHONHASHSEED".into(), "0".into());
    world.variables.insert("CUDA_SECRET".into(), "x".into());
    let (environment, _) = world.capture("python t.py");
    assert_eq!(environment.locks.len(), 2);
    assert_eq!(environment.locks[0].tool, "cargo");
    assert!(environment.locks[0].drift.is_empty());
    assert_eq!(
        (environment.locks[1].packages, &environment.locks[1].drift[..]),
        (2, &["pip: 23.0 → 24.0".to_owned()][..])
    );
    assert_eq!(environment.variables["PYTHONHASHSEED"], "0");
    assert_eq!(environment.variables["CUDA_SECRET"], "redacted");
    assert_eq!(environment.other_variables, ["HOME", "PATH"]);
}

#[test]
fn other_languages() {
    let mut world = World::new();
    world.program("R/lib/R/bin/Rscript");
    world.write("R/lib/R/library/base/DESCRIPTION", "Package: base\nVersion: 4.2.2\n");
    world.write("rlib/dplyr/DESCRIPTION", "Package: dplyr\nTitle: x\nVersion: 1.1.0\n");
    world.set("R_LIBS", "rlib");
    let shown = world.shown("../R/lib/R/bin/Rscript a.R");
    assert!(shown.starts_with("r 4.2.2 system: ") && shown.contains("base 4.2.2, dplyr 1.1.0"), "{shown}");
    world.program("julia-1.10.4/bin/julia");
    world.write("p/Project.toml", "");
    world.write("p/Manifest.toml", "julia_version = \"1.10.4\"\n[[deps.CSV]]\nversion = \"0.10.1\"\n");
    assert_eq!(world.shown("../julia-1.10.4/bin/julia --project a.jl"), "julia 1.10.4 system: CSV 0.10.1");
    world.program("v20.1.0/bin/node");
    assert_eq!(world.shown("../v20.1.0/bin/node a.js"), "node 20.1.0 system: ");
    world.program("base/bin/cargo");
    world.write("p/Cargo.lock", "[[package]]\nname = \"a\"\nversion = \"1.2.3\"\n");
    assert_eq!(world.shown("cargo run"), "rust  system: a 1.2.3");
}
