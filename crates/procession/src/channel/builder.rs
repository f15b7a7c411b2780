//! A channel with limits of the caller's choice.

use super::limits::Limits;
use super::receiver::Receiver;
use super::receiving::Receiving;
use super::ring::Ring;
use super::sender::Sender;
use super::sending::Sending;
use procession_sys::{bell, parcel};
use std::io;

/// What a send does that meets a limit of its channel.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits until a receiver has made room: back-pressure.
    #[default]
    Wait,
    /// It fails at once with [`SendFailure::Full`](crate::channel::SendFailure::Full), as
    /// [`try_send`](Sender::try_send) does.
    Fail,
}

/// Makes a channel with limits on what may wait in it.
///
/// ```
/// use procession::channel::{Builder, WhenFull};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, receiver) = Builder::new().bytes(1 << 20).when_full(WhenFull::Fail).build()?;
/// let mut sent = 0;
/// let refused = loop {
///     match sender.send(vec![7_u8; 1000]) {
///         Ok(()) => sent += 1,
///         Err(error) => break error,
///     }
/// };
/// assert!(refused.is_full());
/// assert!((900..1100).contains(&sent), "{sent} messages of 1000 bytes in a MiB");
/// assert_eq!(receiver.recv()?.len(), 1000);
/// sender.send(refused.into_inner())?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "`build` makes the channel"]
pub struct Builder {
    limits: Limits,
}

impl Builder {
    /// No limits but memory.
    pub fn new() -> Self {
        Self { limits: Limits::NONE }
    }

    /// At most so many messages wait.
    pub fn messages(self, most: u32) -> Self {
        Self { limits: Limits { messages: most, ..self.limits } }
    }

    /// A message is let in while those that wait have fewer bytes than this, encoded and with a few
    /// bytes more for each. So one message may go beyond the limit, and one of any length can be
    /// sent.
    pub fn bytes(self, most: u64) -> Self {
        Self { limits: Limits { bytes: most, ..self.limits } }
    }

    /// What a send does that meets a limit. Without this it waits.
    pub fn when_full(self, when_full: WhenFull) -> Self {
        Self { limits: Limits { refuses: when_full == WhenFull::Fail, ..self.limits } }
    }

    /// Makes the channel.
    ///
    /// # Errors
    /// As [`channel`](crate::channel()); `InvalidInput` for a limit of no messages or no bytes, with
    /// which nothing could be sent.
    pub fn build<T>(self) -> io::Result<(Sender<T>, Receiver<T>)> {
        if self.limits.messages == 0 || self.limits.bytes == 0 {
            let text = "a channel in which nothing may wait";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        ends(Ring::new(self.limits)?)
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self::new()
    }
}

/// Both ends of a channel that uses this ring.
pub(super) fn ends<T>(ring: Ring) -> io::Result<(Sender<T>, Receiver<T>)> {
    let same = Ring::adopt(ring.memory().try_clone_to_owned()?)?;
    let (ring_messages, messages) = bell::bell()?;
    let (ring_room, room) = bell::bell()?;
    let (annex_in, annex_out) = parcel::pair()?;
    let sending = Sending::new(ring, ring_messages, room, annex_in);
    let receiving = Receiving::new(same, messages, ring_room, annex_out);
    Ok((Sender::new(sending), Receiver::new(receiving)))
}
