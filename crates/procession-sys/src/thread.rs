//! The proof that a process has one thread.
//!
//! In: nothing. Out: a [`SingleThreaded`] token, or how many threads there are. What always holds:
//! a token exists only where the kernel counted exactly one thread, and it cannot leave the thread
//! that asked for it; what needs it asks the kernel again, since a token may be older than a thread.

use std::io;
use std::marker::PhantomData;
use std::os::unix::fs::MetadataExt;

/// Proof that the calling thread was the only one of its process when the kernel was asked.
#[derive(Debug)]
pub struct SingleThreaded(PhantomData<*const ()>);

impl SingleThreaded {
    /// Asks the kernel (the entries of `/proc/self/task`).
    ///
    /// # Errors
    /// Where there is more than one thread, or where `/proc` cannot be read.
    pub fn prove() -> io::Result<Self> {
        require_one().map(|()| Self(PhantomData))
    }
}

/// Asks the kernel once more, by one system call: a thread may be younger than a proof.
pub(crate) fn require_one() -> io::Result<()> {
    match count()? {
        1 => Ok(()),
        threads => Err(io::Error::other(format!("the process has {threads} threads"))),
    }
}

/// The number of threads of this process.
///
/// # Errors
/// Where `/proc` cannot be read.
pub fn count() -> io::Result<usize> {
    // Each thread is a directory, and a directory has a link from each one in it and two more. A
    // kernel that does not count links says less than three.
    let links = std::fs::metadata("/proc/self/task")?.nlink();
    match usize::try_from(links).map_err(io::Error::other)?.checked_sub(2) {
        Some(threads @ 1..) => Ok(threads),
        _ => Ok(std::fs::read_dir("/proc/self/task")?.count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_does_not_outlive_the_start_of_a_thread() {
        let listed = || std::fs::read_dir("/proc/self/task").expect("the threads").count();
        // The harness has a thread for this test beside its own.
        assert!(count().expect("a count") >= 2 && listed() >= 2);
        SingleThreaded::prove().expect_err("two threads");
        let old = SingleThreaded(PhantomData);
        crate::fork::fork(&old).expect_err("two threads");
        crate::inherit::set_environment(&old, Vec::new()).expect_err("two threads");
    }
}
