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
mod tests {
    use super::*;

    const fn s(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    const PROMISE: Promise =
        Promise { every: s(300), grace: s(60), max_runtime: None, watchdog: None, service: false };

    fn life(promise: Promise) -> Life {
        Life::new("r".into(), promise, 0.5)
    }

    fn words(kinds: &[Kind]) -> Vec<&'static str> {
        let word = |kind: &Kind| match kind {
            Kind::Alive => "alive",
            Kind::Start { .. } => "start",
            Kind::Ok { .. } => "ok",
            Kind::Fail { .. } => "fail",
            Kind::Log { .. } => "log",
            Kind::Stuck { .. } => "stuck",
            Kind::Dead(_) => "dead",
            Kind::Goodbye { .. } => "goodbye",
        };
        kinds.iter().map(word).collect()
    }

    #[test]
    fn a_job_is_well_when_it_has_worked_and_a_service_when_it_runs() {
        assert_eq!(words(&life(PROMISE).begin()), ["start"]);
        assert_eq!(words(&life(Promise { service: true, ..PROMISE }).begin()), ["start", "alive"]);
        let mut announced = life(PROMISE);
        assert_eq!(words(&announced.hear(&Word::Ready, s(2))), ["log", "start", "alive"]);
        assert_eq!(words(&announced.hear(&Word::Ready, s(2))), ["log", "alive"]);
        assert_eq!(announced.end(Exit::Code(0), Vec::new()), Kind::Ok { run: None });
        assert_eq!(announced.next(), s(32));
    }

    #[test]
    fn a_long_job_says_that_it_lives_before_its_silence_could_be_judged() {
        let mut job = life(PROMISE);
        assert_eq!(job.next(), s(30));
        assert_eq!(words(&job.due(s(29))), [""; 0]);
        assert_eq!(words(&job.due(s(30))), ["alive"]);
        assert_eq!(job.next(), s(60));
    }

    #[test]
    fn after_a_suspend_a_beat_is_due_at_once_and_no_limit_has_passed_meanwhile() {
        let promise = Promise { watchdog: Some(s(20)), max_runtime: Some(s(40)), ..PROMISE };
        let mut life = life(Promise { service: true, ..promise });
        life.hear(&Word::Watchdog, s(0));
        assert_eq!(words(&life.due(s(10))), [""; 0]);
        life.woke(s(10));
        assert_eq!(life.next(), s(10));
        assert_eq!(words(&life.due(s(10))), ["alive"]);
        assert_eq!((life.next(), life.main().state), (s(20), MainState::Alive));
    }

    #[test]
    fn each_end_has_its_report() {
        let service = Promise { service: true, ..PROMISE };
        let cases = [
            (PROMISE, false, Exit::Code(0), "ok"),
            (PROMISE, false, Exit::Code(3), "dead"),
            (PROMISE, false, Exit::Signal(15), "dead"),
            (PROMISE, false, Exit::Unknown, "dead"),
            (PROMISE, false, Exit::Orphaned, "fail"),
            (PROMISE, true, Exit::Code(0), "goodbye"),
            (PROMISE, true, Exit::Code(143), "goodbye"),
            (PROMISE, true, Exit::Signal(15), "goodbye"),
            (PROMISE, true, Exit::Signal(9), "dead"),
            (PROMISE, true, Exit::Signal(11), "dead"),
            (PROMISE, true, Exit::Code(3), "dead"),
            (PROMISE, true, Exit::Orphaned, "fail"),
            (service, false, Exit::Code(0), "dead"),
            (service, true, Exit::Code(0), "goodbye"),
        ];
        for (promise, asked, exit, word) in cases {
            let mut life = life(promise);
            if asked {
                life.asked(Asks::Stop);
            }
            assert_eq!(words(&[life.end(exit, Vec::new())]), [word], "{exit:?} asked: {asked}");
        }
    }

