//! Sending beats, without holding anybody up.
//!
//! In: what is to be reported, as it happens. Out: beats at the monitor, in order. What always
//! holds: whoever reports never waits; what a newer report makes worthless is not sent any more;
//! a monitor that is down costs a bounded queue, and its last part is kept for the next run.

use super::options::Options;
use super::spool::{Kept, Spool};
use crate::output::complain;
use procession_beat::beat::default_grace_ms;
use procession_beat::{Beat, BeatError, Client, Instance, Kind, Main, Plan, SendError};
use std::cell::Cell;
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Most reports that wait for the monitor.
const MOST: usize = 32;

/// Takes reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    /// A beat of this run, whose kind is replaced in each.
    model: Beat,
    seq: Cell<u64>,
    reports: Sender<Beat>,
    /// Says at the end whether everything has been sent.
    done: Receiver<bool>,
    shared: Arc<Shared>,
    spool: Option<Spool>,
}

/// What the thread that sends and the one that reports have in common.
#[derive(Debug, Default)]
struct Shared {
    /// Why the last try failed.
    failed: Mutex<Option<SendError>>,
    /// The ends that were neither sent nor refused.
    unsent: Mutex<Vec<Beat>>,
}

/// What stays the same over all beats of a run.
struct Speaker {
    client: Client,
    plan: Plan,
    /// What earlier runs have kept: it goes first.
    kept: VecDeque<Kept>,
    queue: VecDeque<(Beat, Instant)>,
    tries: u32,
    shared: Arc<Shared>,
    /// Why the monitor refused the last report that it refused.
    refused: Option<String>,
}

impl Reporter {
    /// Starts to report for this program.
    ///
    /// # Errors
    /// Where the options make no sound beat, or `/proc` cannot be read.
    pub(crate) fn start(options: &Options) -> Result<Reporter, Box<dyn std::error::Error>> {
        let model = model(options)?;
        let spool = options.spool().map(|directory| Spool::new(directory, &model));
        let shared = Arc::new(Shared::default());
        let mut speaker = Speaker {
            client: options.reach.client()?,
            plan: Plan::new(options.period(), Duration::from_millis(model.grace_ms)),
            kept: spool.as_ref().map(Spool::kept).unwrap_or_default().into(),
            queue: VecDeque::new(),
            tries: 0,
            shared: shared.clone(),
            refused: None,
        };
        let (reports, inbox) = channel();
        let (tell, done) = channel();
        let linger = options.linger;
        std::thread::spawn(move || {
            speaker.speak(&inbox);
            speaker.plan = Plan::once(linger);
            let deadline = Instant::now() + linger;
            while !speaker.queue.is_empty() {
                let wait = speaker.step();
                if Instant::now() + wait >= deadline {
                    break;
                }
                std::thread::sleep(wait);
            }
            let _ = tell.send(speaker.queue.is_empty());
        });
        Ok(Reporter { model, seq: Cell::new(0), reports, done, shared, spool })
    }

    /// Reports.
    pub(crate) fn report(&self, kinds: Vec<Kind>, main: Main) {
        for kind in kinds {
            let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let beat = Beat {
                seq: self.seq.get() + 1,
                kind,
                main: Some(main),
                sent_at_ms: u64::try_from(sent_at.as_millis()).ok(),
                ..self.model.clone()
            };
            self.seq.set(beat.seq);
            if beat.kind.is_end() {
                self.shared.unsent().push(beat.clone());
            }
            // The thread ends after this half only.
            let _ = self.reports.send(beat);
        }
    }

    /// Gives the last report `linger` to arrive; why it did not, and what comes of it.
    pub(crate) fn finish(self, linger: Duration) -> Option<String> {
        drop(self.reports);
        if self.done.recv_timeout(linger) == Ok(true) {
            return None;
        }
        let failed = self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner);
        let why = failed.as_ref().map_or("the monitor does not answer".into(), ToString::to_string);
        let unsent = self.shared.unsent();
        let comes = match self.spool.map(|spool| spool.keep(&unsent)) {
            Some(Ok(path)) => format!("the next run reports it, from {}", path.display()),
            Some(Err(error)) => format!("it cannot be kept for the next run: {error}"),
            None => "it is not kept, as no directory is named (--spool)".into(),
        };
        Some(format!("{why}; {comes}"))
    }
}

