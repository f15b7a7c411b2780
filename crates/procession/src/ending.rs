//! How a process ended: one pure table.
//!
//! In: what the child answered, if anything, and how its process left, if it has. Out: the value's
//! parcel or an [`Ending`]. What always holds: an answer that arrived whole decides, whatever
//! happened to the process afterwards; only without one does the way of its leaving decide.

use crate::failure::Failure;
use crate::frame::{Answer, Panic, Returned};
use crate::handle::Outcome;
use crate::usage::ResourceUsage;
use std::fmt;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// How a process left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It was reaped, with this status.
    Reaped(ExitStatus),
    /// It was killed because its time was over.
    TimedOut,
    /// It is gone, and whoever could have told how is gone too.
    Lost,
}

/// How a process ended that gave no value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Ending {
    /// Its function panicked.
    Panicked(Panic),
    /// It exited with this code before its function returned, as by `std::process::exit`. Code 0
    /// is an error too: there is no value.
    Exited(i32),
    /// A signal ended it.
    Killed {
        /// The signal's number.
        signal: i32,
        /// Whether the kernel wrote a core dump.
        core_dumped: bool,
    },
    /// It was killed because it ran longer than its plan allows
    /// ([`Process::timeout`](crate::Process::timeout)).
    TimedOut,
    /// The stack of its main thread overflowed.
    StackOverflow,
    /// It aborted because memory could not be allocated: the last error of the thread that
    /// aborted was `ENOMEM`. Told apart under a limit on memory
    /// ([`Limits::memory`](crate::Limits::memory)); else it is a kill by SIGABRT.
    OutOfMemory,
    /// Its function was not called: the child says why. Another build of the program, arguments
    /// that cannot be read, a directory that cannot be entered.
    Refused(String),
    /// Its function returned, but the value could not be written there or read here.
    Undecodable(String),
    /// Its function returned an error, and the process was joined by
    /// [`Child::join_flat`](crate::Child::join_flat).
    Failed(Failure),
    /// The process is gone, and its status with the fork server, which was killed.
    Lost,
    /// [`stop`](crate::Child::stop) could not end it, for this reason: it goes on.
    NotStopped(String),
    /// The value was taken by an earlier call on the same handle.
    Taken,
}

/// Judges an ending; none while neither answer nor exit is known.
pub(crate) fn verdict(
    answer: Option<Answer>,
    exit: Option<Exit>,
) -> Option<Result<Returned, Ending>> {
    let ending = match (answer, exit) {
        (Some(Answer::Returned(value)), _) => return Some(Ok(value)),
        (Some(Answer::Panicked(panic)), _) => Ending::Panicked(panic),
        (Some(Answer::Refused(why)), _) => Ending::Refused(why),
        (Some(Answer::Unencodable(why) | Answer::Garbled(why)), _) => Ending::Undecodable(why),
        (Some(Answer::StackOverflow), _) => Ending::StackOverflow,
        (Some(Answer::OutOfMemory), _) => Ending::OutOfMemory,
        (None, Some(Exit::TimedOut)) => Ending::TimedOut,
        (None, Some(Exit::Lost)) => Ending::Lost,
        (None, Some(Exit::Reaped(status))) => match (status.code(), status.signal()) {
            (_, Some(signal)) => Ending::Killed { signal, core_dumped: status.core_dumped() },
            (code, None) => Ending::Exited(code.unwrap_or_default()),
        },
        (None, None) => return None,
    };
    Some(Err(ending))
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panicked(panic) => panic.fmt(f),
            Self::Exited(code) => write!(f, "exited with code {code} before it gave a value"),
            Self::Killed { signal, core_dumped } => {
                let core = if *core_dumped { ", core dumped" } else { "" };
                let (name, why) = (signal_name(*signal), reason(*signal));
                write!(f, "was killed by signal {signal} ({name}{why}){core}")
            }
            Self::TimedOut => f.write_str("was killed because it ran longer than its timeout"),
            Self::StackOverflow => f.write_str("overflowed the stack of its main thread"),
            Self::OutOfMemory => f.write_str("aborted because memory could not be allocated"),
            Self::Refused(why) => write!(f, "did not call its function: {why}"),
            Self::Undecodable(why) => write!(f, "gave a value that cannot be read: {why}"),
            Self::Failed(failure) => write!(f, "failed: {failure:#}"),
            Self::Lost => f.write_str("is gone, and how it ended is lost with its fork server"),
            Self::NotStopped(why) => write!(f, "could not be stopped and goes on: {why}"),
            Self::Taken => f.write_str("was joined before, and its value was taken then"),
        }
    }
}

/// The name of a signal on Linux, signal(7).
fn signal_name(signal: i32) -> &'static str {
    const NAMES: [&str; 32] = [
        "unknown",
        "SIGHUP",
        "SIGINT",
        "SIGQUIT",
        "SIGILL",
        "SIGTRAP",
        "SIGABRT",
        "SIGBUS",
        "SIGFPE",
        "SIGKILL",
        "SIGUSR1",
        "SIGSEGV",
        "SIGUSR2",
        "SIGPIPE",
        "SIGALRM",
        "SIGTERM",
        "SIGSTKFLT",
        "SIGCHLD",
        "SIGCONT",
        "SIGSTOP",
        "SIGTSTP",
        "SIGTTIN",
        "SIGTTOU",
        "SIGURG",
        "SIGXCPU",
        "SIGXFSZ",
        "SIGVTALRM",
        "SIGPROF",
        "SIGWINCH",
        "SIGIO",
        "SIGPWR",
        "SIGSYS",
    ];
    usize::try_from(signal).ok().and_then(|at| NAMES.get(at).copied()).unwrap_or("real-time")
}

