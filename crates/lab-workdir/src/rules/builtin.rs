use lab_model::{Kind, RelPath};

/// Names in a directory that say something about the directory itself or about its neighbours.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Marks {
    pub git: bool,
    pub gitignore: bool,
    pub labignore: bool,
    pub cachedir_tag: bool,
    cargo: bool,
    manifest: bool,
    cmake_cache: bool,
    pyvenv: bool,
    conda_meta: bool,
    notebook_toml: bool,
    packs: bool,
}

impl Marks {
    pub fn note(&mut self, name: &[u8]) {
        match name {
            b".git" => self.git = true,
            b".gitignore" => self.gitignore = true,
            b".labignore" => self.labignore = true,
            b"CACHEDIR.TAG" => self.cachedir_tag = true,
            b"Cargo.toml" => self.cargo = true,
            b"pyproject.toml" | b"setup.py" | b"setup.cfg" | b"package.json" | b"CMakeLists.txt" | b"meson.build"
            | b"Makefile" | b"build.gradle" | b"build.gradle.kts" => self.manifest = true,
            b"CMakeCache.txt" => self.cmake_cache = true,
            b"pyvenv.cfg" => self.pyvenv = true,
            b"conda-meta" => self.conda_meta = true,
            b"notebook.toml" => self.notebook_toml = true,
            b"packs" => self.packs = true,
            _ => {}
        }
    }

    /// Whether the directory is another notebook.
    pub const fn is_notebook(&self) -> bool {
        self.notebook_toml && self.packs
    }

    /// The built-in rule that leaves the directory out because of what lies in it, other than `CACHEDIR.TAG`.
    pub const fn rule(&self) -> Option<&'static str> {
        if self.pyvenv {
            Some("default: a directory with pyvenv.cfg")
        } else if self.conda_meta {
            Some("default: a directory with conda-meta")
        } else if self.cmake_cache {
            Some("default: a directory with CMakeCache.txt")
        } else {
            None
        }
    }
}

/// The rule behind a directory that says of itself that it is a cache.
pub(crate) const CACHEDIR_RULE: &str = "default: a directory with CACHEDIR.TAG";
/// What such a tag begins with, by its specification (bford.info/cachedir).
pub(crate) const CACHEDIR_SIGNATURE: &[u8] = b"Signature: 8a477f597d28d172789f06886806bc55";

/// What is never kept, whatever the ignore files say.
pub(crate) fn never_kept(name: &[u8], kind: Kind) -> Option<&'static str> {
    if name.first() != Some(&b'.') {
        return None;
    }
    match name {
        // A directory, or the file of a submodule or work tree; a restore never touches it either.
        b".git" => Some("default: .git"),
        b".hg" if kind == Kind::Directory => Some("default: .hg"),
        b".svn" if kind == Kind::Directory => Some("default: .svn"),
        b".jj" if kind == Kind::Directory => Some("default: .jj"),
        _ if name.starts_with(b".lab-restore-") => Some("default: .lab-restore-*"),
        _ => None,
    }
}

/// The built-in list, by name.
pub(crate) fn by_default(name: &[u8], kind: Kind, directory: &RelPath, marks: &Marks) -> Option<&'static str> {
    if kind != Kind::Directory {
        return file_by_default(name);
    }
    Some(match name {
        b".venv" => "default: .venv",
        b"venv" => "default: venv",
        b".tox" => "default: .tox",
        b".nox" => "default: .nox",
        b".pixi" => "default: .pixi",
        b"__pycache__" => "default: __pycache__",
        b"__pypackages__" => "default: __pypackages__",
        b".mypy_cache" => "default: .mypy_cache",
        b".pytest_cache" => "default: .pytest_cache",
        b".ruff_cache" => "default: .ruff_cache",
        b".hypothesis" => "default: .hypothesis",
        b".ipynb_checkpoints" => "default: .ipynb_checkpoints",
        b".eggs" => "default: .eggs",
        b"node_modules" => "default: node_modules",
        b".cache" => "default: .cache",
        b".idea" => "default: .idea",
        b".direnv" => "default: .direnv",
        b".gradle" => "default: .gradle",
        b".Rproj.user" => "default: .Rproj.user",
        b".snakemake" => "default: .snakemake",
        b"target" if marks.cargo => "default: target beside Cargo.toml",
        b"build" if marks.manifest => "default: build",
        b"dist" if marks.manifest => "default: dist",
        b"library" | b"staging" if directory.file_name() == b"renv" => "default: renv/library",
        b"cache" | b"tmp" if directory.file_name() == b".dvc" => "default: .dvc/cache",
        _ if name.ends_with(b".egg-info") => "default: *.egg-info",
        _ => return None,
    })
}

fn file_by_default(name: &[u8]) -> Option<&'static str> {
    match name {
        b".DS_Store" => Some("default: .DS_Store"),
        b"Thumbs.db" => Some("default: Thumbs.db"),
        [.., b'.', b'p', b'y', b'c'] => Some("default: *.pyc"),
        [.., b'.', b'p', b'y', b'o'] => Some("default: *.pyo"),
        [b'.', .., b'.', b's', b'w', b'p'] => Some("default: .*.swp"),
        [b'.', b'n', b'f', b's', rest @ ..] if rest.len() >= 16 && rest.iter().all(u8::is_ascii_hexdigit) => {
            Some("default: .nfs*")
        }
        _ => None,
    }
}
