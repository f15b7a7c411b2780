//! Many shared values.

use super::bytes::SharedMemory;
use super::frozen::Frozen;
use bytemuck::Pod;
use serde::{Deserialize, Serialize};
use std::io;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

/// What [`SharedSlice::for_each_chunk`] copies at a time: 4 KiB, which stay in the nearest cache
/// beside their copy.
const CHUNK: usize = 4 << 10;

/// Values of plain data that several processes read and write in place.
///
/// A clone, here or in another process, is the same memory. A value of 1, 4 or 8 bytes is read and
/// written in one piece; for others, and for several, see to it that nobody else writes them
/// meanwhile, or use atomics.
///
/// ```
/// use procession::{Process, SharedSlice};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let numbers: SharedSlice<f64> = SharedSlice::of(&[1.0, 2.0, 3.0, 4.0])?;
/// let double = |numbers: SharedSlice<f64>, from: usize, to: usize| {
///     for index in from..to {
///         numbers.set(index, numbers.get(index) * 2.0);
///     }
/// };
/// let left = Process::new(double, (numbers.clone(), 0, 2)).start()?;
/// let right = Process::new(double, (numbers.clone(), 2, 4)).start()?;
/// left.join()?;
/// right.join()?;
/// assert_eq!(numbers.to_vec(), [2.0, 4.0, 6.0, 8.0]);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent, bound = "")]
#[doc(alias = "Array")]
#[doc(alias = "ShareableList")]
pub struct SharedSlice<T> {
    memory: SharedMemory,
    #[serde(skip)]
    value: PhantomData<fn(T) -> T>,
}

impl<T: Pod> SharedSlice<T> {
    const SIZE: usize = {
        assert!(size_of::<T>() > 0, "values without bytes need no memory");
        size_of::<T>()
    };

    /// `len` values, all of whose bytes are zero.
    ///
    /// # Errors
    /// `InvalidInput` for none; too many open files, no memory.
    pub fn new(len: usize) -> io::Result<Self> {
        Ok(Self { memory: SharedMemory::new(bytes_of::<T>(len)?)?, value: PhantomData })
    }

    /// These values.
    ///
    /// # Errors
    /// As [`SharedSlice::new`].
    pub fn of(values: &[T]) -> io::Result<Self> {
        let slice = Self::new(values.len())?;
        slice.write(0, values);
        Ok(slice)
    }

    /// How many values this handle sees.
    pub fn len(&self) -> usize {
        self.memory.len() / Self::SIZE
    }

    /// Whether it has room for not even one value, as memory made for smaller ones may.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value at `index`.
    ///
    /// # Panics
    /// Beyond the end.
    #[inline]
    pub fn get(&self, index: usize) -> T {
        match Self::SIZE {
            8 => bytemuck::cast(self.memory.words()[index].load(Ordering::Relaxed)),
            4 => bytemuck::cast(self.memory.half_words()[index].load(Ordering::Relaxed)),
            1 => bytemuck::cast(self.memory.bytes()[index].load(Ordering::Relaxed)),
            _ => {
                let mut value = T::zeroed();
                self.read(index, std::slice::from_mut(&mut value));
                value
            }
        }
    }

    /// Changes the value at `index`.
    ///
    /// # Panics
    /// Beyond the end.
    #[inline]
    pub fn set(&self, index: usize, value: T) {
        let relaxed = Ordering::Relaxed;
        match Self::SIZE {
            8 => self.memory.words()[index].store(bytemuck::cast(value), relaxed),
            4 => self.memory.half_words()[index].store(bytemuck::cast(value), relaxed),
            1 => self.memory.bytes()[index].store(bytemuck::cast(value), relaxed),
            _ => self.write(index, &[value]),
        }
    }