/// What a signal means that the kernel sends for one reason only.
fn reason(signal: i32) -> &'static str {
    match signal_name(signal) {
        "SIGXCPU" => ": its limit on processor time",
        "SIGXFSZ" => ": its limit on the size of a file",
        "SIGSYS" => ": a system call that its sandbox forbids",
        _ => "",
    }
}

/// A process gave no value: which one, and how it ended.
///
/// ```
/// use procession::Process;
///
/// # fn main() -> Result<(), procession::StartError> {
/// let error = Process::new(|| std::process::exit(3), ()).name("short").start()?.join();
/// # let error: Result<(), _> = error;
/// let error = error.unwrap_err();
/// assert_eq!(error.exit_code(), Some(3));
/// assert!(error.to_string().starts_with("process `short` (pid "));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct JoinError(Box<Details>);

#[derive(Clone, Debug)]
struct Details {
    name: String,
    id: u32,
    ending: Ending,
    stderr: String,
    outcome: Option<Outcome>,
}

impl JoinError {
    pub(crate) fn new(name: &str, id: u32, ending: Ending, stderr: &[u8]) -> Self {
        let stderr = String::from_utf8_lossy(stderr).into_owned();
        Self(Box::new(Details { name: name.to_owned(), id, ending, stderr, outcome: None }))
    }

    pub(crate) fn with_outcome(mut self, outcome: Option<Outcome>) -> Self {
        self.0.outcome = outcome;
        self
    }

    /// How it ended.
    pub fn ending(&self) -> &Ending {
        &self.0.ending
    }

    /// The process's name.
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The process's id, which may be somebody else's by now.
    pub fn id(&self) -> u32 {
        self.0.id
    }

    /// The panic, if its function panicked.
    pub fn panic(&self) -> Option<&Panic> {
        match self.ending() {
            Ending::Panicked(panic) => Some(panic),
            _ => None,
        }
    }

    /// Returns what the function failed with, if it returned an error.
    pub fn failure(&self) -> Option<&Failure> {
        match self.ending() {
            Ending::Failed(failure) => Some(failure),
            _ => None,
        }
    }

    /// The exit code, if it exited without a value.
    #[doc(alias = "exitcode")]
    pub fn exit_code(&self) -> Option<i32> {
        match self.ending() {
            Ending::Exited(code) => Some(*code),
            _ => None,
        }
    }

    /// The number of the signal that killed it, if one did.
    pub fn signal(&self) -> Option<i32> {
        match self.ending() {
            Ending::Killed { signal, .. } => Some(*signal),
            _ => None,
        }
    }

    /// Whether a signal killed it and the kernel wrote a core dump.
    pub fn core_dumped(&self) -> bool {
        matches!(self.ending(), Ending::Killed { core_dumped: true, .. })
    }

    /// Whether its function panicked.
    pub fn is_panic(&self) -> bool {
        self.panic().is_some()
    }

    /// Whether it was killed because it ran longer than its timeout.
    pub fn is_timed_out(&self) -> bool {
        matches!(self.ending(), Ending::TimedOut)
    }

    /// Whether the stack of its main thread overflowed.
    pub fn is_stack_overflow(&self) -> bool {
        matches!(self.ending(), Ending::StackOverflow)
    }

    /// Whether it aborted for want of memory under a limit.
    pub fn is_out_of_memory(&self) -> bool {
        matches!(self.ending(), Ending::OutOfMemory)
    }

    /// Whether its function was never called.
    pub fn is_refused(&self) -> bool {
        matches!(self.ending(), Ending::Refused(_))
    }

    /// Whether its function returned a value that could not be written or read.
    pub fn is_undecodable(&self) -> bool {
        matches!(self.ending(), Ending::Undecodable(_))
    }

    /// Whether its status is lost with a fork server that was killed.
    pub fn is_lost(&self) -> bool {
        matches!(self.ending(), Ending::Lost)
    }

    /// What the process used until it ended. `None` if it had not been reaped yet, as after
    /// [`Child::value`](crate::Child::value), or if its fork server was killed.
    pub fn usage(&self) -> Option<ResourceUsage> {
        self.0.outcome.as_ref().map(|outcome| outcome.usage)
    }

    /// The process ids of descendants that were to end with the process and could not be killed
    /// ([`Process::kill_descendants`](crate::Process::kill_descendants)).
    pub fn survivors(&self) -> &[u32] {
        self.0.outcome.as_ref().map_or(&[], |outcome| &outcome.survivors)
    }

    /// The last of what it wrote to standard error, where that was piped and not taken: at most
    /// 8 KiB, else empty.
    pub fn stderr(&self) -> &str {
        &self.0.stderr
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const LAST_LINES: usize = 5;
        let Details { name, id, ending, stderr, .. } = &*self.0;
        write!(f, "process `{name}` (pid {id}) ")?;
        match ending {
            // The source says why.
            Ending::Failed(_) => f.write_str("failed")?,
            _ => ending.fmt(f)?,
        }
        let lines: Vec<&str> = stderr.lines().collect();
        // What a panic printed is what the ending says already.
        if lines.is_empty() || self.is_panic() {
            return Ok(());
        }
        f.write_str("; its last words on standard error:")?;
        let last = &lines[lines.len().saturating_sub(LAST_LINES)..];
        last.iter().try_for_each(|line| write!(f, "\n  {line}"))
    }
}

/// As `unwrap` shows it: the sentence, and on lines of their own the causes of a failure or the
/// backtrace of a panic.
impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)?;
        if let Some(failure) = self.failure() {
            write!(f, "\n  caused by: {failure:#}")?;
        }
        match self.panic().and_then(Panic::backtrace) {
            Some(backtrace) => write!(f, "\nstack backtrace:\n{backtrace}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for JoinError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.failure().map(|failure| failure as _)
    }
}

#[cfg(test)]
mod tests;
