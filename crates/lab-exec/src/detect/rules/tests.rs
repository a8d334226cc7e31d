use super::*;

const ROOT: &str = "/home/u/proj";

/// A program as it would be started by typing `line`, with the ancestors named, nearest first. `cd` in front
/// changes the directory, `exe=` names the executable where it is not that of the first word.
fn program(line: &str, ancestors: &str) -> Program {
    let mut words: Vec<&str> = line.split(' ').filter(|word| !word.is_empty()).collect();
    let mut cwd = PathBuf::from(ROOT);
    let mut exe = None;
    loop {
        if words.first() == Some(&"cd") {
            cwd = cwd.join(words[1]);
            words.drain(..2);
        } else if let Some(path) = words.first().and_then(|word| word.strip_prefix("exe=")) {
            exe = Some(PathBuf::from(path));
            words.remove(0);
        } else {
            break;
        }
    }
    let first = words.first().copied().unwrap_or_default().trim_start_matches('-');
    let exe = exe.unwrap_or_else(|| match first {
        "python" | "python3" => "/usr/bin/python3.11".into(),
        "Rscript" => "/usr/lib/R/bin/Rscript".into(),
        name if name.contains('/') => clean(&cwd.join(name)),
        name => Path::new("/usr/bin").join(name),
    });
    let ancestors = ancestors.split(',').filter(|name| !name.is_empty()).zip(100..).map(|(name, pid)| Ancestor {
        pid,
        start_ticks: 1,
        name: name.to_owned(),
    });
    Program {
        exe,
        argv: words.iter().map(Into::into).collect(),
        cwd,
        uid: 1000,
        group: 1,
        session: 1,
        terminal: true,
        ancestors: ancestors.collect(),
    }
}

fn verdict(line: &str, ancestors: &str) -> String {
    words(judge(&program(line, ancestors), &Rules::default(), Path::new(ROOT), &|ancestor| ancestor.name == "RECORDED"))
}

fn words(verdict: Verdict) -> String {
    match verdict {
        Verdict::Run { minimum_millis: 0 } => "named run".to_owned(),
        Verdict::Run { .. } => "run".to_owned(),
        Verdict::Part { of } => format!("part of {of}"),
        Verdict::No(reason) => reason.to_string(),
    }
}

/// Checks every line with an ordinary shell above it.
fn check(expected: &str, lines: &[&str]) {
    for line in lines {
        assert_eq!(verdict(line, "bash,gnome-terminal-,systemd"), expected, "{line}");
    }
}

fn check_below(ancestors: &str, expected: &str, lines: &[&str]) {
    for line in lines {
        assert_eq!(verdict(line, ancestors), expected, "{line}, below {ancestors}");
    }
}

