//! Names that say that a value or a file is secret.

/// Whether the name of a variable or option says that its value is secret: `WANDB_API_KEY`,
/// `db-password`, `githubToken`; not `max_tokens`, `key_dim`, `author`, `PWD`.
pub fn is_secret_name(name: &str) -> bool {
    let words = words(name);
    let Some(last) = words.last().map(String::as_str) else { return false };
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    if words.iter().any(|word| PASSWORD.contains(&word.as_str())) && !ABOUT.contains(&last) {
        return true;
    }
    if is_weak_secret_name(name) {
        return name.bytes().any(|byte| byte.is_ascii_uppercase());
    }
    let is_upper = !name.bytes().any(|byte| byte.is_ascii_lowercase());
    match last {
        "pwd" => words.len() > 1 && before != "old",
        "pass" => words.len() > 1 && (is_upper || ACCOUNTS.contains(&before)),
        "key" => !PLAIN_KEYS.contains(&before),
        "token" => !PLAIN_TOKENS.contains(&before),
        "session" => before != "desktop",
        "string" => before == "connection",
        "auth" | "cookie" | "cookies" | "dsn" | "conn" | "apikey" | "jwt" | "bearer" | "webhook" => true,
        "authtoken" | "accesskey" | "secretkey" | "privatekey" | "oauth" => true,
        "pat" => is_upper && words.len() > 1,
        "id" => words.iter().any(|word| word == "secret"),
        _ => false,
    }
}

/// Whether a name is that of many things, a secret among them: only a random value is one then.
pub(super) fn is_weak_secret_name(name: &str) -> bool {
    matches!(name.to_ascii_lowercase().as_str(), "key" | "login-token" | "user-password-hash")
}

/// Whether a name is that of a password, which a person may have chosen.
pub(super) fn is_password(name: &str) -> bool {
    let words = words(name);
    words
        .iter()
        .any(|word| matches!(word.as_str(), "password" | "passwd" | "pwd" | "passphrase" | "pass" | "passwords"))
}

/// Whether a name in a file's text is that of a secret. Narrower than [`is_secret_name`]: code has
/// more keys than secrets.
pub(super) fn is_secret_in_text(name: &str) -> bool {
    if !is_secret_name(name) {
        return false;
    }
    let words = words(name);
    let last = words.last().map_or("", String::as_str);
    let before = words.len().checked_sub(2).map_or("", |at| words[at].as_str());
    match last {
        "key" => KEYS.contains(&before),
        "session" | "auth" | "cookie" | "cookies" | "conn" | "string" => false,
        _ => true,
    }
}

/// Words that make a name secret wherever they stand in it.
const PASSWORD: &[&str] = &[
    "password",
    "passwords",
    "passwd",
    "passphrase",
    "secret",
    "secrets",
    "cred",
    "creds",
    "credential",
    "credentials",
];

/// Last words of names that are about a secret and do not hold it.
const ABOUT: &[&str] = &[
    "length",
    "len",
    "min",
    "max",
    "policy",
    "count",
    "field",
    "file",
    "path",
    "dir",
    "name",
    "type",
    "label",
    "prompt",
    "required",
    "reset",
    "url",
    "uri",
    "manager",
    "store",
    "version",
    "hasher",
    "hashers",
    "validators",
    "helper",
    "error",
    "expired",
    "enabled",
    "provider",
];

const ACCOUNTS: &[&str] =
    &["db", "user", "smtp", "mysql", "ftp", "login", "admin", "root", "email", "mail", "database"];

/// Words before `key` that make it an ordinary one.
const PLAIN_KEYS: &[&str] = &[
    "sort",
    "primary",
    "foreign",
    "group",
    "index",
    "label",
    "metric",
    "target",
    "feature",
    "column",
    "dict",
    "map",
    "query",
    "image",
    "text",
    "data",
    "input",
    "output",
    "partition",
    "routing",
    "cache",
    "monitor",
    "best",
    "time",
    "join",
    "public",
    "row",
    "col",
    "by",
    "hot",
    "state",
    "config",
    "param",
    "name",
    "field",
    "order",
    "cmp",
    "hash",
    "unique",
    "object",
    "item",
    "header",
    "registry",
    "value",
    "per",
    "prng",
    "random",
    "rng",
    "jax",
    "prefix",
    "model",
    "host",
];

