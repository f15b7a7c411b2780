//! Children that this process forked itself.
//!
//! In: a child that was forked. Out: who is alive, and the end of all at the end of the program.
//! What always holds: a child is reaped by its handle or, once that is dropped, here; nobody's
//! child but ours is ever waited for.

use crate::current::ProcessInfo;
use crate::look::look;
use procession_sys::life::{self, Pid};
use procession_sys::signal;
use procession_sys::wait::{self, Interest};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How long a daemon has from SIGTERM to SIGKILL when its program ends, as the server gives it.
const DAEMON_GRACE: Duration = Duration::from_secs(1);

static FORKED: Mutex<Vec<Forked>> = Mutex::new(Vec::new());

/// A child not known to be reaped.
struct Forked {
    owner: Pid,
    serial: u64,
    info: ProcessInfo,
    detached: bool,
    /// Shared with the handle, which reaps as long as it lives.
    pidfd: Arc<OwnedFd>,
}

/// Takes note of a child, and of those that have ended since.
pub(crate) fn remember(serial: u64, info: ProcessInfo, pidfd: Arc<OwnedFd>) {
    let owner = Pid::own();
    let mut children = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    forget_inherited(&mut children, owner);
    children.retain(|child| !child.is_over());
    children.push(Forked { owner, serial, info, detached: false, pidfd });
}

/// Forgets those of the process that this is a copy of, and does not close their pidfds: the copy
/// may have done so, and have its own files in their places.
fn forget_inherited(children: &mut Vec<Forked>, own: Pid) {
    if children.iter().any(|child| child.owner != own) {
        std::mem::forget(std::mem::take(children));
    }
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
    let mut children = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    let own = Pid::own();
    let found = children.iter_mut().find(|child| child.owner == own && child.serial == serial);
    if let Some(child) = found {
        child.detached = true;
    }
}

/// The children that have not ended.
pub(crate) fn alive() -> Vec<ProcessInfo> {
    let own = Pid::own();
    let children = FORKED.lock().unwrap_or_else(PoisonError::into_inner);
    let alive = children.iter().filter(|child| child.owner == own && !child.has_ended());
    alive.map(|child| child.info.clone()).collect()
}

/// Ends the daemons, waits for the others, and leaves no zombie.
pub(crate) fn close() {
    let own = Pid::own();
    let mut children = look(&FORKED, std::mem::take).unwrap_or_default();
    forget_inherited(&mut children, own);
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
            let _ = life::send_signal(daemon.pidfd.as_fd(), signal::SIGKILL);
            daemon.ended_by(None);
        }
        daemon.reap();
    }
    for other in others.iter().filter(|other| !other.detached) {
        other.ended_by(None);
        other.reap();
    }
}
