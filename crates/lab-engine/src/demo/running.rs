//! The run of the demo that goes on: a process that only waits, and a thread that prints for it.

use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use lab_exec::{Ended, Exit};
use lab_model::{RunId, Usage};
use lab_store::RecordKind;

use super::Pace;
use super::course::Shape;
use crate::live::{LiveRun, LiveWriter};
use crate::run::{Payload, key_of};
use crate::supervise::{RunSink, finish};
use crate::{Engine, EngineConfig, Error, ErrorKind, Result};

/// How often it is looked whether somebody has stopped it.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// A run that goes on until it is dropped, is stopped, or has come to its end.
pub(super) struct Running {
    pub run: RunId,
    stop: SyncSender<()>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts the process and keeps the start; `line` lines are printed already.
    pub fn start(
        config: EngineConfig,
        mut payload: Payload,
        writer: LiveWriter,
        shape: Shape,
        line: u64,
        pace: Pace,
    ) -> Result<Self> {
        // It waits for input that never comes. When this process goes, however that ends, so does it, and what
        // it was about.
        let process = Command::new("sh")
            .args(["-c", "cat; rm -rf -- \"$0\""])
            .arg(config.key_file.parent().unwrap_or(&config.key_file))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn();
        let process = process.map_err(|error| Error::new(ErrorKind::Missing, "Cannot start sh").because(error))?;
        let mut process = Process(process);
        payload.start.supervisor = key_of(i32::try_from(process.0.id()).unwrap_or_default());
        let engine = Engine::open_existing(config.clone())?;
        LiveRun::new(&engine.notebook.live_dir(), &payload.start.run).adopt(&payload.start.supervisor)?;
        engine.append(&mut |encoder, writer| {
            writer.append(encoder.json(RecordKind::RunStart, &payload.start))?;
            Ok(())
        })?;
        let run = payload.start.run.clone();
        let (stop, stopped) = sync_channel(1);
        let mut printer =
            Printer { writer, shape, line, pace, begun: Instant::now(), before: line * shape.millis_per_line() };
        let body = move || loop {
            match stopped.recv_timeout(LOOK_EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                _ => return,
            }
            if let Some(ended) = process.ended().or_else(|| printer.print()) {
                drop(process);
                return printer.close(&config, &payload, ended);
            }
        };
        let thread = std::thread::Builder::new().name("lab-demo".to_owned()).spawn(body);
        let thread =
            thread.map_err(|error| Error::new(ErrorKind::Busy, "The system gives no more threads").because(error))?;
        Ok(Self { run, stop, thread: Some(thread) })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Should the run have ended, nobody listens any more.
        let _ = self.stop.try_send(());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// The process of the run; it never outlives this.
struct Process(Child);

impl Process {
    /// How it has ended, where it has.
    fn ended(&mut self) -> Option<Ended> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.0.try_wait().ok()??;
        Some(status.signal().map_or_else(|| Ended::Exited(status.code().unwrap_or_default()), Ended::Signaled))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Printer {
    writer: LiveWriter,
    shape: Shape,
    line: u64,
    pace: Pace,
    begun: Instant,
    /// How long the run had gone on before this thread began, in milliseconds.
    before: u64,
}

impl Printer {
    fn millis(&self) -> u64 {
        self.before + u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Prints what is due. Gives how the run has ended when there is nothing more to print.
    fn print(&mut self) -> Option<Ended> {
        if self.pace == Pace::Still {
            return None;
        }
        let millis = self.millis();
        while (self.line + 1) * self.shape.millis_per_line() <= millis {
            if self.line == self.shape.lines {
                return Some(Ended::Exited(0));
            }
            self.line += 1;
            self.writer.output("out", millis, format!("{}\n", self.shape.line(self.line)).as_bytes());
            self.writer.sample(&self.shape.sample(millis, self.line));
            self.writer.tick(millis);
        }
        None
    }

    fn close(self, config: &EngineConfig, payload: &Payload, ended: Ended) {
        let duration_millis = self.millis();
        let Ok(engine) = Engine::open_existing(config.clone()) else { return };
        let exit = Exit {
            ended,
            usage: Usage::default(),
            duration_millis,
            output_closed: false,
            lost_output_bytes: 0,
            left_behind: false,
        };
        // What could not be kept is said by the next command, which finds the run lost.
        let _ = finish(&engine, payload, RunSink::of(self.writer), &exit);
    }
}