    /// Copies values out, from `index` on.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn read(&self, index: usize, into: &mut [T]) {
        self.memory.read(offset::<T>(index), bytemuck::cast_slice_mut(into));
    }

    /// Copies values in, from `index` on.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn write(&self, index: usize, from: &[T]) {
        self.memory.write(offset::<T>(index), bytemuck::cast_slice(from));
    }

    /// A copy of all values.
    pub fn to_vec(&self) -> Vec<T> {
        let mut values = vec![T::zeroed(); self.len()];
        self.read(0, &mut values);
        values
    }

    /// Every value, in order, as it is when it is reached.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = T> + ExactSizeIterator + '_ {
        (0..self.len()).map(|index| self.get(index))
    }

    /// Calls `work` with a copy of some values after the other, and where they begin, and copies
    /// them back: the fastest way to change many.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let pixels = procession::SharedSlice::<u8>::of(&[10; 100_000])?;
    /// pixels.for_each_chunk(50_000..100_000, |_start, some| some.fill(20));
    /// assert_eq!((pixels.get(49_999), pixels.get(50_000)), (10, 20));
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Panics
    /// Beyond the end.
    pub fn for_each_chunk(&self, range: Range<usize>, mut work: impl FnMut(usize, &mut [T])) {
        let most = (CHUNK / Self::SIZE).max(1);
        let mut buffer = vec![T::zeroed(); most.min(range.len())];
        let mut start = range.start;
        while start < range.end {
            let chunk = &mut buffer[..most.min(range.end - start)];
            self.read(start, chunk);
            work(start, chunk);
            self.write(start, chunk);
            start += chunk.len();
        }
    }

    /// Makes room for at least `len` values, new ones zero. Other handles see them after
    /// [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// No memory.
    pub fn grow(&mut self, len: usize) -> io::Result<()> {
        self.memory.grow(bytes_of::<T>(len)?)
    }

    /// Sees what another handle has grown.
    ///
    /// # Errors
    /// No room for a larger mapping.
    pub fn refresh(&mut self) -> io::Result<()> {
        self.memory.refresh()
    }

    /// Ends all writing, by everybody, for ever; the values are a `&[T]` then.
    ///
    /// # Errors
    /// `ResourceBusy` while there is another handle, here or in another process.
    pub fn freeze(self) -> io::Result<Frozen<T>> {
        let memory = std::sync::Arc::try_unwrap(self.memory.memory);
        let memory = memory.map_err(|_| io::Error::from(io::ErrorKind::ResourceBusy))?;
        memory.freeze().map(Frozen::new).map_err(|(_memory, error)| error)
    }

    /// Values of their own, the same as these.
    ///
    /// # Errors
    /// As [`SharedSlice::new`].
    #[doc(alias = "copy")]
    pub fn duplicate(&self) -> io::Result<Self> {
        Ok(Self { memory: self.memory.duplicate()?, value: PhantomData })
    }
}

impl SharedSlice<u8> {
    /// The values as atomics.
    pub fn atomics(&self) -> &[AtomicU8] {
        self.memory.bytes()
    }
}

impl SharedSlice<u32> {
    /// The values as atomics.
    pub fn atomics(&self) -> &[AtomicU32] {
        self.memory.half_words()
    }
}

impl SharedSlice<u64> {
    /// The values as atomics.
    ///
    /// ```
    /// use procession::{Process, SharedSlice};
    /// use std::sync::atomic::Ordering;
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let count = SharedSlice::<u64>::new(1)?;
    /// let work = |count: SharedSlice<u64>| for _ in 0..1000 {
    ///     count.atomics()[0].fetch_add(1, Ordering::Relaxed);
    /// };
    /// let children = [(); 3].map(|()| Process::new(work, (count.clone(),)).start());
    /// for child in children {
    ///     child?.join()?;
    /// }
    /// assert_eq!(count.get(0), 3000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn atomics(&self) -> &[AtomicU64] {
        self.memory.words()
    }
}

impl<T> Clone for SharedSlice<T> {
    fn clone(&self) -> Self {
        Self { memory: self.memory.clone(), value: PhantomData }
    }
}

/// How many bytes so many values take.
fn bytes_of<T>(len: usize) -> io::Result<usize> {
    len.checked_mul(size_of::<T>()).ok_or_else(|| io::ErrorKind::OutOfMemory.into())
}

/// Where a value begins; beyond any memory where that cannot be said.
fn offset<T>(index: usize) -> usize {
    index.saturating_mul(size_of::<T>())
}
