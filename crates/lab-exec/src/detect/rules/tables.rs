//! Programs that everybody knows, by what they are to an experiment. Names as in the file system, without
//! the version at their end, with spaces between them.

use super::Tool;

/// Console programs and Python modules of the same name, sorted by what they are.
const TOOLS: &[(Tool, &str)] = &[
    (
        Tool::Editor,
        "vi vim vim.basic vim.tiny view vimdiff gvim nvim emacs emacs-gtk emacsclient nano micro helix hx kak ed \
         joe mcedit code code-insiders code-server codium cursor windsurf zed zed-editor subl sublime_text gedit \
         gnome-text-ed kate atom pycharm pycharm.sh idea idea.sh clion spyder rstudio rsession positron thonny \
         chrome_crashpad_handler idlelib lazygit tig mc ranger nnn yazi",
    ),
    (
        Tool::LanguageServer,
        "pyright pyright-langserver basedpyright basedpyright-langserver pylsp pylance jedi jedi-language-server \
         jedi_language_server ruff-lsp ty pyrefly rust-analyzer rust-analyzer-proc-macro-srv clangd ccls gopls \
         tsserver typescript-language-server bash-language-server lua-language-server texlab \
         yaml-language-server taplo marksman jdtls copilot copilot-language-server copilot-agent codeium \
         language_server_linux_x64 tabnine debugpy-adapter esbonio languageserver efm-langserver ltex-ls \
         harper-ls vscode-json-languageserver",
    ),
    (
        Tool::Formatter,
        "black blackd ruff isort flake8 pyflakes pycodestyle pydocstyle pylint mypy dmypy mypy_daemon autopep8 \
         yapf autoflake pyupgrade bandit vulture codespell pre-commit pre_commit prek lefthook nbstripout \
         rustfmt cargo-fmt cargo-clippy clippy-driver clang-format clang-tidy gofmt prettier eslint biome \
         shellcheck shfmt hadolint lintr styler pydoclint interrogate pyroma compileall py_compile tabnanny ast \
         dis tokenize black-primer nbqa jupytext cmake-format sqlfluff yamllint markdownlint typos",
    ),
    (
        Tool::Tests,
        "pytest py.test unittest doctest nose2 nosetests tox nox hypothesis ctest testthat cargo-nextest jest \
         vitest mocha test_discovery xdist green ward behave",
    ),
    (
        Tool::PackageManager,
        "pip pipx pip-compile pip-sync pip-audit piptools ensurepip venv virtualenv setuptools easy_install \
         build twine flit hatchling poetry-core conda-build conda-env npm npx yarn pnpm corepack gem bundle cpan \
         apt apt-get dpkg rpm dnf yum pacman brew nix nix-shell nix-build guix snap flatpak rustup ghcup \
         luarocks go rye wheel site sysconfig pyvenv cargo-install maturin cibuildwheel delocate auditwheel",
    ),
    (
        Tool::VersionControl,
        "git git-lfs git-remote-https git-annex gitk git-gui hg svn bzr jj fossil gh glab git-filter-repo \
         git-crypt gpg ssh-keygen",
    ),
    (
        Tool::Prompt,
        "starship oh-my-posh powerline powerline-go gitstatusd direnv atuin zoxide fzf mcfly mise asdf pyenv \
         rbenv nodenv thefuck tput dircolors lesspipe bash-preexec command-not-found argcomplete \
         register-python-argcomplete _complete",
    ),
    (
        Tool::Build,
        "make gmake cmake ninja meson scons waf bazel buck2 just task invoke inv doit dodo fab rake ant mvn \
         gradle sbt cargo rustc snakemake nextflow dvc luigi airflow prefect dagster targets cython cythonize \
         f2py numpy.f2py pybind11 protoc sphinx sphinx-build sphinx-autobuild mkdocs jupyter-book quarto latexmk \
         pdflatex grpc_tools.protoc docker podman buildah apptainer singularity",
    ),
    (
        Tool::Server,
        "jupyter jupyter-lab jupyter-notebook jupyter-server jupyterlab notebook jupyterhub voila tensorboard \
         tensorboard.main aim wandb mlflow optuna-dashboard http.server uvicorn gunicorn hypercorn flask fastapi \
         streamlit gradio panel bokeh dash marimo ray dask-scheduler dask-worker celery redis-server postgres \
         nvitop gpustat snakeviz tuna viztracer.viewer pdoc pydoc livereload watchfiles watchmedo vllm ollama",
    ),
    (
        Tool::Terminal,
        "tmux screen zellij script asciinema mosh-server sshd ssh dtach abduco gnome-terminal- konsole xterm \
         kitty alacritty wezterm-gui ghostty foot login",
    ),
    (Tool::Lab, "lab lab-desktop"),
];

