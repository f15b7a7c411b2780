//! A look under a lock that another thread may hold for ever.
//!
//! In: a lock, and what to read under it. Out: what was read, unless somebody holds the lock. What
//! always holds: it never waits on the lock itself, so an exit handler may look: the thread that
//! called `exit` may hold the lock, or one that a `fork` of the user's left behind.

use std::sync::{Mutex, TryLockError};

/// How often the lock is tried. Whoever holds it lets go within microseconds, if ever.
const TRIES: usize = 10_000;

/// Reads under the lock; none where it stays held.
pub(crate) fn look<T, R>(lock: &Mutex<T>, read: impl FnOnce(&mut T) -> R) -> Option<R> {
    for _try in 0..TRIES {
        match lock.try_lock() {
            Ok(mut held) => return Some(read(&mut held)),
            Err(TryLockError::Poisoned(held)) => return Some(read(&mut held.into_inner())),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_stays_held_is_given_up() {
        let lock = Mutex::new(1);
        assert_eq!(look(&lock, |value| *value), Some(1));
        let held = lock.lock();
        assert_eq!(look(&lock, |value| *value), None);
        drop(held);
    }
}
