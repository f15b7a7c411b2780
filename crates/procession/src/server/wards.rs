//! The children that have been given out, until they are reaped.
//!
//! In: a child as it is born or adopted; its status as it is reaped. Out: who is alive; signals;
//! the word of each end on the child's own corridor. What always holds: whoever is alive here has
//! not been reaped, so a signal reaches nobody else; an end that found its corridor full is kept
//! until it fits.

use crate::frame::{Record, Report, StartMethod};
use procession_sys::life::{self, Pid};
use procession_sys::parcel::{self, Waiting};
use std::collections::BTreeMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// A child not yet reaped.
struct Ward {
    serial: u64,
    name: String,
    daemon: bool,
    detached: bool,
    method: StartMethod,
    /// The child's end, which the child has too.
    corridor: OwnedFd,
}

impl Ward {
    fn record(&self) -> Record<'_> {
        Record { serial: self.serial, name: &self.name, daemon: self.daemon }
    }
}

#[derive(Default)]
pub(super) struct Wards {
    alive: BTreeMap<Pid, Ward>,
    /// Exits that found the corridor full.
    unsent: Vec<(OwnedFd, i32)>,
}

impl Wards {
    /// Takes a child in, with its end of its corridor.
    pub(super) fn admit(
        &mut self,
        child: Pid,
        record: &Record<'_>,
        method: StartMethod,
        corridor: OwnedFd,
    ) {
        let &Record { serial, name, daemon } = record;
        let name = name.to_owned();
        let ward = Ward { serial, name, daemon, detached: false, method, corridor };
        self.alive.insert(child, ward);
    }

    /// A child that was reaped; how it was started, if it was one of these.
    pub(super) fn release(&mut self, child: Pid, status: ExitStatus) -> Option<StartMethod> {
        let ward = self.alive.remove(&child)?;
        self.unsent.push((ward.corridor, status.into_raw()));
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

    pub(super) fn signal(&self, serial: u64, number: i32) {
        let mut alive = self.alive.iter();
        if let Some((&child, _)) = alive.find(|(_, ward)| ward.serial == serial) {
            let _ = life::signal_child(child, number);
        }
    }

    pub(super) fn have_daemons(&self) -> bool {
        self.alive.values().any(|ward| ward.daemon)
    }

    pub(super) fn signal_daemons(&self, number: i32) {
        for (&daemon, _) in self.alive.iter().filter(|(_, ward)| ward.daemon) {
            let _ = life::signal_child(daemon, number);
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
            later.map(|(child, ward)| (child.as_raw(), ward.record())).collect();
        listed.sort_unstable_by_key(|(_, record)| record.serial);
        listed
    }

    /// The corridors that have no room for what is to be told on them.
    pub(super) fn full(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.unsent.iter().map(|(full, _)| full.as_fd())
    }

    /// Tells of ends what fits; a parent that is not there any more needs nothing.
    pub(super) fn tell_ends(&mut self) {
        self.unsent.retain(|(corridor, status)| {
            let frame = Report::exit(*status);
            let sent = parcel::send(corridor.as_fd(), &[&frame], &[], Waiting::Never);
            sent.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
        });
    }
}