/// Tools whose children are theirs, whatever they are. An editor is none of them: people run their programs from
/// it; nor is a build tool, a server or a terminal.
const OWNERS: &[Tool] = &[
    Tool::LanguageServer,
    Tool::Formatter,
    Tool::Tests,
    Tool::PackageManager,
    Tool::VersionControl,
    Tool::Prompt,
    Tool::Lab,
];

/// Programs that start the command behind them and are not it.
pub(super) const WRAPPERS: &str = "env nohup setsid time nice ionice chrt taskset numactl stdbuf timeout sudo doas su runuser setpriv xvfb-run \
     unbuffer xargs parallel watch entr flock chronic ts catchsegv strace ltrace perf gdb lldb valgrind \
     heaptrack rr hyperfine systemd-run systemd-inhibit caffeinate firejail bwrap unshare fakeroot uv uvx poetry \
     pdm hatch pipenv conda mamba micromamba pixi sbatch salloc qsub bsub nsys ncu py-spy scalene memray austin \
     debugpy lab-run dumb-init tini sem tsp pueue nq with-contenv faketime";

/// Programs that start the same command several times, together one run.
pub(super) const PARALLEL: &str = "mpirun mpiexec mpiexec.hydra orterun prterun srun torchrun deepspeed horovodrun accelerate jsrun aprun \
     ibrun colossalai composer charmrun";

/// Python modules that do the same, or run a script within themselves.
pub(super) const LAUNCHER_MODULES: &str = "torch.distributed.run torch.distributed.launch torch_xla.distributed.xla_spawn accelerate.commands.launch \
     deepspeed.launcher.runner deepspeed.launcher.launch mpi4py mpi4py.futures cProfile profile pdb trace \
     tracemalloc line_profiler kernprof memory_profiler scalene memray viztracer coverage debugpy runpy";

/// Console programs of that kind.
pub(super) const LAUNCHERS: &str = "coverage kernprof mprof viztracer ipython";

/// Installed programs that are the experiment themselves, with the word that has to follow.
pub(super) const EXPERIMENTS: &[(&str, &str)] = &[
    ("papermill", ""),
    ("kedro", "run"),
    ("spacy", "train"),
    ("rasa", "train"),
    ("yolo", ""),
    ("nnUNetv2_train", ""),
    ("fairseq-train", ""),
    ("fairseq-hydra-train", ""),
    ("llamafactory-cli", "train"),
    ("axolotl", "train"),
    ("jupyter-execute", ""),
    ("gmx", "mdrun"),
    ("gmx_mpi", "mdrun"),
    ("lmp", ""),
    ("namd", ""),
    ("cp2k.psmp", ""),
    ("pw.x", ""),
    ("vasp_std", ""),
    ("vasp_gam", ""),
    ("orca", ""),
    ("elk", ""),
    ("matlab", "-batch"),
    ("MATLAB", "-batch"),
    ("stata", "-b"),
    ("iqtree", ""),
    ("raxml-ng", ""),
    ("beast", ""),
];

/// Scripts in a project that build it, or that its tools have put there.
pub(super) const BUILD_SCRIPTS: &str = "setup.py configure config.status config.guess config.sub libtool ltmain.sh autogen.sh bootstrap.sh \
     install-sh depcomp missing gradlew mvnw conftest a.out-conftest build-script-build noxfile.py tasks.py \
     dodo.py SConstruct waf manage.py asv.py versioneer.py ez_setup.py";