#[test]
fn programs_of_the_project_are_runs() {
    check(
        "run",
        &[
            "python train.py",
            "python train.py --lr 0.1 --seed 3",
            "python3 -u src/train.py",
            "python -X utf8 -W ignore train.py",
            "exe=/home/u/proj/.venv/bin/python python train.py",
            "exe=/opt/conda/envs/x/bin/python3.12 python train.py",
            "cd /home/u python proj/train.py",
            "cd / python /home/u/proj/train.py",
            "cd sub/deep python ../../train.py",
            "python -m package.train --epochs 3",
            "python -um package.train",
            "python -m train",
            "python -m cProfile -o out.prof train.py",
            "python -m pdb train.py",
            "python -m coverage run train.py",
            "python -m torch.distributed.run --nproc-per-node 2 train.py",
            "python /home/u/scripts/train.py --config conf.yaml",
            "python tests/test_speed.py",
            "python black.py",
            "python evaluate.py -h 5",
            "/usr/bin/python3 /home/u/proj/.snakemake/scripts/tmp1.train.py",
            "bash run.sh",
            "sh -e scripts/sweep.sh 3",
            "exe=/bin/bash /bin/bash ./run.sh",
            "zsh run.zsh",
            "fish run.fish",
            "./sim --steps 100",
            "./build/solver in.dat",
            "./a.out",
            "target/release/simulate 7",
            "exe=/home/u/proj/target/debug/simulate target/debug/simulate",
            "cd /home/u proj/bin/solver",
            "environment/solver",
            "exe=/home/u/proj/bin/ruff ruff",
            "Rscript analysis.R",
            "exe=/usr/lib/R/bin/exec/R /usr/lib/R/bin/exec/R --no-echo --no-restore --file=analysis.R --args 3",
            "R --no-save -f analysis.R",
            "R CMD BATCH --vanilla analysis.R",
            "julia simulate.jl",
            "julia --project -t 4 simulate.jl 10",
            "node train.js",
            "deno run train.ts",
            "perl count.pl",
            "octave fit.m",
            "lua evolve.lua",
            "java -jar build/model.jar",
            "java -cp lib Main.java",
            "torchrun --nproc-per-node 2 train.py",
            "exe=/usr/bin/python3.11 /home/u/proj/.venv/bin/python /home/u/proj/.venv/bin/torchrun --nproc-per-node=2 train.py",
            "exe=/usr/bin/python3.11 python /usr/local/bin/accelerate launch train.py",
            "mpirun -np 4 ./solver",
            "srun -n 4 python train.py",
            "exe=/usr/bin/python3.11 python /home/u/.local/bin/papermill in.ipynb out.ipynb",
            "exe=/usr/bin/python3.11 python /usr/bin/kedro run",
            "exe=/usr/bin/python3.11 python /usr/bin/jupyter-nbconvert --execute a.ipynb",
            "gmx mdrun -deffnm md",
            "exe=/opt/MATLAB/bin/glnxa64/MATLAB MATLAB -batch train",
        ],
    );
}

#[test]
fn how_a_run_was_started_does_not_matter() {
    for ancestors in [
        "make,bash",
        "bash,make,bash",
        "snakemake,bash",
        "sh,vim,bash",
        "bash,code,code,systemd",
        "bash,node,node,systemd",
        "pycharm,systemd",
        "java,systemd",
        "sh,python3,jupyter-lab,bash",
        "npm run train,bash",
        "uv,bash",
        "poetry,bash",
        "conda,bash",
        "timeout,bash",
        "time,bash",
        "cargo,bash",
        "tmux: server,systemd",
        "sshd,systemd",
        "cron,systemd",
        "slurmstepd,systemd",
        "xargs,bash",
        "entr,zsh",
        "watchexec,fish",
        "sudo,bash",
        "",
    ] {
        check_below(ancestors, "run", &["python train.py", "./sim 3"]);
    }
}

#[test]
fn what_a_run_starts_is_a_part_of_the_outermost_one() {
    check_below("bash,RECORDED,bash", "part of 101", &["python train.py", "git status", "ls", "make all"]);
    check_below("RECORDED,make,RECORDED,bash", "part of 102", &["python worker.py"]);
    check_below("git,RECORDED", "part of 101", &["git rev-parse HEAD"]);
}

#[test]
fn other_projects_are_none_of_ours() {
    check(
        "outside the project",
        &[
            "cd /home/u python train.py",
            "cd /home/u/proj2 python train.py",
            "cd /home/u/other python ../other/train.py",
            "cd /tmp ./sim",
            "cd /home/u bash",
            "cd /home/u git status",
            "cd /home/u python -m ipykernel_launcher -f k.json",
            "cd /home/u vim proj/train.py",
            "cd /home/u python -c pass",
        ],
    );
}