    #[test]
    fn a_watchdog_that_is_not_fed_is_told_once_and_again_with_each_beat_until_it_is() {
        let mut life = life(Promise { watchdog: Some(s(10)), ..PROMISE });
        life.hear(&Word::Watchdog, s(5));
        assert_eq!(life.next(), s(15));
        assert_eq!(words(&life.due(s(15))), ["stuck"]);
        assert_eq!(life.main().state, MainState::Stuck);
        assert_eq!(words(&life.due(s(30))), ["stuck"]);
        assert_eq!(words(&life.hear(&Word::Watchdog, s(31))), ["alive"]);
        assert_eq!((life.main().state, life.main().ticks), (MainState::Alive, 2));
        assert_eq!(words(&life.hear(&Word::Trigger, s(32))), ["stuck"]);
        life.hear(&Word::Watchdog, s(33));
        life.hear(&Word::WatchdogTime(s(100)), s(34));
        assert_eq!(words(&life.due(s(133))), ["alive"]);
        assert_eq!(life.next(), s(134));
    }

    #[test]
    fn a_program_that_never_says_that_it_gets_on_has_no_watchdog() {
        let mut life = life(Promise { watchdog: Some(s(10)), service: true, ..PROMISE });
        life.hear(&Word::Ready, s(1));
        assert_eq!(words(&life.due(s(301))), ["alive"]);
        life.hear(&Word::Watchdog, s(302));
        assert_eq!(words(&life.due(s(312))), ["stuck"]);
    }

    #[test]
    fn a_run_that_lasts_too_long_fails_at_its_limit_and_with_each_beat_and_may_ask_for_more() {
        let mut life = life(Promise { max_runtime: Some(s(20)), ..PROMISE });
        life.hear(&Word::ExtendTimeout(s(15)), s(10));
        assert_eq!(life.next(), s(25));
        assert_eq!(words(&life.due(s(25))), ["fail"]);
        assert_eq!(words(&life.due(s(30))), ["fail"]);
        assert_eq!(words(&[life.end(Exit::Code(0), Vec::new())]), ["ok"]);
    }

    #[test]
    fn a_job_lasts_too_long_after_the_time_to_its_next_run_and_a_service_never_does() {
        let mut job = life(PROMISE);
        assert_eq!(words(&job.due(s(299))), ["alive"]);
        assert_eq!(job.next(), s(300));
        assert_eq!(words(&job.due(s(300))), ["fail"]);
        let named = life(Promise { max_runtime: Some(s(20)), ..PROMISE });
        assert_eq!(named.next(), s(20));
        let mut announced = life(PROMISE);
        announced.hear(&Word::Ready, s(299));
        for mut service in [life(Promise { service: true, ..PROMISE }), announced] {
            assert_eq!(words(&service.due(s(3_000))), ["alive"]);
        }
    }

    #[test]
    fn what_the_program_said_of_itself_is_among_its_last_words() {
        let mut life = life(PROMISE);
        life.hear(&Word::Errno(2), s(1));
        assert_eq!(words(&life.hear(&Word::Status("loading".into()), s(1))), ["log"]);
        assert_eq!(words(&life.hear(&Word::Status("loading".into()), s(1))), [""; 0]);
        let Kind::Dead(death) = life.end(Exit::Code(1), vec!["last line".into()]) else {
            panic!("an exit code is a death")
        };
        assert_eq!(death.last_words[0], "last line");
        assert!(death.last_words[1].starts_with("ERRNO=2: No such file"), "{death:?}");
        assert_eq!(death.last_words[2], "STATUS=loading");
    }

    #[test]
    fn a_flood_of_statuses_is_no_flood_of_beats() {
        let mut life = life(PROMISE);
        let said: usize =
            (0..1_000).map(|n| life.hear(&Word::Status(n.to_string()), s(1)).len()).sum();
        assert_eq!(said, 4);
        life.due(s(30));
        assert_eq!(life.hear(&Word::Status("after".into()), s(31)).len(), 1);
    }
}
