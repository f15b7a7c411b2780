//! A receiver of messages, as Alertmanager's receivers are: it knows what fires by its name.
//!
//! The model follows Alertmanager's rules for a group: a message names everything of the incident
//! that fires and everything that has ended, and nothing else ends what fires.
//!
//! - An incident fires first, is numbered without a gap, and is resolved at most once and last.
//! - What fires does so until a message says that it has ended.
//! - Nothing fires and has ended in one message, and nothing fires after the resolution.

use crate::judge::{CheckId, Message, Problem, Transition};
use std::collections::{BTreeMap, BTreeSet};

/// What has been told of each incident.
#[derive(Clone, Debug, Default)]
pub struct Receiver {
    incidents: BTreeMap<u64, Told>,
}

#[derive(Clone, Debug, Default)]
struct Told {
    seq: u32,
    resolved: bool,
    firing: BTreeSet<Alert>,
}

/// The name of an alert.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alert {
    Check(CheckId, &'static str),
    Host(String),
}

impl Receiver {
    /// Takes a message.
    ///
    /// # Errors
    /// The rule that the message breaks, in words.
    pub fn take(&mut self, message: &Message) -> Result<(), String> {
        let told = self.incidents.entry(message.incident).or_default();
        told.take(message).map_err(|rule| format!("{rule}: {message:?}"))
    }

    /// Returns true if this problem of the check fires in some incident.
    pub fn fires(&self, check: CheckId, problem: &Problem) -> bool {
        let alert = Alert::Check(check, kind(problem));
        self.incidents.values().any(|told| told.firing.contains(&alert))
    }
}

impl Told {
    fn take(&mut self, message: &Message) -> Result<(), String> {
        let resolves = message.transition == Transition::Resolved;
        if self.resolved {
            return Err("a message after the resolution".into());
        }
        if message.seq != self.seq + 1 {
            return Err(format!("number {} follows number {}", message.seq, self.seq));
        }
        if (message.transition == Transition::Firing) != (message.seq == 1) {
            return Err("an incident fires with its first message and no other".into());
        }
        self.seq = message.seq;
        self.resolved = resolves;
        let named = named(message);
        for alert in ended(message) {
            self.firing.remove(&alert);
            if !resolves && named.contains(&alert) {
                return Err(format!("{alert:?} fires and has ended"));
            }
        }
        let left_out: Vec<_> = self.firing.difference(&named).collect();
        if !left_out.is_empty() {
            return Err(format!("neither firing nor ended: {left_out:?}"));
        }
        if !resolves {
            self.firing = named;
        } else if !self.firing.is_empty() {
            return Err(format!("resolved while {:?} fire", self.firing));
        }
        Ok(())
    }
}

fn named(message: &Message) -> BTreeSet<Alert> {
    let troubles = message.troubles.iter();
    let checks = troubles.map(|(check, trouble)| Alert::Check(*check, kind(&trouble.problem)));
    checks.chain(message.hosts.iter().cloned().map(Alert::Host)).collect()
}

fn ended(message: &Message) -> impl Iterator<Item = Alert> {
    let ended = message.ended.iter();
    let checks = ended.map(|ended| Alert::Check(ended.check, kind(&ended.trouble.problem)));
    checks.chain(message.left.keys().cloned().map(Alert::Host))
}

fn kind(problem: &Problem) -> &'static str {
    match problem {
        Problem::Silent => "silent",
        Problem::Failed(_) => "failed",
        Problem::Dead(_) => "dead",
        Problem::Stuck(_) => "stuck",
        Problem::Overran => "overran",
        Problem::NotBack => "not back",
    }
}
