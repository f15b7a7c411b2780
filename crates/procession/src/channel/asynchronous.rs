//! Awaiting a channel in a tokio program.
//!
//! # Invariants
//! - The runtime waits on the bell that a sleeping process waits on, which is armed before.
//! - A future that is dropped has taken nothing from the channel and put nothing into it.
//! - No lock is waited for on the thread of the reactor: where one is held, a thread of the runtime's
//!   pool for blocking work waits, for a short time at once, so that it does not keep the runtime
//!   from ending.

use super::error::{RecvError, SendError, SendFailure};
use super::receiver::Receiver;
use super::sender::{Sender, unencodable};
use super::sending::{Patience, Refusal};
use crate::parcel;
use crate::value::Value;
use crate::watch;
use procession_sys::robust::Wait;
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

/// How long a thread waits for a lock before the future has its turn again.
const SLICE: Duration = Duration::from_millis(50);

fn soon() -> Wait {
    Wait::Until(Instant::now() + SLICE)
}

/// Has a thread of the runtime's pool for blocking work do this.
async fn elsewhere(work: impl FnOnce() + Send + 'static) {
    // It fails only as the runtime shuts down, when nothing is polled any more.
    let _ = tokio::task::spawn_blocking(work).await;
}

impl<T: Value> Receiver<T> {
    /// As [`recv`](Self::recv), for a tokio program (feature `tokio`).
    ///
    /// Any number of tasks and processes may wait; each message goes to one. A future that is
    /// dropped before it is done loses no message, so it may be a branch of `tokio::select!`.
    ///
    /// ```
    /// use procession::{Process, Sender};
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let (sender, receiver) = procession::bounded(1)?;
    ///     let count = |to: Sender<u32>| (1..=3).for_each(|n| to.send(n).expect("a listener"));
    ///     let child = Process::new(count, (sender,)).start()?;
    ///     let mut sum = 0;
    ///     while let Ok(number) = receiver.recv_async().await {
    ///         sum += number;
    ///     }
    ///     assert_eq!(sum, 6);
    ///     child.await?;
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`recv`](Self::recv); `Broken` too where no descriptor is left to wait with.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    pub async fn recv_async(&self) -> Result<T, RecvError> {
        loop {
            // Finding nothing arms the bell.
            match self.recv_with(Patience::Rung) {
                Ok(Some(value)) => return Ok(value),
                Ok(None) => watch::readable(self.as_fd()).await.map_err(RecvError::Broken)?,
                Err(RecvError::Locked) => {
                    let end = self.shared_end();
                    elsewhere(move || end.ring().wait_for_locks(soon())).await;
                }
                Err(error) => return Err(error),
            }
        }
    }
}

impl<T: Value> Sender<T> {
    /// As [`send`](Self::send), for a tokio program (feature `tokio`).
    ///
    /// A future that is dropped before it is done has sent nothing, and drops the value.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (sender, receiver) = procession::bounded(1)?;
    /// sender.send_async(1).await?;
    /// let (sent, received) = tokio::join!(sender.send_async(2), async {
    ///     (receiver.recv_async().await, receiver.recv_async().await)
    /// });
    /// sent?;
    /// assert_eq!((received.0?, received.1?), (1, 2));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`send`](Self::send); `Broken` too where no descriptor is left to wait with.
    ///
    /// # Panics
    /// Outside a tokio runtime, or in one without I/O enabled.
    pub async fn send_async(&self, value: T) -> Result<(), SendError<T>> {
        let (bytes, descriptors) = match parcel::write(Vec::new(), &value) {
            Ok(written) => written,
            Err(error) => return Err(SendError::new(value, unencodable(error))),
        };
        // Once, however often it has to be tried.
        let mut luggage = match self.end().pack(&bytes, &descriptors) {
            Ok(luggage) => luggage,
            Err(refusal) => return Err(SendError::new(value, refusal.into())),
        };
        loop {
            let sent = self.end().send_packed(&bytes, luggage.as_mut(), Patience::Rung);
            let refused = match sent {
                Ok(()) => return Ok(()),
                Err(Refusal::Full) if !self.end().ring.limits().refuses => {
                    watch::readable(self.end().room.as_fd()).await
                }
                Err(Refusal::Locked) => {
                    let end = self.shared_end();
                    elsewhere(move || end.ring.wait_for_locks(soon())).await;
                    continue;
                }
                Err(refusal) => return Err(SendError::new(value, refusal.into())),
            };
            if let Err(error) = refused {
                return Err(SendError::new(value, SendFailure::Broken(error)));
            }
        }
    }
}
