//! The state and its lock: what happens on a tick.
//!
//! In: what the store saved, and time. Out: batches to the store. Always: batches are handed over
//! under the lock, so the store sees them in the order in which they happened; handing over does
//! not wait.

use super::access::{Access, NotRevoked, Scope, TokenView, hash};
use super::news::News;
use super::reading::{InHand, Reading};
use crate::clock::{Clock, iso, wall};
use crate::judge::{CheckId, Config, Flip, Judge, Message, Ms, Spec, State, Time, Transition};
use crate::log::{self, Level, log};
use crate::store::{Batch, Details, Letter, Reader, Record, Saved, Standing, Token, Writer};
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use uuid::Uuid;

/// How often old history is forgotten: every hour.
const PRUNE: Ms = 3_600_000;

/// Everything the monitor knows.
#[derive(Debug)]
pub struct Registry {
    pub(super) clock: Clock,
    pub(super) writer: Writer,
    database: PathBuf,
    badge_secret: Vec<u8>,
    reading: Reading,
    /// Whether also what is no trouble is said on standard error.
    verbose: bool,
    /// What is wrong with the monitor itself, by what it is wrong with.
    problems: Mutex<BTreeMap<String, String>>,
    desk: Mutex<Desk>,
}

/// What the lock guards.
#[derive(Debug)]
pub(super) struct Desk {
    pub(super) judge: Judge,
    pub(super) entries: HashMap<CheckId, Entry>,
    pub(super) by_uuid: HashMap<Uuid, CheckId>,
    pub(super) by_slug: HashMap<String, Vec<CheckId>>,
    /// Heartbeats by host and program.
    pub(super) by_program: HashMap<(String, String), CheckId>,
    /// The names of checks that were removed while an incident had told of them.
    pub(super) removed: HashMap<CheckId, String>,
    pub(super) access: Access,
    pub(super) last_check: u64,
    last_incident: u64,
    receivers: Vec<String>,
    /// When old history was last forgotten.
    pruned: Time,
    pub(super) news: News,
    /// The last time in which the monitor was blind, Unix milliseconds.
    pub(super) blind: Option<(Ms, Ms)>,
}

/// A check, beside what the judge knows of it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) record: Record,
    pub(super) standing: Standing,
    /// Runs that began and have not ended, for the pings' durations; the oldest is dropped.
    pub(super) runs: Vec<(Option<String>, Time)>,
    /// The rate limit: what is left, as of when.
    pub(super) allowance: (f64, Time),
}

impl Registry {
    /// Takes up where the database ends. `receivers` are the names of those who get every message.
    pub fn restore(
        saved: Saved,
        config: Config,
        writer: Writer,
        database: PathBuf,
        receivers: Vec<String>,
        verbose: bool,
    ) -> Registry {
        let clock = Clock::after(saved.mark.as_ref());
        let now = clock.now();
        let alive = saved.mark.as_ref().map_or(now, |mark| mark.alive);
        let judged = saved.checks.iter().map(|(record, check, _)| {
            let spec = spec(record, check.timing);
            (record.id, spec, check.clone())
        });
        let judge =
            Judge::restore(config, judged, saved.incidents, saved.last_incident, alive, now);
        let mut desk = Desk {
            removed: HashMap::new(),
            judge,
            entries: HashMap::new(),
            by_uuid: HashMap::new(),
            by_slug: HashMap::new(),
            by_program: HashMap::new(),
            access: Access::default(),
            last_check: saved.last_check,
            last_incident: saved.last_incident,
            receivers,
            pruned: now,
            news: News::new(),
            blind: None,
        };
        for (record, _, standing) in saved.checks {
            desk.last_check = desk.last_check.max(record.id.0);
            desk.file(record, standing, now);
        }
        for token in saved.tokens {
            desk.access.keep(token);
        }
        let registry = Registry {
            verbose,
            problems: Mutex::default(),
            clock,
            writer,
            database,
            badge_secret: saved.badge_secret,
            reading: Reading::default(),
            desk: Mutex::new(desk),
        };
        registry.write(&mut registry.lock(), Batch::default());
        registry
    }

