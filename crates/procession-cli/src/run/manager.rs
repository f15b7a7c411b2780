//! What a service manager has given to the process that it started, for the program to take.
//!
//! # Invariants
//! - Variables that name another process are left as they are.
//! - The descriptors of socket activation keep their numbers, from 3 on.

use std::time::Duration;

/// The variable that names the process for which descriptors are.
pub(crate) const LISTEN_PID: &str = "LISTEN_PID";

/// The number of the first descriptor that is passed.
const FIRST: i32 = 3;

/// How often the process `outer` is to say that it gets on; `None` if it need not.
pub(crate) fn watchdog(outer: i32) -> Option<Duration> {
    let time = number("WATCHDOG_USEC")?;
    let is_meant =
        std::env::var_os("WATCHDOG_PID").is_none() || number("WATCHDOG_PID") == own(outer);
    (is_meant && time > 0).then(|| Duration::from_micros(time))
}

/// How many descriptors were passed to the process `outer`; `None` if none were.
pub(crate) fn listeners(outer: i32) -> Option<i32> {
    let count = number("LISTEN_FDS")?;
    (number(LISTEN_PID) == own(outer)).then(|| i32::try_from(count).ok())?
}

/// The numbers of those that are open. To be asked before this process opens anything.
pub(crate) fn open_listeners(outer: i32) -> Vec<i32> {
    let end = FIRST.saturating_add(listeners(outer).unwrap_or(0));
    let is_open = |number: &i32| std::fs::metadata(format!("/proc/self/fd/{number}")).is_ok();
    (FIRST..end).filter(is_open).collect()
}

/// Closes them, once the program has them.
pub(crate) fn close(listeners: &[i32]) {
    for number in listeners {
        drop(procession_sys::descriptor::adopt(*number));
    }
}

fn own(outer: i32) -> Option<u64> {
    u64::try_from(outer).ok()
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}
