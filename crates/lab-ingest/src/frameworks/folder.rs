//! Folders that frameworks make for one run each.

/// The folder of the run that wrote the file at `path` (relative, with `/`), by its name alone: Hydra's output directory
/// (it holds `.hydra/`), Lightning's `lightning_logs/version_N`, else the directory of a TensorBoard event file. Never the
/// root itself.
pub fn run_folder(path: &str) -> Option<&str> {
    let (directory, name) = super::split(path);
    let hydra = directory.strip_suffix(".hydra").and_then(|above| above.strip_suffix('/'));
    let events = name.contains("tfevents").then_some(directory);
    hydra.or_else(|| lightning(directory)).or(events).filter(|folder| !folder.is_empty())
}

/// Up to and with `version_N`.
fn lightning(directory: &str) -> Option<&str> {
    const ABOVE: &str = "lightning_logs/version_";
    let begin = directory.find(ABOVE).filter(|at| *at == 0 || directory[..*at].ends_with('/'))? + ABOVE.len();
    let digits = directory[begin..].bytes().take_while(u8::is_ascii_digit).count();
    let rest = &directory[begin + digits..];
    (digits > 0 && (rest.is_empty() || rest.starts_with('/'))).then(|| &directory[..begin + digits])
}

#[cfg(test)]
mod tests {
    use super::run_folder;

    #[test]
    fn folders_are_known_by_what_lies_in_them() {
        for (path, expected) in [
            ("outputs/2026-01-02/03-04-05/.hydra/config.yaml", Some("outputs/2026-01-02/03-04-05")),
            ("outputs/2026-01-02/03-04-05/train.log", None),
            (".hydra/config.yaml", None),
            ("lightning_logs/version_3/metrics.csv", Some("lightning_logs/version_3")),
            ("a/lightning_logs/version_12/checkpoints/last.ckpt", Some("a/lightning_logs/version_12")),
            ("lightning_logs/version_x/metrics.csv", None),
            ("my_lightning_logs/version_1/metrics.csv", None),
            ("runs/one/events.out.tfevents.1.host", Some("runs/one")),
            ("events.out.tfevents.1.host", None),
            ("train.py", None),
        ] {
            assert_eq!(run_folder(path), expected, "{path}");
        }
    }
}
