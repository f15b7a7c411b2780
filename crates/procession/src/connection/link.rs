//! A connection whose other side knows the key.
//!
//! A message is its length in eight bytes, the lowest first, then the value as postcard, or for a
//! vector of numbers their bytes.

use super::address::Address;
use super::error::{ConnectError, ConnectionError};
use super::handshake::{HANDSHAKE, Handshake, Progress, Role};
use crate::fd::Fd;
use crate::parcel;
use crate::value::Value;
use procession_sys::stream;
use procession_sys::wait::{self, Interest};
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The longest message, unless it is said otherwise: 256 MiB.
const LIMIT: u64 = 256 << 20;
const HEAD: usize = size_of::<u64>();
/// How much is received at a time, so that a message takes memory as it comes, not as it is
/// announced: 64 KiB.
const PIECE: usize = 64 << 10;

/// A connection to another program: sends `T`, receives `U`.
///
/// It may be given to a process of this program, between two messages.
#[derive(Debug)]
#[doc(alias = "Client")]
pub struct Connection<T, U = T> {
    socket: OwnedFd,
    limit: u64,
    /// What has come of the next message, its length included.
    partial: Vec<u8>,
    /// A message went out in part only, or one is announced that is too long.
    out_of_step: bool,
    values: PhantomData<fn(T) -> U>,
}

/// Connects to a [`Listener`](super::Listener) that has the same key.
///
/// ```no_run
/// use procession::connection::{Address, Connection, connect};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let address = Address::Path("/run/adder.socket".into());
/// let mut adder: Connection<(i64, i64), i64> = connect(&address, b"our secret")?;
/// adder.send(&(2, 3))?;
/// assert_eq!(adder.recv()?, 5);
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`ConnectError`]: nobody listens, or whoever does has another key. It takes ten seconds at most.
#[doc(alias = "Client")]
pub fn connect<T, U>(address: &Address, key: &[u8]) -> Result<Connection<T, U>, ConnectError> {
    let deadline = Instant::now() + HANDSHAKE;
    let socket = address.connect(HANDSHAKE).map_err(|source| {
        let address = address.clone();
        ConnectError::Unreachable { address, source }
    })?;
    let mut handshake = Handshake::begin(socket, Role::Client)?;
    loop {
        handshake = match handshake.go_on(key) {
            Progress::Done(socket) => return Ok(Connection::new(socket)),
            Progress::Failed(error) => return Err(error),
            Progress::Waiting(handshake) => handshake,
        };
        let socket = (handshake.socket.as_fd(), Interest::Readable);
        match wait::ready(&[socket], Some(deadline)).map_err(ConnectError::Broken)?[..] {
            [true] => {}
            _ => return Err(ConnectError::TimedOut),
        }
    }
}

impl<T, U> Connection<T, U> {
    pub(super) fn new(socket: OwnedFd) -> Self {
        let (limit, partial) = (LIMIT, Vec::new());
        Self { socket, limit, partial, out_of_step: false, values: PhantomData }
    }

    /// Refuses messages, either way, of more than so many bytes. Default: 256 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.limit = bytes;
        self
    }
}

impl<T: Value, U: Value> Connection<T, U> {
    /// Sends a value, waiting until the system has taken all of it.
    ///
    /// # Errors
    /// [`ConnectionError`]. After `Broken` or `Closed` the connection is of no use any more.
    pub fn send(&mut self, value: &T) -> Result<(), ConnectionError> {
        let (mut message, descriptors) =
            parcel::write(vec![0; HEAD], value).map_err(ConnectionError::Unencodable)?;
        if !descriptors.is_empty() {
            return Err(ConnectionError::Descriptors);
        }
        let length = (message.len() - HEAD) as u64;
        if length > self.limit {
            return Err(ConnectionError::TooLong(length));
        }
        message[..HEAD].copy_from_slice(&length.to_le_bytes());
        self.in_step()?;
        self.out_of_step = true;
        let mut rest = &message[..];
        while !rest.is_empty() {
            match stream::send(self.socket.as_fd(), rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = (self.socket.as_fd(), Interest::Writable);
                    wait::ready(&[socket], None).map_err(ConnectionError::Broken)?;
                }
                Err(error) => return Err(gone(error)),
            }
        }
        self.out_of_step = false;
        Ok(())
    }

    /// Receives a value, waiting for it.
    ///
    /// # Errors
    /// As [`send`](Self::send); and that a message is no `U`.
    pub fn recv(&mut self) -> Result<U, ConnectionError> {
        let timed_out = || ConnectionError::Broken(io::ErrorKind::TimedOut.into());
        self.recv_until(None)?.ok_or_else(timed_out)
    }

    /// Receives a value, waiting at most `timeout`; none where none came whole. What came of it
    /// stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[doc(alias = "poll")]
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<U>, ConnectionError> {
        // A time beyond the clock's end is no limit.
        self.recv_until(Instant::now().checked_add(timeout))
    }

    fn recv_until(&mut self, deadline: Option<Instant>) -> Result<Option<U>, ConnectionError> {
        self.in_step()?;
        loop {
            let missing = self.missing()?;
            if missing == 0 {
                let message = std::mem::take(&mut self.partial);
                let value = parcel::read(&message[HEAD..], Vec::new());
                return value.map(Some).map_err(ConnectionError::Undecodable);
            }
            let filled = self.partial.len();
            self.partial.resize(filled + missing.min(PIECE), 0);
            let received = stream::receive(self.socket.as_fd(), &mut self.partial[filled..]);
            self.partial.truncate(filled + received.as_ref().copied().unwrap_or(0));
            match received {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let socket = (self.socket.as_fd(), Interest::Readable);
                    let ready = wait::ready(&[socket], deadline);
                    if ready.map_err(ConnectionError::Broken)? != [true] {
                        return Ok(None);
                    }
                }
                Err(error) => return Err(gone(error)),
            }
        }
    }

    /// How many bytes the message under way still lacks, as far as that is known.
    fn missing(&mut self) -> Result<usize, ConnectionError> {
        let Some((head, begun)) = self.partial.split_first_chunk::<HEAD>() else {
            return Ok(HEAD - self.partial.len());
        };
        let length = u64::from_le_bytes(*head);
        let fits = usize::try_from(length).ok().filter(|_| length <= self.limit);
        let Some(whole) = fits else {
            self.out_of_step = true;
            return Err(ConnectionError::TooLong(length));
        };
        Ok(whole - begun.len())
    }

    fn in_step(&self) -> Result<(), ConnectionError> {
        if self.out_of_step {
            let text = "an earlier message broke off, so none can be told from the next";
            return Err(ConnectionError::Broken(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        Ok(())
    }
}

fn gone(error: io::Error) -> ConnectionError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ConnectionError::Closed,
        _ => ConnectionError::Broken(error),
    }
}

/// Ready to read when a message has come, in part at least, or the other side is gone.
impl<T, U> AsFd for Connection<T, U> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<T, U> Serialize for Connection<T, U> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if !self.partial.is_empty() || self.out_of_step {
            return Err(S::Error::custom("a connection in the middle of a message"));
        }
        (Fd(self.socket.as_fd()), self.limit).serialize(serializer)
    }
}

impl<'de, T, U> Deserialize<'de> for Connection<T, U> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let (Fd(socket), limit) = <(Fd<OwnedFd>, u64)>::deserialize(deserializer)?;
        // Anything but a socket is an error here and not at the first message.
        match stream::receive(socket.as_fd(), &mut []) {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(D::Error::custom(error)),
            _ => Ok(Self::new(socket).limit(limit)),
        }
    }
}
