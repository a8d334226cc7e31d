//! Cells of real Jupyter kernels, as the watcher sees them.

use std::process::{Command, Stdio};

#[test]
#[expect(clippy::print_stderr, reason = "what is not tested must be said")]
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
