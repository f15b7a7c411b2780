//! The end that receives values.
//!
//! In: messages from the engine. Out: values. What always holds: a message is one receiver's alone;
//! one that is no value of the type is an error of its own and nothing more.

use super::annex::{Arrival, Place};
use super::error::RecvError;
use super::receiving::{Received, Receiving};
use super::ring::Ring;
use super::scratch;
use super::sending::Patience;
use crate::fd::Fd;
use crate::parcel;
use crate::value::Value;
use procession_sys::bell::{Bell, Ringer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells a receiver from a sender among descriptors of the same kinds.
const KIND: u8 = b'r';

/// The receiving end of a [`channel`](super::channel()), which any number of processes may have;
/// each message goes to one of them.
///
/// A clone is the same end; sent to another process it is one more.
pub struct Receiver<T> {
    end: Arc<Receiving>,
    value: PhantomData<fn() -> T>,
}

impl<T> Receiver<T> {
    pub(super) fn new(end: Receiving) -> Self {
        Self { end: Arc::new(end), value: PhantomData }
    }

    pub(crate) fn end(&self) -> &Receiving {
        &self.end
    }

    #[cfg(feature = "tokio")]
    pub(super) fn shared_end(&self) -> Arc<Receiving> {
        Arc::clone(&self.end)
    }

    /// How many messages are under way.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.end.ring().len()
    }

    /// Whether no message is under way.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.end.ring().is_empty()
    }

    /// How many messages fit; `None` if the channel has no limit on their number.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> Option<usize> {
        self.end.ring().limits().capacity()
    }

    /// Whether both are ends of the same channel, within this process.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.end, &other.end)
    }
}

impl<T: Value> Receiver<T> {
    /// Receives a value, waiting for one.
    ///
    /// ```
    /// use procession::Process;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = procession::channel::<(u32, String)>()?;
    /// let count = |to: procession::Sender<(u32, String)>| {
    ///     for n in 1..=3 {
    ///         to.send((n, "sheep".repeat(n as usize))).expect("somebody listens");
    ///     }
    /// };
    /// let child = Process::new(count, (sender,)).start()?;
    /// assert_eq!(receiver.recv()?, (1, "sheep".to_owned()));
    /// assert_eq!(receiver.iter().count(), 2);
    /// assert!(receiver.recv().unwrap_err().is_disconnected());
    /// child.join()?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`RecvError`]: everything was received and no process has a sender any more; or a message
    /// was received that is no `T`.
    #[doc(alias = "get")]
    pub fn recv(&self) -> Result<T, RecvError> {
        match self.recv_with(Patience::Until(None))? {
            Some(value) => Ok(value),
            None => Err(RecvError::Broken(io::ErrorKind::TimedOut.into())),
        }
    }

    /// Receives a value if one is there; `None` if the channel is empty.
    ///
    /// # Errors
    /// As [`recv`](Self::recv); that a process or thread keeps the channel's lock
    /// ([`RecvError::Locked`]), which says nothing about messages.
    #[doc(alias = "get_nowait")]
    pub fn try_recv(&self) -> Result<Option<T>, RecvError> {
        self.recv_with(Patience::None)
    }

    /// Receives a value, waiting at most `timeout`; none where none came.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[doc(alias = "poll")]
    pub fn recv_timeout(&self, timeout: Duration) -> Result<Option<T>, RecvError> {
        self.recv_with(Patience::Until(Instant::now().checked_add(timeout)))
    }