/// Words before `key` that make it a secret in a file's text.
const KEYS: &[&str] = &[
    "api",
    "access",
    "secret",
    "private",
    "account",
    "auth",
    "encryption",
    "signing",
    "master",
    "service",
    "storage",
    "license",
    "subscription",
    "ssh",
    "app",
    "client",
    "wandb",
    "openai",
    "comet",
    "neptune",
    "anthropic",
    "session",
];

/// Words before `token` that make it a piece of text.
const PLAIN_TOKENS: &[&str] = &[
    "max",
    "min",
    "num",
    "pad",
    "eos",
    "bos",
    "unk",
    "sep",
    "cls",
    "mask",
    "per",
    "start",
    "end",
    "stop",
    "special",
    "image",
    "audio",
    "video",
    "text",
    "next",
    "last",
    "first",
    "prompt",
    "begin",
    "decoder",
    "new",
    "padding",
    "class",
    "continuation",
    "page",
    "word",
    "sub",
    "prefix",
    "suffix",
    "middle",
    "register",
    "distillation",
    "placeholder",
];

/// The words of a name, in lower case: cut at signs and where a capital letter follows a small one.
fn words(name: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut was_lower = false;
    for c in name.chars() {
        if !word.is_empty() && (!c.is_ascii_alphanumeric() || (c.is_ascii_uppercase() && was_lower)) {
            words.push(std::mem::take(&mut word));
        }
        was_lower = c.is_ascii_lowercase();
        if c.is_ascii_alphanumeric() {
            word.push(c.to_ascii_lowercase());
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// Whether a file with this name holds secrets by convention, and which. Names that only say that
/// a file may hold one, such as `.npmrc` or `*.pem`, are left to the scanner.
pub fn secret_file_name(path: &str) -> Option<&'static str> {
    let lower = path.to_ascii_lowercase();
    let mut parts = lower.rsplit('/');
    let name = parts.next().unwrap_or_default();
    let parent = parts.next().unwrap_or_default();
    if ["example", "sample", "template", "dist", "pub", "tmpl"].iter().any(|end| name.rsplit('.').next() == Some(*end))
    {
        return None;
    }
    let ends = |endings: &[&str]| endings.iter().any(|ending| name.ends_with(ending));
    if name == ".env" || name == ".envrc" || name.starts_with(".env.") || ends(&[".env"]) {
        return Some("env-file");
    }
    let key_names = ["id_rsa", "id_dsa", "id_ecdsa", "id_ed25519", "id_xmss"];
    if key_names
        .iter()
        .any(|key| name == *key || name.strip_prefix(key).is_some_and(|rest| rest.starts_with(['_', '-', '.'])))
    {
        return Some("ssh-key");
    }
    if ends(&[".p12", ".pfx", ".jks", ".keystore", ".kdbx", ".ppk"]) {
        return Some("key-store");
    }
    match (parent, name) {
        (
            _,
            ".netrc" | "_netrc" | ".pypirc" | ".pgpass" | ".htpasswd" | ".git-credentials" | ".dockercfg" | ".boto"
            | ".s3cfg" | ".my.cnf",
        ) => Some("credential-file"),
        (".aws" | ".azure" | ".config", "credentials") | (".docker", "config.json") | (".kube", "config") => {
            Some("credential-file")
        }
        (".huggingface" | "huggingface", "token") => Some("huggingface-token"),
        (_, "kaggle.json") => Some("kaggle-key"),
        (_, "credentials" | "credentials.json" | "credentials.yaml" | "credentials.yml" | "client_secret.json") => {
            Some("credential-file")
        }
        (_, "application_default_credentials.json" | "service-account.json" | "service_account.json") => {
            Some("service-account")
        }
        (
            _,
            "secrets.yaml" | "secrets.yml" | "secrets.json" | "secrets.toml" | "secrets.env" | "secret.yaml"
            | "secret.yml" | "secret.json" | "secret.toml",
        ) => Some("secrets-file"),
        _ => (name.starts_with("client_secret")
            || name.starts_with("service-account")
            || name.starts_with("service_account"))
        .then(|| name.ends_with(".json"))
        .filter(|is_json| *is_json)
        .map(|_| "service-account"),
    }
}
