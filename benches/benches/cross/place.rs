//! Where the two sides run.

use procession_sys::inherit;

/// The processors of the two sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) here: u16,
    pub(crate) there: u16,
}

impl Place {
    pub(crate) const ONE: Self = Self { here: 0, there: 0 };
    pub(crate) const TWO: Self = Self { here: 0, there: 1 };

    pub(crate) fn name(self) -> &'static str {
        if self == Self::ONE { "one processor" } else { "two processors" }
    }
}

/// Binds this thread, and what it starts, to one processor.
pub(crate) fn bind(cpu: u16) {
    inherit::set_affinity(&[cpu]).expect("a machine with two processors");
}

/// Lets this thread, and what it starts, run on both.
pub(crate) fn free() {
    inherit::set_affinity(&[0, 1]).expect("a machine with two processors");
}
