//! State that a copy of the process, made by `fork`, uses without waiting for threads it lacks.
//!
//! At a fork, another thread may hold a lock or be in the middle of an initialisation. The copy has
//! the lock as it was, and not the thread that would release it: whatever waits there waits without
//! an end. So nothing that procession keeps in a static is an ordinary lock or `OnceLock`.
//!
//! | type | what it holds | what a copy finds |
//! |---|---|---|
//! | [`PerProcess`] | what belongs to one process, such as its fork servers | a new value |
//! | [`Once`] | that something has been done | that it was done, or does it itself |
//! | [`Published`](crate::published::Published) | what is written once and read often | what was written |
//! | `Mutex` with [`try_lock`] | what can be done without, as a cache | nothing, if a thread had the lock |
//!
//! # Invariants
//! - No function here waits for a thread of another process.
//! - What a copy inherits in a [`PerProcess`] is never dropped there: the copy may have closed its
//!   descriptors, and have files of its own under their numbers.

use crate::fault::stands;
use crate::thread::{self, Identity};
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// A value that each process has for itself: a copy of the process gets a new one at its first use.
pub struct PerProcess<T: Send + Sync> {
    current: AtomicPtr<Owned<T>>,
    make: fn() -> T,
}

struct Owned<T> {
    owner: Identity,
    value: T,
}

impl<T: Send + Sync> PerProcess<T> {
    /// A value that `make` makes in each process that uses it.
    pub const fn new(make: fn() -> T) -> Self {
        Self { current: AtomicPtr::new(std::ptr::null_mut()), make }
    }

    /// This process's value.
    pub fn get(&self) -> &T {
        let identity = thread::identity();
        let mut found = self.current.load(Ordering::Acquire);
        loop {
            // SAFETY: null, or a box that was leaked below. It is freed by `drop` alone, which
            // nobody can call while `self` is borrowed.
            if let Some(owned) = unsafe { found.as_ref() } {
                if owned.owner == identity {
                    return &owned.value;
                }
                if !stands("owner-check") {
                    return &owned.value;
                }
            }
            let value = (self.make)();
            let fresh = Box::into_raw(Box::new(Owned { owner: identity, value }));
            let (success, failure) = (Ordering::AcqRel, Ordering::Acquire);
            match self.current.compare_exchange(found, fresh, success, failure) {
                // SAFETY: as above.
                Ok(_inherited) => return unsafe { &(*fresh).value },
                Err(other) => {
                    // SAFETY: made above, and nobody else has seen it.
                    drop(unsafe { Box::from_raw(fresh) });
                    found = other;
                }
            }
        }
    }
}

impl<T: Send + Sync> Drop for PerProcess<T> {
    fn drop(&mut self) {
        let current = *self.current.get_mut();
        // SAFETY: null, or a box that `get` leaked.
        let own = unsafe { current.as_ref() }.is_some_and(|it| it.owner == thread::identity());
        if own {
            // SAFETY: as above; nobody borrows from `self` any more.
            drop(unsafe { Box::from_raw(current) });
        }
    }
}

impl<T: Send + Sync + fmt::Debug> fmt::Debug for PerProcess<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PerProcess").field(self.get()).finish()
    }
}

/// Something to be done once. A copy of the process knows that it was done; a copy made while it
/// was being done does it itself.
#[derive(Debug)]
pub struct Once {
    done: AtomicBool,
    turn: PerProcess<Mutex<()>>,
}

impl Once {
    /// Not done yet.
    pub const fn new() -> Self {
        Self { done: AtomicBool::new(false), turn: PerProcess::new(Mutex::default) }
    }

    /// Does `work`, unless it was done before; work that gives `false` counts as not done. Returns
    /// true once it is done.
    pub fn call(&self, work: impl FnOnce() -> bool) -> bool {
        if self.done.load(Ordering::Acquire) {
            return true;
        }
        let _turn = self.turn.get().lock().unwrap_or_else(PoisonError::into_inner);
        if !self.done.load(Ordering::Acquire) {
            self.done.store(work(), Ordering::Release);
        }
        self.done.load(Ordering::Acquire)
    }
}

impl Default for Once {
    fn default() -> Self {
        Self::new()
    }
}

/// The lock, unless it is held. What it guards is done without then.
pub fn try_lock<T>(lock: &Mutex<T>) -> Option<MutexGuard<'_, T>> {
    if !stands("trying-locks") {
        return Some(lock.lock().unwrap_or_else(PoisonError::into_inner));
    }
    match lock.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(guard)) => Some(guard.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::{amid, in_a_copy, is_alone};

    #[test]
    fn a_lock_that_was_held_at_the_fork_is_free_in_the_copy() {
        static LOCK: PerProcess<Mutex<u32>> = PerProcess::new(Mutex::default);
        if !is_alone(module_path!(), "a_lock_that_was_held_at_the_fork_is_free_in_the_copy") {
            return;
        }
        let go_on = amid(|stay| {
            let mut held = LOCK.get().lock().expect("no panic");
            *held = 7;
            stay();
        });
        in_a_copy(|| LOCK.get().lock().is_ok_and(|value| *value == 0));
        drop(go_on);
        assert_eq!(*LOCK.get().lock().expect("no panic"), 7);
    }

    #[test]
    fn what_was_being_done_at_the_fork_is_done_by_the_copy() {
        static ONCE: Once = Once::new();
        static DONE: Once = Once::new();
        if !is_alone(module_path!(), "what_was_being_done_at_the_fork_is_done_by_the_copy") {
            return;
        }
        assert!(!DONE.call(|| false), "it failed");
        assert!(DONE.call(|| true));
        let go_on = amid(|stay| {
            ONCE.call(|| {
                stay();
                true
            });
        });
        let once = |once: &Once| {
            let mut called = false;
            once.call(|| {
                called = true;
                true
            });
            called
        };
        in_a_copy(|| once(&ONCE) && !once(&ONCE) && !once(&DONE));
        drop(go_on);
        assert!(!once(&ONCE), "the thread did it");
    }

    #[test]
    fn a_value_is_dropped_by_the_process_that_made_it() {
        static DROPPED: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        struct Counted;
        impl Drop for Counted {
            fn drop(&mut self) {
                DROPPED.fetch_add(1, Ordering::Relaxed);
            }
        }
        if !is_alone(module_path!(), "a_value_is_dropped_by_the_process_that_made_it") {
            return;
        }
        let value: PerProcess<Counted> = PerProcess::new(|| Counted);
        value.get();
        let mut value = Some(value);
        in_a_copy(|| {
            drop(value.take());
            DROPPED.load(Ordering::Relaxed) == 0
        });
        drop(value);
        assert_eq!(DROPPED.load(Ordering::Relaxed), 1);
    }
}
