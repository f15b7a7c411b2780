//! The receiving end of a channel, for bytes.
//!
//! In: records in the ring, parcels in the annex. Out: messages, the senders' bell. What always
//! holds: a message is taken by one receiver, whole; who finds the channel empty has made sure,
//! before it sleeps, that the next message will wake it (README.md has the steps).

use super::annex::{self, Arrival};
use super::loan::Borrower;
use super::overflow::Taken;
use super::record::Record;
use super::ring::Ring;
use super::sending::Patience;
use super::spin::Spin;
use procession_sys::bell::{Bell, Ringer};
use procession_sys::fault;
use procession_sys::fault::stands;
use procession_sys::robust::Wait;
use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::Ordering;

/// One process's end for receiving.
#[derive(Debug)]
pub(crate) struct Receiving {
    /// Rung by senders when there is a message.
    pub(super) messages: Bell,
    /// Rings for senders that wait for room.
    pub(super) room: Ringer,
    pub(super) annex: OwnedFd,
    pub(super) borrower: Borrower,
    spin: Spin,
    // Behind the descriptors, so that it is dropped after they are closed.
    announced: Announced,
}

/// Tells the senders, when it is dropped, that a receiver has left.
#[derive(Debug)]
struct Announced(Ring);

impl Drop for Announced {
    fn drop(&mut self) {
        self.0.departures().fetch_add(1, Ordering::Release);
    }
}

/// What a receiver got.
#[derive(Debug)]
pub(super) enum Received {
    /// A message, in the first so many bytes of the buffer.
    Here(usize),
    /// A message from the annex.
    Apart(Box<Arrival>),
    /// Nothing, in the time there was.
    Nothing,
    /// Nothing ever again.
    Disconnected,
    /// Another process or thread holds a lock of the channel, and keeps it.
    Locked,
}

impl Receiving {
    pub(super) fn new(ring: Ring, messages: Bell, room: Ringer, annex: OwnedFd) -> Self {
        let (borrower, spin) = (Borrower::default(), Spin::new());
        Self { messages, room, annex, borrower, spin, announced: Announced(ring) }
    }

    pub(super) fn ring(&self) -> &Ring {
        &self.announced.0
    }

    /// Ready while there may be something to receive.
    pub(crate) fn descriptor(&self) -> BorrowedFd<'_> {
        self.messages.as_fd()
    }

    /// Receives a message.
    pub(super) fn receive(&self, buffer: &mut Vec<u8>, patience: Patience) -> io::Result<Received> {
        let wait = patience.for_locks();
        let without_lock = || match patience {
            Patience::Until(_) => Received::Nothing,
            Patience::None | Patience::Rung => Received::Locked,
        };
        loop {
            match self.take(buffer, wait) {
                Ok(Some(received)) => return Ok(received),
                Ok(None) => {}
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(without_lock()),
                Err(error) => return Err(error),
            }
            let sender = self.ring().sending().cpu.load(Ordering::Relaxed);
            let came = || !self.ring().is_empty();
            if matches!(patience, Patience::Until(_)) && self.spin.until(sender, came) {
                continue;
            }
            match self.arm(wait) {
                Ok(Armed::Filled) => continue,
                Ok(Armed::Empty) => {}
                Ok(Armed::Disconnected) => return Ok(Received::Disconnected),
                Err(error) if error.kind() == io::ErrorKind::TimedOut => return Ok(without_lock()),
                Err(error) => return Err(error),
            }
            let Patience::Until(deadline) = patience else { return Ok(Received::Nothing) };
            let bell = (self.messages.as_fd(), Interest::Readable);
            if wait::ready(&[bell], deadline)? != [true] {
                return Ok(Received::Nothing);
            }
        }
    }

    /// Whether a call would not wait. If it would, the next message rings.
    ///
    /// # Errors
    /// `TimedOut` where another keeps a lock of the channel for longer than `wait`.
    pub(crate) fn is_ready(&self, wait: Wait) -> io::Result<bool> {
        Ok(!matches!(self.arm(wait)?, Armed::Empty))
    }

    /// The steps R1 to R7 of README.md.
    fn take(&self, buffer: &mut Vec<u8>, wait: Wait) -> io::Result<Option<Received>> {
        let ring = self.ring();
        loop {
            let side = ring.receiving();
            let _guard = side.lock(wait)?;
            fault!("take.locked");
            side.note_cpu();
            let Some(taken) = ring.read(&side, ring.head(), buffer)? else { return Ok(None) };
            let Taken { record, head, consumed } = taken;
            fault!("take.copied");
            // A parcel that cannot be received is gone, and its record with it.
            let received = match record {
                Record::Whole(bytes) => Ok(Some(Received::Here(bytes.len()))),
                Record::Annexed(number) => annex::take(self.annex.as_fd(), number)
                    .map(|arrival| arrival.map(|arrival| Received::Apart(Box::new(arrival)))),
            };
            fault!("take.unpacked");
            if side.armed.load(Ordering::Relaxed) != 0 {
                // Without senders nobody waits for room.
                let _ = self.room.ring()?;
                fault!("take.rung");
                side.armed.store(0, Ordering::Relaxed);
            }
            if let Some(consumed) = &consumed {
                ring.note_read(head, consumed);
            }
            fault!("take.unpublished");
            ring.set_head(head);
            fault!("take.published");
            if let Some(consumed) = &consumed {
                ring.give_back_read(consumed);
            }
            if let Some(received) = received? {
                return Ok(Some(received));
            }
        }
    }

    /// Has the next message ring, if there is none; the steps A1 to A4 of README.md.
    fn arm(&self, wait: Wait) -> io::Result<Armed> {
        fault!("arm.begun");
        let side = self.ring().sending();
        let _guard = side.lock(wait)?;
        fault!("arm.locked");
        if !self.ring().is_empty() && stands("looking-again-for-messages") {
            return Ok(Armed::Filled);
        }
        side.armed.store(1, Ordering::Relaxed);
        fault!("arm.armed");
        let can_come = self.messages.silence()? || !stands("end-of-senders");
        fault!("arm.silenced");
        Ok(if can_come { Armed::Empty } else { Armed::Disconnected })
    }
}

/// What was found when the bell was armed.
enum Armed {
    Filled,
    Empty,
    Disconnected,
}
