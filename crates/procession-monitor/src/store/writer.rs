//! The one thread that writes.
//!
//! In: batches, each with somebody who waits for it or nobody. Out: commits, then answers. Always:
//! everything that waits goes into the next commit together (group commit), so that a slow disk
//! makes larger commits and not a longer queue; a commit that fails is put off and tried again
//! every second, those who wait are told "kept in memory", and letters go out all the same.

use super::pending::Pending;
use super::rows::{Batch, Letter};
use rusqlite::Connection;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::sync::oneshot;

/// How soon a commit that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Most batches in one commit: keeps a commit, and so an answer, within milliseconds.
const GROUP: usize = 2_000;

type Job = (Batch, Option<oneshot::Sender<bool>>);

/// A hand on the writing thread; clones write to the same one.
#[derive(Clone, Debug)]
pub struct Writer {
    jobs: Sender<Job>,
    health: Arc<Mutex<Health>>,
}

/// How the database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the last commit failed, if it did.
    pub problem: Option<String>,
    /// How many rows of history were given up.
    pub dropped: u64,
}

impl Writer {
    /// Starts the thread. Letters are handed to `outbox` once they are committed, or at once if
    /// nothing can be committed. The thread ends when the last writer is dropped.
    pub fn start(
        connection: Connection,
        outbox: impl Fn(Letter) + Send + 'static,
    ) -> (Writer, JoinHandle<()>) {
        let (jobs, queue) = channel();
        let health = Arc::new(Mutex::new(Health::default()));
        let shared = health.clone();
        let thread = std::thread::spawn(move || write_all(connection, &queue, &outbox, &shared));
        (Writer { jobs, health }, thread)
    }

    /// Writes a batch some time soon.
    pub fn write(&self, batch: Batch) {
        // The thread outlives every writer.
        let _ = self.jobs.send((batch, None));
    }

    /// Writes a batch and tells when it is committed: `true`, or `false` if it is only in memory.
    pub fn commit(&self, batch: Batch) -> oneshot::Receiver<bool> {
        let (answer, wait) = oneshot::channel();
        let _ = self.jobs.send((batch, Some(answer)));
        wait
    }

    /// How the database is.
    pub fn health(&self) -> Health {
        self.health.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn write_all(
    mut connection: Connection,
    queue: &Receiver<Job>,
    outbox: &impl Fn(Letter),
    health: &Mutex<Health>,
) {
    let mut pending = Pending::default();
    let mut failed = false;
    loop {
        let first = if failed {
            match queue.recv_timeout(RETRY) {
                Ok(job) => Some(job),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            }
        } else {
            match queue.recv() {
                Ok(job) => Some(job),
                Err(_) => return,
            }
        };
        let (mut answers, mut letters) = (Vec::new(), Vec::new());
        for (batch, answer) in first.into_iter().chain(queue.try_iter()).take(GROUP) {
            letters.extend(batch.letters.iter().cloned());
            answers.extend(answer);
            pending.absorb(batch);
        }
        let result = pending.write(&mut connection);
        failed = result.is_err();
        {
            let mut health = health.lock().unwrap_or_else(PoisonError::into_inner);
            health.dropped += std::mem::take(&mut pending.dropped);
            health.problem = result.err().map(|error| error.to_string());
        }
        if !failed {
            pending = Pending::default();
        }
        for letter in letters {
            outbox(letter);
        }
        for answer in answers {
            // Who does not wait any more does not mind.
            let _ = answer.send(!failed);
        }
    }
}
