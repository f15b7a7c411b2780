//! The one thread that writes.
//!
//! In: batches, each with somebody who waits for it or nobody. Out: commits, then answers. Always:
//! everything that waits goes into the next commit together (group commit), so that a slow disk
//! makes larger commits and not a longer queue; a commit that fails is put off and tried again
//! every second, those who wait are told "kept in memory", and letters go out all the same; so do
//! letters whose commit takes longer than `SLOW`. A database file that was deleted or replaced counts
//! as one that cannot be written.

use super::commits::CommitTimes;
use super::file::DatabaseFile;
use super::pending::Pending;
use super::rows::{Batch, Letter};
use rusqlite::Connection;
use std::collections::{HashSet, VecDeque};
use std::fmt;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// How soon a commit that failed is tried again.
const RETRY: Duration = Duration::from_secs(1);
/// Most batches in one commit: keeps a commit, and so an answer, within milliseconds.
const GROUP: usize = 2_000;

/// How long a commit may take before it counts as a trouble of the monitor's: 5 s.
const SLOW: Duration = Duration::from_secs(5);

type Job = (Batch, Option<oneshot::Sender<bool>>);

/// A hand on the writing thread; clones write to the same one.
#[derive(Clone, Debug)]
pub struct Writer {
    jobs: Sender<Job>,
    shared: Arc<Shared>,
}

/// What the thread shares with those who write.
struct Shared {
    state: Mutex<State>,
    outbox: Box<dyn Fn(Letter) + Send + Sync>,
}

#[derive(Debug, Default)]
struct State {
    health: Health,
    /// Since when the commit under way has been.
    begun: Option<Instant>,
    /// Letters whose commit has not ended, and since when they wait for it.
    held: VecDeque<(Instant, Letter)>,
}

/// How the database is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Health {
    /// Why the last commit failed, if it did.
    pub problem: Option<String>,
    /// How many rows of history were given up.
    pub dropped: u64,
    /// How long commits took.
    pub commits: CommitTimes,
}

impl Writer {
    /// Starts the thread. Letters are handed to `outbox` once they are committed, or at once if
    /// nothing can be committed. The thread ends when the last writer is dropped.
    pub fn start(
        connection: Connection,
        file: Arc<DatabaseFile>,
        outbox: impl Fn(Letter) + Send + Sync + 'static,
    ) -> (Writer, JoinHandle<()>) {
        let (jobs, queue) = channel();
        let shared = Arc::new(Shared { state: Mutex::default(), outbox: Box::new(outbox) });
        let writer = Writer { jobs, shared: shared.clone() };
        (writer, std::thread::spawn(move || write_all(connection, &file, &queue, &shared)))
    }

    /// Writes a batch some time soon.
    pub fn write(&self, batch: Batch) {
        self.send(batch, None);
    }

    /// Writes a batch and tells when it is committed: `true`, or `false` if it is only in memory.
    pub fn commit(&self, batch: Batch) -> oneshot::Receiver<bool> {
        let (answer, wait) = oneshot::channel();
        self.send(batch, Some(answer));
        wait
    }

    fn send(&self, batch: Batch, answer: Option<oneshot::Sender<bool>>) {
        let now = Instant::now();
        let letters = batch.letters.iter().cloned().map(|letter| (now, letter));
        self.shared.lock().held.extend(letters);
        // The thread outlives every writer.
        let _ = self.jobs.send((batch, answer));
    }

    /// Lets those letters go whose commit takes too long. Called every second.
    pub fn post_overdue(&self) {
        let mut state = self.shared.lock();
        let overdue = state.held.partition_point(|(since, _)| since.elapsed() > SLOW);
        let letters: Vec<(Instant, Letter)> = state.held.drain(..overdue).collect();
        drop(state);
        for (_, letter) in letters {
            (self.shared.outbox)(letter);
        }
    }

    /// How the database is.
    pub fn health(&self) -> Health {
        let state = self.shared.lock();
        let mut health = state.health.clone();
        if state.begun.is_some_and(|begun| begun.elapsed() > SLOW) {
            health.problem.get_or_insert_with(slow);
        }
        health
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes how a commit ended, and lets the letters go that were in it and have not gone before.
    fn ended(&self, result: Result<(), String>, dropped: u64, keys: &HashSet<String>) {
        let mut state = self.lock();
        let took = state.begun.take().map(|begun| begun.elapsed()).unwrap_or_default();
        let long = took > SLOW;
        if result.is_ok() {
            state.health.commits.add(took);
        }
        state.health.dropped += dropped;
        state.health.problem = match result {
            Err(why) => Some(why),
            Ok(()) => long.then(slow),
        };
        let held = std::mem::take(&mut state.held);
        let (ended, held): (VecDeque<_>, VecDeque<_>) =
            held.into_iter().partition(|(_, letter)| keys.contains(&letter.key));
        state.held = held;
        drop(state);
        for (_, letter) in ended {
            (self.outbox)(letter);
        }
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("state", &self.state).finish_non_exhaustive()
    }
}

fn slow() -> String {
    format!("a commit takes more than {} s", SLOW.as_secs())
}

fn write_all(
    mut connection: Connection,
    file: &DatabaseFile,
    queue: &Receiver<Job>,
    shared: &Shared,
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
        let (mut answers, mut keys) = (Vec::new(), HashSet::new());
        for (batch, answer) in first.into_iter().chain(queue.try_iter()).take(GROUP) {
            keys.extend(batch.letters.iter().map(|letter| letter.key.clone()));
            answers.extend(answer);
            pending.absorb(batch);
        }
        shared.lock().begun = Some(Instant::now());
        let result = file
            .check()
            .and_then(|()| pending.write(&mut connection).map_err(|error| error.to_string()));
        failed = result.is_err();
        shared.ended(result, std::mem::take(&mut pending.dropped), &keys);
        if !failed {
            file.note_log();
            pending = Pending::default();
        }
        for answer in answers {
            // Who does not wait any more does not mind.
            let _ = answer.send(!failed);
        }
    }
}