#[test]
fn tools_are_no_runs() {
    check(
        "an editor",
        &[
            "vim train.py",
            "exe=/usr/bin/vim.basic vim train.py",
            "vi x",
            "nvim .",
            "emacs -nw train.py",
            "nano notes.md",
            "code .",
            "exe=/usr/share/code/code /usr/share/code/code --type=renderer",
            "hx a.py",
            "micro a.py",
        ],
    );
    check(
        "a language server",
        &[
            "pyright train.py",
            "exe=/usr/bin/node node /usr/lib/node_modules/pyright/pyright-langserver --stdio",
            "exe=/usr/bin/python3 python -m pylsp",
            "python -m jedi_language_server",
            "rust-analyzer",
            "clangd --background-index",
            "exe=/usr/bin/node node /usr/local/bin/bash-language-server start",
            "copilot-language-server --stdio",
            "gopls",
            "python /usr/bin/pylsp",
            "/home/u/.cargo/bin/rust-analyzer",
        ],
    );
    check(
        "a formatter or linter",
        &[
            "python /home/u/proj/.venv/bin/black .",
            "exe=/usr/bin/python3.11 /home/u/proj/env/bin/python3 /home/u/proj/env/bin/black .",
            "python -m black train.py",
            "ruff check .",
            "ruff server",
            "python -m isort .",
            "python -m mypy package",
            "exe=/usr/bin/python3 python3 /usr/bin/flake8",
            "python /usr/local/bin/pre-commit run -a",
            "clang-format-18 -i a.c",
            "python -m pylint train.py",
            "python -m compileall .",
            "node /usr/bin/prettier -w .",
            "shellcheck run.sh",
            "exe=/home/u/proj/env/bin/ruff ruff check .",
            "exe=/home/u/proj/tools/my-Env3/bin/ruff ruff check .",
            "/home/u/.cache/pre-commit/repo1/py_env-python3.12/bin/ruff check",
        ],
    );
    check(
        "a test runner",
        &[
            "python /home/u/proj/.venv/bin/pytest --collect-only -q",
            "python -m pytest",
            "python -m unittest discover",
            "python /usr/bin/tox",
            "python -m pytest --collect-only tests",
            "python -m coverage run -m pytest",
            "python -m doctest a.py",
            "ctest -j4",
        ],
    );
    check(
        "a package manager",
        &[
            "python -m pip install -r requirements.txt",
            "python /home/u/proj/.venv/bin/pip install torch",
            "python -m venv .venv",
            "python -m build",
            "exe=/usr/bin/node node /usr/bin/npm install",
            "apt-get install x",
            "python -m virtualenv v",
            "python -m ensurepip",
            "python -m pip.__main__ list",
            "pip3 freeze",
        ],
    );
    check(
        "version control",
        &[
            "git status",
            "git commit -m x",
            "/usr/lib/git-core/git rev-parse HEAD",
            "git-lfs pull",
            "hg st",
            "jj log",
            "gh pr list",
        ],
    );
    check(
        "a helper of the shell's prompt",
        &["starship prompt", "direnv export bash", "zoxide add .", "fzf", "gitstatusd -s 1"],
    );
    check(
        "a build tool",
        &[
            "make -j8",
            "ninja -C build",
            "cmake ..",
            "cargo build",
            "rustc a.rs",
            "python setup.py build_ext",
            "bash configure",
            "bash ./configure --prefix=/x",
            "exe=/usr/bin/python3 python3 /usr/bin/snakemake -c4",
            "python -m snakemake -c1",
            "./gradlew build",
            "target/debug/build/x-1/build-script-build",
            "target/debug/deps/model-0a1b",
            "build/CMakeFiles/CMakeTmp/cmTC_1",
            "docker build .",
            "just train",
            "dvc repro",
            "python -m numpy.f2py -c a.f90",
        ],
    );
    check(
        "a server or viewer",
        &[
            "python -m http.server",
            "python /usr/bin/jupyter-lab",
            "python -m jupyterlab",
            "python -m notebook",
            "tensorboard --logdir runs",
            "python /home/u/proj/.venv/bin/tensorboard --logdir runs",
            "python -m tensorboard.main --logdir x",
            "streamlit run app.py",
            "python -m streamlit run app.py",
            "python /usr/bin/mlflow ui",
            "uvicorn app:app",
        ],
    );
    check("a terminal", &["tmux new", "ssh host python train.py", "screen -S x", "script log"]);
    check(
        "lab itself",
        &["lab ls", "/home/u/.cargo/bin/lab run -- python train.py", "lab watch --foreground", "lab-desktop"],
    );
}

