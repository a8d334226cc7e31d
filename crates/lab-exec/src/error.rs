use std::io;

/// Why a command could not be run or observed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The command line is empty.
    #[error("there is no command to run")]
    Empty,
    /// A pipe, socket or terminal could not be made or used.
    #[error("could not {action}")]
    System {
        /// What was tried, such as `make a pipe`.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The supervisor's program could not be started.
    #[error("could not start the supervisor {}", program.display())]
    Supervisor {
        /// The program.
        program: std::path::PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The supervisor ended before it had started the command.
    #[error("the supervisor ended before it had started the command")]
    SupervisorGone,
    /// A signal arrived before the command was started, so it was not started.
    #[error("interrupted by signal {signal} before the command was started")]
    Interrupted {
        /// The signal's number.
        signal: i32,
    },
    /// The other process sent something that is not a message.
    #[error("the two processes of a run do not understand each other")]
    Message,
}

/// Gives an error of the system the name of what was tried.
pub(crate) trait Trying<T> {
    fn trying(self, action: &'static str) -> Result<T, Error>;
}

impl<T, E: Into<io::Error>> Trying<T> for Result<T, E> {
    fn trying(self, action: &'static str) -> Result<T, Error> {
        self.map_err(|source| Error::System { action, source: source.into() })
    }
}
