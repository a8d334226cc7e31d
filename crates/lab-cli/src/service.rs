//! `lab watch install`: lets the person's own service manager start the watcher at login. No root.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use lab_engine::{EngineConfig, Error, ErrorKind, Result};

use crate::context::Context;

const UNIT: &str = "lab-watch.service";
const AGENT: &str = "lab-watch.plist";

/// The unit as packages install it, for the default notebook.
const UNIT_TEXT: &str = include_str!("../../../assets/watch/lab-watch.service");

/// What starts the watcher in it.
const UNIT_COMMAND: &str = "/usr/bin/lab watch --foreground";

/// Writes the service's file and enables it where the service manager answers.
pub fn install(context: &Context) -> Result<u8> {
    let config = context.engine_or_new()?.config().clone();
    let file = file(&config)?;
    if let Some(parent) = file.parent() {
        std::fs::create_dir_all(parent).map_err(|error| Error::disk("create", parent, error))?;
    }
    let text = if cfg!(target_os = "macos") { agent(&config) } else { unit(&config) };
    std::fs::write(&file, text).map_err(|error| Error::disk("write", &file, error))?;
    context.say(&format!("Wrote {}", file.display()));
    if cfg!(target_os = "macos") {
        let loaded = ran("launchctl", &["load", "-w", &file.to_string_lossy()]);
        context.say(if loaded { "It starts now and at every login" } else { "It starts at the next login" });
    } else if ran("systemctl", &["--user", "daemon-reload"]) && ran("systemctl", &["--user", "enable", UNIT]) {
        let started = ran("systemctl", &["--user", "restart", UNIT]);
        context.say(if started { "It starts now and at every login" } else { "It starts at every login" });
    } else {
        context.say(&format!(
            "The service manager does not answer here. In a login session: systemctl --user enable --now {UNIT}\n\
             Without systemd, put `lab watch start` into ~/.profile"
        ));
    }
    Ok(0)
}

/// Takes it away again.
pub fn uninstall(context: &Context) -> Result<u8> {
    let file = file(&context.config()?)?;
    if cfg!(target_os = "macos") {
        ran("launchctl", &["unload", "-w", &file.to_string_lossy()]);
    } else {
        ran("systemctl", &["--user", "disable", "--now", UNIT]);
    }
    match std::fs::remove_file(&file) {
        Ok(()) => context.say(&format!("Removed {}", file.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => context.say("It was not installed"),
        Err(error) => return Err(Error::disk("remove", &file, error)),
    }
    Ok(0)
}

fn file(config: &EngineConfig) -> Result<PathBuf> {
    let home = || {
        let home = config.variable("HOME").map(PathBuf::from);
        home.ok_or_else(|| Error::new(ErrorKind::Usage, "There is no home directory to install into"))
    };
    if cfg!(target_os = "macos") {
        return Ok(home()?.join("Library/LaunchAgents").join(AGENT));
    }
    let base = match config.variable("XDG_CONFIG_HOME").filter(|base| Path::new(base).is_absolute()) {
        Some(base) => PathBuf::from(base),
        None => home()?.join(".config"),
    };
    Ok(base.join("systemd/user").join(UNIT))
}

/// The unit: one that fails is started again, and its stop never touches a run.
fn unit(config: &EngineConfig) -> String {
    let quoted = |path: &Path| {
        let text =
            path.to_string_lossy().replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
        format!("\"{text}\"")
    };
    let command = format!("{} watch --foreground --notebook {}", quoted(&config.executable), quoted(&config.notebook));
    UNIT_TEXT.replace(UNIT_COMMAND, &command)
}

fn agent(config: &EngineConfig) -> String {
    let text = |path: &Path| path.to_string_lossy().replace('&', "&amp;").replace('<', "&lt;");
    let words =
        [text(&config.executable), "watch".into(), "--foreground".into(), "--notebook".into(), text(&config.notebook)];
    let words: String = words.iter().map(|word| format!("<string>{word}</string>")).collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<plist version=\"1.0\"><dict>\n\
         <key>Label</key><string>lab-watch</string>\n\
         <key>ProgramArguments</key><array>{words}</array>\n\
         <key>RunAtLoad</key><true/>\n\
         <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>\n</dict></plist>\n"
    )
}

fn ran(program: &str, arguments: &[&str]) -> bool {
    let quiet = || Stdio::null();
    let status = Command::new(program).args(arguments).stdin(quiet()).stdout(quiet()).stderr(quiet()).status();
    status.is_ok_and(|status| status.success())
}
