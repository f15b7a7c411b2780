//! Splitting a single-threaded process.
//!
//! In: the proof that there is one thread. Out: which side one is on. What always holds: the child
//! is a full C library process (libc's `fork`, not a raw clone), so that its thread id, robust list
//! and `abort` are its own.

use crate::life::Pid;
use crate::thread::{self, SingleThreaded};
use std::io;

/// Which side of the fork the caller is on.
#[derive(Debug)]
pub enum Fork {
    /// The new process.
    Child,
    /// The old one, with the new one's process id.
    Parent(Pid),
}

/// `fork(2)`.
///
/// # Errors
/// Where a thread has been started since the proof; as the kernel says: `EAGAIN` at a process limit,
/// `ENOMEM` without memory.
pub fn fork(_proof: &SingleThreaded) -> io::Result<Fork> {
    thread::require_one()?;
    // SAFETY: with one thread no lock of the C library or of Rust's std can be held by a thread
    // that the child lacks, so the child may do whatever the parent may.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child),
        pid => Pid::from_raw(pid)
            .map(Fork::Parent)
            .ok_or_else(|| io::Error::other("fork returned a negative process id")),
    }
}
