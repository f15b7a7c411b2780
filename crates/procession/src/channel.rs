//! Typed channels between processes.
//!
//! # Invariants
//! A value is received whole, by one receiver, once, or not at all. A process that is killed, at
//! whatever instruction, neither corrupts the channel nor stops the others. README.md beside this
//! module's files says how.

mod annex;
#[cfg(feature = "tokio")]
mod asynchronous;
mod builder;
mod cursor;
mod duplex;
mod error;
mod joinable;
mod limits;
mod loan;
mod overflow;
mod receiver;
mod receiving;
mod record;
mod ring;
mod scratch;
mod sender;
mod sending;
mod spin;

pub use builder::{Builder, WhenFull};
pub use duplex::{Duplex, duplex};
pub use error::{RecvError, SendError, SendFailure};
pub use joinable::{Job, Joinable};
pub use receiver::{IntoIter, Iter, Receiver, TryIter};
pub use sender::Sender;

pub(crate) use joinable::Outstanding;
pub(crate) use receiving::Receiving;

use std::io;

/// A channel for any number of sending and receiving processes.
///
/// Its ends are values: they go to other processes as arguments, inside of values, and through
/// channels.
///
/// A send does not wait for receivers: the channel grows. Up to 256 KiB of messages wait in memory
/// that the channel keeps; more of them take memory only while they wait. A sender that is faster
/// than its receivers is held back for at most two milliseconds at a time, so that messages stay in
/// the memory that is there. [`bounded`] limits the number of messages, [`Builder`] their bytes.
///
/// A message with descriptors (a file, another channel's end, a [`Job`]) is the exception: 32 of
/// them wait, and the next send waits for a receiver, since the kernel limits descriptors in flight.
///
/// ```
/// use procession::{Process, Receiver, Sender};
///
/// fn square(numbers: Receiver<u64>, squares: Sender<u64>) {
///     for number in &numbers {
///         let number = number.expect("a number");
///         squares.send(number * number).expect("somebody listens");
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (to_workers, numbers) = procession::channel()?;
/// let (squares, from_workers) = procession::channel()?;
/// let workers = [(); 2].map(|()| {
///     Process::new(square, (numbers.clone(), squares.clone())).start()
/// });
/// drop((numbers, squares)); // only the workers have these ends now
/// for n in 1..=10 {
///     to_workers.send(n)?;
/// }
/// drop(to_workers); // the workers' loops end
/// let total: u64 = from_workers.iter().sum::<Result<_, _>>()?;
/// assert_eq!(total, 385);
/// for worker in workers {
///     worker?.join()?;
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As the kernel says: too many open files (a channel has seven descriptors, and each end up to
/// eight more once long messages have passed), no memory.
#[doc(alias = "Queue")]
#[doc(alias = "SimpleQueue")]
#[doc(alias = "Pipe")]
pub fn channel<T>() -> io::Result<(Sender<T>, Receiver<T>)> {
    Builder::new().build()
}

/// As [`channel`](channel()), for at most `capacity` messages under way. Senders wait while there
/// are as many.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (sender, receiver) = procession::bounded(2)?;
/// sender.send('a')?;
/// sender.send('b')?;
/// assert!(sender.try_send('c').unwrap_err().is_full());
/// assert_eq!((sender.len(), sender.capacity()), (2, Some(2)));
/// assert_eq!(receiver.recv()?, 'a');
/// sender.try_send('c')?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`channel`](channel()); `InvalidInput` for none, which nothing could pass.
#[doc(alias = "Queue")]
pub fn bounded<T>(capacity: u32) -> io::Result<(Sender<T>, Receiver<T>)> {
    Builder::new().messages(capacity).build()
}

#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
#[cfg(test)]
mod model;
#[cfg(test)]
mod overflow_model;
#[cfg(test)]
mod overflow_tests;
#[cfg(test)]
mod tests;
