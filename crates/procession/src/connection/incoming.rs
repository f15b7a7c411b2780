//! The receiving direction of a connection.
//!
//! A message takes memory as its bytes come, not as its length announces.

use super::error::ConnectionError;
use crate::parcel;
use crate::value::Value;
use procession_sys::stream;
use procession_sys::wait::{self, Interest};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::Instant;

/// The bytes of a message's length.
pub(super) const HEAD: usize = size_of::<u64>();
/// The most bytes that are received at a time: 64 KiB.
const PIECE: usize = 64 << 10;

/// What a connection knows of the messages that it receives.
#[derive(Debug)]
pub(super) struct Incoming {
    pub(super) limit: u64,
    /// What has come of the next message, its length included.
    pub(super) partial: Vec<u8>,
    /// A message is announced that is too long, so what follows cannot be told apart.
    pub(super) out_of_step: bool,
}

impl Incoming {
    /// Receives a value, waiting until the deadline; `None` if none came whole by then.
    pub(super) fn receive<U: Value>(
        &mut self,
        socket: BorrowedFd<'_>,
        deadline: Option<Instant>,
    ) -> Result<Option<U>, ConnectionError> {
        loop {
            if let Some(value) = self.pull(socket)? {
                return Ok(Some(value));
            }
            let ready = wait::ready(&[(socket, Interest::Readable)], deadline);
            if ready.map_err(ConnectionError::Broken)? != [true] {
                return Ok(None);
            }
        }
    }

    /// As [`receive`](Self::receive) without a deadline, for a tokio program.
    #[cfg(feature = "tokio")]
    pub(super) async fn receive_async<U: Value>(
        &mut self,
        socket: BorrowedFd<'_>,
    ) -> Result<U, ConnectionError> {
        loop {
            if let Some(value) = self.pull(socket)? {
                return Ok(value);
            }
            crate::watch::readable(socket).await.map_err(ConnectionError::Broken)?;
        }
    }

    /// Receives what is there, without waiting; gives the value once its message is whole.
    fn pull<U: Value>(&mut self, socket: BorrowedFd<'_>) -> Result<Option<U>, ConnectionError> {
        if self.out_of_step {
            let text = "an earlier message was above the limit, so none after it can be told apart";
            return Err(ConnectionError::Broken(io::Error::new(io::ErrorKind::InvalidData, text)));
        }
        loop {
            let missing = self.missing()?;
            if missing == 0 {
                let message = std::mem::take(&mut self.partial);
                let value = parcel::read_as::<U, U>(&message[HEAD..], Vec::new());
                return value.map(Some).map_err(ConnectionError::Undecodable);
            }
            let filled = self.partial.len();
            self.partial.resize(filled + missing.min(PIECE), 0);
            let received = stream::receive(socket, &mut self.partial[filled..]);
            self.partial.truncate(filled + received.as_ref().copied().unwrap_or(0));
            match received {
                Ok(0) => return Err(ConnectionError::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(gone(error)),
            }
        }
    }

    /// The bytes that the message under way still lacks, as far as that is known.
    fn missing(&mut self) -> Result<usize, ConnectionError> {
        let Some((head, begun)) = self.partial.split_first_chunk::<HEAD>() else {
            return Ok(HEAD - self.partial.len());
        };
        let (length, limit) = (u64::from_le_bytes(*head), self.limit);
        let fits = usize::try_from(length).ok().filter(|_| length <= limit);
        let Some(whole) = fits else {
            self.out_of_step = true;
            return Err(ConnectionError::TooLong { length, limit });
        };
        Ok(whole - begun.len())
    }
}

/// The error of a socket: closed by the other side, or broken.
pub(super) fn gone(error: io::Error) -> ConnectionError {
    match error.kind() {
        io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset => ConnectionError::Closed,
        _ => ConnectionError::Broken(error),
    }
}
