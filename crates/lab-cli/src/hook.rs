//! `lab hook`: a script that lets a shell tell `lab watch` of its commands.

use std::path::{Path, PathBuf};
use std::time::Duration;

use lab_engine::watch::{HookMessage, WatchPlace, tell};
use lab_engine::{Error, ErrorKind, Result};

use crate::context::Context;

/// The arguments of `lab hook`.
#[derive(clap::Args, Debug)]
#[command(after_help = "bash: eval \"$(lab hook bash)\" at the end of ~/.bashrc\n\
                  zsh:  eval \"$(lab hook zsh)\" in ~/.zshrc\n\
                  fish: lab hook fish | source in ~/.config/fish/config.fish\n\
                  A command with a space before it is not kept.")]
pub struct Hook {
    /// The shell: bash, zsh or fish
    shell: Shell,
}

#[derive(clap::ValueEnum, Clone, Copy, Debug)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Hook {
    /// Prints the script.
    pub fn run(&self, context: &Context) -> Result<u8> {
        let config = context.config()?;
        let script = match self.shell {
            Shell::Bash => include_str!("../../../assets/hook/lab.bash"),
            Shell::Zsh => include_str!("../../../assets/hook/lab.zsh"),
            Shell::Fish => include_str!("../../../assets/hook/lab.fish"),
        };
        let file = quoted(&WatchPlace::new(&config).hook_file())?;
        let program = quoted(&config.executable)?;
        context
            .print_bytes(script.replace("@HOOK_FILE@", &file).replace("@LAB@", &program).as_bytes())
            .map_err(crate::error::output)?;
        Ok(0)
    }
}

/// A path as a word of any of the shells.
fn quoted(path: &Path) -> Result<String> {
    match path.to_str() {
        Some(text) if !text.contains(['\'', '\\', '\n']) => Ok(format!("'{text}'")),
        _ => Err(Error::new(ErrorKind::Usage, format!("A shell cannot be told this path: {}", path.display()))
            .hint("choose another place with LAB_NOTEBOOK")),
    }
}

/// `lab __hook start FILE PID SEQUENCE DIRECTORY COMMAND [SECONDS]`, `lab __hook end FILE PID SEQUENCE EXIT`: what a
/// shell calls whose builtins cannot do it. Read before anything else, since somebody waits. False when
/// the arguments are something else.
pub fn quick(arguments: &[std::ffi::OsString]) -> bool {
    let text = |place: usize| arguments.get(place).and_then(|word| word.to_str());
    if text(1) != Some("__hook") {
        return false;
    }
    let message = || {
        let (shell, sequence) = (text(4)?.parse().ok()?, text(5)?.parse().ok()?);
        match text(2)? {
            "start" => Some(HookMessage::Start {
                shell,
                sequence,
                cwd: PathBuf::from(arguments.get(6)?),
                command: arguments.get(7)?.to_string_lossy().into_owned(),
            }),
            _ => Some(HookMessage::End { shell, sequence, exit_code: text(6)?.parse().ok()? }),
        }
    };
    let patience = text(8).and_then(|seconds| Duration::try_from_secs_f64(seconds.parse().ok()?).ok());
    if let (Some(file), Some(message)) = (arguments.get(3), message())
        && let Some(hint) = tell(Path::new(file), &message, patience)
    {
        let mut out = std::io::stdout();
        // A shell that does not listen gets no hint.
        let _ = std::io::Write::write_all(&mut out, format!("{hint}\n").as_bytes());
    }
    true
}
