//! Sealed anonymous memory that can be read as a slice.
//!
//! In: bytes, once. Out: a descriptor that may cross to other processes, and a slice of it there.
//! What always holds: a [`Sealed`] can neither be written nor resized by anybody (the kernel's
//! seals were checked), so its slice cannot change or fault under its reader.

use crate::descriptor::above_standard;
use crate::fault::stands;
use rustix::fs::{MemfdFlags, SealFlags};
use rustix::mm::{MapFlags, ProtFlags};
use std::fs::File;
use std::io::{self, Write};
use std::mem::MaybeUninit;
use std::ops::Deref;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;

/// The processor's large page: 2 MiB on x86-64, and on aarch64 with pages of 4 KiB.
const LARGE_PAGE: usize = 2 << 20;

const FINAL: SealFlags =
    SealFlags::WRITE.union(SealFlags::SHRINK).union(SealFlags::GROW).union(SealFlags::SEAL);

/// A memory file nobody can change any more, mapped for reading.
#[derive(Debug)]
pub struct Sealed {
    descriptor: OwnedFd,
    address: NonNull<u8>,
    length: usize,
}

// SAFETY: the mapping is immutable by the kernel's seals and owned by this value alone.
unsafe impl Send for Sealed {}
// SAFETY: as above; shared reads of immutable memory.
unsafe impl Sync for Sealed {}

impl Sealed {
    /// Writes `pieces`, one after the other, into new anonymous memory and seals it.
    ///
    /// # Errors
    /// `EMFILE`, `ENFILE`, or `ENOSPC` and `ENOMEM` where memory ends; `EFBIG` above this process's
    /// limit on the size of files (`RLIMIT_FSIZE`), which holds for memory files too.
    pub fn from_pieces(pieces: &[&[u8]]) -> io::Result<Self> {
        within_limit(pieces.iter().map(|piece| piece.len() as u64).sum())?;
        let mut file = File::from(anonymous()?);
        for piece in pieces {
            file.write_all(piece)?;
        }
        seal(&file)?;
        Self::adopt(file.into())
    }

    /// Maps a memory file that somebody else made.
    ///
    /// # Errors
    /// `InvalidData` unless it is an anonymous memory file with all four seals; as `mmap(2)`.
    pub fn adopt(descriptor: OwnedFd) -> io::Result<Self> {
        let seals = rustix::fs::fcntl_get_seals(&descriptor)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "not an anonymous memory"))?;
        if !seals.contains(FINAL) && stands("seals") {
            let text = "an anonymous memory that its sender can still change";
            return Err(io::Error::new(io::ErrorKind::InvalidData, text));
        }
        let size = rustix::fs::fstat(&descriptor)?.st_size;
        let length = usize::try_from(size).map_err(io::Error::other)?;
        let address = if length == 0 { NonNull::dangling() } else { map(&descriptor, length)? };
        Ok(Self { descriptor, address, length })
    }

    /// The bytes, for the rest of this process's life.
    pub fn leak(self) -> &'static [u8] {
        let whole = std::mem::ManuallyDrop::new(self);
        // SAFETY: the mapping is never removed, since the value's drop does not run any more.
        let bytes = unsafe { std::slice::from_raw_parts(whole.address.as_ptr(), whole.length) };
        // SAFETY: read out exactly once; the value is not used or dropped afterwards.
        drop(unsafe { std::ptr::read(&raw const whole.descriptor) });
        bytes
    }
}

impl AsFd for Sealed {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

impl Deref for Sealed {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        // SAFETY: `address` is a live mapping of `length` bytes (or dangling and zero), immutable
        // by the seals that `adopt` checked, and it lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.address.as_ptr(), self.length) }
    }
}

impl Drop for Sealed {
    fn drop(&mut self) {
        if self.length > 0 {
            // SAFETY: exactly the mapping made in `adopt`; every borrow of it has ended.
            let _ = unsafe { rustix::mm::munmap(self.address.as_ptr().cast(), self.length) };
        }
    }
}

