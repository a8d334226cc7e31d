//! Runs a command as `lab run` does, with a sink that writes down what it is told. Both processes of a
//! run are this program; the tests drive it.
//!
//! `supervised FOLDER [--terminal] [--trace] [--helped] -- command…`: in FOLDER, `log` gets the output, `events` one line
//! for each thing that happened, `front` and `supervisor` the process ids, `trace` the files that were opened.

#![expect(clippy::unwrap_used, clippy::exit, clippy::disallowed_methods, reason = "a program for tests")]

use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use lab_exec::trace::Trace;
use lab_exec::{Error, Exit, Front, Launch, Outcome, Sample, Sink, Stream};

struct Notes {
    folder: PathBuf,
    log: File,
}

impl Notes {
    fn open(payload: &[u8]) -> Self {
        let folder = PathBuf::from(OsStr::from_bytes(payload));
        let log = OpenOptions::new().create(true).append(true).open(folder.join("log")).unwrap();
        Self { folder, log }
    }

    fn event(&self, text: &str) {
        event(&self.folder, text);
    }
}

fn event(folder: &Path, text: &str) {
    let mut file = OpenOptions::new().create(true).append(true).open(folder.join("events")).unwrap();
    file.write_all(format!("{text}\n").as_bytes()).unwrap();
}

impl Sink for Notes {
    fn output(&mut self, stream: Stream, _millis: u64, bytes: &[u8]) {
        let name = format!("log.{stream:?}");
        let mut file = OpenOptions::new().create(true).append(true).open(self.folder.join(name)).unwrap();
        file.write_all(bytes).unwrap();
        self.log.write_all(bytes).unwrap();
    }

    fn sample(&mut self, sample: &Sample) {
        self.event(&format!("sample {} {}", sample.processes, sample.memory_bytes));
    }
}

fn describe(exit: &Exit) -> String {
    let Exit { ended, output_closed, left_behind, lost_output_bytes, .. } = exit;
    format!("{ended:?} closed={output_closed} left={left_behind} lost={lost_output_bytes}")
}

fn supervise() {
    let result = lab_exec::supervise(
        |tracer| {
            std::thread::spawn(move || tracer.serve());
        },
        |payload, pid| {
            let notes = Notes::open(payload);
            std::fs::write(notes.folder.join("command.part"), pid.unwrap_or(0).to_string()).unwrap();
            std::fs::rename(notes.folder.join("command.part"), notes.folder.join("command")).unwrap();
            notes
        },
        |payload, notes, exit, front_alive| {
            notes.event(&format!("finish {} front={front_alive}", describe(exit)));
            payload.to_vec()
        },
    );
    if result.is_err() {
        std::process::exit(1);
    }
}

fn main() {
    let mut arguments = std::env::args_os().skip(1);
    let folder = arguments.next().unwrap();
    if folder == "--supervise" {
        return supervise();
    }
    let (mut terminal, mut trace, mut helper) = (false, false, None);
    let mut argv: Vec<OsString> = arguments.collect();
    while argv[0] != "--" {
        let option = argv.remove(0);
        terminal |= option == "--terminal";
        trace |= option == "--trace" || option == "--helped";
        helper = helper.or_else(|| (option == "--helped").then(|| PathBuf::from(&folder)));
    }
    argv.remove(0);
    let folder = PathBuf::from(folder);
    let launch = Launch {
        argv,
        cwd: std::env::current_dir().unwrap(),
        set_env: vec![("SUPERVISED".into(), "yes".into())],
        terminal: terminal && lab_exec::is_interactive(),
        trace,
    };
    let executable = std::env::current_exe().unwrap();
    let mut front = Front::spawn(&executable, &["--supervise".as_ref()], &launch).unwrap();
    std::fs::write(folder.join("supervisor"), front.supervisor_pid().to_string()).unwrap();
    if let Some(gate) = std::env::var_os("SUPERVISED_GATE") {
        event(&folder, "before gate");
        let _ = std::fs::read(gate);
    }
    let own = folder.join("own");
    let root = std::env::current_dir().unwrap();
    let trace = trace.then(|| Trace { log: folder.join("trace"), root, own, helper });
    match front.go(folder.as_os_str().as_bytes(), trace.as_ref()) {
        Ok(()) => {}
        Err(Error::Interrupted { signal }) => {
            event(&folder, &format!("interrupted {signal}"));
            std::process::exit(lab_exec::end_by_signal(signal));
        }
        Err(error) => panic!("{error}"),
    }
    let exit = match front.wait(Notes::open).unwrap() {
        Outcome::Finished { reply, exit } => {
            assert_eq!(reply, folder.as_os_str().as_bytes());
            event(&folder, &format!("finished {}", describe(&exit)));
            exit
        }
        Outcome::TookOver { exit, sink } => {
            sink.event(&format!("took over {}", describe(&exit)));
            exit
        }
    };
    std::process::exit(lab_exec::end_like(&exit));
}
