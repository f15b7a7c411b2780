//! What is written and read.
//!
//! In: decisions. Out: rows. Always: plain data; a [`Batch`] is what belongs into one transaction.

use crate::clock::Mark;
use crate::judge::{Check, CheckId, Flip, Incident, Message, Ms};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use uuid::Uuid;

/// What an operator says of a check; changes seldom.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Its number.
    pub id: CheckId,
    /// Its public name.
    pub uuid: Uuid,
    /// For a person.
    pub name: String,
    /// For a URL: `a-z`, `0-9`, `-`, `_`.
    pub slug: String,
    /// Words separated by blanks.
    pub tags: String,
    /// For a person.
    pub desc: String,
    /// The host whose message its problems go into.
    pub host: String,
    /// The group whose mass silence is told once.
    pub group: String,
    /// The host's labels.
    pub labels: BTreeMap<String, String>,
    /// `POST` if only that counts as a ping, else empty.
    pub methods: String,
    /// Only an operator ends a pause.
    pub manual_resume: bool,
    /// It is a program that sends heartbeats.
    pub heartbeat: bool,
    /// When it runs.
    #[serde(default)]
    pub schedule: Slots,
    /// What its pings' bodies say of its runs.
    #[serde(default)]
    pub words: Words,
}

impl Record {
    /// The name of the host that reports. A check that is pinged has none: its UUID stands for one,
    /// and opens it.
    pub fn host_name(&self) -> &str {
        if self.heartbeat { &self.host } else { "" }
    }
}

/// When a check runs, if not simply every so often.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Slots {
    /// A cron expression, or calendar expressions of systemd, one a line; empty: none.
    pub cron: String,
    /// The time zone of it.
    pub zone: String,
}

/// Words in a ping's body that overrule what its path says.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Words {
    /// Whether bodies are looked at.
    pub look: bool,
    /// Words, between commas, that say that a run began.
    pub start: String,
    /// Words that say that it ended well.
    pub success: String,
    /// Words that say that it failed.
    pub failure: String,
    /// A body without any of them: a failure, or nothing at all.
    pub else_fail: bool,
}

impl Words {
    /// What a body says. Failure is looked for first.
    pub fn kind(&self, body: &str) -> PingKind {
        let has = |words: &str| {
            let mut words = words.split(',').map(str::trim).filter(|word| !word.is_empty());
            words.any(|word| body.contains(word))
        };
        match () {
            () if has(&self.failure) => PingKind::Fail,
            () if has(&self.success) => PingKind::Success,
            () if has(&self.start) => PingKind::Start,
            () if self.else_fail => PingKind::Fail,
            () => PingKind::Ignored,
        }
    }
}

/// What changes with every beat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Standing {
    /// How many pings or beats there were.
    pub pings: u64,
    /// When the last was received, Unix milliseconds.
    pub last_ping: Option<Ms>,
    /// The unbroken row of equal beats so far: first, last (Unix milliseconds), count.
    pub row: Option<(Ms, Ms, u64)>,
    /// What the last beat said, for the page.
    pub last_beat: Option<serde_json::Value>,
    /// The beginning of the body of the last ping that proved something, if it reported a failure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure_body: Option<String>,
}

impl Standing {
    /// The last words of a program whose last beat reported its death, oldest first.
    pub fn last_words(&self) -> Vec<String> {
        let words = self.last_beat.as_ref().and_then(|beat| beat["kind"]["last_words"].as_array());
        let text = |word: &serde_json::Value| word.as_str().map(str::to_owned);
        words.into_iter().flatten().filter_map(text).collect()
    }

    /// By how many milliseconds the clock of who sent the last beat is ahead of ours (the beat's
    /// way included), if it said what its clock shows.
    pub fn skew(&self) -> Option<i64> {
        let sent = self.last_beat.as_ref()?["sent_at_ms"].as_i64()?;
        Some(sent - i64::try_from(self.last_ping?).ok()?)
    }
}

/// What a ping was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PingKind {
    /// Success.
    Success,
    /// A run began.
    Start,
    /// Failure.
    Fail,
    /// For the record.
    Log,
    /// Not counted: the wrong method, or the pause must be ended by hand.
    Ignored,
}

