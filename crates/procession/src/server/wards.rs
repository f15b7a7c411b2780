//! The children that have been given out, until they are reaped.
//!
//! In: a child as it is born or adopted; its status as it is reaped. Out: who is alive; signals;
//! the word of each end on the child's own corridor. What always holds: whoever is alive here has
//! not been reaped, so a signal reaches nobody else; an end that found its corridor full is kept
//! until it fits.

use super::reaper::{KILL_ALL, Reaper};
use crate::frame::{Departure, Record, Report, StartMethod};
use procession_sys::life::{self, Pid, Reaped};
use procession_sys::parcel::{self, Waiting};
use procession_sys::{signal, timer};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::time::{Duration, Instant};

/// How long after its deadline a child is killed here. Its own timer kills it at the deadline, unless
/// it has become another program; one that has not woken yet under load must not be killed before it
/// says that it is there.
const SLACK: Duration = Duration::from_secs(1);

/// A child not yet reaped.
struct Ward {
    serial: u64,
    name: String,
    daemon: bool,
    detached: bool,
    method: StartMethod,
    /// When it is killed.
    deadline: Option<Instant>,
    /// If this is a reaper: it knows how its child has ended.
    reaper: Option<Reaper>,
    /// The child's end, which the child has too.
    corridor: OwnedFd,
}

/// How a child was made, and what is to be done about it.
pub(super) struct Care {
    pub(super) method: StartMethod,
    /// The monotonic time at which it is killed.
    pub(super) kill_at: Option<Duration>,
    pub(super) reaper: Option<Reaper>,
}

impl Ward {
    /// Sends the child a signal; `pid` is its own or its reaper's.
    fn signal(&self, pid: Pid, number: i32) {
        let killed = self.reaper.is_some() && number == signal::SIGKILL;
        let _ = life::signal_child(pid, if killed { KILL_ALL } else { number });
    }

    fn record(&self) -> Record<'_> {
        Record { serial: self.serial, name: &self.name, daemon: self.daemon }
    }

    /// The child's number; `own` is that of the process that the server has made.
    fn child(&self, own: Pid) -> Pid {
        self.reaper.as_ref().and_then(Reaper::child).unwrap_or(own)
    }

    fn is_overdue(&self, now: Instant) -> bool {
        self.deadline.is_some_and(|deadline| deadline <= now)
    }
}

#[derive(Default)]
pub(super) struct Wards {
    alive: BTreeMap<Pid, Ward>,
    /// Exits that found the corridor full.
    unsent: Vec<(OwnedFd, Departure)>,
    /// The earliest time at which a child is killed; it may have ended since.
    next_deadline: Option<Instant>,
}

impl Wards {
    /// Takes a child in, with its end of its corridor.
    pub(super) fn admit(
        &mut self,
        child: Pid,
        record: &Record<'_>,
        Care { method, kill_at, reaper }: Care,
        corridor: OwnedFd,
    ) {
        let &Record { serial, name, daemon } = record;
        let name = name.to_owned();
        let deadline = kill_at
            .and_then(|at| Instant::now().checked_add(at.saturating_sub(timer::monotonic())));
        let killed_here = deadline.and_then(|at| at.checked_add(SLACK));
        self.next_deadline = self.next_deadline.into_iter().chain(killed_here).min();
        let detached = false;
        let ward = Ward { serial, name, daemon, detached, method, deadline, reaper, corridor };
        self.alive.insert(child, ward);
    }

    /// When [`kill_overdue`](Self::kill_overdue) is to be called, at the latest.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.next_deadline
    }

    /// Kills the children whose time is over. Their own timers have done so already, but for a
    /// child that has replaced itself by another program.
    pub(super) fn kill_overdue(&mut self, now: Instant) {
        if self.next_deadline.is_none_or(|at| at > now) {
            return;
        }
        let killed_at = |ward: &Ward| ward.deadline.and_then(|at| at.checked_add(SLACK));
        for (&child, ward) in &self.alive {
            if killed_at(ward).is_some_and(|at| at <= now) {
                ward.signal(child, signal::SIGKILL);
            }
        }
        self.next_deadline = self.alive.values().filter_map(killed_at).filter(|&at| at > now).min();
    }

    /// A child that was reaped; how it was started, if it was one of these.
    pub(super) fn release(&mut self, child: Pid, reaped: &Reaped) -> Option<StartMethod> {
        let ward = self.alive.remove(&child)?;
        let Reaped { status, usage } = reaped;
        let killed = status.signal() == Some(signal::SIGKILL);
        let timed_out = killed && ward.is_overdue(Instant::now());
        let departure = match ward.reaper {
            // Without a word of it the kernel tells how the child ended.
            Some(above) => above.departure(child),
            None => Some(Departure::new(status.into_raw(), timed_out, usage)),
        };
        self.unsent.extend(departure.map(|departure| (ward.corridor, departure)));
        Some(ward.method)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.alive.is_empty()
    }

    /// Has the end of the program not wait for this child.
    pub(super) fn detach(&mut self, serial: u64) {
        if let Some(ward) = self.alive.values_mut().find(|ward| ward.serial == serial) {
            ward.detached = true;
        }
    }

    /// Whether the end of the program waits for somebody.
    pub(super) fn are_waited_for(&self) -> bool {
        self.alive.values().any(|ward| ward.daemon || !ward.detached)
    }

    /// The names of those for whom the end of the program waits, but for daemons, which it ends.
    pub(super) fn awaited(&self) -> impl Iterator<Item = &str> {
        let awaited = self.alive.values().filter(|ward| !ward.daemon && !ward.detached);
        awaited.map(|ward| &*ward.name)
    }

    pub(super) fn signal(&self, serial: u64, number: i32) {
        let mut alive = self.alive.iter();
        if let Some((&child, ward)) = alive.find(|(_, ward)| ward.serial == serial) {
            ward.signal(child, number);
        }
    }

    pub(super) fn have_daemons(&self) -> bool {
        self.alive.values().any(|ward| ward.daemon)
    }

    pub(super) fn signal_daemons(&self, number: i32) {
        for (&daemon, ward) in self.alive.iter().filter(|(_, ward)| ward.daemon) {
            ward.signal(daemon, number);
        }
    }

    /// Has no start reach a child that has not been given it yet.
    pub(super) fn withhold_starts(&self) {
        for ward in self.alive.values() {
            let _ = parcel::receive_no_more(ward.corridor.as_fd());
        }
    }

    /// Those whose number is above `after`, in the order of their starts, with their process ids.
    pub(super) fn list(&self, after: u64) -> Vec<(i32, Record<'_>)> {
        let later = self.alive.iter().filter(|(_, ward)| ward.serial > after);
        let mut listed: Vec<(i32, Record<'_>)> =
            later.map(|(&own, ward)| (ward.child(own).as_raw(), ward.record())).collect();
        listed.sort_unstable_by_key(|(_, record)| record.serial);
        listed
    }

    /// The corridors that have no room for what is to be told on them.
    pub(super) fn full(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.unsent.iter().map(|(full, _)| full.as_fd())
    }

    /// Tells of ends what fits; a parent that is not there any more needs nothing.
    pub(super) fn tell_ends(&mut self) {
        self.unsent.retain(|(corridor, departure)| {
            // Numbers can always be written.
            let Ok(frame) = Report::exit(departure) else { return false };
            let sent = parcel::send(corridor.as_fd(), &[&frame], &[], Waiting::Never);
            sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        });
    }
}
