//! One shared value.
//!
//! Two slots, and a word that says which of them holds. A change is written into the other slot
//! under the lock, and one store of that word makes it the value: so whoever is killed, at whatever
//! instruction, the value is the old one or the new one, and the lock is handed on.

use crate::fd::Fd;
use bytemuck::Pod;
use procession_sys::fault::stands;
use procession_sys::robust::{Guard, Lock};
use procession_sys::shared::Shared as Memory;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

// Places in words of four bytes.
const LOCK: usize = 0;
const WAITING: usize = 1;
const WHICH: usize = 2;
/// Where the slots begin, in bytes.
const SLOTS: usize = 16;

/// A value of plain data that several processes get and set, whole and one at a time.
///
/// A clone, here or in another process, is the same value. A process that is killed while it
/// changes the value leaves the old one or the new one, and keeps nobody waiting.
///
/// ```
/// use procession::{Process, Shared};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let range = Shared::new([f64::INFINITY, f64::NEG_INFINITY])?;
/// let widen = |range: Shared<[f64; 2]>, by: f64| {
///     range.update(|[least, most]| [least.min(by), most.max(by)]);
/// };
/// let children = [3.0, -1.0, 2.0].map(|by| Process::new(widen, (range.clone(), by)).start());
/// for child in children {
///     child?.join()?;
/// }
/// assert_eq!(range.get(), [-1.0, 3.0]);
/// # Ok(())
/// # }
/// ```
#[doc(alias = "Value")]
#[doc(alias = "RawValue")]
pub struct Shared<T> {
    memory: Arc<Memory>,
    value: PhantomData<fn(T) -> T>,
}

impl<T: Pod> Shared<T> {
    /// A value in new memory.
    ///
    /// # Errors
    /// Too many open files, no memory; `Unsupported` where the C library has no robust locks.
    pub fn new(value: T) -> io::Result<Self> {
        let memory = Memory::new(SLOTS + 2 * slot_size::<T>())?;
        let shared = Self { memory: Arc::new(memory), value: PhantomData };
        drop(shared.lock_words().lock(None)?);
        shared.memory.store(SLOTS, bytemuck::bytes_of(&value));
        Ok(shared)
    }

    /// The value.
    ///
    /// # Panics
    /// Within [`update`](Self::update), of this or another value: one at a time.
    pub fn get(&self) -> T {
        let guard = self.lock();
        let value = self.load(self.which());
        drop(guard);
        value
    }

    /// Changes the value.
    ///
    /// # Panics
    /// As [`Shared::get`].
    pub fn set(&self, value: T) {
        self.update(|_| value);
    }

    /// Changes the value to what `change` makes of it, while nobody else can; gives the new one.
    /// When `change` panics the value stays as it is.
    ///
    /// # Panics
    /// As [`Shared::get`]; and with `change`.
    #[doc(alias = "get_lock")]
    pub fn update(&self, change: impl FnOnce(T) -> T) -> T {
        let _guard = self.lock();
        let which = self.which();
        let value = change(self.load(which));
        let other = if stands("two-slots") { 1 - which } else { which };
        self.memory.store(slot::<T>(other), bytemuck::bytes_of(&value));
        let other = u32::from(other == 1);
        self.memory.half_words()[WHICH].store(other, Ordering::Release);
        value
    }

    fn lock_words(&self) -> Lock<'_> {
        let words = self.memory.half_words();
        Lock::new(&words[LOCK], &words[WAITING])
    }

    fn lock(&self) -> Guard<'_> {
        // Its support was tried when the value was made or received.
        self.lock_words().lock(None).expect("a shared value is used within `update`")
    }

    fn which(&self) -> usize {
        usize::from(self.memory.half_words()[WHICH].load(Ordering::Acquire) & 1 == 1)
    }

    fn load(&self, which: usize) -> T {
        let mut value = T::zeroed();
        self.memory.load(slot::<T>(which), bytemuck::bytes_of_mut(&mut value));
        value
    }

    fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let memory = Memory::adopt(descriptor)?;
        if memory.len() < SLOTS + 2 * slot_size::<T>() {
            let text = "not the memory of a value of this type";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        Ok(Self { memory: Arc::new(memory), value: PhantomData })
    }
}

fn slot_size<T>() -> usize {
    size_of::<T>().next_multiple_of(8)
}

fn slot<T>(which: usize) -> usize {
    SLOTS + which * slot_size::<T>()
}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self { memory: Arc::clone(&self.memory), value: PhantomData }
    }
}

impl<T> Serialize for Shared<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Fd(self.memory.as_fd()).serialize(serializer)
    }
}

impl<'de, T: Pod> Deserialize<'de> for Shared<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let Fd(descriptor) = Fd::<OwnedFd>::deserialize(deserializer)?;
        Self::adopt(descriptor).map_err(D::Error::custom)
    }
}

impl<T: Pod + fmt::Debug> fmt::Debug for Shared<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Shared").field(&self.get()).finish()
    }
}
