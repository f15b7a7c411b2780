//! What waits to be written, folded.
//!
//! In: batches, in order. Out: one transaction. Always: of a check's states only the last is
//! written; what must not be lost (states, incidents, letters) is kept however long the database
//! is away and is bounded by the number of checks and incidents; history is dropped at a limit,
//! oldest first, and counted.

use super::rows::{Batch, Delivery, Letter, Ping, Record, Standing, Token};
use crate::clock::Mark;
use crate::judge::{Check, CheckId, Flip, Incident, Ms};
use rusqlite::{Connection, Error, params};
use std::collections::BTreeMap;

/// Most pings, flips and rows each that wait while the database cannot be written.
const HISTORY: usize = 20_000;
/// Pings kept for each check.
const PINGS_KEPT: u64 = 100;

/// How long history is kept, in days: what was delivered for a month, all else for a year.
const KEPT_DAYS: &[(&str, Ms)] = &[
    ("DELETE FROM outbox WHERE state <> 'waiting' AND json_extract(letter, '$.written') < ?", 30),
    ("DELETE FROM beat_run WHERE last < ?", 365),
    ("DELETE FROM flip WHERE at < ?", 365),
    ("DELETE FROM blind WHERE to_ < ?", 365),
    (
        "DELETE FROM incident WHERE NOT open AND id NOT IN (SELECT incident FROM outbox) AND ? > 0",
        0,
    ),
];
/// Milliseconds of a day.
const DAY: Ms = 24 * 3_600_000;

/// Changes that are not yet in the database.
#[derive(Debug, Default)]
pub(super) struct Pending {
    records: BTreeMap<CheckId, Record>,
    states: BTreeMap<CheckId, (Check, Standing)>,
    deleted: Vec<CheckId>,
    pings: Vec<Ping>,
    rows: Vec<(CheckId, Ms, Ms, u64)>,
    flips: Vec<(CheckId, Ms, Flip)>,
    incidents: BTreeMap<u64, Incident>,
    letters: Vec<Letter>,
    deliveries: Vec<Delivery>,
    tokens: Vec<Token>,
    revoked: Vec<[u8; 32]>,
    blind: Vec<(Ms, Ms)>,
    prune: Option<Ms>,
    mark: Option<Mark>,
    last: Option<(u64, u64)>,
    /// History that was dropped.
    pub(super) dropped: u64,
}

impl Pending {
    /// Takes a batch in, behind those before it.
    pub(super) fn absorb(&mut self, batch: Batch) {
        self.records.extend(batch.records.into_iter().map(|record| (record.id, record)));
        for (id, check, standing) in batch.states {
            self.states.insert(id, (check, standing));
        }
        for id in batch.deleted {
            self.records.remove(&id);
            self.states.remove(&id);
            self.deleted.push(id);
        }
        self.pings.extend(batch.pings);
        self.rows.extend(batch.rows);
        self.flips.extend(batch.flips);
        self.incidents.extend(batch.incidents.into_iter().map(|incident| (incident.id, incident)));
        self.letters.extend(batch.letters);
        self.deliveries.extend(batch.deliveries);
        self.tokens.extend(batch.tokens);
        self.revoked.extend(batch.revoked);
        self.blind.extend(batch.blind);
        self.prune = batch.prune.or(self.prune);
        self.mark = batch.mark.or(self.mark.take());
        self.last = batch.last.or(self.last);
        self.dropped += limit(&mut self.pings) + limit(&mut self.flips) + limit(&mut self.rows);
    }

    /// Writes everything in one transaction.
    pub(super) fn write(&self, connection: &mut Connection) -> Result<(), Error> {
        let transaction = connection.transaction()?;
        self.write_checks(&transaction)?;
        self.write_history(&transaction)?;
        self.write_incidents(&transaction)?;
        self.write_tokens(&transaction)?;
        if let Some(now) = self.prune {
            for (delete, days) in KEPT_DAYS {
                transaction.execute(delete, [now.saturating_sub(days * DAY)])?;
            }
        }
        if let (Some(mark), Some((last_check, last_incident))) = (&self.mark, self.last) {
            transaction.execute(
                "INSERT OR REPLACE INTO life(id, mark, last_check, last_incident)
                 VALUES (1, ?, ?, ?)",
                params![json(mark), last_check, last_incident],
            )?;
        }
        transaction.commit()
    }

