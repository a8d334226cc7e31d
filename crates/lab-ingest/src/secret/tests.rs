use proptest::prelude::*;
use serde_json::json;

use super::*;

fn rules(text: &str) -> Vec<&'static str> {
    Scanner::new().find(text.as_bytes()).into_iter().map(|finding| finding.rule).collect()
}

/// Checks that the part between `«` and `»` is found, and nothing else.
#[track_caller]
fn check(marked: &str, rule: &str) {
    let text = marked.replace(['«', '»'], "");
    let start = marked.find('«').unwrap();
    let end = marked.find('»').unwrap() - '«'.len_utf8();
    let found = Scanner::new().find(text.as_bytes());
    let expected = vec![(rule, start..end)];
    assert_eq!(found.into_iter().map(|f| (f.rule, f.range)).collect::<Vec<_>>(), expected, "{text}");
}

const RANDOM: &str = "q9Xw3ZtB7mKe2RfV8sLp4YhN6cJd1GaU5oTi";

#[test]
fn tokens_are_found_by_shape() {
    check("key = «AKIAIOSFODNN7EXAMPLE»\n", "aws-access-key");
    check(&format!("x «ghp_{RANDOM}» y"), "github-token");
    check(&format!("\"«github_pat_11ABCDEFG0{RANDOM}_{RANDOM}»\""), "github-token");
    check(&format!("«glpat-{}»", &RANDOM[..20]), "gitlab-token");
    check(&format!("login(\"«hf_{}»\")", &RANDOM[..34]), "huggingface-token");
    check(&format!("«sk-proj-{RANDOM}»"), "openai-key");
    check(&format!("«sk-{RANDOM}»."), "openai-key");
    check(&format!("«sk-ant-api03-{RANDOM}-{RANDOM}»"), "anthropic-key");
    check("«xoxb-123456789012-123456789012-q9Xw3ZtB7mKe2RfV8sLp4YhN»", "slack-token");
    check(&format!("«sk_live_{}»", &RANDOM[..24]), "stripe-key");
    check(&format!("«AIza{}»", &RANDOM[..35]), "google-key");
    check(&format!("//registry/:_authToken=«npm_{RANDOM}»"), "npm-token");
    check(&format!("«pypi-AgEIcHlwaS5vcmc{RANDOM}{RANDOM}»"), "pypi-token");
    check(&format!("«SG.{}.{RANDOM}abcdefg»", &RANDOM[..22]), "sendgrid-key");
    check("a «eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U» b", "jwt");
    check("TWILIO_AUTH_TOKEN=«0123456789abcdef0123456789abcdef»", "secret-assignment");
    check(&format!("printed\\n«ghp_{RANDOM}»"), "github-token");
}

#[test]
fn an_aws_secret_is_found_beside_its_key() {
    let text = "AKIAQ3EGZXK7PL5MW2NV,wJalrXUtnFEMI/K7MDENG/bPxRfiCY3Qz8Lk2Mnp\n";
    assert_eq!(rules(text), ["aws-access-key", "aws-secret-key"]);
    let text = "[default]\naws_access_key_id = AKIAQ3EGZXK7PL5MW2NV\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";
    assert_eq!(rules(text).len(), 2);
    assert_eq!(rules("aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n"), ["secret-assignment"]);
}

#[test]
fn private_keys_are_found_and_their_lines_alone_are_not() {
    let body = "MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEAAoIBAQC7VJTUt9Us8cKj\n".repeat(3);
    let block = format!("-----BEGIN PRIVATE KEY-----\n{body}-----END PRIVATE KEY-----\n");
    assert_eq!(rules(&block), ["private-key"]);
    assert_eq!(rules(&block.replace('\n', "\\n")), ["private-key"]);
    assert_eq!(rules(&block.replace("PRIVATE", "RSA PRIVATE")), ["private-key"]);
    assert_eq!(rules(&block.replace("PRIVATE", "PUBLIC")), [""; 0]);
    assert_eq!(
        rules("if line == \"-----BEGIN PRIVATE KEY-----\":\n    read the key that follows, until the end\n"),
        [""; 0]
    );
    assert_eq!(rules("-----BEGIN "), [""; 0]);
}

