//! A connection whose other side knows the key.

use super::error::ConnectionError;
use super::half::{RecvHalf, SendHalf};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use crate::fd::Fd;
use crate::value::Value;
use procession_sys::stream;
use serde::de::Error as _;
use serde::ser::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// The longest message, unless it is said otherwise: 256 MiB.
const LIMIT: u64 = 256 << 20;

/// A connection to another program: sends `T`, receives `U`.
///
/// Over TCP it is authenticated and not encrypted; see the [module](super).
///
/// It may be given to a process of this program, between two messages. [`split`](Self::split) makes
/// two halves of it, so that one thread sends while another receives.
#[derive(Debug)]
#[doc(alias = "Client")]
pub struct Connection<T, U = T> {
    socket: OwnedFd,
    outgoing: Outgoing,
    incoming: Incoming,
    values: PhantomData<fn(T) -> U>,
}

impl<T, U> Connection<T, U> {
    pub(super) fn new(socket: OwnedFd) -> Self {
        let outgoing = Outgoing { limit: LIMIT, broken_off: false };
        let incoming = Incoming { limit: LIMIT, partial: Vec::new(), out_of_step: false };
        Self { socket, outgoing, incoming, values: PhantomData }
    }

    /// Refuses messages, either way, of more than so many bytes. Default: 256 MiB.
    #[must_use]
    pub fn limit(mut self, bytes: u64) -> Self {
        self.outgoing.limit = bytes;
        self.incoming.limit = bytes;
        self
    }

    /// Splits the connection into a half that sends and a half that receives.
    ///
    /// Each half can be moved to a thread or task of its own. Dropping the sending half tells the
    /// other side that no message follows. The connection is closed once both halves are dropped.
    ///
    /// ```
    /// use procession::connection::{Address, Connection, Listener, connect};
    /// use std::thread;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let address = Address::Abstract(format!("squares-{}", std::process::id()));
    /// let listener = Listener::bind(address.clone(), b"our secret")?;
    /// let server = thread::spawn(move || {
    ///     let mut client: Connection<u64, u64> = listener.accept().unwrap();
    ///     while let Ok(number) = client.recv() {
    ///         client.send(&(number * number)).unwrap();
    ///     }
    /// });
    /// let squares: Connection<u64, u64> = connect(&address, b"our secret")?;
    /// let (mut requests, mut answers) = squares.split();
    /// let sender = thread::spawn(move || (1..=3).try_for_each(|number| requests.send(&number)));
    /// let sum: u64 = (1..=3).map(|_| answers.recv()).sum::<Result<_, _>>()?;
    /// assert_eq!(sum, 14);
    /// sender.join().unwrap()?;
    /// server.join().unwrap();
    /// # Ok(())
    /// # }
    /// ```
    pub fn split(self) -> (SendHalf<T>, RecvHalf<U>) {
        let socket = std::sync::Arc::new(self.socket);
        let sending = SendHalf::new(std::sync::Arc::clone(&socket), self.outgoing);
        (sending, RecvHalf::new(socket, self.incoming))
    }
}

impl<T: Value, U: Value> Connection<T, U> {
    /// Sends a value, waiting until the system has taken all of it.
    ///
    /// # Errors
    /// [`ConnectionError`]. After `Broken` or `Closed` nothing can be sent any more.
    pub fn send(&mut self, value: &T) -> Result<(), ConnectionError> {
        self.outgoing.send(self.socket.as_fd(), value)
    }

    /// Receives a value, waiting for it.
    ///
    /// # Errors
    /// [`ConnectionError`]. After `Broken`, `TooLong` or `Closed` nothing can be received any more.
    pub fn recv(&mut self) -> Result<U, ConnectionError> {
        let timed_out = || ConnectionError::Broken(io::ErrorKind::TimedOut.into());
        self.incoming.receive(self.socket.as_fd(), None)?.ok_or_else(timed_out)
    }

    /// Receives a value, waiting at most `timeout`; `None` if none came whole. What came of it
    /// stays for the next call.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    #[doc(alias = "poll")]
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<U>, ConnectionError> {
        // A time beyond the clock's end is no limit.
        self.incoming.receive(self.socket.as_fd(), Instant::now().checked_add(timeout))
    }

    /// As [`send`](Self::send), for a tokio program (feature `tokio`).
    ///
    /// A future that is dropped before it is done has sent nothing, or a part. After a part, nothing
    /// can be sent any more, and the next call says so.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    #[cfg(feature = "tokio")]
    pub async fn send_async(&mut self, value: &T) -> Result<(), ConnectionError> {
        self.outgoing.send_async(self.socket.as_fd(), value).await
    }

    /// As [`recv`](Self::recv), for a tokio program (feature `tokio`).
    ///
    /// A future that is dropped before it is done loses nothing: what came of a message stays for
    /// the next call. So it may be a branch of `tokio::select!`.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    #[cfg(feature = "tokio")]
    pub async fn recv_async(&mut self) -> Result<U, ConnectionError> {
        self.incoming.receive_async(self.socket.as_fd()).await
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
        let (incoming, outgoing) = (&self.incoming, &self.outgoing);
        if !incoming.partial.is_empty() || incoming.out_of_step || outgoing.broken_off {
            return Err(S::Error::custom("a connection in the middle of a message"));
        }
        (Fd(self.socket.as_fd()), incoming.limit).serialize(serializer)
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
