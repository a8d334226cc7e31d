//! Metrics out of the files that a run writes.

use std::process::Stdio;

use crate::{home, json};

/// Names and numbers of points of a run's metrics.
fn metrics(page: &str) -> Vec<(String, u64)> {
    let page = json(page);
    let metrics = page["metrics"].as_array().into_iter().flatten();
    let told = metrics.filter_map(|metric| Some((metric["metric"].as_str()?.to_owned(), metric["points"].as_u64()?)));
    told.filter(|(name, _)| !name.starts_with("sys/")).collect()
}

#[test]
fn files_of_frameworks_are_found_also_where_git_ignores_them() {
    let home = home();
    home.write(".gitignore", "lightning_logs/\n");
    home.write("old.jsonl", "{\"step\": 1, \"old\": 1}\n");
    home.write(
        "go.sh",
        "mkdir -p lightning_logs/version_0 out/.hydra
         printf 'epoch,loss,step\\n0,0.5,1\\n0,nan,2\\n' > lightning_logs/version_0/metrics.csv
         printf 'lr: 0.1\\napi_key: hunter2hunter2\\n' > lightning_logs/version_0/hparams.yaml
         printf 'model: {layers: 3}\\n' > out/.hydra/config.yaml
         printf 'x' > out/events.out.tfevents.1.host
         echo '{\"lab\": \"params\", \"params\": {\"depth\": 2}}' >> $LAB_METRICS
         echo loss: 0.5",
    );
    home.ok(["run", "--", "sh", "go.sh"]);
    let page = home.ok(["show", "--json"]);
    assert_eq!(metrics(&page), [("loss".to_owned(), 2), ("epoch".to_owned(), 2)], "{page}");
    for expected in ["\"lr\"", "\"depth\"", "model.layers"] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    assert!(!page.contains("hunter2"), "{page}");
    assert!(page.contains("out/events.out.tfevents.1.host: it ends in the middle of a record"), "{page}");
}

#[test]
fn two_runs_at_once_keep_to_their_own_files() {
    let home = home();
    let seen =
        "until grep -q loss \"$(dirname \"$LAB_METRICS\")/metrics.files.jsonl\" 2> /dev/null; do sleep 0.02; done";
    let first = format!(
        "exec 3> a.jsonl; echo '{{\"step\": 1, \"loss\": 1}}' >&3; {seen}; touch a; until [ -e b ]; do sleep 0.02; done"
    );
    let second = format!(
        "exec 3> b.jsonl; echo '{{\"step\": 1, \"loss\": 2}}' >&3; until [ -e a ]; do sleep 0.02; done; {seen}; touch b"
    );
    let mut running = home
        .lab(["run", "-n", "first", "--", "sh", "-c", &first])
        .into_command()
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    home.ok(["run", "-n", "second", "--", "sh", "-c", &second]);
    running.wait().unwrap();
    for (name, value) in [("first", 1.0), ("second", 2.0)] {
        let page = home.ok(["show", name, "--json"]);
        assert_eq!(metrics(&page), [("loss".to_owned(), 1)], "{page}");
        assert_eq!(json(&page)["metrics"][0]["last"], value, "{page}");
    }
}
