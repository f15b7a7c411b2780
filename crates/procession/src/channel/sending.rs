//! The sending end of a channel, for bytes.
//!
//! In: messages. Out: records in the ring, parcels in the annex, the receivers' bell. What always
//! holds: a message is in the channel whole or not at all, and whoever can wait for it has been
//! woken before it is (README.md has the steps and why they suffice).

use super::annex::{self, Luggage};
use super::cursor::Cursor;
use super::limits::{Carriage, Room};
use super::loan::Lender;
use super::record::Record;
use super::ring::Ring;
use super::spin::Spin;
use procession_sys::bell::{Bell, Ringer};
use procession_sys::cpu;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::robust::{Guard, Wait};
use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a call may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Patience {
    /// Not at all.
    None,
    /// Not at all; but who found nothing, or no room, is rung when that changes.
    Rung,
    /// Until then; without a moment, for ever.
    Until(Option<Instant>),
}

impl Patience {
    /// How long to wait for a lock, which is held for moments only, unless its holder is stopped.
    #[inline]
    pub(super) fn for_locks(self) -> Wait {
        match self {
            Self::None => Wait::Briefly,
            // Not on the thread of a runtime.
            Self::Rung => Wait::Looks,
            Self::Until(Some(deadline)) => Wait::Until(deadline),
            Self::Until(None) => Wait::Unlimited,
        }
    }

    fn deadline(self) -> Option<Instant> {
        match self {
            Self::None | Self::Rung => None,
            Self::Until(deadline) => deadline,
        }
    }
}

/// A waiting sender looks for room until this part of what was under way was received: a few
/// microseconds' worth of short messages.
const TOGETHER: u32 = 32;

/// How long a sender that finds the ring full waits for receivers before it uses the overflow.
/// Receivers that receive make room within this time, and then messages stay in the ring, which is
/// faster and needs no memory.
const HESITATION: Duration = Duration::from_millis(2);

/// Why a message was not sent.
#[derive(Debug)]
pub(super) enum Refusal {
    Disconnected,
    Full,
    TimedOut,
    /// Another process or thread holds a lock of the channel, and keeps it.
    Locked,
    /// There is no memory for it.
    NoMemory(io::Error),
    Broken(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Disconnected,
            io::ErrorKind::OutOfMemory
            | io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Self::NoMemory(error),
            _ => Self::Broken(error),
        }
    }
}

/// One process's end for sending.
#[derive(Debug)]
pub(super) struct Sending {
    pub(super) ring: Ring,
    /// Rings for receivers that wait for messages.
    pub(super) messages: Ringer,
    /// Rung by receivers when there is room again.
    pub(super) room: Bell,
    pub(super) annex: OwnedFd,
    pub(super) lender: Lender,
    spin: Spin,
    /// When the receivers were last seen alive: the coarse clock and their departures.
    seen_alive: [AtomicU64; 2],
    /// How far the receivers had come when waiting for them was in vain.
    in_vain: AtomicU64,
}

/// Whether a message went into the channel.
enum Attempt {
    Sent,
    /// There was no room in the ring when the receivers had come so far; there is in the overflow.
    Crowded(Cursor),
    /// There was no room in the annex's socket; there is in the overflow.
    Annexed,
    /// There was no room when the receivers had come so far.
    Full(Cursor),
}

/// Whether a message may go into the overflow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Beyond {
    No,
    /// Where the ring has no room.
    Allowed,
    /// Also where the ring has room, but the annex's socket has not.
    Required,
}

impl Sending {
    pub(super) fn new(ring: Ring, messages: Ringer, room: Bell, annex: OwnedFd) -> Self {
        let seen_alive = [AtomicU64::new(u64::MAX), AtomicU64::new(u64::MAX)];
        Self {
            ring,
            messages,
            room,
            annex,
            lender: Lender::default(),
            spin: Spin::new(),
            seen_alive,
            in_vain: AtomicU64::new(u64::MAX),
        }
    }

    /// Sends a message.
    pub(super) fn send(
        &self,
        bytes: &[u8],
        descriptors: &[OwnedFd],
        patience: Patience,
    ) -> Result<(), Refusal> {
        let mut luggage = self.pack(bytes, descriptors)?;
        self.send_packed(bytes, luggage.as_mut(), patience)
    }