fn map(descriptor: &OwnedFd, length: usize) -> io::Result<NonNull<u8>> {
    // A private mapping, since before Linux 6.7 a write-sealed file has no shared one.
    // SAFETY: a new mapping at an address of the kernel's choice touches no other memory; the file
    // cannot shrink under it.
    let address = unsafe {
        let flags = MapFlags::PRIVATE;
        rustix::mm::mmap(std::ptr::null_mut(), length, ProtFlags::READ, flags, descriptor, 0)?
    };
    NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mmap gave the null address"))
}

/// Says that fresh memory will be filled now, so that the kernel may hand it out in large pages: that
/// takes a fifth of the time. It changes nothing else.
pub fn expect_use<T>(fresh: &mut [MaybeUninit<T>]) {
    let (start, length) = (fresh.as_mut_ptr().cast::<u8>(), size_of_val(fresh));
    let before = start.align_offset(LARGE_PAGE);
    if before >= length {
        return;
    }
    let whole = (length - before) / LARGE_PAGE * LARGE_PAGE;
    if whole > 0 {
        let advice = rustix::mm::Advice::LinuxHugepage;
        // SAFETY: the range lies within `fresh`, which is borrowed for us alone; this advice never
        // changes what memory holds. A kernel without large pages refuses it, which is as well.
        let _ = unsafe { rustix::mm::madvise(start.add(before).cast(), whole, advice) };
    }
}

/// The limit on the size of files that this process has (`RLIMIT_FSIZE`), which holds for memory files
/// too; `None` if there is none.
pub fn file_limit() -> Option<u64> {
    rustix::process::getrlimit(rustix::process::Resource::Fsize).current
}

/// Whether this process's limit on the size of files allows so many bytes. Met in a write, it would
/// end the process by SIGXFSZ.
pub(crate) fn within_limit(length: u64) -> io::Result<()> {
    if file_limit().is_some_and(|most| length > most) {
        return Err(rustix::io::Errno::FBIG.into());
    }
    Ok(())
}

/// Seals memory that nobody has mapped for writing.
pub(crate) fn seal(memory: impl AsFd) -> io::Result<()> {
    Ok(rustix::fs::fcntl_add_seals(memory, FINAL)?)
}

/// New anonymous memory that allows sealing, not executable where the kernel knows the flag (6.3).
pub(crate) fn anonymous() -> io::Result<OwnedFd> {
    let flags = MemfdFlags::CLOEXEC | MemfdFlags::ALLOW_SEALING;
    let made = match rustix::fs::memfd_create("procession", flags | MemfdFlags::NOEXEC_SEAL) {
        Err(rustix::io::Errno::INVAL) => rustix::fs::memfd_create("procession", flags),
        made => made,
    };
    above_standard(made?)
}

/// The bytes of a page of this machine.
pub fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_read_back_in_order() {
        let memory = Sealed::from_pieces(&[b"one ", b"", b"two"]).expect("memory");
        assert_eq!(&*memory, b"one two");
        assert_eq!(memory.leak(), b"one two");
    }

    #[test]
    fn nothing_is_a_valid_content() {
        assert!(Sealed::from_pieces(&[]).expect("memory").is_empty());
    }

    #[test]
    fn a_length_above_four_gibibytes_is_kept() {
        const LENGTH: u64 = (5 << 30) + 7;
        let file = File::from(anonymous().expect("memory"));
        file.set_len(LENGTH).expect("sparse memory");
        rustix::fs::fcntl_add_seals(&file, FINAL).expect("seals");
        let memory = Sealed::adopt(file.into()).expect("a mapping");
        assert_eq!(memory.len() as u64, LENGTH);
        assert_eq!((memory[0], memory[memory.len() - 1]), (0, 0));
    }

    #[test]
    fn memory_that_can_still_change_is_refused() {
        let open = anonymous().expect("memory");
        let error = Sealed::adopt(open).expect_err("an unsealed memory");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        let file = File::open("/proc/self/exe").expect("a file");
        let error = Sealed::adopt(file.into()).expect_err("a file");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
}
