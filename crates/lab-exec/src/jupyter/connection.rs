//! Where a kernel listens.

use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::IopubError;
use crate::detect::Program;

/// A connection file is a few hundred bytes.
const MAX_BYTES: u64 = 64 << 10;

/// What a kernel's connection file says.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
pub struct Connection {
    /// `tcp` or `ipc`.
    #[serde(default = "tcp")]
    pub transport: String,
    /// The address; for `ipc` what the paths of the sockets begin with.
    pub ip: String,
    /// The port of the iopub socket; for `ipc` what its path ends with.
    pub iopub_port: u16,
    /// The key that messages are signed with; empty when they are not.
    #[serde(default)]
    pub key: String,
    /// `hmac-sha256` is the only scheme that is understood.
    #[serde(default)]
    signature_scheme: String,
    #[serde(default)]
    curve_publickey: Option<String>,
    /// Whether the messages are encrypted.
    #[serde(skip)]
    pub is_encrypted: bool,
}

fn tcp() -> String {
    "tcp".to_owned()
}

impl Connection {
    /// Reads a connection file.
    ///
    /// # Errors
    /// [`IopubError::Io`] when it is not there yet, [`IopubError::Connection`] when it says nothing that is understood.
    pub fn read(path: &Path) -> Result<Self, IopubError> {
        use std::io::Read;
        let mut bytes = Vec::new();
        std::fs::File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Self::parse(&bytes)
    }

    /// Reads the content of a connection file.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, IopubError> {
        let wrong = |words: String| IopubError::Connection(words);
        let mut connection: Self = serde_json::from_slice(bytes).map_err(|error| wrong(error.to_string()))?;
        connection.is_encrypted = connection.curve_publickey.is_some();
        if !["tcp", "ipc"].contains(&connection.transport.as_str()) {
            return Err(wrong(format!("transport {}", connection.transport)));
        }
        if !["", "hmac-sha256"].contains(&connection.signature_scheme.as_str()) {
            return Err(wrong(format!("signatures by {}", connection.signature_scheme)));
        }
        Ok(connection)
    }
}

/// The connection file that a program was started with; `None` when it is no kernel.
///
/// Kernels of all languages are given it as an argument, by Jupyter's rules for kernel specs: a file `*.json`, which
/// is called `kernel-….json` unless a person has named it, or which is what `-f` or `--f=` says.
pub fn connection_file(program: &Program) -> Option<PathBuf> {
    let words: Vec<&str> = program.argv.iter().filter_map(|word| word.to_str()).collect();
    let named = |word: &str| {
        let name = word.rsplit('/').next().unwrap_or(word);
        name.starts_with("kernel-") && name.ends_with(".json")
    };
    let by_flag = || {
        let is_kernel = words.iter().any(|word| word.contains("kernel"));
        let at = words.iter().position(|word| ["-f", "--f"].contains(word))?;
        words.get(at + 1).copied().filter(|word| is_kernel && word.ends_with(".json"))
    };
    let with_flag = words.iter().find_map(|word| word.strip_prefix("--f=").or_else(|| word.strip_prefix("-f=")));
    let by_name = || words.iter().skip(1).copied().find(|word| named(word));
    let found = by_flag().or(with_flag.filter(|word| word.ends_with(".json"))).or_else(by_name)?;
    Some(program.cwd.join(found))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kernels_are_known_by_their_connection_file() {
        let file = |line: &str| {
            let argv = line.split(' ').map(Into::into).collect();
            let program = Program {
                exe: "/usr/bin/x".into(),
                argv,
                cwd: "/home/me".into(),
                uid: 1,
                group: 1,
                session: 1,
                terminal: false,
                ancestors: Vec::new(),
            };
            connection_file(&program).map(|path| path.display().to_string())
        };
        let table = [
            ("python -m ipykernel_launcher -f /run/kernel-1.json", Some("/run/kernel-1.json")),
            ("python -m ipykernel_launcher --f=/run/kernel-v3abc.json", Some("/run/kernel-v3abc.json")),
            ("python -m ipykernel_launcher -f my.json", Some("/home/me/my.json")),
            ("R --slave -e IRkernel::main() --args /run/kernel-2.json", Some("/run/kernel-2.json")),
            ("julia -i kernel.jl /run/kernel-3.json", Some("/run/kernel-3.json")),
            ("python train.py -f settings.json", None),
            ("python train.py settings.json", None),
            ("kernel-1.json", None),
        ];
        for (line, expected) in table {
            assert_eq!(file(line).as_deref(), expected, "{line}");
        }
    }

    #[test]
    fn connection_files_are_read() {
        let plain = Connection::parse(br#"{"ip": "127.0.0.1", "iopub_port": 5, "key": "k", "transport": "tcp"}"#);
        let plain = plain.unwrap();
        assert_eq!((plain.iopub_port, plain.key.as_str(), plain.is_encrypted), (5, "k", false));
        let curve = br#"{"ip": "x", "iopub_port": 5, "transport": "ipc", "curve_publickey": "a"}"#;
        assert!(Connection::parse(curve).unwrap().is_encrypted);
        assert!(Connection::parse(br#"{"ip": "x", "iopub_port": 5, "transport": "pgm"}"#).is_err());
        assert!(Connection::parse(br#"{"ip": "x", "iopub_port": 5, "signature_scheme": "hmac-md5"}"#).is_err());
        assert!(Connection::parse(b"[]").is_err());
    }
}
