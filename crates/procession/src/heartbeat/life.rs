//! The handle of a running heartbeat.

use super::page::Delivery;
use super::witness::Watched;
use procession_sys::stream;
use std::os::fd::AsFd;
use std::time::Duration;

/// A heartbeat that runs: what the program says to it.
///
/// No method waits for anything but a copy in memory, and none can fail. Clones speak to the same
/// heartbeat, from any thread. Dropping it changes nothing: the program is still watched. In a
/// process that the user's code forked from this one every method does nothing.
#[derive(Clone, Debug)]
pub struct Life(pub(super) Watched);

impl Life {
    /// Says that the program gets on: one addition in shared memory, a few nanoseconds.
    ///
    /// It counts where [`Heartbeat::stuck_after`](crate::Heartbeat::stuck_after) was called: no
    /// tick for that long, and the program is reported as stuck.
    #[inline]
    pub fn tick(&self) {
        if self.0.is_here() {
            self.0.page.tick();
        }
    }

    /// Leaves a note for the case that the program dies: its last sixteen notes and panics are
    /// reported with its death. Above about a thousand bytes it is cut.
    pub fn note(&self, text: impl AsRef<str>) {
        if self.0.is_here() {
            self.0.note(text.as_ref());
        }
    }

    /// Says that the program is about to end as planned: this is reported, and its end is not.
    /// With `back_in`, it means to be back within that time, and the monitor alarms if it is not.
    ///
    /// From here on the program is no longer watched, also when it goes on.
    pub fn goodbye(&self, back_in: Option<Duration>) {
        if self.0.is_here() {
            self.0.page.say_goodbye(back_in);
            // A bell that is full of rings rings.
            let _ = stream::send(self.0.bell.as_fd(), &[1]);
        }
    }

    /// What became of the last report that the heartbeat sent.
    pub fn delivery(&self) -> Delivery {
        self.0.page.delivery()
    }
}
