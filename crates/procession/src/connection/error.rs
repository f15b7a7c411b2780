//! What goes wrong between programs.

use super::address::Address;
use super::bind::NotBound;
use crate::value_error::{DecodeError, EncodeError};
use std::error::Error;
use std::fmt;
use std::io;

/// A listener does not listen.
#[derive(Debug)]
#[non_exhaustive]
pub enum BindError {
    /// Another listener serves this address.
    InUse {
        /// The address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The file at this path is no socket. It was left alone.
    NotASocket {
        /// The address.
        address: Address,
    },
    /// The system refused: a path that is too long, a missing directory or permission.
    Refused {
        /// The address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

impl BindError {
    pub(super) fn new(address: Address, problem: NotBound) -> Self {
        match problem {
            NotBound::Served(source) => Self::InUse { address, source },
            NotBound::NotASocket => Self::NotASocket { address },
            NotBound::System(source) => Self::Refused { address, source },
        }
    }

    /// The system's kind of this error: `AddrInUse` if something is at the address already.
    pub fn kind(&self) -> io::ErrorKind {
        match self {
            Self::InUse { .. } | Self::NotASocket { .. } => io::ErrorKind::AddrInUse,
            Self::Refused { source, .. } => source.kind(),
        }
    }
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InUse { address, .. } => write!(f, "another listener serves {address}"),
            Self::NotASocket { address } => {
                write!(f, "cannot listen at {address}: the file there is no socket")
            }
            Self::Refused { address, .. } => write!(f, "cannot listen at {address}"),
        }
    }
}

impl Error for BindError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::InUse { source, .. } | Self::Refused { source, .. } => Some(source),
            Self::NotASocket { .. } => None,
        }
    }
}

impl From<BindError> for io::Error {
    fn from(error: BindError) -> Self {
        Self::new(error.kind(), error)
    }
}

/// No connection came about.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// No listener is there, or it cannot be reached.
    Unreachable {
        /// The listener's address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
    /// The listener does not have the same key.
    #[doc(alias = "AuthenticationError")]
    WrongKey {
        /// The listener's address.
        address: Address,
    },
    /// What answered speaks another protocol, or another version of this one.
    WrongProtocol {
        /// The listener's address.
        address: Address,
    },
    /// The listener did not finish the handshake in time.
    TimedOut {
        /// The listener's address.
        address: Address,
    },
    /// The system refused: too many open files, no memory.
    Broken {
        /// The listener's address.
        address: Address,
        /// What the system said.
        source: io::Error,
    },
}

impl ConnectError {
    pub(super) fn new(address: &Address, failure: HandshakeFailure) -> Self {
        let address = address.clone();
        match failure {
            HandshakeFailure::WrongKey => Self::WrongKey { address },
            HandshakeFailure::WrongProtocol => Self::WrongProtocol { address },
            HandshakeFailure::TimedOut => Self::TimedOut { address },
            HandshakeFailure::Broken(source) => Self::Broken { address, source },
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { address, .. } => {
                write!(f, "no listener can be reached at {address}")
            }
            Self::WrongKey { address } => {
                write!(f, "the listener at {address} does not have the same key")
            }
            Self::WrongProtocol { address } => {
                write!(f, "what answers at {address} speaks another protocol or version")
            }
            Self::TimedOut { address } => {
                write!(f, "the listener at {address} did not finish the handshake in time")
            }
            Self::Broken { address, .. } => write!(f, "the handshake with {address} failed"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unreachable { source, .. } | Self::Broken { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// Why a handshake came to nothing, whatever the address.
#[derive(Debug)]
pub(super) enum HandshakeFailure {
    WrongKey,
    WrongProtocol,
    TimedOut,
    Broken(io::Error),
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
    /// A message to be sent, or announced by the other side, is longer than the limit.
    TooLong {
        /// The bytes of the message.
        length: u64,
        /// The bytes that are allowed, see [`Connection::limit`](super::Connection::limit).
        limit: u64,
    },
    /// The connection failed, or did in an earlier call.
    Broken(io::Error),
}

impl fmt::Display for ConnectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the other side has closed the connection"),
            Self::Unencodable(_) => f.write_str("a message cannot be encoded"),
            Self::Descriptors => f.write_str("descriptors cannot cross to another program"),
            Self::Undecodable(_) => f.write_str("a message is no value of the type expected"),
            Self::TooLong { length, limit } => {
                write!(f, "a message of {length} bytes is above the connection's limit of {limit}")
            }
            Self::Broken(_) => f.write_str("the connection failed"),
        }
    }
}

impl Error for ConnectionError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Unencodable(error) => Some(error),
            Self::Undecodable(error) => Some(error),
            Self::Broken(error) => Some(error),
            _ => None,
        }
    }
}
