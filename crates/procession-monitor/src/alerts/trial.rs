//! A message that says it is a test, and its end.

use super::receiver::Receiver;
use crate::clock::wall;
use crate::judge::{Message, Subject, Transition};
use crate::store::Letter;

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
    // No incident of a monitor has this number, so a receiver knows no earlier message of it.
    let incident = now;
    let note = Some(TEXT.to_owned());
    let message = Message { note, ..Message::bare(incident, seq, transition, Subject::Monitor) };
    let key = format!("test:{}:{}", message.key(), receiver.name());
    Letter::bare(key, receiver.name(), message, now)
}