    /// Stamps a request as received now; until it is dropped, deadlines after it are not judged.
    pub fn receive(&self) -> InHand<'_> {
        self.reading.received(self.clock.now())
    }

    /// Judges what is due and writes the sign of life. Called every second.
    pub fn tick(&self) {
        self.writer.post_overdue();
        let problems = self.all_problems();
        let mut desk = self.lock();
        let now = self.clock.now();
        let applied = self.reading.applied(now);
        desk.judge.advance(now, applied);
        desk.judge.own_problems(&problems, now);
        let mark = Some(self.clock.mark());
        let prune = (now - desk.pruned >= PRUNE).then(|| {
            desk.pruned = now;
            wall()
        });
        let tokens = desk.access.unnoted();
        self.write(&mut desk, Batch { tokens, prune, mark, ..Batch::default() });
    }

    /// Judges what is due between two ticks; writes only what it has decided.
    pub fn judge(&self) {
        let mut desk = self.lock();
        let now = self.clock.now();
        desk.judge.advance(now, self.reading.applied(now));
        if desk.judge.has_decided() {
            self.write(&mut desk, Batch::default());
        }
    }

    /// In how long something is due, as far as is known now; milliseconds.
    pub fn due_in(&self) -> Option<Ms> {
        Some(self.lock().judge.next()? - self.clock.now())
    }

    /// What is wrong with the monitor itself, in words.
    pub fn problems(&self) -> Option<String> {
        let all: Vec<String> = self.all_problems().into_values().collect();
        (!all.is_empty()).then(|| all.join("; "))
    }

    /// What is wrong with which part of the monitor: how a sentence begins, and the sentence. What
    /// names a part ends with a colon, so that no name is the beginning of another.
    fn all_problems(&self) -> BTreeMap<String, String> {
        let database = self.writer.health().problem.map(|why| {
            let part = "the database cannot be written".to_owned();
            let words = format!("{part} ({why}); judging goes on");
            (part, words)
        });
        let others = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let others = others.iter().map(|(of, why)| (format!("{of}:"), format!("{of}: {why}")));
        database.into_iter().chain(others).collect()
    }

    /// Something is wrong with a part of the monitor, or (`None`) is not any more. The beginning and
    /// the end of it are said on standard error.
    pub fn set_problem(&self, of: &str, why: Option<String>) {
        let mut problems = self.problems.lock().unwrap_or_else(PoisonError::into_inner);
        let is_over = why.is_none();
        let (is_known, said) = match why {
            Some(why) => {
                let said = format!("{of}: {why}");
                (problems.insert(of.to_owned(), why).is_some(), said)
            }
            None => (problems.remove(of).is_none(), format!("{of}: well again")),
        };
        drop(problems);
        if !is_known {
            let level = if is_over { Level::Info } else { Level::Warning };
            log::event(level, format_args!("{said}"));
        }
    }

    /// Whether something is wrong with a part of the monitor.
    pub fn has_problem(&self, of: &str) -> bool {
        self.problems.lock().unwrap_or_else(PoisonError::into_inner).contains_key(of)
    }

    /// A token from the options: what it opens, and for which host.
    pub fn allow(&self, secret: &str, scope: Scope, host: Option<String>) {
        self.lock().access.allow(hash(secret), scope, host);
    }

    /// A new token, which is kept.
    pub fn make_token(&self, secret: &str, scope: Scope, host: Option<String>) {
        let scope = scope.word().to_owned();
        let token = Token { hash: hash(secret), scope, host, created: Some(wall()), used: None };
        let mut desk = self.lock();
        desk.access.keep(token.clone());
        self.write(&mut desk, Batch { tokens: vec![token], ..Batch::default() });
    }

    /// All tokens, without their secrets.
    pub fn tokens(&self) -> Vec<TokenView> {
        self.lock().access.list()
    }

    /// Takes a token away that was made by the API. From now on it opens nothing.
    pub fn revoke_token(&self, id: &str) -> Result<(), NotRevoked> {
        let mut desk = self.lock();
        let revoked = vec![desk.access.revoke(id)?];
        self.write(&mut desk, Batch { revoked, ..Batch::default() });
        Ok(())
    }

    /// What a secret opens, and for which host.
    pub fn scope_of(&self, secret: &str) -> Option<(Scope, Option<String>)> {
        let mut desk = self.lock();
        desk.access.of(secret, wall()).map(|(scope, host)| (scope, host.map(str::to_owned)))
    }

    /// What the badges of tags are signed with.
    pub fn badge_secret(&self) -> &[u8] {
        &self.badge_secret
    }

    /// The monitor's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// How the database is.
    pub fn health(&self) -> crate::store::writer::Health {
        self.writer.health()
    }

    /// Writes what became of letters.
    pub fn delivered(&self, deliveries: Vec<crate::store::rows::Delivery>) {
        self.writer.write(Batch { deliveries, ..Batch::default() });
    }

    /// A connection to read history with.
    pub fn reader(&self) -> Result<Reader, rusqlite::Error> {
        Reader::open(&self.database)
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Hands a batch to the store together with everything the judge has decided.
    pub(super) fn write(&self, desk: &mut Desk, batch: Batch) {
        let batch = self.complete(desk, batch);
        self.writer.write(batch);
    }

    /// The same, and tells when it is committed.
    pub(super) fn commit(
        &self,
        desk: &mut Desk,
        batch: Batch,
    ) -> tokio::sync::oneshot::Receiver<bool> {
        let batch = self.complete(desk, batch);
        self.writer.commit(batch)
    }

    fn complete(&self, desk: &mut Desk, mut batch: Batch) -> Batch {
        let verdicts = desk.judge.take();
        for (id, flip) in verdicts.flips {
            batch.states.extend(desk.state_of(id));
            // Being late and being heard again is no history.
            if flip.to != State::Late && (flip.from, flip.to) != (State::Late, State::Up) {
                self.say_flip(desk, id, &flip);
                batch.flips.push((id, self.clock.wall(flip.at), flip));
            }
        }
        batch.states.extend(verdicts.looked.iter().filter_map(|id| desk.state_of(*id)));
        batch.blind = verdicts.blind.map(|(from, to)| (self.clock.wall(from), self.clock.wall(to)));
        for incident in &verdicts.incidents {
            desk.last_incident = desk.last_incident.max(incident.id);
        }
        if let Some((from, to)) = batch.blind {
            let (from, to) = (iso(from), iso(to));
            log!(Warning, "the monitor saw nothing from {from} to {to}");
        }
        batch.incidents = verdicts.incidents;
        for message in &verdicts.messages {
            batch.letters.extend(self.letters(desk, message));
        }
        let Desk { judge, removed, .. } = desk;
        removed.retain(|id, _| judge.incidents().any(|incident| incident.speaks_of(*id)));
        batch.last = Some((desk.last_check, desk.last_incident));
        batch.mark.get_or_insert_with(|| self.clock.mark());
        desk.blind = batch.blind.or(desk.blind);
        desk.news.note(&batch);
        batch
    }

    /// Says that a check has another state.
    fn say_flip(&self, desk: &Desk, id: CheckId, flip: &Flip) {
        let Some(entry) = desk.entries.get(&id).filter(|_| self.verbose) else { return };
        let Record { name, host, heartbeat, .. } = &entry.record;
        let on = if *heartbeat { format!(" on {host}") } else { String::new() };
        let state = flip.to.word();
        match &flip.problem {
            Some(problem) => log!(Info, "check {name}{on}: {state}, {problem}"),
            None => log!(Info, "check {name}{on}: {state}"),
        }
    }

    /// Whether also what is no trouble is said on standard error.
    pub fn is_verbose(&self) -> bool {
        self.verbose
    }

    fn letters(&self, desk: &Desk, message: &Message) -> Vec<Letter> {
        let name = |id: &CheckId| {
            let watched = desk.entries.get(id).map(|entry| &entry.record.name);
            watched.or_else(|| desk.removed.get(id)).cloned()
        };
        let spoken_of =
            message.troubles.keys().chain(message.ended.iter().map(|ended| &ended.check));
        let names: BTreeMap<u64, String> =
            spoken_of.filter_map(|id| Some((id.0, name(id)?))).collect();
        let last_words = |id: &CheckId| desk.entries.get(id).map(|e| e.standing.last_words());
        let words: BTreeMap<u64, Vec<String>> = message
            .troubles
            .keys()
            .filter_map(|id| Some((id.0, last_words(id).filter(|words| !words.is_empty())?)))
            .collect();
        let details: BTreeMap<u64, Details> = names
            .keys()
            .filter_map(|id| Some((*id, desk.entries.get(&CheckId(*id))?.details())))
            .collect();
        let letter = |receiver: &String| Letter {
            key: format!("{}:{receiver}", message.key()),
            receiver: receiver.clone(),
            message: message.clone(),
            written: self.clock.wall(message.at),
            opened: self.clock.wall(message.opened),
            names: names.clone(),
            words: words.clone(),
            details: details.clone(),
        };
        debug_assert!(message.seq == 1 || message.transition != Transition::Firing);
        desk.receivers.iter().map(letter).collect()
    }
}

