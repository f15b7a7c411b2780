//! All that the program has started, and ending it.
//!
//! In: nothing but `/proc`; this process adopts the orphans among its descendants. Out: nobody is
//! left. What always holds: a signal goes through a pidfd that was opened before the process was
//! looked at again, so a recycled number is never hit; it ends after the grace and five seconds,
//! whatever the descendants do.

use nix::errno::Errno;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use procession_sys::life::{self, Pid};
use procession_sys::signal::{SIGCONT, SIGKILL, SIGTERM};
use procession_sys::wait::{Interest, ready};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long killed processes may take to be gone: one that waits for a disk cannot be killed.
const KILLED: Duration = Duration::from_secs(5);

/// Has orphaned descendants become children of this process.
pub(crate) fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// The number of a process's parent and its state's letter; none where it is gone.
fn parent_and_state(pid: i32) -> Option<(i32, char)> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name before may hold anything, parentheses and spaces included.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}

/// The number of a process's parent; none where it is gone.
pub(crate) fn parent_of(pid: i32) -> Option<i32> {
    Some(parent_and_state(pid)?.0)
}

/// Whether `pid` descends from this process; none where it is gone.
pub(crate) fn is_descendant(pid: i32) -> Option<bool> {
    let own = Pid::own().as_raw();
    let mut at = pid;
    // A process's ancestors are few; a number that is recycled meanwhile ends the walk.
    for _ in 0..10_000 {
        let (parent, _) = parent_and_state(at)?;
        match parent {
            parent if parent == own => return Some(true),
            0 | 1 => return Some(false),
            parent => at = parent,
        }
    }
    Some(false)
}

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

/// Every living descendant, with a descriptor of it.
fn living() -> Vec<OwnedFd> {
    let own = Pid::own().as_raw();
    let numbers = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = numbers.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let all: HashMap<i32, (i32, char)> =
        numbers.filter_map(|pid| Some((pid, parent_and_state(pid)?))).collect();
    let descends = |mut pid: i32| {
        for _ in 0..all.len() {
            match all.get(&pid) {
                Some((parent, _)) if *parent == own => return true,
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    let meant = all.iter().filter(|(pid, (_, state))| *state != 'Z' && descends(**pid));
    let open = |(pid, _): (&i32, _)| {
        let pidfd = life::pidfd(Pid::from_raw(*pid)?).ok()?;
        // Still a descendant: so the descriptor is that of the process that was seen.
        is_descendant(*pid)?.then_some(pidfd)
    };
    meant.filter_map(open).collect()
}

/// Ends every descendant: asks, and after `grace` kills. Whether nobody is left.
pub(crate) fn end_all(grace: Duration) -> bool {
    let begun = Instant::now();
    if !grace.is_zero() {
        for pidfd in &living() {
            // It may be gone, or belong to somebody else by now: then the kill below will tell.
            let _ = life::send_signal(pidfd.as_fd(), SIGTERM);
            let _ = life::send_signal(pidfd.as_fd(), SIGCONT);
        }
        if all_gone_by(begun + grace, |_| ()) {
            return true;
        }
    }
    let kill = |pidfd: &OwnedFd| {
        let _ = life::send_signal(pidfd.as_fd(), SIGKILL);
    };
    all_gone_by(Instant::now() + KILLED, kill)
}

/// Does something to all descendants, and again whenever one has gone, until nobody is left.
fn all_gone_by(deadline: Instant, act: impl Fn(&OwnedFd)) -> bool {
    loop {
        reap();
        let left = living();
        if left.is_empty() {
            reap();
            return true;
        }
        left.iter().for_each(&act);
        let waited: Vec<_> = left.iter().map(|one| (one.as_fd(), Interest::Readable)).collect();
        match ready(&waited, Some(deadline)) {
            Ok(gone) if gone.iter().any(|gone| *gone) => {}
            _ => return false,
        }
    }
}