#[test]
fn assignments_are_found() {
    check("password = \"«hunter2!»\"", "password");
    check("{\"password\": \"«Tr0ub4dor&3»\"}", "password");
    check("connect(user='a', passwd='«s3cr3tValue»')", "password");
    check("db:\n  password: «correct-horse-42»\n", "password");
    check("DB_PASSWORD=«correct-horse-42»\n", "password");
    check("export WANDB_API_KEY=«0123456789abcdef0123456789abcdef01234567»\n", "secret-assignment");
    check("  api_key: «0123456789abcdef0123456789abcdef»\n", "secret-assignment");
    check("api_key: «canary-yaml-7f3a9c1»\n", "secret-assignment");
    check("apiKey: '«q9Xw3ZtB7mKe2RfV8s»',", "secret-assignment");
    check("client_secret = b\"«q9Xw3ZtB7mKe2RfV8s»\"", "secret-assignment");
    check("\\\"api_key\\\": \\\"«q9Xw3ZtB7mKe2RfV8s»\\\"", "secret-assignment");
    check("os.environ[\"HF_TOKEN\"] = \"«q9Xw3ZtB7mKe2RfV8s»\"", "secret-assignment");
    check("GET /x?access_token=«q9Xw3ZtB7mKe2RfV8s»&b=1", "secret-assignment");
    check("machine api.wandb.ai\n  login user\n  password «0123456789abcdef0123456789abcdef01234567»\n", "password");
    check("{\"username\":\"me\",\"key\":\"«0123456789abcdef0123456789abcdef»\"}", "kaggle-key");
    check("Authorization: Bearer «q9Xw3ZtB7mKe2RfV8sLp4YhN»", "bearer-token");
    check("\"Authorization\": \"Basic «dXNlcjpodW50ZXIy»\"", "basic-auth");
    check("postgres://me:«hunter22»@db.host/x", "url-password");
    check(
        "AccountName=x;AccountKey=«q9Xw3ZtB7mKe2RfV8sLp4YhN6cJd1GaU5oTiq9Xw3ZtB7mKe2RfV8sLp4YhN6cJd1GaU5oTi0123abCD==»;",
        "azure-key",
    );
}

#[test]
fn ordinary_text_is_left_alone() {
    for text in [
        "password = os.environ[\"PASSWORD\"]",
        "password = \"changeme\"",
        "password = \"<password>\"",
        "token: ${TOKEN}",
        "api_key = \"your-api-key-goes-here-1234\"",
        "api_key = get_api_key(1)",
        "def f(password: str = None):",
        "password == \"hunter2!\"",
        "tokenizer = AutoTokenizer.from_pretrained(\"bert-base-uncased\")",
        "max_tokens = 1024",
        "key_dim = 64",
        "eos_token = \"<|endoftext|>\"",
        "token = tokens[i + 1]",
        "author = \"x1y2z3\"",
        "secret = secrets.token_hex(32)",
        "password=password, token=self.token_value_2",
        "api_key=api_key_v2_new,",
        "https://example.org/path?x=1",
        "git@github.com:a/b.git",
        "http://user:password@host/",
        "ssh://git@host:22/x",
        "http://localhost:8080/a@b",
        "risk-based-approach-1234567890-ABCdef",
        "sk-estimator-doc-link-0-Parallel-item",
        "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "commit 0123456789abcdef0123456789abcdef01234567",
        "\"key\": \"0123456789abcdef0123456789abcdef\"",
        "password_field = \"Passw0rd-Field-1\"",
        "sort_key = \"q9Xw3ZtB7mKe2RfV8s\"",
        "token_url = \"https://x.org/oauth2/v1/token\"",
        "SECRET_FILE=/run/secrets/a1b2c3d4e5f6a7b8",
        "Bearer token is required",
        "hf_model_name_or_path_that_is_long_v2",
        "eyJ.eyJ.x",
        "",
        "password",
        "password =",
        "password: ",
        "://",
        "a://@",
        "password: {{ vault_password_2024 }}",
        "TOKEN_KIND_NAMES = [",
        "passwords must have 8 or more",
        "AKIA",
        "AIza",
        "npm_config_registry_and_more_and_more_and_more",
        "password = input('Password: ')",
        "self.password = password1",
    ] {
        assert_eq!(rules(text), [""; 0], "{text}");
    }
}

#[test]
fn hostile_text_is_read_in_passing() {
    // Each would take minutes if every literal were followed to the end of the text.
    for piece in [
        "-----BEGIN PRIVATE KEY-----",
        ".eyJ",
        "a://b:",
        "password ",
        "login password ",
        "AKIA",
        "\"key\":",
        "xox-",
        "Bearer ",
    ] {
        let text = piece.repeat((1 << 18) / piece.len());
        Scanner::new().find(text.as_bytes());
        Scanner::new().redact(&text, &mut mark);
    }
}

