//! What is read: all state at the start, history later.
//!
//! In: the database file. Out: [`Saved`], and pings and flips for whoever asks. Always: it never
//! writes, so it never waits for the writer nor holds it up.

use super::rows::{Letter, Record, Standing, Token};
use crate::clock::Mark;
use crate::judge::{Check, CheckId, Incident, Ms};
use rusqlite::{Connection, Error, OpenFlags, OptionalExtension, Row, types::Type};
use serde::de::DeserializeOwned;
use std::path::Path;

/// Everything a monitor begins with.
#[derive(Debug, Default)]
pub struct Saved {
    /// When it was last alive; `None` for a new database.
    pub mark: Option<Mark>,
    /// The highest numbers given.
    pub last_check: u64,
    /// The highest numbers given.
    pub last_incident: u64,
    /// Every check.
    pub checks: Vec<(Record, Check, Standing)>,
    /// Incidents that are open.
    pub incidents: Vec<Incident>,
    /// Letters that were not delivered, in order.
    pub letters: Vec<Letter>,
    /// Tokens that were made by the API.
    pub tokens: Vec<Token>,
    /// What the badges of tags are signed with.
    pub badge_secret: Vec<u8>,
}

/// A ping as history tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PingRow {
    /// Its number.
    pub n: u64,
    /// Unix milliseconds.
    pub at: Ms,
    /// `success`, `start`, `fail`, `log` or `ign`.
    pub kind: String,
    /// The run it names.
    pub rid: Option<String>,
    /// `http` or `https`.
    pub scheme: String,
    /// Where it came from.
    pub address: String,
    /// The HTTP method.
    pub method: String,
    /// The user agent.
    pub agent: String,
    /// The exit status it gave.
    pub exit: Option<u8>,
    /// How long its run took, milliseconds.
    pub duration: Option<Ms>,
    /// How many bytes its body has.
    pub body: Option<usize>,
}

/// A connection that only reads.
#[derive(Debug)]
pub struct Reader {
    connection: Connection,
}

impl Reader {
    /// Opens the database for reading.
    pub fn open(path: &Path) -> Result<Reader, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        Ok(Reader { connection: Connection::open_with_flags(path, flags)? })
    }

    /// Everything a monitor begins with.
    pub fn saved(&self) -> Result<Saved, Error> {
        let life = self
            .connection
            .query_row("SELECT mark, last_check, last_incident FROM life", [], |row| {
                Ok((json(row, 0)?, row.get(1)?, row.get(2)?))
            })
            .optional()?;
        let (mark, last_check, last_incident) = match life {
            Some((mark, check, incident)) => (Some(mark), check, incident),
            None => (None, 0, 0),
        };
        Ok(Saved {
            mark,
            last_check,
            last_incident,
            checks: self.all(
                "SELECT record, judged, standing FROM check_ WHERE judged <> '' ORDER BY id",
                |row| Ok((json(row, 0)?, json(row, 1)?, json(row, 2)?)),
            )?,
            incidents: self
                .all("SELECT doc FROM incident WHERE open ORDER BY id", |row| json(row, 0))?,
            letters: self.all(
                "SELECT letter FROM outbox WHERE state = 'waiting' ORDER BY incident, rowid",
                |row| json(row, 0),
            )?,
            badge_secret: self.connection.query_row(
                "SELECT value FROM secret WHERE name = 'badges'",
                [],
                |row| row.get(0),
            )?,
            tokens: self.all("SELECT hash, scope, host, created, used FROM token", |row| {
                Ok(Token {
                    hash: row.get(0)?,
                    scope: row.get(1)?,
                    host: row.get(2)?,
                    created: row.get(3)?,
                    used: row.get(4)?,
                })
            })?,
        })
    }

    /// A check's latest pings, the newest first.
    pub fn pings(&self, check: CheckId, limit: u32) -> Result<Vec<PingRow>, Error> {
        let sql = "SELECT n, at, kind, rid, scheme, address, method, agent, exit, duration,
                   length(body) FROM ping WHERE check_id = ? ORDER BY n DESC LIMIT ?";
        let mut statement = self.connection.prepare_cached(sql)?;
        let rows = statement.query_map((check.0, limit), |row| {
            Ok(PingRow {
                n: row.get(0)?,
                at: row.get(1)?,
                kind: row.get(2)?,
                rid: row.get(3)?,
                scheme: row.get(4)?,
                address: row.get(5)?,
                method: row.get(6)?,
                agent: row.get(7)?,
                exit: row.get(8)?,
                duration: row.get(9)?,
                body: row.get(10)?,
            })
        })?;
        rows.collect()
    }

    /// The body of a ping, if it had one.
    pub fn body(&self, check: CheckId, n: u64) -> Result<Option<Vec<u8>>, Error> {
        let sql = "SELECT body FROM ping WHERE check_id = ? AND n = ?";
        let found = self.connection.query_row(sql, (check.0, n), |row| row.get(0)).optional()?;
        Ok(found.flatten())
    }

    /// A check's changes of state within `span`, the newest first: Unix milliseconds, from, to.
    pub fn flips(
        &self,
        check: CheckId,
        span: std::ops::Range<Ms>,
    ) -> Result<Vec<(Ms, String, String)>, Error> {
        let sql = "SELECT at, from_, to_ FROM flip
                   WHERE check_id = ? AND at >= ? AND at < ? ORDER BY id DESC";
        let mut statement = self.connection.prepare_cached(sql)?;
        let row = |row: &Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?));
        statement.query_map((check.0, span.start, span.end), row)?.collect()
    }

    fn all<T>(
        &self,
        sql: &str,
        read: impl FnMut(&Row<'_>) -> Result<T, Error>,
    ) -> Result<Vec<T>, Error> {
        self.connection.prepare(sql)?.query_map([], read)?.collect()
    }
}

fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> Result<T, Error> {
    let text: String = row.get(column)?;
    serde_json::from_str(&text)
        .map_err(|error| Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}
