//! Who is left of a program, seen from outside.
//!
//! In: a command that is about to be run. Out: the processes that came of it and are alive, and
//! waiting for their end. What always holds: a process counts as the program's, whoever its parent
//! is by now, when the kernel shows the program's mark in the environment that it was started with,
//! or when it is of the program's session (an environment cannot be seen during an `exec`); each is
//! waited for and signalled through a pidfd that was opened before it was looked at, so a recycled
//! process id is never taken for it.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

/// The environment variable whose value tells one observed program from all others.
const VARIABLE: &str = "PROCESSION_OBSERVED";

/// A program under observation: itself and whatever comes of it.
pub(crate) struct Observed {
    entry: String,
    /// That of the main process, once it runs. It may lead a session of its own.
    pid: Option<i32>,
}

/// A process of the program.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) pid: i32,
    pub(crate) parent: i32,
    /// As `ps` shows it: the first 15 bytes.
    pub(crate) name: String,
    pidfd: OwnedFd,
}

impl Observed {
    /// Marks what `command` will start.
    pub(crate) fn mark(command: &mut Command) -> Self {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}-{number}", std::process::id());
        command.env(VARIABLE, &mark);
        Self { entry: format!("{VARIABLE}={mark}"), pid: None }
    }

    /// Says which process the marked command became.
    pub(crate) fn is_running_as(&mut self, pid: i32) {
        self.pid = Some(pid);
    }

    /// Its processes that have not ended, by one look at `/proc`.
    pub(crate) fn alive(&self) -> Vec<Member> {
        let numbers = fs::read_dir("/proc").expect("/proc is mounted").filter_map(|entry| {
            entry.ok()?.file_name().to_str()?.parse::<i32>().ok().and_then(Pid::from_raw)
        });
        numbers.filter_map(|pid| self.member(pid)).collect()
    }

    fn member(&self, pid: Pid) -> Option<Member> {
        let pidfd = pidfd_open(pid, PidfdFlags::empty()).ok()?;
        let raw = pid.as_raw_pid();
        let environment = fs::read(format!("/proc/{raw}/environ")).unwrap_or_default();
        let marked = environment.split(|&byte| byte == 0).any(|one| one == self.entry.as_bytes());
        let Stat { name, parent, state, session } = Stat::read(raw)?;
        if state == 'Z' || !(marked || Some(session) == self.pid) {
            return None;
        }
        let member = Member { pid: raw, parent, name, pidfd };
        // If it has ended meanwhile, all this may have been read of another process.
        (!member.has_ended()).then_some(member)
    }

    /// Waits until nobody is alive but processes named `excepted`.
    pub(crate) fn wait_until_gone(&self, excepted: &[&str], deadline: Instant) -> Gone {
        let mut at = Instant::now();
        let mut empty_looks = 0;
        // A process that was born behind the reader's back is seen by the second look.
        while empty_looks < 2 {
            let mut left = self.alive();
            left.retain(|member| !excepted.contains(&member.name.as_str()));
            empty_looks = if left.is_empty() { empty_looks + 1 } else { 0 };
            left.retain(|member| !member.wait_for_end(deadline));
            if !left.is_empty() {
                return Gone { at: None, left };
            }
            if empty_looks == 0 {
                at = Instant::now();
            }
        }
        Gone { at: Some(at), left: Vec::new() }
    }
}

/// How a wait for the end of a program ended.
#[derive(Debug)]
pub(crate) struct Gone {
    /// When the last of its processes had ended.
    pub(crate) at: Option<Instant>,
    /// Those alive at the deadline.
    pub(crate) left: Vec<Member>,
}

impl Member {
    pub(crate) fn has_ended(&self) -> bool {
        self.wait_for_end(Instant::now())
    }

    /// Whether it has ended by the deadline.
    pub(crate) fn wait_for_end(&self, deadline: Instant) -> bool {
        readable(self.pidfd.as_fd(), deadline)
    }

    /// Sends a signal; one that has ended is no error.
    pub(crate) fn signal(&self, signal: Signal) {
        let _ = pidfd_send_signal(&self.pidfd, signal);
    }
}

/// Waits until `descriptor` has something to read or is hung up; whether it came by the deadline.
pub(crate) fn readable(descriptor: BorrowedFd<'_>, deadline: Instant) -> bool {
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).expect("a deadline of this century");
        match poll(&mut [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)], Some(&left)) {
            Ok(ready) => return ready > 0,
            Err(error) => assert_eq!(error, rustix::io::Errno::INTR, "poll"),
        }
    }
}

/// What `/proc/PID/stat` says of a process.
#[derive(Debug)]
pub(crate) struct Stat {
    pub(crate) name: String,
    /// `Z` for one that has ended and was not reaped.
    pub(crate) state: char,
    pub(crate) parent: i32,
    pub(crate) session: i32,
}

impl Stat {
    /// None where there is no such process.
    pub(crate) fn read(pid: i32) -> Option<Self> {
        let text = fs::read(format!("/proc/{pid}/stat")).ok()?;
        // The name stands in brackets and may itself hold brackets and blanks.
        let open = text.iter().position(|&byte| byte == b'(')?;
        let close = text.iter().rposition(|&byte| byte == b')')?;
        let name = OsStr::from_bytes(&text[open + 1..close]).to_string_lossy().into_owned();
        let rest = String::from_utf8_lossy(&text[close + 1..]).into_owned();
        let mut fields = rest.split_whitespace();
        let state = fields.next()?.chars().next()?;
        let mut number = || fields.next()?.parse().ok();
        let (parent, _group, session) = (number()?, number()?, number()?);
        Some(Self { name, state, parent, session })
    }

    /// Every process there is.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        let entries = fs::read_dir("/proc").expect("/proc is mounted");
        entries.filter_map(|entry| Self::read(entry.ok()?.file_name().to_str()?.parse().ok()?))
    }
}