fn mark(secret: &str, _: &str) -> String {
    format!("[{}]", secret.len())
}

#[test]
fn command_lines_are_redacted() {
    let redact = |line: &str| {
        let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
        Scanner::new().redact_argv(&argv, &mut mark).join(" ")
    };
    assert_eq!(redact("python a.py --api-key x1 --lr 0.1"), "python a.py --api-key [2] --lr 0.1");
    assert_eq!(
        redact("python a.py --api-key=x1 token=abc --token --x"),
        "python a.py --api-key=[2] token=[3] --token --x"
    );
    assert_eq!(
        redact("./a postgres://u:p@h/x --max-tokens 10 --sort-key loss"),
        "./a postgres://u:[1]@h/x --max-tokens 10 --sort-key loss"
    );
    assert_eq!(redact(&format!("./a --x hf_{} y", &RANDOM[..34])), "./a --x [37] y");
    assert_eq!(
        redact("./a --use-auth True --password 1234 --session 5"),
        "./a --use-auth True --password [4] --session 5"
    );
    assert_eq!(redact("wandb login 0123456789abcdef0123456789abcdef01234567"), "wandb login [40]");
    assert_eq!(redact("./a login me --key loss --key q9Xw3ZtB7mKe2RfV8s"), "./a login me --key loss --key [18]");
    assert_eq!(
        redact("./a wandb.api_key=abcdef db.url=mysql://a:b@c/"),
        "./a wandb.api_key=[6] db.url=mysql://a:[1]@c/"
    );
    assert_eq!(redact("./a password=hunter2 -- --password=é"), "./a password=[7] -- --password=[2]");
}

#[test]
fn variables_params_and_lines_are_redacted() {
    let scanner = Scanner::new();
    let variables = [("HF_TOKEN", "abc"), ("PWD", "/home/x"), ("URL", "http://a:b1@c/"), ("N", "5")];
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let redacted: Vec<_> = scanner.redact_variables(&variables, &mut mark).into_values().collect();
    assert_eq!(redacted, ["[3]", "5", "/home/x", "http://a:[2]@c/"]);
    let params =
        [("db.password", json!(12345)), ("lr", json!(0.1)), ("keys.api_key", json!(["ab", "cd"])), ("a", json!(null))];
    let params = params.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let redacted = serde_json::to_value(scanner.redact_params(&params, &mut mark)).unwrap();
    assert_eq!(redacted, json!({"db.password": "[5]", "lr": 0.1, "keys.api_key": ["[2]", "[2]"], "a": null}));
    assert_eq!(scanner.redact("é password=hunter2 ü", &mut mark), "é password=[7] ü");
    assert!(matches!(scanner.redact("epoch 3 loss 0.3", &mut mark), Cow::Borrowed(_)));
}

#[test]
fn a_private_key_over_several_lines_is_redacted() {
    let scanner = Scanner::new();
    let mut redactor = LineRedactor::new();
    let lines =
        ["x", "-----BEGIN RSA PRIVATE KEY-----", "MIIEvQIBADAN", "  abc==", "-----END RSA PRIVATE KEY-----", "y"];
    let redacted: Vec<_> = lines.iter().map(|line| redactor.redact(&scanner, line, &mut mark).into_owned()).collect();
    assert_eq!(redacted, [lines[0], lines[1], "[12]", "[5]", lines[4], lines[5]]);
}

