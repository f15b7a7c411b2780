//! Whose deadline is next.
//!
//! In: a check and the moment it must be looked at. Out: the checks whose moment has come, earliest
//! first. Always: a beat that moves a deadline further costs nothing here; the one entry a check
//! has is looked at when its old moment comes, and put back for the new one.

use super::{CheckId, Time};
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A heap of deadlines with at most one live entry a check.
#[derive(Debug, Default)]
pub struct Deadlines {
    heap: BinaryHeap<Reverse<(Time, CheckId)>>,
}

/// The moment at which a check's live entry stands; kept by the check.
pub type Queued = Option<Time>;

impl Deadlines {
    /// Makes sure that `check` comes up at `due` or before.
    pub fn arm(&mut self, check: CheckId, queued: &mut Queued, due: Option<Time>) {
        let Some(due) = due else { return };
        if queued.is_none_or(|at| due < at) {
            *queued = Some(due);
            self.heap.push(Reverse((due, check)));
        }
    }

    /// The earliest entry, dead ones included: nothing happens before it.
    pub fn next(&self) -> Option<Time> {
        self.heap.peek().map(|Reverse((due, _))| *due)
    }

    /// The next entry due at `now`, if there is one. It is live if it is what the check has queued.
    pub fn pop(&mut self, now: Time) -> Option<(Time, CheckId)> {
        let Reverse((due, check)) = *self.heap.peek()?;
        if due > now {
            return None;
        }
        self.heap.pop();
        Some((due, check))
    }
}