/// One ping, for history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ping {
    /// The check.
    pub check: CheckId,
    /// Its number.
    pub n: u64,
    /// Unix milliseconds.
    pub at: Ms,
    /// What it was.
    pub kind: PingKind,
    /// The run it names.
    pub rid: Option<String>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Where it came from.
    pub address: String,
    /// The HTTP method.
    pub method: String,
    /// The user agent, 200 characters at most.
    pub agent: String,
    /// The exit status it gave.
    pub exit: Option<u8>,
    /// How long its run took.
    pub duration: Option<Ms>,
    /// The body's beginning.
    pub body: Vec<u8>,
}

/// One message to one receiver.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Letter {
    /// `incident:number:transition:receiver`: a receiver that sees it twice can tell.
    pub key: String,
    /// Who gets it.
    pub receiver: String,
    /// What it says.
    pub message: Message,
    /// When it was written, Unix milliseconds.
    pub written: Ms,
    /// When the incident was opened, Unix milliseconds.
    pub opened: Ms,
    /// The names of the checks it speaks of.
    pub names: BTreeMap<u64, String>,
    /// The last words of those that are dead, oldest first.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub words: BTreeMap<u64, Vec<String>>,
    /// What else is known of the checks it speaks of.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub details: BTreeMap<u64, Details>,
}

impl Letter {
    /// A message to a receiver that speaks of no check, of an incident that was opened as it is
    /// written.
    pub(crate) fn bare(key: String, receiver: &str, message: Message, written: Ms) -> Letter {
        Letter {
            key,
            receiver: receiver.to_owned(),
            message,
            written,
            opened: written,
            names: BTreeMap::new(),
            words: BTreeMap::new(),
            details: BTreeMap::new(),
        }
    }
}

/// What a message tells of a check beside its problem.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Details {
    /// The labels of its program.
    pub labels: BTreeMap<String, String>,
    /// Its tags, separated by blanks.
    pub tags: String,
    /// The beginning of the body of the ping that reported its failure.
    pub body: Option<String>,
}

/// How a letter ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Which.
    pub key: String,
    /// `done`, `folded` or `dead`.
    pub state: &'static str,
    /// How often it was tried.
    pub tries: u32,
    /// Why it was given up.
    pub error: Option<String>,
}

/// A token as it is kept: its secret is not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// The hash of its secret.
    pub hash: [u8; 32],
    /// What it opens.
    pub scope: String,
    /// For which host alone.
    pub host: Option<String>,
    /// When it was made, Unix milliseconds; older releases did not note it.
    pub created: Option<Ms>,
    /// When it was last used, Unix milliseconds.
    pub used: Option<Ms>,
}

/// What belongs into one transaction.
#[derive(Debug, Default)]
pub struct Batch {
    /// New checks and changed ones.
    pub records: Vec<Record>,
    /// Where checks stand.
    pub states: Vec<(CheckId, Check, Standing)>,
    /// Checks to forget.
    pub deleted: Vec<CheckId>,
    /// Pings for history.
    pub pings: Vec<Ping>,
    /// Rows of equal beats that ended: check, first, last, count.
    pub rows: Vec<(CheckId, Ms, Ms, u64)>,
    /// Changes of state, with Unix milliseconds.
    pub flips: Vec<(CheckId, Ms, Flip)>,
    /// Incidents that opened, changed or closed.
    pub incidents: Vec<Incident>,
    /// Messages to send.
    pub letters: Vec<Letter>,
    /// Messages that were sent or given up.
    pub deliveries: Vec<Delivery>,
    /// New tokens, and those that were used.
    pub tokens: Vec<Token>,
    /// The hashes of tokens that are valid no more.
    pub revoked: Vec<[u8; 32]>,
    /// A blind window that ended, Unix milliseconds.
    pub blind: Option<(Ms, Ms)>,
    /// Forget the history that is too old at this time of day, Unix milliseconds.
    pub prune: Option<Ms>,
    /// The sign of life.
    pub mark: Option<Mark>,
    /// The highest check and incident numbers given.
    pub last: Option<(u64, u64)>,
}

impl PingKind {
    /// The word that the management API uses.
    pub fn word(self) -> &'static str {
        match self {
            PingKind::Success => "success",
            PingKind::Start => "start",
            PingKind::Fail => "fail",
            PingKind::Log => "log",
            PingKind::Ignored => "ign",
        }
    }
}
