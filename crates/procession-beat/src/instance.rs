//! Which run of a program speaks, and which of two runs is the newer.
//!
//! In: what the kernel says about a process. Out: an identity no other run on any machine has.
//! Always: two runs on one boot are ordered by their start; two boots are not ordered at all,
//! because the clocks that could order them may be wrong.

use serde::{Deserialize, Serialize};
use std::cmp::Ordering;

/// One run of a program: a process id is reused, this is not.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Instance {
    /// The kernel's boot id (`/proc/sys/kernel/random/boot_id`).
    pub boot: String,
    /// The process id of the program's main process.
    pub pid: u32,
    /// When it started, in clock ticks since boot (field 22 of `/proc/<pid>/stat`).
    pub started: u64,
}

impl Instance {
    /// How this run stands to another, or `None` if they ran under different boots.
    ///
    /// ```
    /// use procession_beat::Instance;
    /// use std::cmp::Ordering;
    ///
    /// let first = Instance { boot: "a".into(), pid: 900, started: 10 };
    /// let second = Instance { boot: "a".into(), pid: 80, started: 20 };
    /// let after_reboot = Instance { boot: "b".into(), pid: 80, started: 5 };
    /// assert_eq!(second.order(&first), Some(Ordering::Greater));
    /// assert_eq!(after_reboot.order(&first), None);
    /// ```
    pub fn order(&self, other: &Instance) -> Option<Ordering> {
        (self.boot == other.boot)
            .then(|| self.started.cmp(&other.started).then(self.pid.cmp(&other.pid)))
    }
}
