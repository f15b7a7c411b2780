//! A message that says it is a test, and its end.

use super::receiver::Receiver;
use crate::clock::wall;
use crate::judge::{Message, Subject, Time, Transition};
use crate::store::Letter;
use std::collections::BTreeMap;

/// What the message says.
const TEXT: &str = "a test message, sent by hand: nothing is wrong";

impl Receiver {
    /// Sends a message that says it is a test, and then its end, so that nothing is left open where the
    /// receiver keeps alerts. `url` is where the monitor is reached.
    pub fn test(&self, url: &str) -> Result<(), String> {
        let now = wall();
        [(1, Transition::Firing), (2, Transition::Resolved)].into_iter().try_for_each(
            |(seq, transition)| self.deliver(&letter(self, now, seq, transition), url),
        )
    }
}

fn letter(receiver: &Receiver, now: u64, seq: u32, transition: Transition) -> Letter {
    let message = Message {
        // No incident of a monitor has this number, so a receiver knows no earlier message of it.
        incident: now,
        seq,
        transition,
        subject: Subject::Monitor,
        at: Time(0),
        opened: Time(0),
        troubles: BTreeMap::new(),
        ended: Vec::new(),
        hosts: Vec::new(),
        left: BTreeMap::new(),
        of: 0,
        common: None,
        note: Some(TEXT.to_owned()),
    };
    Letter {
        key: format!("test:{}:{}", message.key(), receiver.name()),
        receiver: receiver.name().to_owned(),
        message,
        written: now,
        opened: now,
        names: BTreeMap::new(),
        words: BTreeMap::new(),
        details: BTreeMap::new(),
    }
}
