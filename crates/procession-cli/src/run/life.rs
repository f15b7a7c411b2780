//! What is reported when.
//!
//! In: what happened, and the time since the program's start. Out: what to report. What always
//! holds: pure; a program that runs is never reported as silent, and one that has not shown that
//! it works is not reported as well.
//!
//! A *job* has worked when it ends with 0: until then its check stays as it was, but for a run so
//! long that silence would be wrong. A *service* works as soon as it runs (`--service`, or
//! `READY=1`). A job ends within `--max-runtime`, else within `--every`; a service need not end.

use super::notify::Word;
use super::signals::Asks;
use procession_beat::{Cause, Death, Kind, Main, MainState};
use std::time::Duration;

/// Most lines that a program's `STATUS=` is reported in, between two beats.
const STATUSES: u32 = 4;

/// How the program ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// With this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
    /// Nobody could tell.
    Unknown,
    /// It was ended because the process that was called was killed.
    Orphaned,
}

/// What is promised.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Promise {
    /// A beat, or the next run, comes at least this often.
    pub(crate) every: Duration,
    /// How much longer silence is forgiven.
    pub(crate) grace: Duration,
    /// After this time a run has lasted too long; `None`: after `every`, unless it is a service.
    pub(crate) max_runtime: Option<Duration>,
    /// The program's own word comes at least this often.
    pub(crate) watchdog: Option<Duration>,
    /// The program is to run for ever.
    pub(crate) service: bool,
}

/// One run of a program.
#[derive(Debug)]
pub(crate) struct Life {
    run: String,
    promise: Promise,
    /// After this time the run has lasted too long.
    ends_by: Option<Duration>,
    next_alive: Duration,
    overran: bool,
    stuck: bool,
    heard: Duration,
    ticks: u64,
    /// What it was asked that its end may come of.
    asked: Asks,
    errno: Option<i32>,
    status: String,
    statuses: u32,
    /// It has said that it is ready, as services do.
    ready: bool,
}

impl Life {
    /// A run under this name. `phase`, in `0.0..1.0`, spreads the beats of services that start
    /// together.
    pub(crate) fn new(run: String, promise: Promise, phase: f64) -> Life {
        let next_alive =
            if promise.service { promise.every.mul_f64(phase) } else { promise.grace / 2 };
        let by_default = (!promise.service).then_some(promise.every);
        Life {
            run,
            promise,
            ends_by: promise.max_runtime.or(by_default),
            next_alive,
            overran: false,
            stuck: false,
            heard: Duration::ZERO,
            ticks: 0,
            asked: Asks::Other,
            errno: None,
            status: String::new(),
            statuses: 0,
            ready: false,
        }
    }

    /// The program runs.
    pub(crate) fn begin(&self) -> Vec<Kind> {
        let start = Kind::Start { run: self.named() };
        if self.promise.service { vec![start, Kind::Alive] } else { vec![start] }
    }

    /// The main process, as a beat shows it.
    pub(crate) fn main(&self) -> Main {
        let state = if self.stuck { MainState::Stuck } else { MainState::Alive };
        Main { state, ticks: self.ticks }
    }

    /// Somebody sent the program a signal that asks for this. What ends by a SIGHUP was stopped, and
    /// what goes on after it was not.
    pub(crate) fn asked(&mut self, asks: Asks) {
        match (self.asked, asks) {
            (Asks::Stop, _) | (_, Asks::Other) => {}
            (_, asks) => self.asked = asks,
        }
    }

    /// The program said something.
    pub(crate) fn hear(&mut self, word: &Word, now: Duration) -> Vec<Kind> {
        let log = |text: String| vec![Kind::Log { text }];
        match word {
            Word::Ready => {
                self.heard = now;
                self.next_alive = now + self.pace();
                // It is a service.
                self.ends_by = self.promise.max_runtime.and(self.ends_by);
                let mut kinds = vec![Kind::Log { text: format!("ready after {}", span(now)) }];
                if self.named().is_some() {
                    self.ready = true;
                    kinds.push(Kind::Start { run: None });
                }
                kinds.push(Kind::Alive);
                kinds
            }
            Word::Reloading => log("reloading".into()),
            Word::Stopping => {
                self.asked = Asks::Stop;
                log("stopping".into())
            }
            Word::Status(text) if *text == self.status => Vec::new(),
            Word::Status(text) => {
                self.status.clone_from(text);
                self.statuses += 1;
                if self.statuses > STATUSES { Vec::new() } else { log(text.clone()) }
            }
            Word::Errno(number) => {
                self.errno = Some(*number);
                Vec::new()
            }
            Word::Watchdog => {
                self.heard = now;
                self.ticks += 1;
                if std::mem::take(&mut self.stuck) { vec![Kind::Alive] } else { Vec::new() }
            }
            Word::Trigger => self.be_stuck(now),
            Word::WatchdogTime(time) => {
                self.promise.watchdog = Some(*time);
                self.heard = now;
                Vec::new()
            }
            Word::ExtendTimeout(time) => {
                let wanted = now + *time;
                let later = |limit: Duration| limit.max(wanted);
                self.ends_by = self.ends_by.map(later);
                Vec::new()
            }
            // Which process that is, is the supervisor's business.
            Word::MainPid(_) => Vec::new(),
        }
    }

