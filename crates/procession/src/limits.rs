//! What a child may use.
//!
//! In: amounts. Out: the kernel's resource limits of the child. What always holds: what is not
//! named stays as in the parent; a child cannot raise what was set for it.

use procession_sys::inherit::{self, Limit};
use std::time::Duration;

/// Limits on what a process may use (getrlimit(2)), for [`Process::limits`](crate::Process::limits).
///
/// Each shows in the error when the process breaks it: memory as
/// [`OutOfMemory`](crate::Ending::OutOfMemory), processor time as a kill by SIGXCPU, the size of a
/// file as one by SIGXFSZ, the stack as [`StackOverflow`](crate::Ending::StackOverflow). Open files
/// and processes are refused to the function itself. A limit that the kernel refuses is
/// [`Refused`](crate::Ending::Refused), by its name.
///
/// ```
/// use procession::{Ending, Limits, Process};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let greedy = || vec![1_u8; 1 << 30].len() as u64;
/// let limits = Limits::new().memory(256 << 20);
/// let error = Process::new(greedy, ()).limits(limits).start()?.join().unwrap_err();
/// assert!(error.is_out_of_memory());
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[must_use = "limits hold for the process that they are given to"]
pub struct Limits {
    memory: Option<u64>,
    cpu_time: Option<u64>,
    open_files: Option<u64>,
    file_size: Option<u64>,
    core_size: Option<u64>,
    processes: Option<u64>,
    stack: Option<u64>,
}

impl Limits {
    /// No limits but the parent's.
    pub fn new() -> Self {
        Self::default()
    }

    /// The address space, in bytes (`RLIMIT_AS`): everything mapped, the program and its libraries
    /// included.
    pub fn memory(mut self, bytes: u64) -> Self {
        self.memory = Some(bytes);
        self
    }

    /// Processor time of all threads together (`RLIMIT_CPU`), in whole seconds, rounded up.
    pub fn cpu_time(mut self, time: Duration) -> Self {
        let begun = u64::from(time.subsec_nanos() > 0);
        self.cpu_time = Some(time.as_secs().saturating_add(begun));
        self
    }

    /// Open descriptors (`RLIMIT_NOFILE`): one more than the highest number.
    pub fn open_files(mut self, count: u64) -> Self {
        self.open_files = Some(count);
        self
    }

    /// The size of any file written, in bytes (`RLIMIT_FSIZE`). A value above 64 KiB crosses in a
    /// memory file, for which the limit holds too.
    pub fn file_size(mut self, bytes: u64) -> Self {
        self.file_size = Some(bytes);
        self
    }

    /// The size of a core dump, in bytes (`RLIMIT_CORE`); 0 for none.
    pub fn core_size(mut self, bytes: u64) -> Self {
        self.core_size = Some(bytes);
        self
    }

    /// Processes and threads (`RLIMIT_NPROC`): as many as all processes of the child's user may have
    /// together, wherever they were started. A `fork` or a thread beyond is refused to the function
    /// (`EAGAIN`). It does not hold for root and for others with `CAP_SYS_RESOURCE`: combine it with
    /// [`Process::uid`](crate::Process::uid).
    pub fn processes(mut self, count: u64) -> Self {
        self.processes = Some(count);
        self
    }

    /// The stack of the main thread, in bytes (`RLIMIT_STACK`), on which the function runs. The
    /// kernel extends it on demand, so the limit holds for a forked child too. An overflow is
    /// [`StackOverflow`](crate::Ending::StackOverflow).
    ///
    /// The place of the stack was chosen when the fork server began. There is room for about 100
    /// MiB below it, whatever the limit. Other threads have the stack that
    /// [`std::thread::Builder::stack_size`] or `RUST_MIN_STACK` gives them.
    ///
    /// ```
    /// use procession::{Limits, Process};
    ///
    /// fn deep(levels: u64) -> u64 {
    ///     let page = std::hint::black_box([levels; 512]);
    ///     if levels == 0 { 0 } else { 1 + deep(levels - 1) + page[0] - levels }
    /// }
    ///
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let limits = Limits::new().stack(64 << 20);
    /// assert_eq!(Process::new(deep, (3_000,)).limits(limits).start()?.join()?, 3_000);
    /// # Ok(())
    /// # }
    /// ```
    pub fn stack(mut self, bytes: u64) -> Self {
        self.stack = Some(bytes);
        self
    }

    /// Whether the process may run out of memory by these limits.
    pub(crate) fn has_memory(&self) -> bool {
        self.memory.is_some()
    }

    /// Lays these limits over those of the parent.
    pub(crate) fn lay_over(&self, limits: &mut [Limit]) {
        let mut set = |at: usize, soft: Option<u64>, hard: Option<u64>| {
            if let (Some(slot), Some(soft)) = (limits.get_mut(at), soft) {
                let (soft, hard) = (Some(soft), hard.or(Some(soft)));
                let within = |new: Option<u64>, top: Option<u64>| match (new, top) {
                    (Some(new), Some(top)) => Some(new.min(top)),
                    (new, top) => new.or(top),
                };
                *slot = (within(soft, slot.1), within(hard, slot.1));
            }
        };
        // The kernel sends SIGKILL at the hard limit, and SIGXCPU, which tells why, only below it.
        let second_later = self.cpu_time.map(|seconds| seconds.saturating_add(1));
        set(inherit::CPU_TIME, self.cpu_time, second_later);
        set(inherit::MEMORY, self.memory, None);
        set(inherit::OPEN_FILES, self.open_files, None);
        set(inherit::FILE_SIZE, self.file_size, None);
        set(inherit::CORE_SIZE, self.core_size, None);
        set(inherit::PROCESSES, self.processes, None);
        set(inherit::STACK, self.stack, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_laid_over_the_parents_and_never_above_them() {
        let mut limits = inherit::limits();
        limits[inherit::OPEN_FILES] = (Some(10), Some(100));
        let parents = limits.clone();
        Limits::new().lay_over(&mut limits);
        assert_eq!(limits, parents);
        Limits::new()
            .open_files(1000)
            .cpu_time(Duration::from_millis(1500))
            .memory(7)
            .lay_over(&mut limits);
        assert_eq!(limits[inherit::OPEN_FILES], (Some(100), Some(100)));
        assert_eq!(limits[inherit::CPU_TIME], (Some(2), Some(3)));
        assert_eq!(limits[inherit::MEMORY], (Some(7), Some(7)));
        assert_eq!(limits[inherit::FILE_SIZE], parents[inherit::FILE_SIZE]);
        assert_eq!(Limits::new().cpu_time(Duration::MAX).cpu_time, Some(u64::MAX));
    }
}
