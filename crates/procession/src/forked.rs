//! Children that this process forked itself.
//!
//! In: a child that was forked. Out: who is alive, and the end of all at the end of the program.
//! What always holds: a child is reaped by its handle or, once that is dropped, here; nobody's
//! child but ours is ever waited for.

use crate::current::{ProcessInfo, name_some};
use crate::look::look;
use procession_sys::life::{self, Pid};
use procession_sys::per_process::PerProcess;
use procession_sys::signal;
use procession_sys::wait::{self, Interest};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a daemon has from SIGTERM to SIGKILL when its program ends, as the server gives it.
const DAEMON_GRACE: Duration = Duration::from_secs(1);

static FORKED: PerProcess<Mutex<Vec<Forked>>> = PerProcess::new(Mutex::default);

/// A child not known to be reaped.
struct Forked {
    serial: u64,
    info: ProcessInfo,
    detached: bool,
    /// Shared with the handle, which reaps as long as it lives.
    pidfd: Arc<OwnedFd>,
}

/// Takes note of a child, and of those that have ended since.
pub(crate) fn remember(serial: u64, info: ProcessInfo, pidfd: Arc<OwnedFd>) {
    let mut children = children();
    children.retain(|child| !child.is_over());
    children.push(Forked { serial, info, detached: false, pidfd });
}

fn children() -> MutexGuard<'static, Vec<Forked>> {
    FORKED.get().lock().unwrap_or_else(PoisonError::into_inner)
}

impl Forked {
    /// Whether it has been dealt with: nobody holds its handle, and it has ended.
    fn is_over(&self) -> bool {
        let over = Arc::strong_count(&self.pidfd) == 1 && self.has_ended();
        if over {
            self.reap();
        }
        over
    }

    fn reap(&self) {
        Pid::told(self.info.id()).and_then(|pid| life::reap(self.pidfd.as_fd(), pid));
    }

    fn has_ended(&self) -> bool {
        self.ended_by(Some(Instant::now()))
    }

    fn ended_by(&self, deadline: Option<Instant>) -> bool {
        let end = [(self.pidfd.as_fd(), Interest::Readable)];
        wait::ready(&end, deadline).is_ok_and(|ready| ready == [true])
    }
}

/// Nobody waits for the child with this number when the program ends.
pub(crate) fn detach(serial: u64) {
    if let Some(child) = children().iter_mut().find(|child| child.serial == serial) {
        child.detached = true;
    }
}

/// The children that have not ended.
pub(crate) fn alive() -> Vec<ProcessInfo> {
    let alive = |child: &&Forked| !child.has_ended();
    children().iter().filter(alive).map(|child| child.info.clone()).collect()
}

/// Ends the daemons, waits for the others, and leaves no zombie. `say` is told for whom, once that
/// takes longer than `silent`.
pub(crate) fn close(silent: Duration, say: impl Fn(&str)) {
    let children = look(FORKED.get(), std::mem::take).unwrap_or_default();
    let (daemons, others): (Vec<Forked>, Vec<Forked>) =
        children.into_iter().partition(|child| child.info.is_daemon());
    for daemon in &daemons {
        let _ = life::send_signal(daemon.pidfd.as_fd(), signal::SIGTERM);
        // A stopped process gets its signal only when it goes on.
        let _ = life::send_signal(daemon.pidfd.as_fd(), signal::SIGCONT);
    }
    let deadline = Instant::now() + DAEMON_GRACE;
    for daemon in &daemons {
        if !daemon.ended_by(Some(deadline)) {
            let killed = life::send_signal(daemon.pidfd.as_fd(), signal::SIGKILL);
            // Where a sandbox refuses it, the kernel kills the daemon as this process ends.
            if killed.is_ok() {
                daemon.ended_by(None);
            }
        }
        daemon.reap();
    }
    let awaited: Vec<&Forked> = others.iter().filter(|other| !other.detached).collect();
    let deadline = Instant::now() + silent;
    if !awaited.iter().all(|other| other.ended_by(Some(deadline))) {
        let alive = awaited.iter().filter(|other| !other.has_ended());
        say(&name_some(alive.map(|other| other.info.name())));
    }
    for other in awaited {
        other.ended_by(None);
        other.reap();
    }
}