impl Shared {
    fn unsent(&self) -> MutexGuard<'_, Vec<Beat>> {
        self.unsent.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Speaker {
    /// Sends what comes until nothing more can come.
    fn speak(&mut self, inbox: &Receiver<Beat>) {
        let mut wait = Duration::ZERO;
        loop {
            let arrived = if self.queue.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(wait)
            };
            match arrived {
                Ok(beat) => self.take(beat),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok(beat) = inbox.try_recv() {
                self.take(beat);
            }
            wait = self.step();
        }
    }

    /// Puts a report behind the others.
    fn take(&mut self, beat: Beat) {
        if !matches!(beat.kind, Kind::Log { .. }) {
            self.queue.retain(|(beat, _)| !matches!(beat.kind, Kind::Alive | Kind::Stuck { .. }));
        }
        if self.queue.len() == MOST {
            self.queue.pop_front();
        }
        self.queue.push_back((beat, Instant::now()));
    }

    /// Sends what earlier runs have kept, until a try fails; how long to wait then.
    fn catch_up(&mut self) -> Option<Duration> {
        while let Some(file) = self.kept.front_mut() {
            let Some(beat) = file.beats.first() else {
                file.remove();
                self.kept.pop_front();
                continue;
            };
            match self.client.send(beat, self.plan.try_limit()) {
                Err(error) if error.may_pass() => return Some(self.failed(error, Instant::now())),
                // What is refused now will be refused again.
                _ => drop(file.beats.remove(0)),
            }
        }
        None
    }

    fn failed(&mut self, error: SendError, since: Instant) -> Duration {
        self.tries += 1;
        self.say_failed(Some(error));
        let wait = self.plan.wait(self.tries, since.elapsed(), fastrand::f64());
        wait.unwrap_or(procession_beat::plan::LONGEST_WAIT)
    }

    /// A report needs no other try.
    fn done(&mut self) {
        let done = self.queue.pop_front();
        self.shared
            .unsent()
            .retain(|beat| done.as_ref().is_none_or(|(done, _)| done.seq != beat.seq));
    }

    /// Sends what waits, in order, until one fails; how long to wait before it is tried again.
    fn step(&mut self) -> Duration {
        if let Some(wait) = self.catch_up() {
            return wait;
        }
        while let Some((beat, since)) = self.queue.front() {
            match self.client.send(beat, self.plan.try_limit()) {
                Ok(receipt) => {
                    if receipt.overtaken && beat.kind.is_end() {
                        complain!("procession run: {}", not_taken(beat));
                    }
                    self.tries = 0;
                    self.say_failed(None);
                    self.done();
                }
                Err(error) if error.may_pass() => {
                    let since = *since;
                    return self.failed(error, since);
                }
                Err(error) => {
                    let why = error.to_string();
                    // Each beat of a run is refused for the same reason.
                    if self.refused.as_ref() != Some(&why) {
                        complain!("procession run: {why}");
                    }
                    self.refused = Some(why);
                    self.done();
                }
            }
        }
        Duration::ZERO
    }

    fn say_failed(&self, why: Option<SendError>) {
        *self.shared.failed.lock().unwrap_or_else(PoisonError::into_inner) = why;
    }
}

/// What is said of an end that the monitor did not judge.
fn not_taken(beat: &Beat) -> String {
    let what = match &beat.kind {
        Kind::Goodbye { .. } => "its stop".into(),
        Kind::Dead(death) => format!("its end ({death})"),
        Kind::Fail { why, .. } => format!("its failure ({why})"),
        _ => "its end".to_owned(),
    };
    let program = &beat.program;
    format!("the monitor did not take {what}: a newer run of {program} has reported since")
}

/// A beat of this run, whose kind is replaced in each.
fn model(options: &Options) -> Result<Beat, Box<dyn std::error::Error>> {
    let host = match &options.host {
        Some(host) => host.clone(),
        None => fs::read_to_string("/proc/sys/kernel/hostname")?.trim().to_owned(),
    };
    let millis = |time: Duration| u64::try_from(time.as_millis()).unwrap_or(u64::MAX);
    let mut beat = Beat::new(&options.program(), &host, instance()?, 0, Kind::Alive);
    beat.period_ms = millis(options.period());
    beat.grace_ms = options.grace.map_or_else(|| default_grace_ms(beat.period_ms), millis);
    beat.labels = options.label.iter().cloned().collect();
    beat.tags.clone_from(&options.tag);
    beat.schedule = options.slots();
    match Beat::decode(&beat.encode()) {
        Ok(beat) => Ok(beat),
        Err(BeatError::Limit(what)) => Err(limit(what).into()),
        Err(error) => Err(error.into()),
    }
}

/// What is said of an option that makes a beat no monitor would take.
fn limit(what: &str) -> String {
    let (field, limit) = what.split_once(": ").unwrap_or((what, "out of its limits"));
    let option = match field {
        "program" => "--name",
        "host" => "--host",
        "period_ms" => "--every",
        "grace_ms" => "--grace",
        "tags" | "a tag" => "--tag",
        "schedule.expression" | "schedule.zone" => "--schedule",
        _ => "--label",
    };
    format!("{option}: {limit}")
}

fn instance() -> io::Result<Instance> {
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned();
    let stat = fs::read_to_string("/proc/self/stat")?;
    // The 22nd field; the second is in parentheses and may hold spaces.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_ascii_whitespace());
    let started = fields.and_then(|mut fields| fields.nth(19)?.parse().ok());
    let started = started.ok_or_else(|| io::Error::other("/proc/self/stat has another shape"))?;
    Ok(Instance { boot, pid: std::process::id(), started })
}
