//! A channel each way.
//!
//! In: nothing. Out: two ends that both send and receive. What always holds: each is just a sender
//! and a receiver, which can be used and given away by themselves.

use super::receiver::Receiver;
use super::sender::Sender;
use serde::{Deserialize, Serialize};
use std::io;

/// One end of a two-way channel: sends `T`, receives `U`.
#[derive(Debug, Serialize, Deserialize)]
#[serde(bound = "")]
#[doc(alias = "Connection")]
pub struct Duplex<T, U> {
    /// What goes to the other end.
    pub sender: Sender<T>,
    /// What comes from the other end.
    pub receiver: Receiver<U>,
}

/// A two-way channel: what one end sends, the other receives.
///
/// ```
/// use procession::{Duplex, Process};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let (here, there) = procession::duplex::<String, usize>()?;
/// let measure = |there: Duplex<usize, String>| {
///     for text in &there.receiver {
///         there.sender.send(text.expect("a text").len()).expect("somebody listens");
///     }
/// };
/// let child = Process::new(measure, (there,)).start()?;
/// here.sender.send("four".to_owned())?;
/// assert_eq!(here.receiver.recv()?, 4);
/// drop(here);
/// child.join()?;
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// As [`channel`](super::channel()).
#[doc(alias = "Pipe")]
pub fn duplex<T, U>() -> io::Result<(Duplex<T, U>, Duplex<U, T>)> {
    let (outward, arriving) = super::channel()?;
    let (homeward, returning) = super::channel()?;
    Ok((
        Duplex { sender: outward, receiver: returning },
        Duplex { sender: homeward, receiver: arriving },
    ))
}

impl<T, U> Clone for Duplex<T, U> {
    fn clone(&self) -> Self {
        Self { sender: self.sender.clone(), receiver: self.receiver.clone() }
    }
}
