//! What goes wrong between programs.

use super::address::Address;
use crate::parcel::{DecodeError, EncodeError};
use std::error::Error;
use std::fmt;
use std::io;

/// No connection came about.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nobody listens there, or it cannot be reached.
    Unreachable {
        /// Where.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The other side does not know the key, or takes us for one that does not.
    #[doc(alias = "AuthenticationError")]
    WrongKey,
    /// Whoever answered speaks another protocol, or another version of this one.
    NotOurs,
    /// The other side did not answer in time.
    TimedOut,
    /// The system refused: too many open files, no memory.
    Broken(io::Error),
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { address, source } => {
                write!(f, "no listener at {address} can be reached: {source}")
            }
            Self::WrongKey => f.write_str("the two sides do not have the same key"),
            Self::NotOurs => f.write_str("the other side speaks another protocol or version"),
            Self::TimedOut => f.write_str("the other side did not finish the handshake in time"),
            Self::Broken(error) => write!(f, "the handshake failed: {error}"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } | Self::Broken(source) => Some(source),
            _ => None,
        }
    }
}

/// A value was not sent or received.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionError {
    /// The other side has closed the connection.
    #[doc(alias = "EOFError")]
    Closed,
    /// The value cannot be encoded. The connection can be used on.
    Unencodable(EncodeError),
    /// The value has descriptors in it, which cross within one program only. The connection can be
    /// used on.
    Descriptors,
    /// A message came that is no value of the type expected. The connection can be used on.
    Undecodable(DecodeError),
    /// A message was announced, or is to be sent, that is longer than the limit: so many bytes.
    TooLong(u64),
    /// The connection failed, or did in an earlier call.
    Broken(io::Error),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other side has closed the connection"),
            Self::Unencodable(error) => error.fmt(f),
            Self::Descriptors => f.write_str("descriptors cannot cross to another program"),
            Self::Undecodable(error) => error.fmt(f),
            Self::TooLong(length) => write!(f, "a message of {length} bytes is above the limit"),
            Self::Broken(error) => write!(f, "the connection failed: {error}"),
        }
    }
}

impl Error for ConnectionError {}
