//! Anonymous memory that several processes write.
//!
//! In: a length. Out: a descriptor that may cross to other processes, and the same memory there, as
//! atomics. What always holds: the memory can never shrink (the kernel's seal was checked), so no
//! access faults; everybody reads and writes it through atomics only, so whatever another process
//! writes, at whatever moment, is a wrong value at worst.

use crate::copy;
use crate::memory::{self, Sealed};
use bytemuck::AnyBitPattern;
use rustix::fs::{FallocateFlags, SealFlags};
use rustix::io::Errno;
use rustix::mm::{MapFlags, MremapFlags, ProtFlags};
use std::collections::TryReserveError;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU8, AtomicU32, AtomicU64, Ordering};

const WORD: usize = size_of::<u64>();

/// Memory mapped for reading and writing, shared with whoever has its descriptor.
#[derive(Debug)]
pub struct Shared {
    descriptor: OwnedFd,
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is owned by this value alone and accessed through atomics only.
unsafe impl Send for Shared {}
// SAFETY: as above.
unsafe impl Sync for Shared {}

impl Shared {
    /// New memory of `length` bytes, all zero. It takes real memory as it is first written.
    ///
    /// # Errors
    /// `InvalidInput` for no bytes; `EMFILE`, `ENFILE`, `ENOMEM`; `EFBIG` above this process's limit
    /// on the size of files, which holds for memory files too.
    pub fn new(length: usize) -> io::Result<Self> {
        if length == 0 {
            let text = "shared memory has at least one byte";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let descriptor = memory::anonymous()?;
        let size = u64::try_from(length).map_err(io::Error::other)?;
        memory::within_limit(size)?;
        rustix::fs::ftruncate(&descriptor, size)?;
        rustix::fs::fcntl_add_seals(&descriptor, SealFlags::SHRINK)?;
        Self::adopt(descriptor)
    }

    /// Maps memory that somebody else made.
    ///
    /// # Errors
    /// `InvalidData` unless it is an anonymous memory file that cannot shrink and has a byte; as
    /// `mmap(2)`.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        Self::adopt_first(descriptor, usize::MAX)
    }

    /// As [`adopt`](Self::adopt), mapping at most the first `most` bytes. The rest of the file is
    /// reached by [`read_at`](Self::read_at) and [`write_at`](Self::write_at).
    ///
    /// # Errors
    /// As [`adopt`](Self::adopt).
    pub fn adopt_first(descriptor: OwnedFd, most: usize) -> io::Result<Self> {
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidData, text);
        let seals = rustix::fs::fcntl_get_seals(&descriptor)
            .map_err(|_| invalid("not an anonymous memory"))?;
        if !seals.contains(SealFlags::SHRINK) {
            return Err(invalid("an anonymous memory that its sender can shrink"));
        }
        let length = file_length(&descriptor)?.min(most);
        if length == 0 {
            return Err(invalid("an anonymous memory without bytes"));
        }
        let protection = ProtFlags::READ | ProtFlags::WRITE;
        let null = std::ptr::null_mut();
        // SAFETY: a new mapping at an address of the kernel's choice touches no other memory; the
        // file cannot shrink under it.
        let address = unsafe {
            rustix::mm::mmap(null, length, protection, MapFlags::SHARED, &descriptor, 0)?
        };
        let address =
            NonNull::new(address.cast()).ok_or_else(|| invalid("mmap gave the null address"))?;
        Ok(Self { descriptor, address, length })
    }

    /// How many bytes of it this process sees.
    #[expect(clippy::len_without_is_empty, reason = "it has at least one byte")]
    #[inline]
    pub fn len(&self) -> usize {
        self.length
    }

    /// How many bytes of it the kernel has memory for: those that were written, in whole pages.
    ///
    /// # Errors
    /// As `fstat(2)`: none that is expected.
    pub fn allocated(&self) -> io::Result<u64> {
        /// The unit of `st_blocks`, whatever the file's own.
        const BLOCK: u64 = 512;
        let blocks = rustix::fs::fstat(&self.descriptor)?.st_blocks;
        Ok(u64::try_from(blocks).unwrap_or_default().saturating_mul(BLOCK))
    }

    /// Every byte.
    #[inline]
    pub fn bytes(&self) -> &[AtomicU8] {
        // SAFETY: a live mapping of `length` bytes as long as `self`; any byte is a value.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr().cast(), self.length) }
    }

