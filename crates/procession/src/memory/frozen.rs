//! Memory that nobody changes any more.

use crate::fd::Fd;
use bytemuck::AnyBitPattern;
use procession_sys::memory::Sealed;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::hash::{Hash, Hasher};
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

/// Values that were shared and are final: a `&[T]`, in every process that has it.
///
/// Handing it over costs the same whatever its size; no byte is copied.
///
/// ```
/// use procession::{Process, memory::Frozen};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let table: Frozen<f64> = Frozen::of(&(0..1000).map(f64::from).collect::<Vec<_>>())?;
/// let sum = |table: Frozen<f64>| table.iter().sum::<f64>();
/// let left = Process::new(sum, (table.clone(),)).start()?;
/// let right = Process::new(sum, (table.clone(),)).start()?;
/// assert_eq!(left.join()? + right.join()?, 2.0 * table.iter().sum::<f64>());
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Frozen<T> {
    memory: Arc<Sealed>,
    value: PhantomData<[T]>,
}

impl<T> Frozen<T> {
    pub(super) fn new(memory: Sealed) -> Self {
        Self { memory: Arc::new(memory), value: PhantomData }
    }
}

impl<T: bytemuck::NoUninit> Frozen<T> {
    /// Copies values into memory that is final at once.
    ///
    /// # Errors
    /// Too many open files, no memory.
    pub fn of(values: &[T]) -> io::Result<Self> {
        Ok(Self::new(Sealed::from_pieces(&[bytemuck::cast_slice(values)])?))
    }
}

impl<T: AnyBitPattern> Deref for Frozen<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        // A mapping is aligned for anything; what is left over at the end is no whole value.
        let whole = self.memory.len() - self.memory.len() % size_of::<T>().max(1);
        bytemuck::try_cast_slice(&self.memory[..whole]).unwrap_or_default()
    }
}

impl<T> Clone for Frozen<T> {
    fn clone(&self) -> Self {
        Self { memory: Arc::clone(&self.memory), value: PhantomData }
    }
}

/// Equal where the values are, as of any slice.
impl<T: AnyBitPattern + PartialEq> PartialEq for Frozen<T> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl<T: AnyBitPattern + Eq> Eq for Frozen<T> {}

impl<T: AnyBitPattern + Hash> Hash for Frozen<T> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl<T> Serialize for Frozen<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fd(self.memory.as_fd()).serialize(serializer)
    }
}

impl<'de, T> Deserialize<'de> for Frozen<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fd(descriptor) = Fd::<OwnedFd>::deserialize(deserializer)?;
        Sealed::adopt(descriptor).map(Self::new).map_err(D::Error::custom)
    }
}
