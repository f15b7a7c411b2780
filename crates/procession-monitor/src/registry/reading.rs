//! What was received and is not yet applied.
//!
//! In: the moment a request arrived. Out: the moment up to which deadlines may be judged. Always:
//! a request that is still being read holds back the deadlines after it, but for [`HOLD`] at most,
//! so that a slow sender cannot stop the judge.

use crate::judge::{Ms, Time};
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// How long a request may hold deadlines back: two seconds. It is part of the printed bound.
pub const HOLD: Ms = 2_000;

/// The requests in hand.
#[derive(Debug, Default)]
pub struct Reading {
    requests: Mutex<(u64, BTreeSet<(Time, u64)>)>,
}

/// One request in hand, until it is dropped.
#[derive(Debug)]
pub struct InHand<'a> {
    reading: &'a Reading,
    at: Time,
    number: u64,
}

impl Reading {
    /// A request was received at `at`.
    pub fn received(&self, at: Time) -> InHand<'_> {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.0 += 1;
        let number = requests.0;
        requests.1.insert((at, number));
        InHand { reading: self, at, number }
    }

    /// The moment until which everything received is applied.
    pub fn applied(&self, now: Time) -> Time {
        let requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.1.first().map_or(now, |(oldest, _)| (*oldest).clamp(now - HOLD, now))
    }
}

impl InHand<'_> {
    /// When it was received.
    pub fn at(&self) -> Time {
        self.at
    }
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        let mut requests = self.reading.requests.lock().unwrap_or_else(PoisonError::into_inner);
        requests.1.remove(&(self.at, self.number));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_request_in_hand_holds_the_deadlines_back_but_not_for_ever() {
        let reading = Reading::default();
        let slow = reading.received(Time(10_000));
        let quick = reading.received(Time(10_500));
        assert_eq!(reading.applied(Time(11_000)), Time(10_000));
        assert_eq!(reading.applied(Time(13_000)), Time(11_000));
        drop(slow);
        assert_eq!(reading.applied(Time(11_000)), Time(10_500));
        drop(quick);
        assert_eq!(reading.applied(Time(11_000)), Time(11_000));
    }
}