    /// Makes a message ready for the annex, if it has to go there.
    pub(super) fn pack<'a>(
        &'a self,
        bytes: &'a [u8],
        descriptors: &'a [OwnedFd],
    ) -> Result<Option<Luggage<'a>>, Refusal> {
        if !self.has_receivers()? {
            return Err(Refusal::Disconnected);
        }
        if descriptors.is_empty() && bytes.len() <= self.ring.longest() {
            return Ok(None);
        }
        Ok(Some(Luggage::pack(&self.lender, bytes, descriptors)?))
    }

    /// Sends a message that is ready.
    pub(super) fn send_packed(
        &self,
        bytes: &[u8],
        mut luggage: Option<&mut Luggage<'_>>,
        patience: Patience,
    ) -> Result<(), Refusal> {
        let mut beyond = Beyond::No;
        loop {
            beyond = match self.attempt(bytes, luggage.as_deref_mut(), beyond, patience)? {
                Attempt::Sent => return Ok(()),
                Attempt::Crowded(head) if self.hesitate(head, patience)? => Beyond::Allowed,
                Attempt::Crowded(_) => Beyond::No,
                Attempt::Annexed => Beyond::Required,
                Attempt::Full(head) => {
                    self.wait_until_not_full(head, patience)?;
                    Beyond::No
                }
            }
        }
    }

    /// Waits until a receiver has come further than `full`; an error where that is not wanted.
    fn wait_until_not_full(&self, full: Cursor, patience: Patience) -> Result<(), Refusal> {
        if patience == Patience::None || self.ring.limits().refuses {
            let deserted = self.room.is_deserted()?;
            return Err(if deserted { Refusal::Disconnected } else { Refusal::Full });
        }
        if patience == Patience::Rung {
            return if self.arm(full, patience)? { Err(Refusal::Full) } else { Ok(()) };
        }
        if self.spin_until_moved(full) {
            return Ok(());
        }
        self.wait_for_room(full, patience)
    }

    /// Gives receivers a little time to make room in the ring; whether the overflow is to be used.
    fn hesitate(&self, full: Cursor, patience: Patience) -> Result<bool, Refusal> {
        let since = Cursor::from_word(self.in_vain.load(Ordering::Relaxed));
        let are_slow = full.since(since).messages() < self.a_part_behind(full);
        if !matches!(patience, Patience::Until(_)) || are_slow {
            return Ok(true);
        }
        let most = Instant::now() + HESITATION;
        let until = patience.deadline().map_or(most, |deadline| deadline.min(most));
        loop {
            if self.spin_until_moved(full) {
                return Ok(false);
            }
            let head = self.ring.head();
            match self.wait_for_room(head, Patience::Until(Some(until))) {
                Ok(()) => {}
                Err(Refusal::TimedOut) => {
                    self.in_vain.store(head.to_word(), Ordering::Relaxed);
                    return Ok(true);
                }
                Err(refusal) => return Err(refusal),
            }
        }
    }

    /// Looks for a moment whether receivers receive a part of what was under way at `full`. Room for
    /// one message only would have both sides wait for each other at each.
    fn spin_until_moved(&self, full: Cursor) -> bool {
        let part = self.a_part_behind(full);
        let moved = || self.ring.head().since(full).messages() >= part;
        let receiver = self.ring.receiving().cpu.load(Ordering::Relaxed);
        self.spin.until(receiver, moved)
    }

    fn a_part_behind(&self, full: Cursor) -> u32 {
        self.ring.tail().since(full).messages().div_ceil(TOGETHER).max(1)
    }

    /// The steps S1 to S7 of README.md; into the overflow where the ring has no room and `beyond`
    /// says so.
    fn attempt(
        &self,
        bytes: &[u8],
        luggage: Option<&mut Luggage<'_>>,
        beyond: Beyond,
        patience: Patience,
    ) -> Result<Attempt, Refusal> {
        let side = self.ring.sending();
        let _guard = locked(side.lock(patience.for_locks()), patience)?;
        fault!("send.locked");
        side.note_cpu();
        let tail = self.ring.tail();
        let how = luggage.as_ref().map_or(Carriage::Short, |luggage| luggage.carriage());
        let open = side.extent.load(Ordering::Relaxed) != 0 && self.ring.has_open_extent(tail);
        let overflows = match self.ring.room(&side, tail, how)? {
            Room::Ring => beyond == Beyond::Required,
            Room::Overflow(_) if beyond != Beyond::No => true,
            Room::Overflow(head) => return Ok(Attempt::Crowded(head)),
            Room::None(head) => return Ok(Attempt::Full(head)),
        };
        let mut attempt = Attempt::Sent;
        let mut record = Record::Whole(bytes);
        if let Some(luggage) = luggage.filter(|_| !(overflows && how == Carriage::Long)) {
            let number = side.annexed.load(Ordering::Relaxed).wrapping_add(1);
            record = Record::Annexed(number);
            let head = self.ring.head();
            side.annexed.store(number, Ordering::Relaxed);
            match annex::put(self.annex.as_fd(), number, luggage) {
                Ok(()) => {}
                // Full of what the dead left behind: a record without a parcel has a receiver
                // throw that away.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    attempt = match how {
                        Carriage::Long => Attempt::Annexed,
                        _ => Attempt::Full(head),
                    };
                }
                Err(error) => return Err(error.into()),
            }
            self.ring.annexed_length(tail.annexed()).store(bytes.len() as u64, Ordering::Relaxed);
            fault!("send.annexed");
        }
        let behind = if overflows {
            self.ring.append(tail, open, &record)?
        } else {
            if open {
                self.ring.end_extent(tail)?;
            }
            self.ring.write(tail, &record)
        };
        fault!("send.written");
        if side.armed.load(Ordering::Relaxed) != 0 && stands("ringing") {
            if !self.messages.ring()? {
                return Err(Refusal::Disconnected);
            }
            fault!("send.rung");
            side.armed.store(0, Ordering::Relaxed);
        }
        fault!("send.unpublished");
        self.ring.set_tail(behind);
        fault!("send.published");
        if open && !overflows {
            side.extent.store(0, Ordering::Relaxed);
        }
        Ok(attempt)
    }

    /// Sleeps until a receiver has come further than `full`; the steps W1 to W4 of README.md.
    fn wait_for_room(&self, full: Cursor, patience: Patience) -> Result<(), Refusal> {
        if !self.arm(full, patience)? {
            return Ok(());
        }
        let room = (self.room.as_fd(), Interest::Readable);
        let ready = wait::ready(&[room], patience.deadline())?;
        if ready == [true] { Ok(()) } else { Err(Refusal::TimedOut) }
    }

    /// Has the next receiver ring, if none has come further than `full`, the steps W1 to W3 of
    /// README.md; whether it will.
    fn arm(&self, full: Cursor, patience: Patience) -> Result<bool, Refusal> {
        fault!("room.begun");
        let side = self.ring.receiving();
        let _guard = locked(side.lock(patience.for_locks()), patience)?;
        fault!("room.locked");
        if self.ring.head() != full && stands("looking-again-for-room") {
            return Ok(false);
        }
        side.armed.store(1, Ordering::Relaxed);
        fault!("room.armed");
        let can_come = self.room.silence()? || !stands("end-of-receivers");
        fault!("room.silenced");
        if can_come { Ok(true) } else { Err(Refusal::Disconnected) }
    }

    /// Whether a process has a receiver. The kernel is asked once a tick of its clock, and whenever
    /// a receiver was closed since: so one that was killed may go unnoticed for a tick.
    fn has_receivers(&self) -> io::Result<bool> {
        let tick = u64::try_from(cpu::coarse_time().as_nanos()).unwrap_or_default();
        let departures = u64::from(self.ring.departures().load(Ordering::Acquire));
        let now = [tick, departures];
        if self.seen_alive.iter().map(|seen| seen.load(Ordering::Relaxed)).eq(now) {
            return Ok(true);
        }
        if self.room.is_deserted()? {
            return Ok(false);
        }
        for (seen, now) in self.seen_alive.iter().zip(now) {
            seen.store(now, Ordering::Relaxed);
        }
        Ok(true)
    }
}

/// A lock that was not had in time: where no time was given, somebody keeps it.
fn locked(lock: io::Result<Guard<'_>>, patience: Patience) -> Result<Guard<'_>, Refusal> {
    lock.map_err(|error| match error.kind() {
        io::ErrorKind::TimedOut if !matches!(patience, Patience::Until(_)) => Refusal::Locked,
        _ => error.into(),
    })
}