    /// The machine was suspended and has woken: nobody heard of the program meanwhile, so that its
    /// next beat is due. What it promised itself goes by the time in which it could run.
    pub(crate) fn woke(&mut self, now: Duration) {
        self.next_alive = self.next_alive.min(now);
    }

    /// What is due by now.
    pub(crate) fn due(&mut self, now: Duration) -> Vec<Kind> {
        let mut kinds = Vec::new();
        if !self.stuck && self.watchdog_ends().is_some_and(|end| end <= now) {
            kinds.extend(self.be_stuck(now));
        }
        let overruns = self.ends_by.is_some_and(|limit| limit <= now);
        if overruns && !self.overran {
            self.overran = true;
            kinds.push(self.too_long(now));
        }
        if self.next_alive <= now {
            self.next_alive = now + self.pace();
            self.statuses = 0;
            kinds.push(match () {
                () if self.overran => self.too_long(now),
                () if self.stuck => self.still(now),
                () => Kind::Alive,
            });
        }
        kinds
    }

    /// When [`Life::due`] is to be asked next.
    pub(crate) fn next(&self) -> Duration {
        let runtime = self.ends_by.filter(|_| !self.overran);
        let watchdog = self.watchdog_ends().filter(|_| !self.stuck);
        [runtime, watchdog].into_iter().flatten().fold(self.next_alive, Duration::min)
    }

    /// The program has ended.
    pub(crate) fn end(&self, exit: Exit, output: Vec<String>) -> Kind {
        let run = self.named();
        let cause = match exit {
            Exit::Orphaned => {
                let why = "`procession run` was killed, and the program with it".into();
                return Kind::Fail { run, why };
            }
            // A stop that was asked for, and went as such stops go.
            Exit::Code(0 | 129 | 130 | 131 | 143) | Exit::Signal(1 | 2 | 3 | 15)
                if self.was_asked_for(exit) =>
            {
                let back_in = u64::try_from(self.promise.every.as_millis()).ok();
                return Kind::Goodbye { back_in_ms: back_in };
            }
            Exit::Code(0) if !self.promise.service => return Kind::Ok { run },
            Exit::Code(code) => Cause::Code(code),
            Exit::Signal(signal) => Cause::Signal(signal),
            Exit::Unknown => Cause::Unknown,
        };
        let mut last_words = output;
        if let Some(number) = self.errno {
            last_words
                .push(format!("ERRNO={number}: {}", std::io::Error::from_raw_os_error(number)));
        }
        if !self.status.is_empty() {
            last_words.push(format!("STATUS={}", self.status));
        }
        Kind::Dead(Death { run, cause, panic: None, last_words })
    }

    fn was_asked_for(&self, exit: Exit) -> bool {
        match self.asked {
            Asks::Stop => true,
            Asks::HangUp => matches!(exit, Exit::Signal(1) | Exit::Code(129)),
            Asks::Other => false,
        }
    }

    fn be_stuck(&mut self, now: Duration) -> Vec<Kind> {
        self.stuck = true;
        vec![self.still(now)]
    }

    fn still(&self, now: Duration) -> Kind {
        let still = now.saturating_sub(self.heard);
        Kind::Stuck { still_ms: u64::try_from(still.as_millis()).unwrap_or(u64::MAX) }
    }

    fn too_long(&self, now: Duration) -> Kind {
        let limit = self.ends_by.unwrap_or_default();
        let why = format!("still runs after {}, of at most {}", span(now), span(limit));
        Kind::Fail { run: self.named(), why }
    }

    /// The time between two beats. A run that named itself at its start is judged once it has been
    /// silent for its grace.
    fn pace(&self) -> Duration {
        let Promise { every, grace, service, .. } = self.promise;
        if service { every } else { every.min(grace / 2) }
    }

    /// The name under which a failure or the end of this run is judged, even if a newer run has
    /// reported since. A service has none: its newer run shows that it works again.
    fn named(&self) -> Option<String> {
        (!self.promise.service && !self.ready).then(|| self.run.clone())
    }

    /// When it is stuck, unless it says that it gets on. Many programs that know `sd_notify` never say
    /// so: one that has not yet is not judged by it.
    fn watchdog_ends(&self) -> Option<Duration> {
        let is_armed = self.ticks > 0;
        Some(self.heard + self.promise.watchdog.filter(|_| is_armed)?)
    }
}

/// A time for a person: whole seconds above one, else milliseconds.
fn span(time: Duration) -> String {
    let whole = if time < Duration::from_secs(1) {
        Duration::from_millis(u64::try_from(time.as_millis()).unwrap_or(0))
    } else {
        Duration::from_secs(time.as_secs())
    };
    humantime::format_duration(whole).to_string()
}

#[cfg(test)]
mod tests;
