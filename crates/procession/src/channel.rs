//! Typed channels between processes.
//!
//! In: values at a sender. Out: the same at a receiver, in another process. What always holds: a
//! value is received whole, by one receiver, once, or not at all; whoever is killed, at whatever
//! instruction, neither corrupts the channel nor stops the others.
//!
//! How that is done, and why it suffices, is in README.md beside this room's files.

mod annex;
#[cfg(feature = "tokio")]
mod asynchronous;
mod cursor;
mod duplex;
mod error;
mod joinable;
mod loan;
mod receiver;
mod receiving;
mod ring;
mod scratch;
mod sender;
mod sending;
mod spin;

pub use duplex::{Duplex, duplex};
pub use error::{RecvError, SendError, SendFailure};
pub use joinable::{Job, Joinable};
pub use receiver::{Iter, Receiver};
pub use sender::Sender;

pub(crate) use receiving::Receiving;

use procession_sys::{bell, parcel};
use ring::Ring;
use sending::Sending;
use std::io;
use std::num::NonZeroU32;

/// A channel for any number of sending and receiving processes.
///
/// Its ends are values: they go to other processes as arguments, inside of values, and through
/// channels. A sender waits while the channel is full, which it is at 256 KiB of messages; a larger
/// one, or one with descriptors, travels beside it.
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
    make(u32::MAX)
}

/// As [`channel`](channel()), for at most `capacity` messages under way.
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
    let none = || io::Error::new(io::ErrorKind::InvalidInput, "a channel for no messages");
    make(NonZeroU32::new(capacity).ok_or_else(none)?.get())
}

fn make<T>(limit: u32) -> io::Result<(Sender<T>, Receiver<T>)> {
    let ring = Ring::new(limit)?;
    let same = Ring::adopt(ring.memory().try_clone_to_owned()?)?;
    let (ring_messages, messages) = bell::bell()?;
    let (ring_room, room) = bell::bell()?;
    let (annex_in, annex_out) = parcel::pair()?;
    let sending = Sending::new(ring, ring_messages, room, annex_in);
    let receiving = Receiving::new(same, messages, ring_room, annex_out);
    Ok((Sender::new(sending), Receiver::new(receiving)))
}

#[cfg(any(test, fuzzing))]
pub(crate) mod anything;
#[cfg(test)]
mod model;
#[cfg(test)]
mod tests;
