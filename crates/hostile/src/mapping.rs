//! A bare mapping: memory as a plain slice, though others could write it.
//!
//! In: a file of memory. Out: its numbers, for the time of some work. What always holds: the mapping
//! is gone afterwards. Nothing guards the slice against a process that writes at the same time; the
//! caller's processes take turns.

use std::io;
use std::os::fd::{AsFd, AsRawFd};

/// Maps a file of memory, works on its first `count` numbers, and removes the mapping.
///
/// # Errors
/// As `mmap(2)` and `munmap(2)`.
pub fn with_numbers(
    file: impl AsFd,
    count: usize,
    work: impl FnOnce(&mut [f64]),
) -> io::Result<()> {
    let (file, length) = (file.as_fd().as_raw_fd(), count * size_of::<f64>());
    let protection = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping touches no other memory.
    let address =
        unsafe { libc::mmap(std::ptr::null_mut(), length, protection, libc::MAP_SHARED, file, 0) };
    if address == libc::MAP_FAILED {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: a live mapping of so many bytes, aligned as a page is, any of which are numbers; the
    // caller vouches that the file is as long and that nobody else touches it now.
    work(unsafe { std::slice::from_raw_parts_mut(address.cast(), count) });
    // SAFETY: exactly that mapping, whose slice has ended.
    super::check(unsafe { libc::munmap(address, length) })
}
