//! The tables, and how an older database becomes this one.
//!
//! In: a database file. Out: a connection to the newest form of it. Always: `user_version` counts
//! the migrations done; each is one transaction; a database from the future is refused, not
//! guessed at. Times of day are Unix milliseconds; `judged` and `doc` hold the judge's own JSON.

use rusqlite::{Connection, Error};
use std::path::Path;
use std::time::Duration;

/// How long a locked database is waited for before the write is put off: a second.
const BUSY: Duration = Duration::from_secs(1);

/// Each brings the database one version further.
const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE check_(
        id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, name TEXT NOT NULL, slug TEXT NOT NULL,
        host TEXT NOT NULL, group_ TEXT NOT NULL, record TEXT NOT NULL,
        state TEXT NOT NULL, last_beat INTEGER, judged TEXT NOT NULL, standing TEXT NOT NULL);
    CREATE TABLE ping(
        check_id INTEGER NOT NULL, n INTEGER NOT NULL, at INTEGER NOT NULL, kind TEXT NOT NULL,
        rid TEXT, scheme TEXT NOT NULL, address TEXT NOT NULL, method TEXT NOT NULL,
        agent TEXT NOT NULL, exit INTEGER, duration INTEGER, body BLOB,
        PRIMARY KEY(check_id, n)) WITHOUT ROWID;
    CREATE TABLE beat_run(
        check_id INTEGER NOT NULL, first INTEGER NOT NULL, last INTEGER NOT NULL,
        count INTEGER NOT NULL, PRIMARY KEY(check_id, first)) WITHOUT ROWID;
    CREATE TABLE flip(
        id INTEGER PRIMARY KEY, check_id INTEGER NOT NULL, at INTEGER NOT NULL,
        from_ TEXT NOT NULL, to_ TEXT NOT NULL, why TEXT);
    CREATE INDEX flip_of ON flip(check_id, at);
    CREATE TABLE incident(id INTEGER PRIMARY KEY, open INTEGER NOT NULL, doc TEXT NOT NULL);
    CREATE INDEX incident_open ON incident(id) WHERE open;
    CREATE TABLE outbox(
        key TEXT PRIMARY KEY, incident INTEGER NOT NULL, receiver TEXT NOT NULL,
        letter TEXT NOT NULL, state TEXT NOT NULL, tries INTEGER NOT NULL, error TEXT);
    CREATE INDEX outbox_waiting ON outbox(incident) WHERE state = 'waiting';
    CREATE TABLE token(hash BLOB PRIMARY KEY, scope TEXT NOT NULL, host TEXT) WITHOUT ROWID;
    CREATE TABLE blind(from_ INTEGER NOT NULL, to_ INTEGER NOT NULL);
    CREATE TABLE life(
        id INTEGER PRIMARY KEY CHECK (id = 1), mark TEXT NOT NULL,
        last_check INTEGER NOT NULL, last_incident INTEGER NOT NULL);
",
    "
    CREATE TABLE secret(name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
    INSERT INTO secret VALUES ('badges', randomblob(32));
",
    "
    ALTER TABLE token ADD COLUMN created INTEGER;
    ALTER TABLE token ADD COLUMN used INTEGER;
",
];

/// Opens the database for writing, and brings it to the newest version.
///
/// # Errors
/// The database's own, and one that says so if the file is from a newer release.
pub fn open(path: &Path) -> Result<Connection, Error> {
    let mut connection = Connection::open(path)?;
    connection.busy_timeout(BUSY)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // An acknowledged beat survives a power cut.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let version: usize = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if version > MIGRATIONS.len() {
        let why = format!(
            "the database {} has version {version}, this release knows {}: use the newer release",
            path.display(),
            MIGRATIONS.len()
        );
        return Err(Error::SqliteFailure(rusqlite::ffi::Error::new(26), Some(why)));
    }
    for (done, migration) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", done + 1)?;
        transaction.commit()?;
    }
    Ok(connection)
}