#[test]
fn shells_and_interpreters_without_a_script_are_no_runs() {
    check(
        "a shell without a script",
        &[
            "bash",
            "-bash",
            "zsh -i",
            "sh -c make",
            "bash -lc python",
            "exe=/bin/dash sh -c ./sim",
            "fish",
            "bash --rcfile x -i",
            "sh -ec true",
            "bash -euo pipefail -c true",
            "bash -s",
        ],
    );
    check(
        "an interpreter without a script",
        &[
            "python",
            "python -i",
            "python -q -B",
            "R --no-save",
            "julia",
            "julia --project",
            "node",
            "python -m IPython",
            "lua",
        ],
    );
    check(
        "code on the command line: name it in [watch] run to record it",
        &[
            "python -c print(1)",
            "python -Bc pass",
            "python -",
            "Rscript -e 1",
            "julia -e 1",
            "julia --eval=1",
            "node -e 1",
            "perl -e 1",
            "perl -ne 1 a.c",
            "ruby -pe 1",
            "python -c from_multiprocessing.spawn_import_spawn_main",
            "R CMD build .",
            "octave --eval 1",
        ],
    );
}

#[test]
fn installed_programs_are_no_runs() {
    check(
        "an installed program: name it in [watch] run to record it",
        &[
            "ls -la",
            "cat train.py",
            "less log.txt",
            "man ls",
            "grep -r x .",
            "rg x",
            "find .",
            "du -sh .",
            "tar xf data.tar",
            "wget x",
            "curl x",
            "head -1 a.csv",
            "sort a.csv",
            "awk 1 a",
            "sed -n 1p a",
            "cp a b",
            "rm -r out",
            "mkdir x",
            "htop",
            "nvidia-smi",
            "gcc a.c",
            "python /usr/bin/some-tool",
            "python /home/u/proj/.venv/bin/some-tool",
            "python -m json.tool a.json",
            "python -m timeit 1",
            "perl /usr/bin/ack x",
            "python /usr/lib/python3/dist-packages/x/tool.py",
            "bash /usr/bin/ldd ./sim",
            "python /home/u/.vscode/extensions/ms-python.python-2024/python_files/get_output_via_markers.py",
            "node /home/u/.vscode-server/extensions/x/server.js",
            "bash /home/u/.pyenv/shims/python3 train.py",
            "/home/u/proj/node_modules/esbuild/bin/esbuild a.js",
            "bash /home/u/proj/.git/hooks/post-merge",
            "ffmpeg -i a b",
            "dot -Tpng g",
            "sleep 10",
            "date",
            "python /usr/bin/accelerate config",
            "java -jar /opt/tools/a.jar",
        ],
    );
    check(
        "starts the command behind it, which counts instead",
        &[
            "time ./sim",
            "timeout 10 python train.py",
            "nohup python train.py",
            "env python train.py",
            "uv run train.py",
            "xargs ./sim",
            "python /usr/bin/poetry run python train.py",
            "conda run -n x python train.py",
            "strace ./sim",
            "sudo ./sim",
            "parallel ./sim",
            "nice -n 10 python train.py",
            "sbatch job.sh",
        ],
    );
    check(
        "only tells how it is used",
        &["python train.py --help", "./sim --version", "python -m package.train -h", "mpirun --version"],
    );
}

#[test]
fn kernels_are_told_apart() {
    check(
        "a Jupyter kernel: its cells are the runs",
        &[
            "python -m ipykernel_launcher -f /run/user/1000/jupyter/kernel-1.json",
            "python -m ipykernel -f k.json",
            "python /home/u/proj/.venv/lib/python3.12/site-packages/ipykernel_launcher.py -f k.json",
            "exe=/usr/lib/R/bin/exec/R R --slave -e IRkernel::main() --args k.json",
            "julia -i /home/u/.julia/packages/IJulia/x/src/kernel.jl k.json",
        ],
    );
}

