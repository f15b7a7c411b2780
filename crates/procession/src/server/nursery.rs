//! Where children are made, and a few kept ready.
//!
//! In: a wish for a child. Out: a process that waits on its inlet for a start. What always holds: a
//! spare child has run nothing and dies with its server; spares are made while nobody waits, and a
//! server that has nothing to do does nothing.

use crate::entry;
use crate::frame::{Start, StartMethod};
use crate::world::Present;
use procession_sys::boot::{Boot, Role};
use procession_sys::fork::{Fork, fork};
use procession_sys::life::{self, Pid};
use procession_sys::{parcel, signal, spawn};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How many spare children are kept.
const SPARES: usize = 4;
/// How long nothing must have been ordered before spares are made, so that making them does not
/// compete with the children just started.
const IDLE: Duration = Duration::from_millis(2);

/// A child that waits for its start.
pub(super) struct Newborn {
    pub(super) pid: Pid,
    /// Where its start goes; closing it ends the child.
    pub(super) inlet: OwnedFd,
    pub(super) pidfd: Option<OwnedFd>,
}

pub(super) struct Nursery {
    /// What a child has as it is born. Where it has no proof of a single thread, since
    /// constructors of the program have started some, every child is spawned.
    present: Present,
    spares: Vec<Newborn>,
    /// Spares that were killed and are not reaped yet.
    leaving: Vec<Pid>,
    refill_at: Option<Instant>,
}

impl Nursery {
    pub(super) fn new(present: Present) -> Self {
        Self { present, spares: Vec::new(), leaving: Vec::new(), refill_at: None }
    }

    /// A child: a spare one, or one made now.
    pub(super) fn child(
        &mut self,
        start: &Start<'_>,
        main: Option<&OwnedFd>,
    ) -> io::Result<Newborn> {
        if start.head.method == StartMethod::Spawn || self.present.proof().is_none() {
            return spawned(main, start.environment);
        }
        self.refill_at = Some(Instant::now() + IDLE);
        match self.spares.pop() {
            Some(spare) => Ok(spare),
            None => forked(&self.present, main),
        }
    }

    /// When spares are to be made, if nothing else happens before.
    pub(super) fn refill_at(&self) -> Option<Instant> {
        self.refill_at
    }

    pub(super) fn refill(&mut self, main: Option<&OwnedFd>) {
        self.refill_at = None;
        while self.spares.len() < SPARES {
            // Without room for spares, starts go on making their children one by one.
            let Ok(spare) = forked(&self.present, main) else { return };
            self.spares.push(spare);
        }
    }

    /// A child that has ended: if it was a spare, it is one no more.
    pub(super) fn forget(&mut self, child: Pid) {
        self.spares.retain(|spare| spare.pid != child);
        self.leaving.retain(|&spare| spare != child);
    }

    /// Ends the spares; none are made from now on.
    pub(super) fn close(&mut self) {
        self.refill_at = None;
        for spare in self.spares.drain(..) {
            // It has run nothing, and has nothing to do before it ends.
            let _ = life::signal_child(spare.pid, signal::SIGKILL);
            self.leaving.push(spare.pid);
        }
    }

    /// Whether no spare is left to be reaped.
    pub(super) fn is_empty(&self) -> bool {
        self.spares.is_empty() && self.leaving.is_empty()
    }
}

fn forked(present: &Present, main: Option<&OwnedFd>) -> io::Result<Newborn> {
    let threads = || io::Error::other("constructors of the program have started threads");
    let proof = present.proof().ok_or_else(threads)?;
    let (inlet, socket) = parcel::pair()?;
    let starter = Pid::own();
    match fork(proof)? {
        Fork::Parent(pid) => Ok(Newborn { pid, inlet, pidfd: life::pidfd(pid).ok() }),
        Fork::Child => {
            // What else this process's memory owns is never dropped: `live` does not return.
            let guarded = main.and_then(|main| main.try_clone().ok());
            entry::live(Boot { role: Role::Child, socket, guarded, starter }, present)
        }
    }
}

fn spawned(main: Option<&OwnedFd>, environment: &[u8]) -> io::Result<Newborn> {
    let (inlet, socket) = parcel::pair()?;
    let pid = spawn::own_image(Role::Child, socket.as_fd(), main.map(AsFd::as_fd), environment)?;
    Ok(Newborn { pid, inlet, pidfd: life::pidfd(pid).ok() })
}
