//! What an ended process used, as its user sees it.

use procession_sys::usage::Usage;
use std::time::Duration;

/// What a process used until it ended (`getrusage(2)`): itself, all its threads, and those of its
/// own children that it has waited for.
///
/// ```
/// use procession::Process;
/// use std::time::Duration;
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let busy = || {
///     let memory = vec![1_u8; 64 << 20];
///     std::process::exit(i32::from(memory[memory.len() / 2]))
/// };
/// let child: procession::Child<()> = Process::new(busy, ()).start()?;
/// let usage = child.join().unwrap_err().usage().expect("the fork server reaped it");
/// assert!(usage.max_rss() >= 64 << 20);
/// assert!(usage.user_time() + usage.system_time() > Duration::ZERO);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ResourceUsage(Usage);

impl ResourceUsage {
    pub(crate) fn new(usage: Usage) -> Self {
        Self(usage)
    }

    /// Processor time outside the kernel.
    pub fn user_time(&self) -> Duration {
        self.0.user_time
    }

    /// Processor time inside the kernel.
    pub fn system_time(&self) -> Duration {
        self.0.system_time
    }

    /// The most memory that was resident at once, in bytes, in this process or in the largest of
    /// those that it has waited for. A forked child begins with what its fork server has.
    pub fn max_rss(&self) -> u64 {
        self.0.max_rss
    }

    /// Page faults that needed no input or output.
    pub fn minor_faults(&self) -> u64 {
        self.0.minor_faults
    }

    /// Page faults that read from a file or from swap.
    pub fn major_faults(&self) -> u64 {
        self.0.major_faults
    }

    /// Blocks of 512 bytes that were read from a disk.
    pub fn blocks_in(&self) -> u64 {
        self.0.blocks_in
    }

    /// Blocks of 512 bytes that were written to a disk.
    pub fn blocks_out(&self) -> u64 {
        self.0.blocks_out
    }

    /// How often it gave up a processor to wait for something.
    pub fn voluntary_switches(&self) -> u64 {
        self.0.voluntary_switches
    }

    /// How often a processor was taken from it.
    pub fn involuntary_switches(&self) -> u64 {
        self.0.involuntary_switches
    }
}
