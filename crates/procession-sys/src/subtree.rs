//! All that descends from this process, and ending it.
//!
//! # Invariants
//! - A signal goes to a child that this process has not reaped, or through a pidfd that was opened
//!   before its process was seen to be a descendant again. A recycled number is never hit.
//! - Every call comes back, whatever the descendants do.

mod cgroup;

pub use cgroup::Cgroup;

use crate::life::{self, Pid, Reaped};
use crate::signal::SIGKILL;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

/// Has orphaned descendants become children of this process (`PR_SET_CHILD_SUBREAPER`).
///
/// # Errors
/// None that `prctl(2)` names; passed on as the kernel says.
pub fn adopt_orphans() -> io::Result<()> {
    Ok(rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?)
}

/// Kills every descendant that lives now, and reaps those that have ended.
///
/// A descendant may start others meanwhile, so this is called again until it gives
/// [`Left::Nothing`].
pub fn kill_all() -> Left {
    reap_all();
    // The quick way, which a process that goes on forking and ending cannot outrun for long.
    for child in children() {
        let _ = life::signal_child(child, SIGKILL);
    }
    if reap_all() {
        return Left::Nothing;
    }
    let (mut dying, mut immune) = (Vec::new(), Vec::new());
    for (pid, pidfd) in living() {
        let killed = match &pidfd {
            Some(pidfd) => life::send_signal(pidfd.as_fd(), SIGKILL),
            None => life::signal_child(pid, SIGKILL),
        };
        match killed {
            Ok(()) => dying.push((pid, pidfd)),
            Err(_another_users) => immune.push(pid),
        }
    }
    if reap_all() { Left::Nothing } else { Left::Some { dying, immune } }
}

/// What [`kill_all`] has left.
#[derive(Debug)]
pub enum Left {
    /// No descendant at all.
    Nothing,
    /// Some descendants.
    Some {
        /// Those that were killed and may not have ended yet.
        dying: Vec<(Pid, Option<OwnedFd>)>,
        /// Those that this process may not signal, as of another user.
        immune: Vec<Pid>,
    },
}

/// Reaps every child that has ended; returns whether no child is left.
fn reap_all() -> bool {
    while life::reap_any().is_some() {}
    !life::has_children()
}

/// Reaps one child that has ended; `None` if no child has.
pub fn reap() -> Option<(Pid, Reaped)> {
    life::reap_any()
}

/// The children of this process, where the kernel lists them (`CONFIG_PROC_CHILDREN`).
fn children() -> Vec<Pid> {
    let own = Pid::own().as_raw();
    let text = std::fs::read_to_string(format!("/proc/self/task/{own}/children"));
    let text = text.unwrap_or_default();
    let numbers = text.split_ascii_whitespace().filter_map(|number| number.parse().ok());
    numbers.filter_map(Pid::from_raw).collect()
}

/// Every living descendant, with a descriptor of it; without one, where there are no pidfds, only
/// the children.
fn living() -> Vec<(Pid, Option<OwnedFd>)> {
    let own = Pid::own().as_raw();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let all: HashMap<i32, (i32, char)> =
        numbers.filter_map(|pid| Some((pid, parent_and_state(pid)?))).collect();
    let descends = |mut pid: i32| {
        // No process has more ancestors than there are processes.
        for _ in 0..all.len() {
            match all.get(&pid) {
                Some((parent, _)) if *parent == own => return true,
                Some((parent, _)) => pid = *parent,
                None => return false,
            }
        }
        false
    };
    let alive =
        all.iter().filter(|(pid, (_, state))| !matches!(state, 'Z' | 'X') && descends(**pid));
    let open = |(&pid, &(parent, _)): (&i32, &(i32, char))| {
        let number = Pid::from_raw(pid)?;
        match life::pidfd(number) {
            // Still a descendant: so the descriptor is that of the process that was seen.
            Ok(pidfd) => is_descendant(pid)?.then_some((number, Some(pidfd))),
            // A child has its number until this process reaps it.
            Err(_no_pidfds) => (parent == own).then_some((number, None)),
        }
    };
    alive.filter_map(open).collect()
}

/// Whether `pid` descends from this process; `None` if it is gone.
fn is_descendant(pid: i32) -> Option<bool> {
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

/// The number of a process's parent and its state's letter; `None` if it is gone.
fn parent_and_state(pid: i32) -> Option<(i32, char)> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name before may hold anything, parentheses and spaces included.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    Some((fields.next()?.parse().ok()?, state))
}
