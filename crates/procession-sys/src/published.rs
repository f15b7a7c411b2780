//! What is written once and read often, by every thread and by copies of the process.
//!
//! # Invariants
//! - Nobody waits: of threads that race to set the first value one wins, and a copy of the process
//!   that was made meanwhile sets its own.

use std::sync::atomic::{AtomicPtr, Ordering};

/// A reference to a value that lives as long as the program, for every thread to read.
#[derive(Debug)]
pub struct Published<T: Sync + 'static>(AtomicPtr<T>);

impl<T: Sync + 'static> Published<T> {
    /// Without a value.
    pub const fn new() -> Self {
        Self(AtomicPtr::new(std::ptr::null_mut()))
    }

    /// The value that was set last.
    #[inline]
    pub fn get(&self) -> Option<&'static T> {
        // SAFETY: null, or a reference that lives as long as the program.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Puts `value` in the place of the one before.
    pub fn set(&self, value: &'static T) {
        self.0.store(std::ptr::from_ref(value).cast_mut(), Ordering::Release);
    }

    /// The value. Where there is none, `make` makes it; of threads that race the first sets it.
    #[inline]
    pub fn get_or(&self, make: impl FnOnce() -> &'static T) -> &'static T {
        match self.get() {
            Some(value) => value,
            None => self.set_first(make()),
        }
    }

    #[cold]
    fn set_first(&self, value: &'static T) -> &'static T {
        let (null, own) = (std::ptr::null_mut(), std::ptr::from_ref(value).cast_mut());
        match self.0.compare_exchange(null, own, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_null) => value,
            // SAFETY: as in `get`, and not null.
            Err(other) => unsafe { &*other },
        }
    }
}

impl<T: Sync + 'static> Default for Published<T> {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alone::{amid, in_a_copy, is_alone};

    #[test]
    fn the_first_of_those_who_publish_is_read_by_all() {
        static VALUE: Published<u32> = Published::new();
        static OTHER: u32 = 3;
        if !is_alone(module_path!(), "the_first_of_those_who_publish_is_read_by_all") {
            return;
        }
        assert_eq!(VALUE.get(), None);
        let go_on = amid(|stay| {
            VALUE.get_or(|| {
                stay();
                &2
            });
        });
        in_a_copy(|| *VALUE.get_or(|| &1) == 1);
        assert_eq!(*VALUE.get_or(|| &1), 1);
        drop(go_on);
        VALUE.set(&OTHER);
        assert_eq!(VALUE.get(), Some(&3));
    }
}
