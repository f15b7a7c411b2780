//! What is told, and under which name.
//!
//! In: troubles. Out: incidents, which are remembered until they are over, and messages, which are
//! delivered. Always: a message is named by its incident and its number in it, so that a receiver
//! that gets it twice can tell.

use super::{CheckId, Problem, Time};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// What an incident is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "about", content = "name")]
pub enum Subject {
    /// One host and what runs on it.
    Host(String),
    /// Many hosts of one group that fell silent together.
    Mass(String),
    /// Hosts of several groups that fell silent together, while nothing was heard from any other.
    Everything,
    /// The monitor itself.
    Monitor,
}

/// What a message says about its incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// It began.
    Firing,
    /// Something joined it.
    Worse,
    /// A part of it is over.
    Better,
    /// It lasts.
    Again,
    /// A mass silence has stood for its hosts long enough: these are still silent.
    Released,
    /// It is over.
    Resolved,
}

/// One check's trouble.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    /// What is wrong.
    pub problem: Problem,
    /// Since when it is known.
    pub since: Time,
}

impl Trouble {
    /// Whether it is the same kind of problem.
    pub fn is_kind_of(&self, other: &Trouble) -> bool {
        std::mem::discriminant(&self.problem) == std::mem::discriminant(&other.problem)
    }
}

/// How a check's trouble ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// The check is well, or said goodbye.
    Recovered,
    /// An operator paused the check.
    Paused,
    /// An operator removed the check.
    Removed,
    /// The check has another kind of problem.
    Changed,
}

/// A trouble that was told and is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// Whose it was.
    pub check: CheckId,
    /// What it was.
    pub trouble: Trouble,
    /// When it ended.
    pub at: Time,
    /// How.
    pub how: How,
}

/// Something that is told once and remembered until it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Incident {
    /// Its number: never given twice by one database.
    pub id: u64,
    /// What it is about.
    pub subject: Subject,
    /// When it was first told.
    pub opened: Time,
    /// When it was over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<Time>,
    /// How many messages it has had.
    pub seq: u32,
    /// When the last one was.
    pub sent: Time,
    /// What has been told and is not over.
    pub told: BTreeMap<CheckId, Trouble>,
    /// What was told in this incident and is over: a check and a kind of problem once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
    /// A mass silence's hosts that have not been heard of since.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub hosts: BTreeSet<String>,
    /// A mass silence's hosts that have been heard of again, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, Time>,
    /// Until when a mass silence takes further hosts in and keeps them quiet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Time>,
    /// The monitor's own problem, or a question about a mass silence, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// One message to every receiver.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Message {
    /// The incident it belongs to.
    pub incident: u64,
    /// Its number in the incident, from 1.
    pub seq: u32,
    /// What it says.
    pub transition: Transition,
    /// What it is about.
    pub subject: Subject,
    /// When it was decided.
    pub at: Time,
    /// When its incident was opened.
    pub opened: Time,
    /// The checks in trouble; on [`Transition::Resolved`] those that were.
    pub troubles: BTreeMap<CheckId, Trouble>,
    /// The troubles of the incident that were told and are over: each message has all of them, so a
    /// receiver that missed one learns of them from the next.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub ended: Vec<Ended>,
    /// The hosts of a mass silence.
    pub hosts: Vec<String>,
    /// The hosts of a mass silence that have been heard of again, and when.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub left: BTreeMap<String, Time>,
    /// How many there are of what the subject holds: checks of a host, hosts of a group.
    pub of: usize,
    /// A label that the hosts of a mass silence share and the rest of their group does not.
    pub common: Option<(String, String)>,
    /// The monitor's own problem, or a question about a mass silence, in words.
    pub note: Option<String>,
}

impl Incident {
    /// Whether a check's trouble has been told in it.
    pub fn speaks_of(&self, check: CheckId) -> bool {
        self.told.contains_key(&check) || self.ended.iter().any(|ended| ended.check == check)
    }
}

impl Message {
    /// A message that lists nothing.
    pub(crate) fn bare(incident: u64, seq: u32, transition: Transition, subject: Subject) -> Self {
        Message {
            incident,
            seq,
            transition,
            subject,
            at: Time(0),
            opened: Time(0),
            troubles: BTreeMap::new(),
            ended: Vec::new(),
            hosts: Vec::new(),
            left: BTreeMap::new(),
            of: 0,
            common: None,
            note: None,
        }
    }

    /// The name under which a receiver can recognise a repetition; add the receiver to it.
    pub fn key(&self) -> String {
        format!("{}:{}:{}", self.incident, self.seq, self.transition.word())
    }
}

impl Transition {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            Transition::Firing => "firing",
            Transition::Worse => "worse",
            Transition::Better => "better",
            Transition::Again => "again",
            Transition::Released => "released",
            Transition::Resolved => "resolved",
        }
    }
}
