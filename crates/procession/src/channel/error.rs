//! The errors of sending and receiving. An error of sending gives the value back.
//!
//! # Invariants
//! An error about one message leaves the channel usable for the next, unless it says that the other
//! side is gone or the memory was overwritten.

use crate::value_error::{DecodeError, EncodeError};
use std::error::Error;
use std::fmt;
use std::io;

/// A value was not sent; it is given back.
pub struct SendError<T> {
    value: T,
    reason: SendFailure,
}

/// Why a value was not sent.
#[derive(Debug)]
#[non_exhaustive]
pub enum SendFailure {
    /// No process has a receiver any more.
    Disconnected,
    /// A limit of the channel is met, and the call does not wait.
    Full,
    /// A limit of the channel was met for the time given.
    TimedOut,
    /// A process or thread held a lock of the channel for longer than a millisecond. It is stopped
    /// (by SIGSTOP, a debugger or a freezer), gets no processor, or copies a message of megabytes.
    /// Only calls that never wait for room have this outcome. It says nothing about the room.
    Locked,
    /// The channel has no memory in which the value could wait: memory has ended, or the limit on
    /// the size of files (`RLIMIT_FSIZE`) is met, which holds for memory files too. Values that wait
    /// already are not affected.
    NoMemory(io::Error),
    /// The value cannot be encoded.
    Unencodable(EncodeError),
    /// The system refused: too many descriptors; or the channel's memory was overwritten by a
    /// process that has it.
    Broken(io::Error),
}

impl<T> SendError<T> {
    pub(crate) fn new(value: T, reason: SendFailure) -> Self {
        Self { value, reason }
    }

    /// The same error, of what the value is made from or part of.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> SendError<U> {
        SendError { value: change(self.value), reason: self.reason }
    }

    /// Why.
    pub fn reason(&self) -> &SendFailure {
        &self.reason
    }

    /// The value.
    pub fn into_inner(self) -> T {
        self.value
    }

    /// Whether no process has a receiver any more.
    pub fn is_disconnected(&self) -> bool {
        matches!(self.reason, SendFailure::Disconnected)
    }

    /// Whether a limit of the channel was met, at once or for the time given.
    #[doc(alias = "Full")]
    pub fn is_full(&self) -> bool {
        matches!(self.reason, SendFailure::Full | SendFailure::TimedOut)
    }

    /// Whether a process or thread kept a lock of the channel, so that nothing is known about its
    /// room.
    pub fn is_locked(&self) -> bool {
        matches!(self.reason, SendFailure::Locked)
    }
}

impl<T> fmt::Debug for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SendError").field("reason", &self.reason).finish_non_exhaustive()
    }
}

impl<T> fmt::Display for SendError<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value was not sent: ")?;
        match &self.reason {
            SendFailure::Disconnected => f.write_str("no process has a receiver any more"),
            SendFailure::Full => f.write_str("the channel is full"),
            SendFailure::TimedOut => f.write_str("the channel was full for the time given"),
            SendFailure::Locked => f.write_str(LOCKED),
            SendFailure::Unencodable(_) => f.write_str("it cannot be encoded"),
            SendFailure::NoMemory(_) => f.write_str("there is no memory in which it could wait"),
            SendFailure::Broken(_) => f.write_str("the channel failed"),
        }
    }
}

/// What an error says about a lock.
const LOCKED: &str = "a process that is stopped or slow holds a lock of the channel";

impl<T> Error for SendError<T> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.reason {
            SendFailure::Unencodable(error) => Some(error),
            SendFailure::NoMemory(error) | SendFailure::Broken(error) => Some(error),
            _ => None,
        }
    }
}

/// Nothing was received.
#[derive(Debug)]
#[non_exhaustive]
pub enum RecvError {
    /// Everything that was sent has been received, and no process has a sender any more.
    Disconnected,
    /// A process or thread held a lock of the channel for longer than a millisecond. It is stopped
    /// (by SIGSTOP, a debugger or a freezer), gets no processor, or copies a message of megabytes.
    /// Only calls that never wait for a message have this outcome. It does not say that the channel
    /// is empty.
    Locked,
    /// A message was received that is no value of the type expected; it is gone, the next may be.
    Undecodable(DecodeError),
    /// The system refused: this process has too many open files for the descriptors in the message,
    /// which is gone; or the channel's memory was overwritten by a process that has it.
    Broken(io::Error),
}

impl RecvError {
    /// Whether nothing can come any more.
    #[doc(alias = "EOFError")]
    pub fn is_disconnected(&self) -> bool {
        matches!(self, Self::Disconnected)
    }

    /// Whether a process or thread kept a lock of the channel, so that nothing is known about its
    /// messages.
    pub fn is_locked(&self) -> bool {
        matches!(self, Self::Locked)
    }
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nothing was received: ")?;
        match self {
            Self::Disconnected => f.write_str("no process has a sender any more"),
            Self::Locked => f.write_str(LOCKED),
            Self::Undecodable(_) => f.write_str("a message is not of the type expected"),
            Self::Broken(_) => f.write_str("the channel failed"),
        }
    }
}

impl Error for RecvError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Undecodable(error) => Some(error),
            Self::Broken(error) => Some(error),
            _ => None,
        }
    }
}
