//! A program run for its events: each line it prints is one.
//!
//! In: a command. Out: its lines, in their order, and its end. What always holds: its output is
//! read all the time, so it never waits for its reader; every wait has a deadline and says what it
//! waited for.

use super::observer::{Observed, readable};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::io::{BufRead, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::{Duration, Instant};

/// How long an event may take that is certain to come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// A running program.
pub(crate) struct Program {
    pub(crate) observed: Observed,
    child: Child,
    pidfd: OwnedFd,
    lines: Receiver<String>,
    seen: Vec<String>,
}

/// Whoever gives up on a program leaves nothing of it running.
impl Drop for Program {
    fn drop(&mut self) {
        // Whoever was being born at the first look is found by the next.
        loop {
            let members = self.observed.alive();
            if members.is_empty() {
                break;
            }
            for member in members {
                member.signal(Signal::KILL);
                member.wait_for_end(Instant::now() + PATIENCE);
            }
        }
        // An error would say that it has been reaped.
        let _ = self.child.wait();
    }
}

impl Program {
    /// Starts `command`, marked, with its output read here.
    pub(crate) fn start(command: &mut Command) -> Self {
        let mut observed = Observed::mark(command);
        let mut child = command.stdout(Stdio::piped()).spawn().expect("the program starts");
        let output = BufReader::new(child.stdout.take().expect("its output is piped"));
        let (sender, lines) = channel();
        thread::spawn(move || {
            for line in output.lines() {
                // Nobody listens any more: the pipe is read to its end all the same.
                let _ = sender.send(line.expect("the program prints text"));
            }
        });
        let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
        observed.is_running_as(pid.as_raw_pid());
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).expect("a pidfd of a child");
        Self { observed, child, pidfd, lines, seen: Vec::new() }
    }

    pub(crate) fn pid(&self) -> i32 {
        i32::try_from(self.child.id()).expect("a process id")
    }

    /// Ends its input, which is open till then if the command said that it is piped.
    pub(crate) fn end_input(&mut self) {
        drop(self.child.stdin.take());
    }

    /// Waits until it has printed `line` `count` times in all.
    pub(crate) fn wait_for(&mut self, line: &str, count: usize) {
        let said = self.has_said(|seen| seen == line, count, Instant::now() + PATIENCE);
        assert!(said, "waiting for {count} x {line:?}; seen: {:?}", self.seen);
    }

    /// Whether it has printed as many lines that are `wanted` by the deadline, or its end.
    pub(crate) fn has_said(
        &mut self,
        wanted: impl Fn(&str) -> bool,
        count: usize,
        deadline: Instant,
    ) -> bool {
        while self.seen.iter().filter(|seen| wanted(seen)).count() < count {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(next) => self.seen.push(next),
                Err(_late_or_ended) => return false,
            }
        }
        true
    }

    /// How often it has printed `line`, as far as has been waited for.
    pub(crate) fn count(&self, line: &str) -> usize {
        self.seen.iter().filter(|seen| *seen == line).count()
    }

    /// Whether it has ended by `deadline`.
    pub(crate) fn has_ended_by(&self, deadline: Instant) -> bool {
        readable(self.pidfd.as_fd(), deadline)
    }

    /// Sends its main process a signal; one that has ended is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let ended = self.has_ended_by(Instant::now() + PATIENCE);
        assert!(ended, "the program is to end; alive: {:?}", self.observed.alive());
        // `wait` would end its input, on which others of its processes may read.
        let status = self.child.try_wait().expect("a child can be waited for");
        status.expect("what has ended has a status")
    }

    /// Every line, once nobody holds its output open any more.
    pub(crate) fn all_lines(&mut self) -> &[String] {
        let deadline = Instant::now() + PATIENCE;
        loop {
            match self.lines.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
                Ok(line) => self.seen.push(line),
                Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => return &self.seen,
                Err(why) => panic!(
                    "waiting for the end of its output: {why}; alive: {:?}",
                    self.observed.alive()
                ),
            }
        }
    }
}