/// Folders whose programs are not those of the project, wherever they lie.
const INSTALLED: &str = ".git .hg .svn .venv venv .env .virtualenvs .tox .nox node_modules site-packages dist-packages .eggs \
     __pypackages__ .direnv .pixi .conda .cache .local .cargo .rustup .pyenv .nvm .npm .julia .vscode \
     .vscode-server .vscode-oss .vscode-insiders .cursor .cursor-server .idea .emacs.d .vim .oh-my-zsh .sdkman \
     .rbenv .asdf .mypy_cache pycharm .renv renv Rlib .Rproj.user";

/// Folders of what a compiler makes on its way.
const BUILT: &[&str] = &["CMakeFiles", "CMakeTmp", "meson-private", "meson-info", "_skbuild", "autom4te.cache"];

/// Where systems install programs. A home directory below none of them is the person's.
const SYSTEM: &[&str] =
    &["/usr", "/bin", "/sbin", "/lib", "/lib64", "/opt", "/snap", "/nix", "/gnu", "/etc", "/var", "/app", "/System"];

/// Whether a name is among those of a list.
pub(super) fn lists(list: &str, name: &str) -> bool {
    list.split(' ').any(|listed| listed == name)
}

/// What a program, console script or module is, by its name.
pub(super) fn tool(name: &str) -> Option<Tool> {
    let find = |name: &str| TOOLS.iter().find(|(_, names)| lists(names, name)).map(|(tool, _)| *tool);
    find(name).or_else(|| find(without_version(name)))
}

/// What an ancestor with this name makes of everything below it.
pub(super) fn owner(name: &str) -> Option<Tool> {
    // It tells its subcommand as its name.
    let is_runner =
        ["npm run", "npm exec", "npm start", "yarn run", "pnpm run"].iter().any(|run| name.starts_with(run));
    let first = name.split(' ').next().unwrap_or(name);
    // `go run` and the shells of other managers are how people run things.
    let is_shell =
        ["go", "nix", "nix-shell", "guix", "npx", "mise", "asdf", "pyenv", "direnv", "gpg", "fzf"].contains(&first);
    tool(first).filter(|tool| OWNERS.contains(tool) && !is_runner && !is_shell)
}

/// `python3.12` is `python`, `clang-format-18` is `clang-format`.
pub(super) fn without_version(name: &str) -> &str {
    let stem = name.strip_suffix(".exe").unwrap_or(name);
    stem.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '-')
}

/// Whether a file lies where programs are installed. `below` is its path in the project, if it lies in there: a
/// project may itself lie in `/opt`.
pub(super) fn is_installed(path: &std::path::Path, below: Option<&std::path::Path>) -> bool {
    let in_folder = |path: &std::path::Path| {
        path.parent()
            .is_some_and(|folder| folder.iter().any(|part| part.to_str().is_some_and(|part| lists(INSTALLED, part))))
    };
    // Environments are called as people like, mostly with this in their name, and have their programs in `bin`.
    let in_environment = |path: &std::path::Path| {
        let mut folders = path.parent().into_iter().flat_map(std::path::Path::iter).rev();
        folders.next().is_some_and(|last| last == "bin")
            && folders.next().is_some_and(|name| name.to_string_lossy().to_lowercase().contains("env"))
    };
    match below {
        Some(below) => in_folder(below) || in_environment(below),
        None => in_folder(path) || SYSTEM.iter().any(|folder| path.starts_with(folder)),
    }
}

/// Whether a file of the project was made to build or test it.
pub(super) fn is_build_product(below: &std::path::Path) -> bool {
    let parts: Vec<&str> = below.iter().filter_map(|part| part.to_str()).collect();
    let in_cargo = parts
        .iter()
        .position(|part| *part == "target")
        .is_some_and(|at| parts[at..].iter().any(|part| ["deps", "build", "doctestbins"].contains(part)));
    in_cargo || parts.iter().any(|part| BUILT.contains(part) || part.starts_with("rustdoctest"))
}
