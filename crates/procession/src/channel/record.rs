//! What stands in a channel's memory for one message.

use std::io;

/// What stands in the ring for one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Record<'a> {
    /// The message.
    Whole(&'a [u8]),
    /// The number of the parcel in the annex that is the message.
    Annexed(u64),
}

/// A record's first word has the length of the message in its lower half, this in its upper.
pub(super) const WHOLE: u32 = 1;
pub(super) const ANNEXED: u32 = 2;
/// No message: from here on they are in the overflow.
pub(super) const EXTENT: u32 = 3;

impl<'a> Record<'a> {
    /// The record of this kind that has these bytes.
    #[inline]
    pub(super) fn of(kind: u32, bytes: &'a [u8]) -> io::Result<Self> {
        match kind {
            WHOLE => Ok(Self::Whole(bytes)),
            ANNEXED => {
                let number = bytes.try_into().map_err(|_| corrupt())?;
                Ok(Self::Annexed(u64::from_le_bytes(number)))
            }
            _ => Err(corrupt()),
        }
    }

    pub(super) fn words(&self) -> u32 {
        let rest = match self {
            Self::Whole(bytes) => bytes.len().div_ceil(8),
            Self::Annexed(_) => 1,
        };
        u32::try_from(rest + 1).unwrap_or(u32::MAX)
    }
}

/// A word as two numbers, the lower half first.
pub(super) fn halves(word: u64) -> (u32, u32) {
    let half = |word: u64| u32::try_from(word & u64::from(u32::MAX)).unwrap_or(u32::MAX);
    (half(word), half(word >> 32))
}

pub(super) fn corrupt() -> io::Error {
    let text = "the channel's memory makes no sense: a process that has it wrote over it";
    io::Error::new(io::ErrorKind::InvalidData, text)
}
