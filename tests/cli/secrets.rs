use std::path::Path;

use crate::home;

const TOKEN: &str = "ghp_x7Kq2mB9vR4tY8wZ1cN6pL3sD5fG0hJ2aE4u";

/// Every byte of every file of the notebook.
fn notebook_bytes(directory: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut pending = vec![directory.to_owned()];
    while let Some(place) = pending.pop() {
        for entry in std::fs::read_dir(place).unwrap_or_else(|error| panic!("{error}")).flatten() {
            let path = entry.path();
            if path.is_dir() {
                pending.push(path);
            } else {
                bytes.extend(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            }
        }
    }
    bytes
}

#[test]
fn no_secret_stands_in_the_notebook_or_on_the_screen_and_a_restore_is_exact() {
    let home = home();
    let secret_file = format!("GITHUB_TOKEN={TOKEN}\n");
    home.write(".env", &secret_file);
    let ended = home
        .lab(["run", "--", "sh", "-c", "echo token=$GITHUB_TOKEN", "x", "--token", TOKEN])
        .env("GITHUB_TOKEN", TOKEN)
        .run()
        .ok();
    assert!(ended.out.contains(TOKEN), "the program's own output passes through untouched");
    assert!(!ended.err.contains(TOKEN));
    let bytes = notebook_bytes(&home.notebook());
    assert!(!bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()), "the token is in the notebook");
    for arguments in [&["show"][..], &["show", "--json"], &["ls", "--json"], &["show", "--log"], &["coverage"]] {
        assert!(!home.ok(arguments).contains(TOKEN), "{arguments:?}");
    }
    assert!(home.ok(["coverage"]).contains("1 file sealed (.env)"), "{}", home.ok(["coverage"]));
    home.ok(["restore", "@", "--to", "../copy"]);
    assert_eq!(std::fs::read(home.path("copy/.env")).unwrap(), secret_file.as_bytes());
    assert!(!home.ok(["diff", "@", "."]).contains(TOKEN));
}