impl Entry {
    fn details(&self) -> Details {
        Details {
            labels: self.record.labels.clone(),
            tags: self.record.tags.clone(),
            body: self.standing.failure_body.clone(),
        }
    }
}

impl Desk {
    /// Puts a check's record where it is found.
    pub(super) fn file(&mut self, record: Record, standing: Standing, now: Time) {
        self.by_uuid.insert(record.uuid, record.id);
        if record.heartbeat {
            self.by_program.insert((record.host.clone(), record.name.clone()), record.id);
        }
        self.by_slug.entry(record.slug.clone()).or_default().push(record.id);
        let entry = Entry { record, standing, runs: Vec::new(), allowance: (f64::MAX, now) };
        self.entries.insert(entry.record.id, entry);
    }

    /// Takes a check's record out again.
    pub(super) fn unfile(&mut self, id: CheckId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        let record = &entry.record;
        self.by_uuid.remove(&record.uuid);
        self.by_program.remove(&(record.host.clone(), record.name.clone()));
        if let Some(ids) = self.by_slug.get_mut(&record.slug) {
            ids.retain(|other| *other != id);
            if ids.is_empty() {
                self.by_slug.remove(&record.slug);
            }
        }
        Some(entry)
    }

    /// A check's row as it stands.
    pub(super) fn state_of(&self, id: CheckId) -> Option<(CheckId, crate::judge::Check, Standing)> {
        let check = self.judge.check(id)?.clone();
        Some((id, check, self.entries.get(&id)?.standing.clone()))
    }
}

/// What the judge must know of a record.
pub(super) fn spec(record: &Record, timing: crate::judge::Timing) -> Spec {
    Spec {
        host: record.host.clone(),
        group: record.group.clone(),
        labels: record.labels.clone(),
        timing,
    }
}
