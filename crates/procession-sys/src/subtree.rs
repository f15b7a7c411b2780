//! All that descends from this process, and ending it.
//!
//! # Invariants
//! - A signal goes to a child that this process has not reaped, or through a pidfd that was opened
//!   before its process was seen to be a descendant again. A recycled number is never hit.
//! - That no descendant is left is what the kernel says (`ECHILD`, of a process that adopts orphans),
//!   never that a look at `/proc` has found none.
//! - Every call comes back, whatever the descendants do.

mod cgroup;

pub use cgroup::Cgroup;

use crate::life::{self, Pid, Reaped};
use crate::signal::{SIGCONT, SIGKILL, SIGTERM};
use std::collections::{HashMap, HashSet};
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
    send_all(&mut |_| Some(&[SIGKILL]))
}

/// The descendants that [`ask_all`] has asked to end.
#[derive(Debug, Default)]
pub struct Asked(HashSet<Identity>);

impl Asked {
    /// How many were asked.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

/// Which descendants [`ask_all`] leaves alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spare {
    /// Those that descend from a process that was asked, while that lives: it may need them to clean
    /// up.
    CleanUps,
    /// None.
    Nothing,
}

/// Asks every descendant that lives now, and that was not asked before, to end (SIGTERM), and reaps
/// those that have ended. One that is stopped goes on, so that it can end.
pub fn ask_all(asked: &mut Asked, spare: Spare) -> Left {
    send_all(&mut |seen| {
        let is_of_asked = seen.ancestors.iter().any(|ancestor| asked.0.contains(ancestor));
        let is_spared = spare == Spare::CleanUps && is_of_asked;
        (!is_spared && asked.0.insert(seen.own)).then_some(&[SIGTERM, SIGCONT])
    })
}

/// What [`kill_all`] or [`ask_all`] has left.
#[derive(Debug)]
pub enum Left {
    /// No descendant at all.
    Nothing,
    /// Some descendants.
    Some {
        /// Those that may end.
        dying: Vec<(Pid, Option<OwnedFd>)>,
        /// Those that were to be signalled now and may not be, as of another user.
        immune: Vec<Pid>,
    },
}

/// Sends each descendant that lives now the signals that `choose` gives for it, and reaps those that
/// have ended.
fn send_all(choose: &mut dyn FnMut(&Seen) -> Option<&'static [i32]>) -> Left {
    if reap_all() {
        return Left::Nothing;
    }
    // The quick way, which a process that goes on forking and ending cannot outrun for long.
    for child in children() {
        let signals = see(child).and_then(|seen| choose(&seen));
        for &signal in signals.unwrap_or_default() {
            // Whether it may be signalled is asked again below.
            let _ = life::signal_child(child, signal);
        }
    }
    if reap_all() {
        return Left::Nothing;
    }
    let (mut dying, mut immune) = (Vec::new(), Vec::new());
    for (seen, pidfd) in living() {
        let pid = seen.own.pid;
        let send = |signal: i32| match &pidfd {
            Some(pidfd) => life::send_signal(pidfd.as_fd(), signal),
            None => life::signal_child(pid, signal),
        };
        let mut signals = choose(&seen).unwrap_or_default().iter();
        match signals.try_for_each(|&signal| send(signal)) {
            Ok(()) => dying.push((pid, pidfd)),
            Err(_another_users) => immune.push(pid),
        }
    }
    if reap_all() { Left::Nothing } else { Left::Some { dying, immune } }
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

/// A process, which no other is: a number is used again, but not within one tick of the clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Identity {
    pid: Pid,
    /// When it was started, in clock ticks since boot.
    started: u64,
}

/// A process, as `/proc` shows it.
#[derive(Clone, Debug)]
struct Seen {
    own: Identity,
    /// The descendants of this process that it descends from.
    ancestors: Vec<Identity>,
    state: char,
    parent_pid: i32,
}

/// Every living descendant, with a descriptor of it; without one, where there are no pidfds, only
/// the children.
fn living() -> Vec<(Seen, Option<OwnedFd>)> {
    let own = Pid::own().as_raw();
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let all: HashMap<i32, Seen> =
        numbers.filter_map(|pid| Some((pid, see(Pid::from_raw(pid)?)?))).collect();
    // Its ancestors up to this process; `None` if it is no descendant.
    let ancestors = |seen: &Seen| {
        let (mut parent, mut ancestors) = (seen.parent_pid, Vec::new());
        while parent != own {
            let seen = all.get(&parent)?;
            // No process has more ancestors than there are processes.
            if ancestors.len() == all.len() {
                return None;
            }
            ancestors.push(seen.own);
            parent = seen.parent_pid;
        }
        Some(ancestors)
    };
    let open = |seen: &Seen| {
        let pid = seen.own.pid;
        let seen = Seen { ancestors: ancestors(seen)?, ..seen.clone() };
        match life::pidfd(pid) {
            // Still a descendant: so the descriptor is that of the process that was seen.
            Ok(pidfd) => is_descendant(pid.as_raw())?.then_some((seen, Some(pidfd))),
            // A child has its number until this process reaps it.
            Err(_no_pidfds) => (seen.parent_pid == own).then_some((seen, None)),
        }
    };
    all.values().filter(|seen| !matches!(seen.state, 'Z' | 'X')).filter_map(open).collect()
}

/// Whether `pid` descends from this process; `None` if it is gone.
pub fn is_descendant(pid: i32) -> Option<bool> {
    let own = Pid::own().as_raw();
    let mut at = pid;
    // A process's ancestors are few; a number that is recycled meanwhile ends the walk.
    for _ in 0..10_000 {
        match parent_of(at)? {
            parent if parent == own => return Some(true),
            0 | 1 => return Some(false),
            parent => at = parent,
        }
    }
    Some(false)
}

/// The number of a process's parent; `None` if it is gone.
pub fn parent_of(pid: i32) -> Option<i32> {
    Some(see(Pid::from_raw(pid)?)?.parent_pid)
}

/// What `/proc` says of a process, without its ancestors; `None` if it is gone.
fn see(pid: Pid) -> Option<Seen> {
    let stat = std::fs::read(format!("/proc/{}/stat", pid.as_raw())).ok()?;
    let stat = String::from_utf8_lossy(&stat);
    // The name before may hold anything, parentheses and spaces included.
    let mut fields = stat.rsplit_once(')')?.1.split_ascii_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent_pid = fields.next()?.parse().ok()?;
    // The 22nd field of the line.
    let started = fields.nth(17)?.parse().ok()?;
    Some(Seen { own: Identity { pid, started }, ancestors: Vec::new(), state, parent_pid })
}
