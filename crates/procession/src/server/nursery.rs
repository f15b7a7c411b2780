//! Where children are made, and a few ahead.
//!
//! In: a wish for a child, or time to make some. Out: a process that waits on its corridor for its
//! start. What always holds: a spare child has run nothing, offers itself to the program, and dies
//! with its server; spares are made in idle moments, or at once where starts leave none, and a
//! server that has nothing to do does nothing.

use crate::entry::{self, Greeting};
use crate::frame::{Birth, StartMethod};
use crate::world::Present;
use procession_sys::boot::{Boot, Role};
use procession_sys::fork::{Fork, fork};
use procession_sys::life::{self, Pid};
use procession_sys::{parcel, signal, spawn};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How many spare children are kept.
const SPARES: usize = 4;
/// How long the server must have been left alone before spares are made, so that making them does
/// not compete with the children just started.
const IDLE: Duration = Duration::from_millis(2);

/// A child that has been offered to the program.
pub(super) struct Spare {
    number: u64,
    pub(super) pid: Pid,
    /// The child's end, which the server has too.
    pub(super) corridor: OwnedFd,
}

pub(super) struct Nursery {
    /// What a child has as it is born. Where it has no proof of a single thread, since
    /// constructors of the program have started some, every child is spawned.
    present: Present,
    spares: Vec<Spare>,
    /// Spares that were ended and are not reaped yet.
    leaving: Vec<Pid>,
    /// The number of the latest spare.
    latest: u64,
    refill_at: Option<Instant>,
}

impl Nursery {
    pub(super) fn new(present: Present) -> Self {
        Self { present, spares: Vec::new(), leaving: Vec::new(), latest: 0, refill_at: None }
    }

    /// What a child has as it is born.
    pub(super) fn present(&self) -> &Present {
        &self.present
    }

    /// Makes a child for `corridor`, which the child announces itself on.
    pub(super) fn child(
        &mut self,
        birth: &Birth<'_>,
        corridor: OwnedFd,
        main: Option<&OwnedFd>,
    ) -> io::Result<(Pid, OwnedFd)> {
        if birth.method == StartMethod::Spawn || self.present.proof().is_none() {
            let main = main.map(AsFd::as_fd);
            let pid = spawn::own_image(Role::Child, corridor.as_fd(), main, birth.environment)?;
            return Ok((pid, corridor));
        }
        self.refill_soon();
        forked(&self.present, corridor, main, Greeting::Ordered)
    }

    /// Has spares made when the server has been left alone for a while.
    pub(super) fn refill_soon(&mut self) {
        if self.present.proof().is_some() {
            self.refill_at = Some(Instant::now() + IDLE);
        }
    }

    /// When spares are to be made, if nothing else happens before.
    pub(super) fn refill_at(&self) -> Option<Instant> {
        self.refill_at
    }

    /// Makes spares, which offer themselves on `offers`.
    pub(super) fn refill(&mut self, offers: BorrowedFd<'_>, main: Option<&OwnedFd>) {
        self.refill_at = None;
        while self.spares.len() < SPARES {
            let number = self.latest + 1;
            let spare = parcel::pair().and_then(|(end, corridor)| {
                let greeting = Greeting::Offered { number, end, offers };
                forked(&self.present, corridor, main, greeting)
            });
            // Without room for spares, starts go on having their children made one by one.
            let Ok((pid, corridor)) = spare else { return };
            self.latest = number;
            self.spares.push(Spare { number, pid, corridor });
        }
    }

    /// Gives away the spare with this number, if it is one still.
    pub(super) fn adopt(&mut self, number: u64) -> Option<Spare> {
        let at = self.spares.iter().position(|spare| spare.number == number)?;
        Some(self.spares.swap_remove(at))
    }

    /// Whether the child is a spare, and if so, has nobody give it a start any more.
    pub(super) fn withhold(&self, child: Pid) -> bool {
        let found = self.spares.iter().find(|spare| spare.pid == child);
        found.is_some_and(|spare| parcel::receive_no_more(spare.corridor.as_fd()).is_ok())
    }

    /// Has nobody give a spare its start any more. Those who have been given theirs have it.
    pub(super) fn withhold_all(&self) {
        for spare in &self.spares {
            // The corridor of a spare is connected as long as it is held here.
            let _ = parcel::receive_no_more(spare.corridor.as_fd());
        }
    }

    /// A child that has ended: if it was a spare, it is one no more.
    pub(super) fn forget(&mut self, child: Pid) {
        self.spares.retain(|spare| spare.pid != child);
        self.leaving.retain(|&spare| spare != child);
    }

    /// No spares are made from now on, until somebody asks.
    pub(super) fn close(&mut self) {
        self.refill_at = None;
    }

    /// Ends the spares, of whom nobody has been given a start.
    pub(super) fn discard(&mut self) {
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

/// Forks a child for `corridor`, and gives that back.
fn forked(
    present: &Present,
    corridor: OwnedFd,
    main: Option<&OwnedFd>,
    greeting: Greeting<'_>,
) -> io::Result<(Pid, OwnedFd)> {
    let threads = || io::Error::other("constructors of the program have started threads");
    let proof = present.proof().ok_or_else(threads)?;
    let starter = Pid::own();
    match fork(proof)? {
        Fork::Parent(pid) => Ok((pid, corridor)),
        Fork::Child => {
            // What else this process's memory owns is never dropped: `live` does not return.
            let guarded = main.and_then(|main| main.try_clone().ok());
            let boot = Boot { role: Role::Child, socket: corridor, guarded, starter };
            entry::live(boot, greeting, present)
        }
    }
}

/// Why a child could not be made, and what to look at. The number of a system's error goes beside it.
pub(super) fn unmade(error: &io::Error) -> String {
    let limit = match error.kind() {
        io::ErrorKind::WouldBlock => "; the limit on processes is reached (RLIMIT_NPROC, pids.max)",
        io::ErrorKind::ArgumentListTooLong => "; its environment is more than an exec takes",
        _ => "",
    };
    match error.raw_os_error() {
        Some(_) => format!("the fork server cannot make it{limit}"),
        None => format!("the fork server cannot make it: {error}{limit}"),
    }
}
