//! Starting the command itself.

#![expect(unsafe_code, reason = "some things can be done only between fork and exec")]

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;

use crate::trace::Hook;
use crate::{Launch, LaunchFailure};

/// The three standard streams of the command.
#[derive(Debug)]
pub(crate) struct Streams {
    pub(crate) stdin: OwnedFd,
    pub(crate) stdout: OwnedFd,
    pub(crate) stderr: OwnedFd,
    /// They are a terminal of the command's own.
    pub(crate) terminal: bool,
}

/// Starts the command and returns its process id. With a terminal it leads a session of its own;
/// without one it stays in the group of the front, so that the shell and the user's terminal treat it as
/// if it had been started alone.
pub(crate) fn start(launch: &Launch, streams: &Streams, hook: Option<Hook>) -> Result<i32, LaunchFailure> {
    let hook = hook.map(Arc::new);
    let program = launch.argv.first().ok_or(LaunchFailure::NotFound)?;
    if program.is_empty() {
        return Err(LaunchFailure::NotFound);
    }
    let mut result = spawn(program, &launch.argv[1..], launch, streams, hook.as_ref());
    if result.as_ref().is_err_and(|error| error.raw_os_error() == Some(libc::ENOEXEC))
        && program.as_bytes().contains(&b'/')
    {
        // A script without a first line that names its interpreter: shells run it with sh.
        result = spawn(OsStr::new("/bin/sh"), &launch.argv, launch, streams, hook.as_ref());
    }
    match result {
        // The handle is let go: who waits is decided elsewhere, and by number.
        Ok(child) => Ok(i32::try_from(child.id()).unwrap_or(0)),
        Err(error) => Err(explain(&error, launch, program)),
    }
}

fn spawn(
    program: &OsStr,
    arguments: &[std::ffi::OsString],
    launch: &Launch,
    streams: &Streams,
    hook: Option<&Arc<Hook>>,
) -> io::Result<Child> {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(&launch.cwd)
        .envs(launch.set_env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::from(streams.stdin.try_clone()?))
        .stdout(Stdio::from(streams.stdout.try_clone()?))
        .stderr(Stdio::from(streams.stderr.try_clone()?));
    if streams.terminal {
        // SAFETY: both calls are plain system calls, which a forked process may make.
        unsafe {
            command.pre_exec(|| {
                rustix::process::setsid()?;
                rustix::process::ioctl_tiocsctty(rustix::stdio::stdin())?;
                Ok(())
            });
        }
    }
    if let Some(hook) = hook.map(Arc::clone) {
        command.envs(hook.environment());
        // SAFETY: it makes plain system calls, which a forked process may make. The last that is done, so that
        // only the program's own calls are seen.
        unsafe {
            command.pre_exec(move || {
                hook.attach();
                Ok(())
            });
        }
    }
    command.spawn()
}

fn explain(error: &io::Error, launch: &Launch, program: &OsStr) -> LaunchFailure {
    let message = error.to_string();
    if !launch.cwd.is_dir() {
        return LaunchFailure::NoDirectory;
    }
    match error.kind() {
        // An interpreter that is not there makes a script that is there "not found".
        io::ErrorKind::NotFound
            if program.as_bytes().contains(&b'/') && launch.cwd.join(Path::new(program)).exists() =>
        {
            LaunchFailure::NotExecutable { message: "its interpreter is not there".into() }
        }
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => LaunchFailure::NotFound,
        io::ErrorKind::PermissionDenied | io::ErrorKind::IsADirectory => LaunchFailure::NotExecutable { message },
        _ if error.raw_os_error() == Some(libc::ENOEXEC) => LaunchFailure::NotExecutable { message },
        _ => LaunchFailure::System { message },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn failure(argv: &[&str], cwd: &Path) -> LaunchFailure {
        let null = || OwnedFd::from(std::fs::OpenOptions::new().read(true).write(true).open("/dev/null").unwrap());
        let streams = Streams { stdin: null(), stdout: null(), stderr: null(), terminal: false };
        let launch = Launch {
            argv: argv.iter().map(Into::into).collect(),
            cwd: cwd.into(),
            set_env: Vec::new(),
            terminal: false,
            trace: false,
        };
        start(&launch, &streams, None).unwrap_err()
    }

    #[test]
    fn each_reason_has_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str, mode: u32| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let plain = write("plain", "text", 0o644);
        let orphan = write("orphan", "#!/no/such/interpreter\n", 0o755);
        let cwd = folder.path();
        assert_eq!(failure(&["no-such-program-anywhere"], cwd), LaunchFailure::NotFound);
        assert_eq!(failure(&["./nothing"], cwd), LaunchFailure::NotFound);
        assert_eq!(failure(&[""], cwd), LaunchFailure::NotFound);
        assert_eq!(failure(&[], cwd), LaunchFailure::NotFound);
        assert_eq!(failure(&["plain/below"], cwd), LaunchFailure::NotFound);
        assert_eq!(failure(&["true"], &cwd.join("gone")), LaunchFailure::NoDirectory);
        assert!(matches!(failure(&[&plain], cwd), LaunchFailure::NotExecutable { .. }));
        assert!(matches!(failure(&[cwd.to_str().unwrap()], cwd), LaunchFailure::NotExecutable { .. }));
        assert!(matches!(failure(&[&orphan], cwd), LaunchFailure::NotExecutable { .. }));
        assert!(matches!(failure(&["a\0b"], cwd), LaunchFailure::System { .. }));
    }
}