#[test]
fn names_are_secret_or_not() {
    for name in [
        "WANDB_API_KEY",
        "api-key",
        "apiKey",
        "HF_TOKEN",
        "githubToken",
        "password",
        "DB_PASSWORD",
        "PGPASSWORD_SECRET",
        "db_pwd",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "client_secret",
        "SENTRY_DSN",
        "COOKIE",
        "KEY",
        "CREDENTIALS",
        "MYSQL_PASS",
        "GITHUB_PAT",
        "auth",
        "ssh-key",
        "SESSION",
        "passphrase",
        "CONNECTION_STRING",
        "token",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "tokenizer",
        "max_tokens",
        "key_dim",
        "author",
        "PWD",
        "OLDPWD",
        "SSH_AUTH_SOCK",
        "eos_token",
        "sort_key",
        "DESKTOP_SESSION",
        "keyboard",
        "XDG_SESSION_ID",
        "password_length",
        "SECRET_FILE",
        "lr",
        "",
        "num_keys",
        "first_pass",
        "monkey",
        "n_token_types",
        "TOKENIZERS_PARALLELISM",
        "AUTHOR_NAME",
        "HF_TOKEN_PATH",
        "key",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}

#[test]
fn files_are_secret_by_name() {
    for path in [
        ".env",
        "a/.env.local",
        "prod.env",
        ".ssh/id_rsa",
        "id_ed25519",
        "x/.netrc",
        ".pypirc",
        "kaggle.json",
        ".aws/credentials",
        "credentials.json",
        "conf/secrets.yaml",
        "client_secret_123.json",
        "a.p12",
        "service-account-x.json",
    ] {
        assert!(secret_file_name(path).is_some(), "{path}");
    }
    for path in [
        ".env.example",
        ".env.template",
        "id_rsa.pub",
        "environment.yml",
        "env.py",
        "secrets.py",
        "a.pem",
        "aws/config",
        ".npmrc",
        "id_rsa2x",
    ] {
        assert_eq!(secret_file_name(path), None, "{path}");
    }
}

proptest! {
    #[test]
    fn never_panics_and_ranges_are_good(bytes in proptest::collection::vec(any::<u8>(), 0..300), at in 0usize..40) {
        let literals = ["-----BEGIN ", "-----BEGIN RSA PRIVATE KEY-----", "://", "Bearer ", "\"key\"", "password=", "AKIA", "eyJ", "sk-", "xox", "hf_", "SG."];
        let mut bytes = bytes;
        let place = at.min(bytes.len());
        bytes.splice(place..place, literals[at % literals.len()].bytes());
        let mut end = 0;
        for finding in Scanner::new().find(&bytes) {
            prop_assert!(finding.range.start >= end && finding.range.end <= bytes.len() && !finding.range.is_empty());
            end = finding.range.end;
        }
        let text = String::from_utf8_lossy(&bytes);
        let _ = Scanner::new().redact(&text, &mut mark);
    }
}

#[test]
fn colours_hide_nothing() {
    let token = format!("ghp_{}", "a1B2c3D4e5F6".repeat(3));
    let mut replace = |_: &str, rule: &str| format!("[{rule}]");
    let mut check = |line: String, expected: &str| {
        let redacted = LineRedactor::new().redact(&Scanner::new(), &line, &mut replace).into_owned();
        assert_eq!(redacted, expected, "{line:?}");
    };
    check(format!("\u{1b}[32m{token}\u{1b}[0m"), "[github-token]");
    check(format!("{}\u{1b}[1m{}", &token[..9], &token[9..]), "[github-token]");
    check(format!("print(\"\\x1b[1;32m{token}\")"), "print(\"\\x1b[1;32m[github-token]\")");
    check(
        "\u{1b}]8;;https://me:hunter2@host/\u{1b}\\here".to_owned(),
        "\u{1b}]8;;https://me:[url-password]@host/\u{1b}\\here",
    );
    check("\u{1b}[32mgreen\u{1b}[0m".to_owned(), "\u{1b}[32mgreen\u{1b}[0m");
}

#[test]
fn wide_text_and_long_streams_are_searched() {
    let scanner = Scanner::new();
    let text = format!("API_TOKEN=ghp_{}\r\n", "a1B2c3D4e5F6".repeat(3));
    for unit in [u16::to_le_bytes, u16::to_be_bytes] {
        let wide: Vec<u8> = format!("\u{feff}{text}").encode_utf16().flat_map(unit).collect();
        assert_eq!(scanner.rule_in(&wide), Some("github-token"));
        assert_eq!(scanner.rule_in_stream(&mut &wide[..]).unwrap(), Some("github-token"));
    }
    assert_eq!(scanner.rule_in(b"\0ghp_a1B2c3D4e5F6a1B2c3D4e5F6a1B2c3D4e5F6"), None, "no text");
    // At every place around the end of the first window.
    let window = 2 << 20;
    for place in [window - 60, window - 30, window - 1, window, window + 1, 2 * window - 30] {
        let mut long = vec![b'\n'; place];
        long.extend_from_slice(text.as_bytes());
        long.resize(place + (40 << 10), b'\n');
        assert!(scanner.rule_in_stream(&mut &long[..]).unwrap().is_some(), "{place}");
    }
    assert_eq!(scanner.rule_in_stream(&mut &vec![b'x'; 2 * window][..]).unwrap(), None);
}
