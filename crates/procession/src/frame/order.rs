//! What a program asks of its server.
//!
//! In: a wish. Out: its frame; and from a frame, the order. What always holds: an order is small;
//! what a child is to do goes to the child, past the server.

use super::FrameError;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const CHILD: u8 = b'C';
const REFILL: u8 = b'F';
const DETACH: u8 = b'D';
const SIGNAL: u8 = b'K';
const LIST: u8 = b'L';
const EXITING: u8 = b'E';
const WAKE: u8 = b'W';
const AWAITED: u8 = b'A';

/// One order, read.
#[derive(Debug)]
pub(crate) enum Order<'a> {
    /// Make a child for the corridor whose end comes along.
    Child(Birth<'a>),
    /// The last spare has been taken: make more when there is time.
    Refill,
    /// Do not wait for the process with this number when the program ends.
    Detach(u64),
    /// Send the process with this number a signal.
    Signal(u64, i32),
    /// As question of this number, say who is alive of those whose number is above that.
    List(u64, u64),
    /// The program ends: end the daemons, say when the others have ended.
    Exiting,
    /// Read which spares were taken: one of them has a time limit.
    Wake,
    /// Name those for whom the program waits at its end.
    Awaited,
}

/// A child to be made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Birth<'a> {
    pub(crate) method: StartMethod,
    #[serde(borrow)]
    pub(crate) record: Record<'a>,
    /// The monotonic time at which it is killed.
    pub(crate) kill_at: Option<Duration>,
    /// Whether its descendants end with it.
    pub(crate) kill_descendants: bool,
    /// What it is executed with, if it is not forked: entries `NAME=value`, each ended by a NUL.
    pub(crate) environment: &'a [u8],
}

/// What a server must know of a child of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record<'a> {
    /// Number of this start among those of its parent, from 1.
    pub(crate) serial: u64,
    pub(crate) name: &'a str,
    pub(crate) daemon: bool,
}

/// How a process is made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum StartMethod {
    /// The program's fork server, a small process that is this program too and runs no user code
    /// but its constructors, forks the child. The default: it costs a message and a fork, whatever
    /// the size of the parent; a message alone where a child forked ahead is ready. Where a
    /// constructor has started a thread, it is as [`Spawn`](Self::Spawn).
    #[default]
    ForkServer,
    /// The fork server runs the program afresh for this one child: its own address layout and
    /// hash seeds, every constructor run again. Costs an exec more.
    Spawn,
}

impl Birth<'_> {
    pub(crate) fn to_frame(&self) -> Result<Vec<u8>, FrameError> {
        Ok(postcard::to_extend(self, vec![CHILD])?)
    }
}

impl<'a> Order<'a> {
    pub(crate) const fn refill() -> [u8; 1] {
        [REFILL]
    }

    pub(crate) fn detach(serial: u64) -> Vec<u8> {
        [&[DETACH], &serial.to_le_bytes()[..]].concat()
    }

    pub(crate) fn signal(serial: u64, signal: i32) -> Vec<u8> {
        [&[SIGNAL], &serial.to_le_bytes()[..], &signal.to_le_bytes()[..]].concat()
    }

    pub(crate) fn list(question: u64, after: u64) -> Vec<u8> {
        [&[LIST], &question.to_le_bytes()[..], &after.to_le_bytes()[..]].concat()
    }

    pub(crate) const fn wake() -> [u8; 1] {
        [WAKE]
    }

    pub(crate) const fn exiting() -> [u8; 1] {
        [EXITING]
    }

    pub(crate) const fn awaited() -> [u8; 1] {
        [AWAITED]
    }

    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        let cut = || FrameError("an order that ends too early".into());
        let (&kind, rest) = bytes.split_first().ok_or_else(cut)?;
        match kind {
            CHILD => Ok(Self::Child(postcard::from_bytes(rest)?)),
            REFILL => Ok(Self::Refill),
            DETACH => Ok(Self::Detach(u64::from_le_bytes(*array(rest).ok_or_else(cut)?))),
            SIGNAL => {
                let (serial, signal) = rest.split_at_checked(8).ok_or_else(cut)?;
                let serial = u64::from_le_bytes(*array(serial).ok_or_else(cut)?);
                Ok(Self::Signal(serial, i32::from_le_bytes(*array(signal).ok_or_else(cut)?)))
            }
            LIST => {
                let (question, after) = rest.split_at_checked(8).ok_or_else(cut)?;
                let question = u64::from_le_bytes(*array(question).ok_or_else(cut)?);
                Ok(Self::List(question, u64::from_le_bytes(*array(after).ok_or_else(cut)?)))
            }
            EXITING => Ok(Self::Exiting),
            WAKE => Ok(Self::Wake),
            AWAITED => Ok(Self::Awaited),
            _ => Err(FrameError(format!("no order begins with {kind:#04x}"))),
        }
    }
}

fn array<const N: usize>(bytes: &[u8]) -> Option<&[u8; N]> {
    bytes.try_into().ok()
}
