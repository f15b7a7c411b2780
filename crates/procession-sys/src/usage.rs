//! What an ended process used.

use std::time::Duration;

/// What a process and the children that it waited for used (`getrusage(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Usage {
    /// Processor time outside the kernel.
    pub user_time: Duration,
    /// Processor time inside the kernel.
    pub system_time: Duration,
    /// The most memory that was resident at once, in bytes.
    pub max_rss: u64,
    /// Page faults served without input or output.
    pub minor_faults: u64,
    /// Page faults that read from a file or from swap.
    pub major_faults: u64,
    /// Reads by the file system, in blocks of 512 bytes.
    pub blocks_in: u64,
    /// Writes by the file system, in blocks of 512 bytes.
    pub blocks_out: u64,
    /// How often it gave up a processor to wait.
    pub voluntary_switches: u64,
    /// How often a processor was taken from it.
    pub involuntary_switches: u64,
}

impl Usage {
    pub(crate) fn of(usage: &libc::rusage) -> Self {
        let count = |count: libc::c_long| u64::try_from(count).unwrap_or_default();
        let time = |time: libc::timeval| {
            let micros = u64::try_from(time.tv_usec).unwrap_or_default();
            Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or_default())
                + Duration::from_micros(micros)
        };
        Self {
            user_time: time(usage.ru_utime),
            system_time: time(usage.ru_stime),
            // The kernel counts in KiB.
            max_rss: count(usage.ru_maxrss).saturating_mul(1024),
            minor_faults: count(usage.ru_minflt),
            major_faults: count(usage.ru_majflt),
            blocks_in: count(usage.ru_inblock),
            blocks_out: count(usage.ru_oublock),
            voluntary_switches: count(usage.ru_nvcsw),
            involuntary_switches: count(usage.ru_nivcsw),
        }
    }
}
