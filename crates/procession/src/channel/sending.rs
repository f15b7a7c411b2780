//! The sending end of a channel, for bytes.
//!
//! In: messages. Out: records in the ring, parcels in the annex, the receivers' bell. What always
//! holds: a message is in the channel whole or not at all, and whoever can wait for it has been
//! woken before it is (README.md has the steps and why they suffice).

use super::annex::{self, Luggage};
use super::cursor::Cursor;
use super::loan::Lender;
use super::ring::{Record, Ring};
use super::spin::Spin;
use procession_sys::bell::{Bell, Ringer};
use procession_sys::cpu;
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

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
    /// For the locks, which are held for moments only.
    pub(super) fn deadline(self) -> Option<Instant> {
        match self {
            Self::None | Self::Rung => None,
            Self::Until(deadline) => deadline,
        }
    }
}

/// A waiting sender looks for room until this part of what was under way was received: a few
/// microseconds' worth of short messages.
const TOGETHER: u32 = 32;

/// Why a message was not sent.
#[derive(Debug)]
pub(super) enum Refusal {
    Disconnected,
    Full,
    TimedOut,
    Broken(io::Error),
}

impl From<io::Error> for Refusal {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::TimedOut => Self::TimedOut,
            io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => Self::Disconnected,
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
}

/// Whether a message went into the channel.
enum Attempt {
    Sent,
    /// There was no room when the receivers had come so far.
    Full(Cursor),
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
        loop {
            let full = match self.attempt(bytes, luggage.as_deref_mut(), patience.deadline())? {
                Attempt::Sent => return Ok(()),
                Attempt::Full(head) => head,
            };
            let under_way = self.ring.tail().since(full).messages;
            // Room for one message only would have both sides wait for each other at each.
            let moved =
                || self.ring.head().since(full).messages >= under_way.div_ceil(TOGETHER).max(1);
            if patience == Patience::Rung {
                if self.arm(full, None)? {
                    return Err(Refusal::Full);
                }
                continue;
            }
            if patience == Patience::None {
                return if self.room.is_deserted()? {
                    Err(Refusal::Disconnected)
                } else {
                    Err(Refusal::Full)
                };
            }
            let receiver = self.ring.receiving().cpu.load(Ordering::Relaxed);
            if !self.spin.until(receiver, moved) {
                self.wait_for_room(full, patience.deadline())?;
            }
        }
    }

    /// The steps S1 to S7 of README.md.
    fn attempt(
        &self,
        bytes: &[u8],
        luggage: Option<&mut Luggage<'_>>,
        deadline: Option<Instant>,
    ) -> Result<Attempt, Refusal> {
        let side = self.ring.sending();
        let _guard = side.lock(deadline)?;
        fault!("send.locked");
        side.note_cpu();
        let tail = self.ring.tail();
        let mut record = Record::Whole(bytes);
        if luggage.is_some() {
            record = Record::Annexed(side.annexed.load(Ordering::Relaxed).wrapping_add(1));
        }
        if let Err(head) = self.ring.room(&side, tail)? {
            return Ok(Attempt::Full(head));
        }
        let mut attempt = Attempt::Sent;
        if let (Some(luggage), Record::Annexed(number)) = (luggage, record) {
            let head = self.ring.head();
            side.annexed.store(number, Ordering::Relaxed);
            match annex::put(self.annex.as_fd(), number, luggage) {
                Ok(()) => {}
                // Full of what the dead left behind: a record without a parcel has a receiver
                // throw that away.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    attempt = Attempt::Full(head);
                }
                Err(error) => return Err(error.into()),
            }
            fault!("send.annexed");
        }
        let tail = self.ring.write(tail, &record);
        fault!("send.written");
        if side.armed.load(Ordering::Relaxed) != 0 && stands("ringing") {
            if !self.messages.ring()? {
                return Err(Refusal::Disconnected);
            }
            fault!("send.rung");
            side.armed.store(0, Ordering::Relaxed);
        }
        fault!("send.unpublished");
        self.ring.set_tail(tail);
        fault!("send.published");
        Ok(attempt)
    }

    /// Sleeps until a receiver has come further than `full`; the steps W1 to W4 of README.md.
    fn wait_for_room(&self, full: Cursor, deadline: Option<Instant>) -> Result<(), Refusal> {
        if !self.arm(full, deadline)? {
            return Ok(());
        }
        let ready = wait::ready(&[(self.room.as_fd(), Interest::Readable)], deadline)?;
        if ready == [true] { Ok(()) } else { Err(Refusal::TimedOut) }
    }

    /// Has the next receiver ring, if none has come further than `full`, the steps W1 to W3 of
    /// README.md; whether it will.
    fn arm(&self, full: Cursor, deadline: Option<Instant>) -> Result<bool, Refusal> {
        fault!("room.begun");
        let side = self.ring.receiving();
        let _guard = side.lock(deadline)?;
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
