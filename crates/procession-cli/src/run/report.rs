//! Sending beats, without holding anybody up.
//!
//! In: what is to be reported, as it happens. Out: beats at the monitor, in order. What always
//! holds: whoever reports never waits; what a newer report makes worthless is not sent any more;
//! a monitor that is down costs a bounded queue.

use super::options::Options;
use crate::output::complain;
use procession_beat::beat::default_grace_ms;
use procession_beat::{Beat, BeatError, Client, Instance, Kind, Main, Plan, SendError};
use std::collections::VecDeque;
use std::fs;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Most reports that wait for the monitor.
const MOST: usize = 32;

/// Takes reports.
#[derive(Debug)]
pub(crate) struct Reporter {
    reports: Sender<(Kind, Main)>,
    /// Says at the end whether everything has been sent.
    done: Receiver<bool>,
    /// Why the last try failed.
    failed: Arc<Mutex<Option<SendError>>>,
}

/// What stays the same over all beats of a run.
struct Speaker {
    client: Client,
    plan: Plan,
    model: Beat,
    queue: VecDeque<(Beat, Instant)>,
    tries: u32,
    failed: Arc<Mutex<Option<SendError>>>,
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
        let grace = Duration::from_millis(model.grace_ms);
        let mut speaker = Speaker {
            client: options.reach.client()?,
            plan: Plan::new(options.every, grace),
            model,
            queue: VecDeque::new(),
            tries: 0,
            failed: Arc::default(),
            refused: None,
        };
        let failed = speaker.failed.clone();
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
        Ok(Reporter { reports, done, failed })
    }

    /// Reports.
    pub(crate) fn report(&self, kinds: Vec<Kind>, main: Main) {
        for kind in kinds {
            // The thread ends after this half only.
            let _ = self.reports.send((kind, main));
        }
    }

    /// Gives the last report `linger` to arrive; why it did not.
    pub(crate) fn finish(self, linger: Duration) -> Option<String> {
        drop(self.reports);
        if self.done.recv_timeout(linger) == Ok(true) {
            return None;
        }
        let failed = self.failed.lock().unwrap_or_else(PoisonError::into_inner);
        Some(failed.as_ref().map_or("the monitor does not answer".into(), ToString::to_string))
    }
}

impl Speaker {
    /// Sends what comes until nothing more can come.
    fn speak(&mut self, inbox: &Receiver<(Kind, Main)>) {
        let mut wait = Duration::ZERO;
        loop {
            let arrived = if self.queue.is_empty() {
                inbox.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                inbox.recv_timeout(wait)
            };
            match arrived {
                Ok((kind, main)) => self.take(kind, main),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            while let Ok((kind, main)) = inbox.try_recv() {
                self.take(kind, main);
            }
            wait = self.step();
        }
    }

    /// Puts a report behind the others.
    fn take(&mut self, kind: Kind, main: Main) {
        self.model.seq += 1;
        if !matches!(kind, Kind::Log { .. }) {
            self.queue.retain(|(beat, _)| !matches!(beat.kind, Kind::Alive | Kind::Stuck { .. }));
        }
        if self.queue.len() == MOST {
            self.queue.pop_front();
        }
        let sent_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let beat = Beat {
            kind,
            main: Some(main),
            sent_at_ms: u64::try_from(sent_at.as_millis()).ok(),
            ..self.model.clone()
        };
        self.queue.push_back((beat, Instant::now()));
    }

    /// Sends what waits, in order, until one fails; how long to wait before it is tried again.
    fn step(&mut self) -> Duration {
        while let Some((beat, since)) = self.queue.front() {
            match self.client.send(beat, self.plan.try_limit()) {
                Ok(receipt) => {
                    if receipt.overtaken && beat.kind.is_end() {
                        complain!("procession run: {}", not_taken(beat));
                    }
                    self.queue.pop_front();
                    self.tries = 0;
                    self.say_failed(None);
                }
                Err(error) if error.may_pass() => {
                    self.tries += 1;
                    self.say_failed(Some(error));
                    let wait = self.plan.wait(self.tries, since.elapsed(), fastrand::f64());
                    return wait.unwrap_or(procession_beat::plan::LONGEST_WAIT);
                }
                Err(error) => {
                    let why = error.to_string();
                    // Each beat of a run is refused for the same reason.
                    if self.refused.as_ref() != Some(&why) {
                        complain!("procession run: {why}");
                    }
                    self.refused = Some(why);
                    self.queue.pop_front();
                }
            }
        }
        Duration::ZERO
    }

    fn say_failed(&self, why: Option<SendError>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = why;
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
    beat.period_ms = millis(options.every);
    beat.grace_ms = options.grace.map_or_else(|| default_grace_ms(beat.period_ms), millis);
    beat.labels = options.label.iter().cloned().collect();
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
