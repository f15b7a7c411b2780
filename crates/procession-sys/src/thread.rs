//! The proof that a process has one thread.
//!
//! In: nothing. Out: a [`SingleThreaded`] token, or how many threads there are. What always holds:
//! a token exists only where the kernel counted exactly one thread, and it cannot leave the thread
//! that asked for it.

use std::io;
use std::marker::PhantomData;

/// Proof that the calling thread was the only one of its process when the kernel was asked.
///
/// Whoever keeps it promises to start no thread while it lives.
#[derive(Debug)]
pub struct SingleThreaded(PhantomData<*const ()>);

impl SingleThreaded {
    /// Asks the kernel (the entries of `/proc/self/task`).
    ///
    /// # Errors
    /// Where there is more than one thread, or where `/proc` cannot be read.
    pub fn prove() -> io::Result<Self> {
        match count()? {
            1 => Ok(Self(PhantomData)),
            threads => Err(io::Error::other(format!("the process has {threads} threads"))),
        }
    }
}

/// The number of threads of this process.
pub fn count() -> io::Result<usize> {
    Ok(std::fs::read_dir("/proc/self/task")?.count())
}
