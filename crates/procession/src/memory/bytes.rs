//! Shared bytes.

use super::frozen::Frozen;
use crate::fd::Fd;
use procession_sys::shared::Shared;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64};

/// Bytes that several processes read and write.
///
/// A clone, here or in another process, is the same memory.
///
/// ```
/// use procession::{Process, SharedMemory};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let memory = SharedMemory::new(64)?;
/// let write = |memory: SharedMemory| memory.write(10, b"from the child");
/// Process::new(write, (memory.clone(),)).start()?.join()?;
/// let mut text = [0; 14];
/// memory.read(10, &mut text);
/// assert_eq!(&text, b"from the child");
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[doc(alias = "shared_memory")]
#[doc(alias = "RawArray")]
pub struct SharedMemory {
    pub(super) memory: Arc<Shared>,
}

impl SharedMemory {
    /// New memory of `size` bytes, all zero. It takes real memory as it is first written.
    ///
    /// # Errors
    /// `InvalidInput` for no bytes; too many open files, no memory.
    pub fn new(size: usize) -> io::Result<Self> {
        Ok(Self { memory: Arc::new(Shared::new(size)?) })
    }

    /// How many bytes this handle sees.
    #[expect(clippy::len_without_is_empty, reason = "it has at least one byte")]
    #[doc(alias = "size")]
    pub fn len(&self) -> usize {
        self.memory.len()
    }

    /// Copies bytes out, from `offset` on. What another process writes meanwhile may be seen in
    /// part.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn read(&self, offset: usize, into: &mut [u8]) {
        self.memory.load(offset, into);
    }

    /// Copies bytes in, from `offset` on. Another process may see them in part meanwhile.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn write(&self, offset: usize, from: &[u8]) {
        self.memory.store(offset, from);
    }

    /// A copy of all bytes.
    pub fn to_vec(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.len()];
        self.read(0, &mut bytes);
        bytes
    }

    /// The bytes as atomics.
    pub fn bytes(&self) -> &[AtomicU8] {
        self.memory.bytes()
    }

    /// The memory as atomics of four bytes; the rest of an uneven length is left out.
    pub fn half_words(&self) -> &[AtomicU32] {
        self.memory.half_words()
    }

    /// The memory as atomics of eight bytes; the rest of an uneven length is left out.
    pub fn words(&self) -> &[AtomicU64] {
        self.memory.words()
    }

    /// Makes it at least `size` bytes, new ones zero. Other handles see them after
    /// [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// No memory; `PermissionDenied` where it is frozen.
    pub fn grow(&mut self, size: usize) -> io::Result<()> {
        self.own()?.grow(size)
    }

    /// Sees what another handle has grown.
    ///
    /// # Errors
    /// No room for a larger mapping.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.own()?.refresh()
    }

    /// This handle's own view: clones in this process go on with theirs.
    fn own(&mut self) -> io::Result<&mut Shared> {
        if Arc::get_mut(&mut self.memory).is_none() {
            let same = self.memory.as_fd().try_clone_to_owned()?;
            self.memory = Arc::new(Shared::adopt(same)?);
        }
        let busy = || io::Error::from(io::ErrorKind::ResourceBusy);
        Arc::get_mut(&mut self.memory).ok_or_else(busy)
    }

    /// Ends all writing, by everybody, for ever; what is there can be borrowed as a slice then.
    ///
    /// # Errors
    /// `ResourceBusy` while there is another handle, here or in another process.
    pub fn freeze(self) -> io::Result<Frozen<u8>> {
        let busy = |_| io::Error::from(io::ErrorKind::ResourceBusy);
        let memory = Arc::try_unwrap(self.memory).map_err(busy)?;
        memory.freeze().map(Frozen::new).map_err(|(_memory, error)| error)
    }

    /// Memory of its own with the same bytes.
    ///
    /// # Errors
    /// As [`SharedMemory::new`].
    #[doc(alias = "copy")]
    pub fn duplicate(&self) -> io::Result<Self> {
        let copy = Self::new(self.len())?;
        let mut piece = [0; 16 << 10];
        for offset in (0..self.len()).step_by(piece.len()) {
            let length = piece.len().min(self.len() - offset);
            self.read(offset, &mut piece[..length]);
            copy.write(offset, &piece[..length]);
        }
        Ok(copy)
    }
}

impl AsFd for SharedMemory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.memory.as_fd()
    }
}

impl Serialize for SharedMemory {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fd(self.memory.as_fd()).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for SharedMemory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fd(descriptor) = Fd::<OwnedFd>::deserialize(deserializer)?;
        let memory = Shared::adopt(descriptor).map_err(D::Error::custom)?;
        Ok(Self { memory: Arc::new(memory) })
    }
}
