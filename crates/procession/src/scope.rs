//! Children that end with a block.
//!
//! In: a closure that starts children. Out: its value, when they have all ended. What always
//! holds: no child that a scope started outlives it, also when the closure panics.

use crate::child::Child;
use crate::process::Process;
use crate::start_error::{Cause, StartError};
use crate::value::Value;
use procession_sys::per_process::PerProcess;
use procession_sys::wait::{self, Interest};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Mutex, PoisonError};

/// Starts children within [`scope`].
#[derive(Debug)]
pub struct Scope {
    ends: PerProcess<Mutex<Vec<OwnedFd>>>,
}

/// Runs `block` and waits for every child that it started through the [`Scope`].
///
/// The children's values are had from their handles. One whose handle was dropped is waited for
/// like the others. So is one whose handle left the block: its output is read by nobody meanwhile,
/// and once that fills its pipe, both wait for ever. Join such children within the block.
///
/// ```
/// use procession::{Process, scope};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let total = scope(|scope| -> Result<u64, Box<dyn std::error::Error>> {
///     let left = scope.start(Process::new(|n: u64| (1..=n).sum::<u64>(), (10,)))?;
///     let right = scope.start(Process::new(|n: u64| (1..=n).product::<u64>(), (4,)))?;
///     Ok(left.join()? + right.join()?)
/// })?;
/// assert_eq!(total, 55 + 24);
/// # Ok(())
/// # }
/// ```
pub fn scope<T>(block: impl FnOnce(&Scope) -> T) -> T {
    // Dropped after the block has returned or unwound.
    let scope = Scope { ends: PerProcess::new(Mutex::default) };
    block(&scope)
}

impl Scope {
    /// Starts a process that this scope waits for.
    ///
    /// # Errors
    /// As [`Process::start`].
    pub fn start<R: Value>(&self, process: Process<R>) -> Result<Child<R>, StartError> {
        let child = process.start()?;
        let end = child.as_fd().try_clone_to_owned();
        match end {
            Ok(end) => self.ends.get().lock().unwrap_or_else(PoisonError::into_inner).push(end),
            Err(source) => {
                let name = child.name().to_owned();
                // A child that cannot be watched must not be left running.
                let _ = child.kill();
                let _ = child.join();
                let doing = "watching it";
                return Err(StartError::new(&name, Cause::System { doing, source }));
            }
        }
        Ok(child)
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        let mut ends = self.ends.get().lock().unwrap_or_else(PoisonError::into_inner);
        for end in ends.drain(..) {
            while wait::ready(&[(end.as_fd(), Interest::Readable)], None).is_err() {
                std::thread::yield_now();
            }
        }
    }
}
