//! Which signals are passed on, and which came from a terminal.
//!
//! In: the signals of this process, on a descriptor. Out: which children have ended, and what to
//! pass on. What always holds: what a terminal sends has reached the program already, as it stands
//! in the same group; only what somebody sent to this very process is passed on. The signals by
//! which a terminal stops and continues are left as they are, so that all three stop together.

use nix::sys::signal::{SigSet, SigmaskHow, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// What is passed on to the program.
const PASSED: [Signal; 12] = [
    Signal::SIGHUP,
    Signal::SIGINT,
    Signal::SIGQUIT,
    Signal::SIGTERM,
    Signal::SIGUSR1,
    Signal::SIGUSR2,
    Signal::SIGALRM,
    Signal::SIGVTALRM,
    Signal::SIGPROF,
    Signal::SIGIO,
    Signal::SIGPWR,
    Signal::SIGURG,
];

/// What asks a program to stop.
const STOPS: [Signal; 4] = [Signal::SIGHUP, Signal::SIGINT, Signal::SIGQUIT, Signal::SIGTERM];

/// The signals of this process.
#[derive(Debug)]
pub(crate) struct Signals(SignalFd);

/// One that arrived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arrived {
    /// A child has ended, or several.
    Child,
    /// Somebody sent it to this process: it is passed on.
    Sent(i32),
    /// The terminal sent it to all of its foreground group.
    Terminal(i32),
}

impl Signals {
    /// Takes over the signals; before any thread is started, so that none has them unblocked.
    pub(crate) fn take() -> io::Result<Signals> {
        let set = taken();
        nix::sys::signal::pthread_sigmask(SigmaskHow::SIG_BLOCK, Some(&set), None)?;
        let flags = SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK;
        Ok(Signals(SignalFd::with_flags(&set, flags)?))
    }

    /// The next one that has arrived, without waiting.
    pub(crate) fn next(&self) -> Option<Arrived> {
        let info = self.0.read_signal().ok()??;
        let signal = i32::try_from(info.ssi_signo).ok()?;
        Some(match info.ssi_code {
            _ if signal == Signal::SIGCHLD as i32 => Arrived::Child,
            // From a process, by kill, tgkill or sigqueue.
            ..=0 => Arrived::Sent(signal),
            _ => Arrived::Terminal(signal),
        })
    }
}

/// Gives them back, in a process that is to become a program: blocked signals stay blocked over
/// fork and exec.
pub(crate) fn give_back() -> io::Result<()> {
    Ok(nix::sys::signal::pthread_sigmask(SigmaskHow::SIG_UNBLOCK, Some(&taken()), None)?)
}

fn taken() -> SigSet {
    PASSED.into_iter().chain([Signal::SIGCHLD]).collect()
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Whether this signal asks a program to stop.
pub(crate) fn asks_to_stop(signal: i32) -> bool {
    STOPS.iter().any(|stop| *stop as i32 == signal)
}
