//! The two halves of a connection.
//!
//! # Invariants
//! - The socket is closed once both halves are dropped.
//! - A half that is dropped first shuts its direction down, so that the other side learns of it.

use super::error::ConnectionError;
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use crate::value::Value;
use procession_sys::stream;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The half of a [`Connection`](super::Connection) that sends values, from
/// [`split`](super::Connection::split).
///
/// Dropping it tells the other side that no message follows: what was sent is received, then the
/// other side's `recv` gives [`Closed`](ConnectionError::Closed).
#[derive(Debug)]
pub struct SendHalf<T> {
    socket: Arc<OwnedFd>,
    outgoing: Outgoing,
    values: PhantomData<fn(T)>,
}

/// The half of a [`Connection`](super::Connection) that receives values, from
/// [`split`](super::Connection::split).
///
/// Once it is dropped, the other side's `send` gives [`Closed`](ConnectionError::Closed); over TCP
/// only once the sending half is dropped too.
#[derive(Debug)]
pub struct RecvHalf<U> {
    socket: Arc<OwnedFd>,
    incoming: Incoming,
    values: PhantomData<fn() -> U>,
}

impl<T> SendHalf<T> {
    pub(super) fn new(socket: Arc<OwnedFd>, outgoing: Outgoing) -> Self {
        Self { socket, outgoing, values: PhantomData }
    }
}

impl<T: Value> SendHalf<T> {
    /// Sends a value, waiting until the system has taken all of it.
    ///
    /// # Errors
    /// As [`Connection::send`](super::Connection::send).
    pub fn send(&mut self, value: &T) -> Result<(), ConnectionError> {
        self.outgoing.send(self.socket.as_fd(), value)
    }

    /// As [`Connection::send_async`](super::Connection::send_async).
    ///
    /// # Errors
    /// As [`Connection::send`](super::Connection::send).
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    #[cfg(feature = "tokio")]
    pub async fn send_async(&mut self, value: &T) -> Result<(), ConnectionError> {
        self.outgoing.send_async(self.socket.as_fd(), value).await
    }
}

impl<U> RecvHalf<U> {
    pub(super) fn new(socket: Arc<OwnedFd>, incoming: Incoming) -> Self {
        Self { socket, incoming, values: PhantomData }
    }
}

impl<U: Value> RecvHalf<U> {
    /// Receives a value, waiting for it.
    ///
    /// # Errors
    /// As [`Connection::recv`](super::Connection::recv).
    pub fn recv(&mut self) -> Result<U, ConnectionError> {
        let timed_out = || ConnectionError::Broken(io::ErrorKind::TimedOut.into());
        self.incoming.receive(self.socket.as_fd(), None)?.ok_or_else(timed_out)
    }

    /// As [`Connection::recv_timeout`](super::Connection::recv_timeout).
    ///
    /// # Errors
    /// As [`Connection::recv`](super::Connection::recv).
    pub fn recv_timeout(&mut self, timeout: Duration) -> Result<Option<U>, ConnectionError> {
        self.incoming.receive(self.socket.as_fd(), Instant::now().checked_add(timeout))
    }

    /// As [`Connection::recv_async`](super::Connection::recv_async).
    ///
    /// # Errors
    /// As [`Connection::recv`](super::Connection::recv).
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    #[cfg(feature = "tokio")]
    pub async fn recv_async(&mut self) -> Result<U, ConnectionError> {
        self.incoming.receive_async(self.socket.as_fd()).await
    }
}

impl<T> Drop for SendHalf<T> {
    fn drop(&mut self) {
        stream::send_no_more(self.socket.as_fd());
    }
}

impl<U> Drop for RecvHalf<U> {
    fn drop(&mut self) {
        stream::receive_no_more(self.socket.as_fd());
    }
}

/// Ready to read when a message has come, in part at least, or the other side is gone.
impl<U> AsFd for RecvHalf<U> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
