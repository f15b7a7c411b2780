//! The sending direction of a connection.
//!
//! A message is its length in eight bytes, the lowest first, then the value. `codec/README.md` says
//! how a value is written, so that another program can tell what it is.

use super::error::ConnectionError;
use super::incoming::{HEAD, gone};
use crate::parcel;
use crate::value::Value;
use procession_sys::stream;
use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::BorrowedFd;

/// What a connection knows of the messages that it sends.
#[derive(Debug)]
pub(super) struct Outgoing {
    pub(super) limit: u64,
    /// A message went out in part only, so another one cannot follow.
    pub(super) broken_off: bool,
}

impl Outgoing {
    /// Sends a value, waiting until the system has taken all of it.
    pub(super) fn send<T: Value>(
        &mut self,
        socket: BorrowedFd<'_>,
        value: &T,
    ) -> Result<(), ConnectionError> {
        let message = self.message(value)?;
        let mut sent = 0;
        while !self.push(socket, &message, &mut sent)? {
            wait::ready(&[(socket, Interest::Writable)], None).map_err(ConnectionError::Broken)?;
        }
        Ok(())
    }

    /// As [`send`](Self::send), for a tokio program.
    #[cfg(feature = "tokio")]
    pub(super) async fn send_async<T: Value>(
        &mut self,
        socket: BorrowedFd<'_>,
        value: &T,
    ) -> Result<(), ConnectionError> {
        let message = self.message(value)?;
        let mut sent = 0;
        while !self.push(socket, &message, &mut sent)? {
            crate::watch::writable(socket).await.map_err(ConnectionError::Broken)?;
        }
        Ok(())
    }

    fn message<T: Value>(&self, value: &T) -> Result<Vec<u8>, ConnectionError> {
        let mut message = vec![0; HEAD];
        let descriptors = parcel::write_as::<T>(&mut message, value);
        let descriptors = descriptors.map_err(ConnectionError::Unencodable)?;
        if !descriptors.is_empty() {
            return Err(ConnectionError::Descriptors);
        }
        let (length, limit) = ((message.len() - HEAD) as u64, self.limit);
        if length > limit {
            return Err(ConnectionError::TooLong { length, limit });
        }
        if self.broken_off {
            let text = "an earlier message was sent in part only, so none can follow it";
            return Err(ConnectionError::Broken(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        message[..HEAD].copy_from_slice(&length.to_le_bytes());
        Ok(message)
    }

    /// Sends what there is room for, without waiting; gives whether that was the rest.
    fn push(
        &mut self,
        socket: BorrowedFd<'_>,
        message: &[u8],
        sent: &mut usize,
    ) -> Result<bool, ConnectionError> {
        while *sent < message.len() {
            match stream::send(socket, &message[*sent..]) {
                Ok(more) => *sent += more,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(gone(error)),
            }
            // A caller may give up, or its future be dropped, before the rest is sent.
            self.broken_off = *sent < message.len();
        }
        Ok(true)
    }
}
