//! What is said of children made ahead, on a socket of their own.
//!
//! In: a spare child's number. Out: its offer to the program, and the program's word that it has
//! taken it. What always holds: a number is used once in a server's life, unlike a process id, so a
//! late word is never about another child.

use super::{FrameError, Record};
use procession_sys::parcel::Parcel;
use serde::{Deserialize, Serialize};
use std::os::fd::OwnedFd;
use std::time::Duration;

/// A spare child, free for the first who takes this off the socket.
#[derive(Debug)]
pub(crate) struct Offer {
    pub(crate) number: u64,
    pub(crate) pid: i32,
    /// The parent's end of its corridor.
    pub(crate) corridor: OwnedFd,
    /// Where the kernel has pidfds.
    pub(crate) pidfd: Option<OwnedFd>,
}

impl Offer {
    /// The bytes that go with corridor and pidfd.
    pub(crate) fn frame(number: u64, pid: i32) -> [u8; 12] {
        let mut frame = [0; 12];
        frame[..8].copy_from_slice(&number.to_le_bytes());
        frame[8..].copy_from_slice(&pid.to_le_bytes());
        frame
    }

    pub(crate) fn read(parcel: Parcel) -> Result<Self, FrameError> {
        let no_offer = || FrameError("no offer of a child".into());
        let (number, pid) = parcel.bytes.split_first_chunk::<8>().ok_or_else(no_offer)?;
        let pid = i32::from_le_bytes(pid.try_into().map_err(|_| no_offer())?);
        let mut descriptors = parcel.descriptors.into_iter();
        let corridor = descriptors.next().ok_or_else(no_offer)?;
        let pidfd = descriptors.next();
        Ok(Self { number: u64::from_le_bytes(*number), pid, corridor, pidfd })
    }
}

/// The program's word that it has taken a spare child. It comes before the child's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Adoption<'a> {
    pub(crate) number: u64,
    #[serde(borrow)]
    pub(crate) record: Record<'a>,
    /// The monotonic time at which it is killed.
    pub(crate) kill_at: Option<Duration>,
}

impl<'a> Adoption<'a> {
    pub(crate) fn to_frame(self) -> Result<Vec<u8>, FrameError> {
        Ok(postcard::to_stdvec(&self)?)
    }

    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self, FrameError> {
        Ok(postcard::from_bytes(bytes)?)
    }
}
