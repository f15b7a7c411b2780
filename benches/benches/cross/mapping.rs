//! A bare mapping: what the kernel itself allows.
//!
//! Nothing guards it against a process that writes at the same time, which is why nobody gets such a
//! slice from the library. Here nobody does.

#![expect(unsafe_code, reason = "the yardstick is what the library does not hand out")]

use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};
use std::os::fd::AsFd;

/// Maps a file of memory, works on it as numbers, and removes the mapping.
pub(crate) fn with_numbers(file: impl AsFd, count: usize, work: impl FnOnce(&mut [f64])) {
    let (null, length) = (std::ptr::null_mut(), count * size_of::<f64>());
    let protection = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: a new mapping touches no other memory; the file has as many bytes, and nobody but this
    // process touches them before it answers; any bytes are numbers; the slice ends before its
    // mapping does.
    unsafe {
        let address = mmap(null, length, protection, MapFlags::SHARED, file, 0).expect("a mapping");
        work(std::slice::from_raw_parts_mut(address.cast(), count));
        munmap(address, length).expect("it was mapped");
    }
}
