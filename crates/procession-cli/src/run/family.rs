//! Ending all that the program has started.
//!
//! # Invariants
//! - Nothing is left when [`end_all`] returns no survivors: the kernel says so, since this process
//!   adopts the orphans among its descendants.
//! - It returns after the grace, [`LAST_ASKED`] and [`KILLED`], whatever the descendants do.

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use procession_sys::life::Pid;
use procession_sys::subtree::{self, Asked, Left, Spare};
use procession_sys::wait::{Interest, ready};
use std::fmt;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

pub(crate) use procession_sys::subtree::{adopt_orphans, is_descendant, parent_of};

/// How long a process that is asked to end when the grace is over, since it was started late, has
/// before it is killed.
const LAST_ASKED: Duration = Duration::from_secs(1);

/// How long killed processes may take to be gone: one that waits for a disk cannot be killed.
const KILLED: Duration = Duration::from_secs(5);

/// How long a process may run before it is seen, if the end of no other one makes this process look.
const AGAIN: Duration = Duration::from_millis(10);

/// How many ends are waited for at once; a look is taken after [`AGAIN`] in any case.
const MOST_WAITED: usize = 256;

/// Reaps every child that has ended; gives each with how it ended.
pub(crate) fn reap() -> Vec<WaitStatus> {
    let mut ended = Vec::new();
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::StillAlive) => return ended,
            Ok(status) => ended.push(status),
            Err(Errno::EINTR) => {}
            Err(_no_children) => return ended,
        }
    }
}

/// A process that could not be ended.
#[derive(Debug)]
pub(crate) struct Survivor {
    pid: Pid,
    name: String,
    /// This process may not signal it.
    is_immune: bool,
}

impl Survivor {
    fn new(pid: Pid, is_immune: bool) -> Self {
        let name = std::fs::read(format!("/proc/{}/comm", pid.as_raw())).unwrap_or_default();
        let name = String::from_utf8_lossy(&name).chars().filter(|c| !c.is_control()).collect();
        Self { pid, name, is_immune }
    }
}

impl fmt::Display for Survivor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.is_immune {
            "it may not be signalled, as it has another user"
        } else {
            "it was killed and does not end"
        };
        write!(f, "process {} ({}) is left: {why}", self.pid.as_raw(), self.name)
    }
}

/// Ends every descendant: asks each, and after `grace` kills. Without a grace none is asked.
pub(crate) fn end_all(grace: Duration) -> Vec<Survivor> {
    if !grace.is_zero() {
        let mut asked = Asked::default();
        let ask = || subtree::ask_all(&mut asked, Spare::CleanUps);
        if await_end(grace, ask, |_, _| false).is_empty() {
            return Vec::new();
        }
        let before = asked.count();
        subtree::ask_all(&mut asked, Spare::Nothing);
        if asked.count() > before {
            await_end(LAST_ASKED, || subtree::ask_all(&mut asked, Spare::Nothing), |_, _| false);
        }
    }
    // No time makes a process mortal that may not be signalled.
    await_end(KILLED, subtree::kill_all, |dying, immune| dying == 0 && immune > 0)
}

/// Signals the descendants again and again until none is left, the time is over, or `is_vain`, given
/// how many may end and how many may not be signalled, says so. Gives those that are left.
fn await_end(
    time: Duration,
    mut signal: impl FnMut() -> Left,
    is_vain: impl Fn(usize, usize) -> bool,
) -> Vec<Survivor> {
    let deadline = Instant::now() + time;
    let mut again = AGAIN;
    loop {
        let Left::Some { dying, immune } = signal() else { return Vec::new() };
        let now = Instant::now();
        if now >= deadline || is_vain(dying.len(), immune.len()) {
            let left = dying.iter().map(|(pid, _)| Survivor::new(*pid, false));
            return left.chain(immune.iter().map(|pid| Survivor::new(*pid, true))).collect();
        }
        let ends = dying.iter().filter_map(|(_, end)| end.as_ref()).take(MOST_WAITED);
        let waited: Vec<_> = ends.map(|end| (end.as_fd(), Interest::Readable)).collect();
        let ended = ready(&waited, Some(deadline.min(now + again)));
        // While nothing happens the looks become rare: each reads the whole of `/proc`.
        let is_quiet = ended.is_ok_and(|ended| !ended.contains(&true));
        again = if is_quiet { (again * 2).min(20 * AGAIN) } else { AGAIN };
    }
}
