//! What a parcel holds.
//!
//! In: bytes of this process, or sealed memory of another. Out: one slice. What always holds: the
//! slice is the same, wherever its bytes are.

use crate::memory::Sealed;
use std::ops::Deref;
use std::os::fd::OwnedFd;

/// What crosses: bytes, and the descriptors that they speak of.
#[derive(Debug, Default)]
pub struct Parcel {
    /// The bytes.
    pub bytes: Bytes,
    /// The descriptors, in the order they were sent.
    pub descriptors: Vec<OwnedFd>,
}

/// The bytes of a parcel: read from it as a slice.
#[derive(Debug)]
pub struct Bytes {
    pub(super) memory: Memory,
    pub(super) from: usize,
}

#[derive(Debug)]
pub(super) enum Memory {
    Own(Vec<u8>),
    Sealed(Sealed),
}

impl Bytes {
    /// The bytes without the first `count`; without any where there are fewer.
    #[must_use]
    pub fn skip(self, count: usize) -> Self {
        let from = self.from + count.min(self.len());
        Self { from, ..self }
    }

    /// The bytes, for the rest of this process's life.
    pub fn leak(self) -> &'static [u8] {
        let whole = match self.memory {
            Memory::Own(bytes) => bytes.leak(),
            Memory::Sealed(memory) => memory.leak(),
        };
        &whole[self.from..]
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Self { memory: Memory::Own(bytes), from: 0 }
    }
}

impl From<Sealed> for Bytes {
    fn from(memory: Sealed) -> Self {
        Self { memory: Memory::Sealed(memory), from: 0 }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let whole: &[u8] = match &self.memory {
            Memory::Own(bytes) => bytes,
            Memory::Sealed(memory) => memory,
        };
        &whole[self.from..]
    }
}