    /// A token that was used and revoked meanwhile is gone: no token comes back.
    fn write_tokens(&self, connection: &Connection) -> Result<(), Error> {
        let mut token = connection.prepare_cached(
            "INSERT OR REPLACE INTO token(hash, scope, host, created, used) VALUES (?, ?, ?, ?, ?)",
        )?;
        for t in &self.tokens {
            token.execute(params![t.hash, t.scope, t.host, t.created, t.used])?;
        }
        for hash in &self.revoked {
            connection.execute("DELETE FROM token WHERE hash = ?", [hash])?;
        }
        Ok(())
    }

    fn write_checks(&self, connection: &Connection) -> Result<(), Error> {
        let mut record = connection.prepare_cached(
            "INSERT INTO check_(id, uuid, name, slug, host, group_, record, state, judged, standing)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, 'new', '', '')
             ON CONFLICT(id) DO UPDATE SET name = ?3, slug = ?4, host = ?5, group_ = ?6, record = ?7",
        )?;
        for (id, r) in &self.records {
            let uuid = r.uuid.to_string();
            record.execute(params![id.0, uuid, r.name, r.slug, r.host, r.group, json(r)])?;
        }
        let mut state = connection.prepare_cached(
            "UPDATE check_ SET state = ?2, last_beat = ?3, judged = ?4, standing = ?5 WHERE id = ?1",
        )?;
        for (id, (check, standing)) in &self.states {
            let (word, last) = (check.state.word(), standing.last_ping);
            state.execute(params![id.0, word, last, json(check), json(standing)])?;
        }
        for id in &self.deleted {
            for table in ["ping", "beat_run", "flip"] {
                connection.execute(&format!("DELETE FROM {table} WHERE check_id = ?"), [id.0])?;
            }
            connection.execute("DELETE FROM check_ WHERE id = ?", [id.0])?;
        }
        Ok(())
    }

    fn write_history(&self, connection: &Connection) -> Result<(), Error> {
        let mut ping = connection.prepare_cached(
            "INSERT OR REPLACE INTO ping VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        )?;
        let mut old =
            connection.prepare_cached("DELETE FROM ping WHERE check_id = ? AND n <= ?")?;
        for p in &self.pings {
            let body = (!p.body.is_empty()).then_some(&p.body);
            ping.execute(params![
                p.check.0,
                p.n,
                p.at,
                p.kind.word(),
                p.rid,
                p.scheme,
                p.address,
                p.method,
                p.agent,
                p.exit,
                p.duration,
                body
            ])?;
            if p.n > PINGS_KEPT {
                old.execute(params![p.check.0, p.n - PINGS_KEPT])?;
            }
        }
        let mut row =
            connection.prepare_cached("INSERT OR REPLACE INTO beat_run VALUES (?, ?, ?, ?)")?;
        for (id, first, last, count) in &self.rows {
            row.execute(params![id.0, first, last, count])?;
        }
        let mut flip = connection.prepare_cached(
            "INSERT INTO flip(check_id, at, from_, to_, why) VALUES (?, ?, ?, ?, ?)",
        )?;
        for (id, at, f) in &self.flips {
            let why = f.problem.as_ref().map(ToString::to_string);
            flip.execute(params![id.0, at, f.from.word(), f.to.word(), why])?;
        }
        for (from, to) in &self.blind {
            connection.execute("INSERT INTO blind VALUES (?, ?)", params![from, to])?;
        }
        Ok(())
    }

    fn write_incidents(&self, connection: &Connection) -> Result<(), Error> {
        let mut incident = connection
            .prepare_cached("INSERT OR REPLACE INTO incident(id, open, doc) VALUES (?, ?, ?)")?;
        for (id, doc) in &self.incidents {
            incident.execute(params![id, doc.closed.is_none(), json(doc)])?;
        }
        let mut letter = connection.prepare_cached(
            "INSERT OR IGNORE INTO outbox(key, incident, receiver, letter, state, tries)
             VALUES (?, ?, ?, ?, 'waiting', 0)",
        )?;
        for l in &self.letters {
            letter.execute(params![l.key, l.message.incident, l.receiver, json(l)])?;
        }
        let mut delivery = connection.prepare_cached(
            "UPDATE outbox SET state = ?2, tries = ?3, error = ?4 WHERE key = ?1",
        )?;
        for d in &self.deliveries {
            delivery.execute(params![d.key, d.state, d.tries, d.error])?;
        }
        Ok(())
    }
}

/// Drops the oldest above the limit; returns how many.
fn limit<T>(history: &mut Vec<T>) -> u64 {
    let over = history.len().saturating_sub(HISTORY);
    history.drain(..over);
    over as u64
}

fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("a row of ours has a JSON form")
}
