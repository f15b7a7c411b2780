//! How many descriptors this process may have open.
//!
//! A monitor takes what the hard limit allows. The programs that it starts get the soft limit back
//! that it was started with: some of them cannot use a descriptor above 1023.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::sync::OnceLock;

/// More than any monitor needs; a hard limit may be without an end.
const MOST: u64 = 65_536;

/// The soft limit before it was raised.
static ORIGINAL: OnceLock<Option<u64>> = OnceLock::new();

/// Raises the soft limit as far as the hard one allows. Returns the limit that holds then.
pub(crate) fn raise() -> u64 {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    ORIGINAL.get_or_init(|| current);
    let wanted = maximum.unwrap_or(MOST).min(MOST);
    if current.is_some_and(|current| current < wanted) {
        // Up to the hard limit nothing but a sandbox refuses it, and then the old limit holds.
        let _ = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum });
    }
    getrlimit(Resource::Nofile).current.unwrap_or(MOST)
}

/// The soft limit that programs get; `None` if it is without an end or was never raised.
pub(crate) fn original() -> Option<u64> {
    ORIGINAL.get().copied().flatten()
}

/// Gives this process, which is about to become a program, that soft limit back.
pub(crate) fn lower_to(original: u64) {
    let maximum = getrlimit(Resource::Nofile).maximum;
    let current = Some(maximum.map_or(original, |maximum| original.min(maximum)));
    // To lower a limit is always allowed.
    let _ = setrlimit(Resource::Nofile, Rlimit { current, maximum });
}
