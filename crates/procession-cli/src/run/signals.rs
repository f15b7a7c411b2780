//! Which signals are passed on, and which came from a terminal.
//!
//! In: the signals of this process, on a descriptor. Out: which children have ended, and what to
//! pass on. What always holds: what a terminal sends has reached the program already, as it stands
//! in the same group; only what somebody sent to this very process is passed on. The signals by
//! which a terminal stops and continues are left as they are, so that all three stop together.

use procession_sys::signal::{
    self, AllSignals, SIGCHLD, SIGCONT, SIGHUP, SIGINT, SIGPIPE, SIGQUIT, SIGTERM, SIGTSTP,
    SIGTTIN, SIGTTOU,
};
use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};

/// What is left as it is: what a terminal stops and continues by, and SIGPIPE, which this process
/// causes itself by writing.
const LEFT: [i32; 5] = [SIGCONT, SIGTSTP, SIGTTIN, SIGTTOU, SIGPIPE];

/// The variable that names the signals which the program is to ignore, by their numbers.
pub(crate) const IGNORED: &str = "PROCESSION_RUN_IGNORED";

/// The signals of this process.
#[derive(Debug)]
pub(crate) struct Signals(AllSignals);

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

/// What a signal asks of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Asks {
    /// To end.
    Stop,
    /// To end if it does not know better: many programs read their configuration again.
    HangUp,
    /// Something else.
    Other,
}

impl Signals {
    /// Takes over the signals; before any thread is started, so that none has them unblocked.
    pub(crate) fn take() -> io::Result<Signals> {
        signal::keep_children();
        Ok(Signals(AllSignals::open_all_but(&LEFT)?))
    }

    /// Those that have arrived, without waiting.
    pub(crate) fn arrived(&self) -> Vec<Arrived> {
        let mut all = Vec::new();
        loop {
            let taken = self.0.take();
            if taken.is_empty() {
                return all;
            }
            all.extend(taken.into_iter().map(|(signal, sender)| match sender {
                _ if signal == SIGCHLD => Arrived::Child,
                Some(_) => Arrived::Sent(signal),
                None => Arrived::Terminal(signal),
            }));
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.descriptor().as_fd()
    }
}

/// What this process was started ignoring of what it changes, for [`IGNORED`]; before
/// [`Signals::take`].
pub(crate) fn ignored() -> OsString {
    let children = signal::is_ignored(SIGCHLD).then_some(SIGCHLD);
    let pipe = signal::started_ignoring_pipe().then_some(SIGPIPE);
    let numbers: Vec<String> =
        children.into_iter().chain(pipe).map(|signal| signal.to_string()).collect();
    numbers.join(" ").into()
}

/// Gives the signals back, in a process that is to become a program: blocked signals stay blocked
/// over fork and exec, and ignored ones ignored.
pub(crate) fn give_back() {
    let ignored = std::env::var(IGNORED).unwrap_or_default();
    let is_named =
        |signal: i32| ignored.split_whitespace().any(|number| number.parse() == Ok(signal));
    for changed in [SIGCHLD, SIGPIPE] {
        signal::set_ignored(changed, is_named(changed));
    }
    signal::block_none();
}

/// What this signal asks of a program.
pub(crate) fn asks(signal: i32) -> Asks {
    match signal {
        SIGINT | SIGQUIT | SIGTERM => Asks::Stop,
        SIGHUP => Asks::HangUp,
        _ => Asks::Other,
    }
}