    /// As [`recv_timeout`](Self::recv_timeout), until a moment.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub fn recv_deadline(&self, deadline: Instant) -> Result<Option<T>, RecvError> {
        self.recv_with(Patience::Until(Some(deadline)))
    }

    /// Every value, waiting for each, until no process has a sender any more.
    pub fn iter(&self) -> Iter<'_, T> {
        Iter { receiver: self }
    }

    /// The values that are there, until the channel is empty or no process has a sender any more.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = procession::channel()?;
    /// (1..=3).try_for_each(|n| sender.send(n))?;
    /// assert_eq!(receiver.try_iter().collect::<Result<Vec<u32>, _>>()?, [1, 2, 3]);
    /// assert!(receiver.try_iter().next().is_none());
    /// drop(sender);
    /// assert!(receiver.into_iter().next().is_none());
    /// # Ok(())
    /// # }
    /// ```
    pub fn try_iter(&self) -> TryIter<'_, T> {
        TryIter { receiver: self }
    }

    pub(super) fn recv_with(&self, patience: Patience) -> Result<Option<T>, RecvError> {
        scratch::with(|scratch| {
            match self.end.receive(scratch, patience).map_err(RecvError::Broken)? {
                Received::Nothing => Ok(None),
                Received::Disconnected => Err(RecvError::Disconnected),
                Received::Locked => Err(RecvError::Locked),
                Received::Here(length) => {
                    let value = parcel::read(&scratch[..length], Vec::new());
                    value.map(Some).map_err(RecvError::Undecodable)
                }
                Received::Apart(arrival) => self.read(*arrival).map(Some),
            }
        })
    }
}

impl<T: Value> Receiver<T> {
    /// The value that came beside the ring.
    fn read(&self, arrival: Arrival) -> Result<T, RecvError> {
        let Arrival { bytes, descriptors } = arrival;
        let value = match bytes {
            Place::Here(bytes) => parcel::read(&bytes, descriptors),
            Place::Lent(memory) => {
                let lent = self.end.borrower.borrow(memory).map_err(RecvError::Broken)?;
                parcel::read_shared(lent.memory(), lent.range(), descriptors)
            }
        };
        value.map_err(RecvError::Undecodable)
    }
}

/// The values of a [`Receiver`], until no process has a sender any more.
#[derive(Debug)]
pub struct Iter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T: Value> Iterator for Iter<'_, T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.recv() {
            Err(RecvError::Disconnected) => None,
            received => Some(received),
        }
    }
}

/// The values that are there; see [`Receiver::try_iter`].
#[derive(Debug)]
pub struct TryIter<'a, T> {
    receiver: &'a Receiver<T>,
}

impl<T: Value> Iterator for TryIter<'_, T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.receiver.try_recv() {
            Err(RecvError::Disconnected) => None,
            received => received.transpose(),
        }
    }
}

/// The values of a [`Receiver`] that it owns, until no process has a sender any more.
#[derive(Debug)]
pub struct IntoIter<T> {
    receiver: Receiver<T>,
}

impl<T: Value> Iterator for IntoIter<T> {
    type Item = Result<T, RecvError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.receiver.iter().next()
    }
}

impl<T: Value> IntoIterator for Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = IntoIter<T>;

    fn into_iter(self) -> IntoIter<T> {
        IntoIter { receiver: self }
    }
}

impl<'a, T: Value> IntoIterator for &'a Receiver<T> {
    type Item = Result<T, RecvError>;
    type IntoIter = Iter<'a, T>;

    fn into_iter(self) -> Iter<'a, T> {
        self.iter()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        Self { end: Arc::clone(&self.end), value: PhantomData }
    }
}

impl<T> Serialize for Receiver<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = &self.end;
        let ends = (Fd(end.messages.as_fd()), Fd(end.room.as_fd()), Fd(end.annex.as_fd()));
        (KIND, Fd(end.ring().memory()), ends).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Receiver<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Ends = (Fd<OwnedFd>, Fd<OwnedFd>, Fd<OwnedFd>);
        let (kind, Fd(memory), (Fd(messages), Fd(room), Fd(annex))) =
            <(u8, Fd<OwnedFd>, Ends)>::deserialize(deserializer)?;
        if kind != KIND {
            return Err(D::Error::custom("not the receiving end of a channel"));
        }
        let adopted = || -> io::Result<Receiving> {
            Ok(Receiving::new(
                Ring::adopt(memory)?,
                Bell::adopt(messages)?,
                Ringer::adopt(room)?,
                annex,
            ))
        };
        adopted().map(Self::new).map_err(D::Error::custom)
    }
}

/// The descriptor is ready to read when there may be something to receive, the end of the channel
/// included. It is not ready after a call that found nothing, until there is something again: so
/// call [`try_recv`](Receiver::try_recv) till it gives none, then wait for the descriptor.
/// [`Select`](crate::Select) does so for several.
impl<T> AsFd for Receiver<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.end.messages.as_fd()
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").field("len", &self.len()).finish_non_exhaustive()
    }
}