#[test]
fn what_tools_start_for_themselves_is_theirs() {
    for (ancestors, tool) in [
        ("git,bash", "version control"),
        ("sh,git,code", "version control"),
        ("pre-commit,git,bash", "a formatter or linter"),
        ("mypy,code", "a formatter or linter"),
        ("pytest,bash", "a test runner"),
        ("sh,pytest,bash", "a test runner"),
        ("pip,bash", "a package manager"),
        ("python3,pip3,bash", "a package manager"),
        ("npm install,bash", "a package manager"),
        ("dpkg,apt-get,sudo", "a package manager"),
        ("rust-analyzer,code", "a language server"),
        ("starship,bash", "a helper of the shell's prompt"),
        ("bash,lab,bash", "lab itself"),
    ] {
        check_below(ancestors, &format!("started by {tool}"), &["python train.py", "./sim", "bash hook.sh"]);
    }
}

#[test]
fn the_project_has_the_last_word() {
    let rules = Rules {
        run: ["pytest bench*", "ffmpeg", "python -c *fit()*", "scripts/quick.sh"].map(str::to_owned).into(),
        ignore: ["plot_*.py", "sweep.sh", "./sim --warm?up"].map(str::to_owned).into(),
        minimum_millis: 20,
    };
    for (line, expected) in [
        ("ffmpeg -i a b", "named run"),
        ("exe=/usr/bin/python3 pytest bench_a.py", "named run"),
        ("python -c import_m;m.fit()", "named run"),
        ("bash scripts/quick.sh", "named run"),
        ("cd scripts bash quick.sh", "named run"),
        ("cd /home/u ffmpeg -i a b", "outside the project"),
        ("python plot_loss.py", "ignored by the project's [watch] table"),
        ("python figures/plot_loss.py", "ignored by the project's [watch] table"),
        ("bash sweep.sh", "ignored by the project's [watch] table"),
        ("./sim --warm-up", "ignored by the project's [watch] table"),
        ("./sim --warm-up-long", "run"),
        ("python train.py", "run"),
    ] {
        let found = judge(&program(line, "bash"), &rules, Path::new(ROOT), &|_| false);
        assert_eq!(words(found), expected, "{line}");
    }
    let train = judge(&program("python train.py", "bash"), &rules, Path::new(ROOT), &|_| false);
    assert_eq!(train, Verdict::Run { minimum_millis: 20 });
    let named = judge(&program("ffmpeg", "git"), &rules, Path::new(ROOT), &|_| false);
    assert_eq!(named, Verdict::Run { minimum_millis: 0 }, "also below a tool");
}

#[test]
fn a_project_may_lie_anywhere() {
    let root = Path::new("/opt/work/.venv/proj");
    let mut found = program("python train.py", "bash");
    found.cwd = root.to_path_buf();
    assert_eq!(words(judge(&found, &Rules::default(), root, &|_| false)), "run");
}

#[test]
fn strange_processes_do_no_harm() {
    let mut empty = program("", "");
    for exe in ["", "/", "/usr/bin/python3", "/bin/bash", "/usr/bin/java", "relative"] {
        empty.exe = exe.into();
        judge(&empty, &Rules::default(), Path::new(ROOT), &|_| false);
        judge(&empty, &Rules::default(), Path::new("/"), &|_| true);
    }
    for line in [
        "python -m",
        "python --",
        "python -W",
        "R CMD",
        "R -f",
        "java -jar",
        "bash -o",
        "python ../../../../../x.py",
        "python -c",
    ] {
        verdict(line, "");
    }
}

#[test]
fn patterns() {
    for (pattern, text, expected) in [
        ("", "", true),
        ("*", "", true),
        ("*", "a/b", true),
        ("a*c", "abbc", true),
        ("a*c", "abbd", false),
        ("*.py", "x.py.py", true),
        ("?", "é", true),
        ("?", "", false),
        ("a?c*", "abcd", true),
        ("abc", "abcd", false),
        ("*a*b*", "xxaxxbxx", true),
    ] {
        assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
    }
    assert!(!matches(&"*a".repeat(50), &"b".repeat(100_000)), "quickly");
}
