//! Cells of real Jupyter kernels, as the watcher sees them.

use std::process::{Command, Stdio};

use crate::{home, json};

/// Notes cells beside the run, as the watcher does it for those of a kernel.
const CELLS: &str = r#"cells=$(dirname "$LAB_METRICS")/cells.jsonl
echo '{"saved":"work/analysis.ipynb"}' >> "$cells"
echo '{"before":{"count":1,"code":"x = 1"}}' >> "$cells"
echo '{"ran":{"count":2,"code":"print(x + 1)"}}' >> "$cells"
"#;
const SAVED: &str = r#"{"cells": [{"cell_type": "code", "source": ["x = 7"], "metadata": {}, "outputs": [],
"execution_count": null}], "metadata": {"language_info": {"name": "python"}}, "nbformat": 4, "nbformat_minor": 4}"#;

#[test]
fn a_run_of_cells_is_restored_with_the_notebook_as_it_was_run() {
    let home = home();
    home.write("cells.sh", CELLS).write("work/analysis.ipynb", SAVED).write("data.txt", "1");
    home.ok(["init"]);
    home.ok(["run", "--name", "cells", "--", "sh", "cells.sh"]);
    home.write("work/analysis.ipynb", "{}");
    let told = home.lab(["restore", "cells", "--to", "../there"]).run().ok();
    assert!(told.err.contains("the notebook as it was run is analysis.as-run.ipynb"), "{}", told.err);
    let there = |name: &str| std::fs::read_to_string(home.path("there").join(name)).expect(name);
    assert_eq!((there("work/analysis.ipynb").as_str(), there("data.txt").as_str()), (SAVED, "1"));
    let as_run = there("analysis.as-run.ipynb");
    assert_eq!(as_run, home.ok(["cat", "cells", "as-run.ipynb"]));
    let notebook = json(&as_run);
    let cells = notebook["cells"].as_array().expect("cells");
    let told: Vec<_> = cells.iter().map(|cell| (cell["execution_count"].as_u64(), cell["source"].as_str())).collect();
    assert_eq!(told, [(Some(1), Some("x = 1")), (Some(2), Some("print(x + 1)"))]);
    assert_eq!(notebook["metadata"]["language_info"]["name"], "python");
    // In place it stays what it was: the notebook that was saved.
    home.ok(["restore", "cells", "--yes"]);
    assert_eq!(home.read("work/analysis.ipynb"), SAVED.as_bytes());
    assert!(!home.project().join("analysis.as-run.ipynb").exists());
    assert!(!home.project().join("work/analysis.as-run.ipynb").exists());
}

#[test]
fn every_cell_of_a_kernel_is_part_of_a_run() {
    let has = Command::new("python3")
        .args(["-c", "import ipykernel, jupyter_client, nbclient"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !has.is_ok_and(|status| status.success()) {
        eprintln!("not tested: this machine lacks python3 with ipykernel, jupyter_client and nbclient");
        return;
    }
    let driver = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/watch_notebooks.py");
    let output = Command::new("python3").args([driver, env!("CARGO_BIN_EXE_lab"), "50"]).output().expect("it starts");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}\n{}", String::from_utf8_lossy(&output.stderr));
}