    /// The memory as words of four bytes; the rest of an uneven length is left out.
    #[inline]
    pub fn half_words(&self) -> &[AtomicU32] {
        // SAFETY: as `bytes`; a mapping begins at a page, so it is aligned for any atomic.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr().cast(), self.length / 4) }
    }

    /// The memory as words of eight bytes; the rest of an uneven length is left out.
    #[inline]
    pub fn words(&self) -> &[AtomicU64] {
        // SAFETY: as `half_words`.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr().cast(), self.length / WORD) }
    }

    /// Copies bytes out, from `offset` on.
    ///
    /// Words that lie in one whole are read in one piece; a write that goes on meanwhile may be
    /// seen in part.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn load(&self, offset: usize, into: &mut [u8]) {
        // SAFETY: the same bytes; `load_into` writes nothing but initialised ones.
        let into = unsafe { &mut *(std::ptr::from_mut(into) as *mut [MaybeUninit<u8>]) };
        self.load_into(offset, into);
    }

    /// Writes every byte of `into`.
    fn load_into(&self, offset: usize, into: &mut [MaybeUninit<u8>]) {
        let [head, middle, tail] = self.parts(offset, into.len());
        let (first, rest) = into.split_at_mut(head.len());
        let (words, last) = rest.split_at_mut(middle.len() * WORD);
        load_bytes(&self.bytes()[head], first);
        copy::load(&self.words()[middle], words);
        load_bytes(&self.bytes()[tail], last);
    }

    /// Copies values out, from `offset` on, behind the end of `into`, whose fresh memory is written
    /// only once so.
    ///
    /// # Errors
    /// Where there is no memory for them.
    ///
    /// # Panics
    /// Beyond the end.
    pub fn append_to<N: AnyBitPattern>(
        &self,
        offset: usize,
        count: usize,
        into: &mut Vec<N>,
    ) -> Result<(), TryReserveError> {
        into.try_reserve_exact(count)?;
        let spare = &mut into.spare_capacity_mut()[..count];
        memory::expect_use(spare);
        let length = size_of_val(spare);
        // SAFETY: exactly the bytes of `spare`, which need not be initialised.
        let bytes = unsafe { std::slice::from_raw_parts_mut(spare.as_mut_ptr().cast(), length) };
        self.load_into(offset, bytes);
        // SAFETY: `count` more values have room, every byte of them was written, and any bytes are
        // such a value.
        unsafe { into.set_len(into.len() + count) };
        Ok(())
    }

    /// Copies bytes in, from `offset` on; in words as [`load`](Self::load).
    ///
    /// # Panics
    /// Beyond the end.
    pub fn store(&self, offset: usize, from: &[u8]) {
        let [head, middle, tail] = self.parts(offset, from.len());
        let (first, rest) = from.split_at(head.len());
        let (words, last) = rest.split_at(middle.len() * WORD);
        store_bytes(&self.bytes()[head], first);
        copy::store(&self.words()[middle], words);
        store_bytes(&self.bytes()[tail], last);
    }

    /// As [`store`](Self::store), for memory that has not been written yet: the kernel takes it from
    /// what is free, and says where there is none, instead of ending the process by a signal.
    ///
    /// # Errors
    /// `ENOSPC` or `ENOMEM` where memory ends; `EFBIG` above this process's limit on the size of
    /// files, which holds for memory files too.
    pub fn fill(&self, offset: usize, from: &[u8]) -> io::Result<()> {
        self.write_at(offset as u64, &[from])
    }

    /// Writes `pieces`, one after the other, to the file behind the memory, from `offset` on. The
    /// file grows where it is shorter.
    ///
    /// # Errors
    /// As [`fill`](Self::fill). A part of the bytes may have been written then.
    pub fn write_at(&self, mut offset: u64, pieces: &[&[u8]]) -> io::Result<()> {
        let length: usize = pieces.iter().map(|piece| piece.len()).sum();
        memory::within_limit(offset.saturating_add(length as u64))?;
        let mut slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        let mut left = &mut slices[..];
        IoSlice::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match rustix::io::pwritev(&self.descriptor, left, offset) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => {
                    IoSlice::advance_slices(&mut left, written);
                    offset += written as u64;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    /// Reads from the file behind the memory, from `offset` on, into one piece after the other;
    /// gives how many bytes came, fewer than asked for only where the file ends.
    ///
    /// # Errors
    /// As `preadv(2)`: none that is expected.
    pub fn read_at(&self, mut offset: u64, pieces: &mut [&mut [u8]]) -> io::Result<usize> {
        let mut slices: Vec<_> = pieces.iter_mut().map(|piece| IoSliceMut::new(piece)).collect();
        let mut left = &mut slices[..];
        let mut read = 0;
        IoSliceMut::advance_slices(&mut left, 0);
        while !left.is_empty() {
            match rustix::io::preadv(&self.descriptor, left, offset) {
                Ok(0) => break,
                Ok(more) => {
                    IoSliceMut::advance_slices(&mut left, more);
                    offset += more as u64;
                    read += more;
                }
                Err(Errno::INTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(read)
    }

    /// Gives the kernel back the memory of whole pages of the file. They read as zeros afterwards;
    /// the file keeps its length.
    ///
    /// # Errors
    /// As `fallocate(2)`: `EPERM` where the file was sealed against writing.
    pub fn give_back(&self, range: Range<u64>) -> io::Result<()> {
        let flags = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let length = range.end.saturating_sub(range.start);
        if length == 0 {
            return Ok(());
        }
        loop {
            match rustix::fs::fallocate(&self.descriptor, flags, range.start, length) {
                Err(Errno::INTR) => {}
                done => return Ok(done?),
            }
        }
    }

    /// A range of bytes as the bytes before the first whole word, the words, the bytes behind.
    fn parts(&self, offset: usize, length: usize) -> [Range<usize>; 3] {
        let end = offset.checked_add(length).filter(|&end| end <= self.length);
        let end = end.expect("a range within the shared memory");
        let first = offset.next_multiple_of(WORD).min(end);
        let last = (end - end % WORD).max(first);
        [offset..first, first / WORD..first / WORD + (last - first) / WORD, last..end]
    }

    /// Makes it at least `length` bytes; new ones are zero. Other processes see them when they call
    /// [`refresh`](Self::refresh).
    ///
    /// # Errors
    /// `EPERM` where it was sealed against growing; `ENOMEM`; `EFBIG` above this process's limit on
    /// the size of files, which holds for memory files too. The memory stays as it was.
    pub fn grow(&mut self, length: usize) -> io::Result<()> {
        if length > file_length(&self.descriptor)? {
            let size = u64::try_from(length).map_err(io::Error::other)?;
            memory::within_limit(size)?;
            rustix::fs::ftruncate(&self.descriptor, size)?;
        }
        self.refresh()
    }

    /// Sees what another process has grown.
    ///
    /// # Errors
    /// `ENOMEM` where there is no room for a larger mapping.
    pub fn refresh(&mut self) -> io::Result<()> {
        let length = file_length(&self.descriptor)?;
        if length <= self.length {
            return Ok(());
        }
        let old = self.address.as_ptr().cast();
        // SAFETY: exactly our mapping, which nobody borrows (`&mut self`); the file has `length`.
        let address =
            unsafe { rustix::mm::mremap(old, self.length, length, MremapFlags::MAYMOVE)? };
        self.address = NonNull::new(address.cast())
            .ok_or_else(|| io::Error::other("mremap gave the null address"))?;
        self.length = length;
        Ok(())
    }

    /// Ends all writing, by everybody, for ever.
    ///
    /// # Errors
    /// `ResourceBusy` while another handle, here or in another process, has it mapped: nothing has
    /// changed then, and the memory comes back (unless there is no room left to map it).
    pub fn freeze(self) -> Result<Sealed, (Option<Self>, io::Error)> {
        let descriptor = match self.descriptor.try_clone() {
            Ok(descriptor) => descriptor,
            Err(error) => return Err((Some(self), error)),
        };
        // The kernel seals against writing only what nobody has mapped for it.
        drop(self);
        let sealed = memory::seal(&descriptor).and_then(|()| descriptor.try_clone());
        sealed.and_then(Sealed::adopt).map_err(|error| (Self::adopt(descriptor).ok(), error))
    }
}

impl AsFd for Shared {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: exactly our mapping; every borrow of it has ended.
        let _ = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.length) };
    }
}

fn load_bytes(from: &[AtomicU8], into: &mut [MaybeUninit<u8>]) {
    for (byte, into) in from.iter().zip(into) {
        into.write(byte.load(Ordering::Relaxed));
    }
}

fn store_bytes(into: &[AtomicU8], from: &[u8]) {
    for (byte, &from) in into.iter().zip(from) {
        byte.store(from, Ordering::Relaxed);
    }
}

fn file_length(descriptor: &OwnedFd) -> io::Result<usize> {
    usize::try_from(rustix::fs::fstat(descriptor)?.st_size).map_err(io::Error::other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_mappings_are_one_memory() {
        let here = Shared::new(3 * WORD + 5).expect("memory");
        let there = Shared::adopt(here.as_fd().try_clone_to_owned().expect("a duplicate"));
        let there = there.expect("the same memory");
        here.words()[1].store(7, Ordering::Relaxed);
        assert_eq!(there.words()[1].load(Ordering::Relaxed), 7);
        assert_eq!((there.len(), there.words().len(), there.half_words().len()), (29, 3, 7));
    }

    #[test]
    fn bytes_are_copied_at_every_offset_and_length() {
        let memory = Shared::new(40).expect("memory");
        for offset in 0..40 {
            for length in 0..=40 - offset {
                memory.store(0, &[0; 40]);
                let pattern: Vec<u8> = (1..=40).take(length).collect();
                memory.store(offset, &pattern);
                let mut whole = [0; 40];
                memory.load(0, &mut whole);
                let mut expected = [0; 40];
                expected[offset..offset + length].copy_from_slice(&pattern);
                assert_eq!(whole, expected, "{length} bytes at {offset}");
                let mut part = vec![0; length];
                memory.load(offset, &mut part);
                assert_eq!(part, pattern);
            }
        }
    }

    #[test]
    fn memory_that_could_shrink_is_refused() {
        let open = memory::anonymous().expect("memory");
        rustix::fs::ftruncate(&open, 8).expect("a length");
        let error = Shared::adopt(open).expect_err("without the seal");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let file = std::fs::File::open("/proc/self/exe").expect("a file");
        Shared::adopt(file.into()).expect_err("a file");
        Shared::new(0).expect_err("no bytes");
    }

    #[test]
    fn nobody_can_shrink_it() {
        let memory = Shared::new(8192).expect("memory");
        let error = rustix::fs::ftruncate(&memory.descriptor, 1).expect_err("sealed");
        assert_eq!(error, Errno::PERM);
    }

    #[test]
    fn what_one_grows_the_other_sees() {
        let mut here = Shared::new(10).expect("memory");
        let copy = here.as_fd().try_clone_to_owned().expect("a duplicate");
        let mut there = Shared::adopt(copy).expect("the same memory");
        here.store(0, b"0123456789");
        here.grow(1 << 20).expect("room");
        here.store((1 << 20) - 1, b"x");
        assert_eq!(there.len(), 10);
        there.refresh().expect("room");
        let mut last = [0];
        there.load((1 << 20) - 1, &mut last);
        assert_eq!((there.len(), &last), (1 << 20, b"x"));
    }

    #[test]
    fn bytes_behind_the_mapping_are_written_read_and_given_back() {
        let memory = Shared::new(4096).expect("memory");
        let far = 1 << 20;
        let long = vec![7; 100_000];
        memory.write_at(far, &[b"head", b"", &long]).expect("memory");
        let (mut head, mut body) = ([0; 4], vec![0; 200_000]);
        let read = memory.read_at(far, &mut [&mut head, &mut body]).expect("bytes");
        assert_eq!((read, &head), (100_004, b"head"));
        assert!(body[..100_000] == long && memory.len() == 4096);
        assert!(memory.allocated().expect("a size") >= 100_000);
        memory.give_back(far..far + 100_352).expect("a hole");
        assert!(memory.allocated().expect("a size") <= 8192);
        let copy = memory.as_fd().try_clone_to_owned().expect("a duplicate");
        assert_eq!(Shared::adopt_first(copy, 4096).expect("the same memory").len(), 4096);
    }

    #[test]
    fn frozen_memory_is_a_slice_and_busy_memory_comes_back() {
        let memory = Shared::new(4).expect("memory");
        memory.store(0, b"done");
        let copy = memory.as_fd().try_clone_to_owned().expect("a duplicate");
        let other = Shared::adopt(copy).expect("the same memory");
        let (memory, error) = memory.freeze().expect_err("mapped twice");
        assert_eq!(error.kind(), io::ErrorKind::ResourceBusy, "{error}");
        drop(other);
        let frozen = memory.expect("it comes back").freeze().expect("nobody writes");
        assert_eq!(&*frozen, b"done");
    }
}
