//! The end that sends values.
//!
//! In: values. Out: messages for the engine. What always holds: a value is encoded before anything
//! else happens; what is not sent is given back.

use super::error::{SendError, SendFailure};
use super::ring::Ring;
use super::scratch;
use super::sending::{Patience, Refusal, Sending};
use crate::bulk;
use crate::fd::Fd;
use crate::parcel;
use crate::value::Value;
use crate::value_error::EncodeError;
use procession_sys::bell::{Bell, Ringer};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Tells a sender from a receiver among descriptors of the same kinds.
const KIND: u8 = b's';

/// A vector of more bytes than this is sent from where it lies: 4 KiB.
const LONG: usize = 4 << 10;

/// The sending end of a [`channel`](super::channel()), which any number of processes may have.
///
/// A clone is the same end; sent to another process it is one more. As long as one exists anywhere,
/// on its way in a message too, receivers wait for it.
pub struct Sender<T> {
    end: Arc<Sending>,
    value: PhantomData<fn(T)>,
}

impl<T> Sender<T> {
    pub(super) fn new(end: Sending) -> Self {
        Self { end: Arc::new(end), value: PhantomData }
    }

    #[cfg(any(test, feature = "tokio"))]
    pub(super) fn end(&self) -> &Sending {
        &self.end
    }

    #[cfg(feature = "tokio")]
    pub(super) fn shared_end(&self) -> Arc<Sending> {
        Arc::clone(&self.end)
    }

    /// How many messages are under way.
    #[doc(alias = "qsize")]
    pub fn len(&self) -> usize {
        self.end.ring.len()
    }

    /// Whether no message is under way.
    #[doc(alias = "empty")]
    pub fn is_empty(&self) -> bool {
        self.end.ring.is_empty()
    }

    /// How many messages fit; `None` if the channel has no limit on their number.
    #[doc(alias = "maxsize")]
    pub fn capacity(&self) -> Option<usize> {
        self.end.ring.limits().capacity()
    }

    /// Whether both are ends of the same channel, within this process.
    pub fn same_channel(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.end, &other.end)
    }
}

impl<T: Value> Sender<T> {
    /// Sends a value. It waits only at a limit of the channel, or where the value has descriptors.
    ///
    /// A value that was sent is in the channel whole: it will be received though this process is
    /// killed at once.
    ///
    /// ```
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = procession::channel::<String>()?;
    /// sender.send("hello".to_owned())?;
    /// drop(receiver);
    /// let error = sender.send("nobody listens".to_owned()).unwrap_err();
    /// assert!(error.is_disconnected());
    /// assert_eq!(error.into_inner(), "nobody listens");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// [`SendError`] with the value: no process has a receiver any more (where the last one was
    /// killed, that may show some milliseconds later), the value cannot be encoded, or there is no
    /// memory in which it could wait.
    #[doc(alias = "put")]
    pub fn send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_with(value, Patience::Until(None))
    }

    /// Sends a value if there is room at once.
    ///
    /// # Errors
    /// As [`send`](Self::send); that the channel is full; that a process or thread keeps its lock
    /// ([`SendFailure::Locked`]), which says nothing about the room.
    #[doc(alias = "put_nowait")]
    pub fn try_send(&self, value: T) -> Result<(), SendError<T>> {
        self.send_with(value, Patience::None)
    }

    /// Sends a value, waiting for room at most `timeout`.
    ///
    /// # Errors
    /// As [`send`](Self::send); and that the channel was full all the time.
    pub fn send_timeout(&self, value: T, timeout: Duration) -> Result<(), SendError<T>> {
        self.send_with(value, Patience::Until(Instant::now().checked_add(timeout)))
    }

    /// As [`send_timeout`](Self::send_timeout), until a moment.
    ///
    /// # Errors
    /// As [`send_timeout`](Self::send_timeout).
    pub fn send_deadline(&self, value: T, deadline: Instant) -> Result<(), SendError<T>> {
        self.send_with(value, Patience::Until(Some(deadline)))
    }

    fn send_with(&self, value: T, patience: Patience) -> Result<(), SendError<T>> {
        let sent = scratch::with(|scratch| {
            if let Some(bytes) = bulk::bytes_of(&value).filter(|bytes| bytes.len() > LONG) {
                return self.end.send(bytes, &[], patience).map_err(SendFailure::from);
            }
            self.end.ring.expect_write();
            scratch.clear();
            let descriptors = parcel::write_behind(scratch, &value);
            let descriptors = descriptors.map_err(unencodable)?;
            self.end.send(scratch, &descriptors, patience).map_err(SendFailure::from)
        });
        sent.map_err(|reason| SendError::new(value, reason))
    }
}

/// Why a value could not be encoded. Where the system refused a duplicate of a descriptor, that is
/// the reason, and not the value.
pub(super) fn unencodable(error: EncodeError) -> SendFailure {
    match error.refusal() {
        Some(refusal) => SendFailure::Broken(refusal.clone().into()),
        None => SendFailure::Unencodable(error),
    }
}

impl From<Refusal> for SendFailure {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Disconnected => Self::Disconnected,
            Refusal::Full => Self::Full,
            Refusal::TimedOut => Self::TimedOut,
            Refusal::Locked => Self::Locked,
            Refusal::NoMemory(error) => Self::NoMemory(error),
            Refusal::Broken(error) => Self::Broken(error),
        }
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        Self { end: Arc::clone(&self.end), value: PhantomData }
    }
}

impl<T> Serialize for Sender<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let end = &self.end;
        let ends = (Fd(end.messages.as_fd()), Fd(end.room.as_fd()), Fd(end.annex.as_fd()));
        (KIND, Fd(end.ring.memory()), ends).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Sender<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        type Ends = (Fd<OwnedFd>, Fd<OwnedFd>, Fd<OwnedFd>);
        let (kind, Fd(memory), (Fd(messages), Fd(room), Fd(annex))) =
            <(u8, Fd<OwnedFd>, Ends)>::deserialize(deserializer)?;
        if kind != KIND {
            return Err(D::Error::custom("not the sending end of a channel"));
        }
        let adopted = || -> io::Result<Sending> {
            Ok(Sending::new(
                Ring::adopt(memory)?,
                Ringer::adopt(messages)?,
                Bell::adopt(room)?,
                annex,
            ))
        };
        adopted().map(Self::new).map_err(D::Error::custom)
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").field("len", &self.len()).finish_non_exhaustive()
    }
}
