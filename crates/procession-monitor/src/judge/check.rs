//! One check: which state a signal or a deadline brings.
//!
//! ```text
//! new --proof--> up --period over--> late --grace over--> down --proof--> up
//!   up, late, degraded --fail, dead--> down     --stuck--> degraded     --goodbye--> stopped
//!   down by a piece of work that named itself --success--> up           (no other proof will do)
//!   any --pause--> paused --resume--> new (ping) or up (heartbeat)
//! ```
//!
//! In: a signal and when it was received, or the time. Out: a [`Flip`] if the state changed.
//! Always: `unknown` is no state but a view: since the monitor could see again it has not heard
//! from this check, which was due, so nothing is claimed until `ready + period (or the catch-up) +
//! grace`. Being late and being heard of again leaves a check up since when it was.

use super::fresh::Memory;
use super::{Ms, Time};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Where a check stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Never heard of.
    New,
    /// Heard of within its period.
    Up,
    /// Not heard of within its period; the grace runs.
    Late,
    /// Silent beyond its grace, or reported failed or dead.
    Down,
    /// It speaks, and says that something is wrong.
    Degraded,
    /// It said goodbye.
    Stopped,
    /// Paused by an operator.
    Paused,
    /// The monitor was blind and has not heard of it since.
    Unknown,
}

/// Why a check is down or degraded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "what", content = "why")]
pub enum Problem {
    /// Nothing was heard for its period and its grace.
    Silent,
    /// It reported a failure.
    Failed(String),
    /// Its main process ended without a goodbye.
    Dead(String),
    /// Its main process lives and does not get on.
    Stuck(String),
    /// A run lasted longer than it may.
    Overran,
    /// It promised to be back and is not.
    NotBack,
}

/// What a beat or a ping says to the judge.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Proof of life; open runs go on.
    Alive,
    /// A run began.
    Start(Option<String>),
    /// A run, or whatever runs, ended well.
    Success(Option<String>),
    /// A run, or whatever runs, failed.
    Fail(Option<String>, Problem),
    /// For the record only.
    Log,
    /// It speaks and has a problem.
    Degraded(Problem),
    /// Planned stop, with the span after which it means to be back.
    Goodbye(Option<Ms>),
}

impl Signal {
    /// Whether it is the end of a piece of work that it names. Such an end is judged even if another
    /// piece of work has begun or ended since, as that of a ping with a `rid` is.
    pub fn names_an_end(&self) -> bool {
        matches!(self, Signal::Success(Some(_)) | Signal::Fail(Some(_), _))
    }
}

/// How a check is reported to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// A heartbeat, which repeats until it is heard: after blindness it is heard within
    /// [`CATCH_UP`]. A pause is ended by an operator only.
    Heartbeat,
    /// A ping, sent once: after blindness a whole period must pass. A ping ends a pause.
    Ping,
}

/// How long a heartbeat needs at most to be heard once the monitor listens again: its longest wait
/// between tries (30 s) and its longest try (10 s).
pub const CATCH_UP: Ms = 40_000;

/// What a check promises.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timing {
    /// The longest time between two beats.
    pub period: Ms,
    /// How much longer silence is forgiven.
    pub grace: Ms,
    /// How long a run may last, or of a heartbeat how long a run may be silent; `None`: without limit.
    pub max_runtime: Option<Ms>,
    /// How it is reported.
    pub source: Source,
}

/// A run under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    /// When its start was received.
    pub at: Time,
    /// The name its sender gave it.
    pub id: Option<String>,
}

/// A change of state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flip {
    /// The state before.
    pub from: State,
    /// The state after; the same if only the problem became another.
    pub to: State,
    /// When it was judged.
    pub at: Time,
    /// What is wrong, if something is.
    pub problem: Option<Problem>,
}

/// One check's state.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Check {
    /// What it promises.
    pub timing: Timing,
    /// Where it stands; never [`State::Unknown`], see [`Check::shown`].
    pub state: State,
    /// Since when.
    pub since: Time,
    /// While it is late: since when it was up, which goes on if it is heard of in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub up_since: Option<Time>,
    /// When it last proved that it lives.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Time>,
    /// The run under way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<Run>,
    /// How long the last run took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_duration: Option<Ms>,
    /// When it promised to be back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back_by: Option<Time>,
    /// What is wrong with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<Problem>,
    /// The failure of a piece of work that named itself, until one ends well.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<Problem>,
    /// Who spoke last.
    #[serde(default)]
    pub memory: Memory,
}

impl Check {
    /// A check that was never heard of.
    pub fn new(timing: Timing, now: Time) -> Check {
        Check {
            timing,
            state: State::New,
            since: now,
            up_since: None,
            heard: None,
            run: None,
            last_duration: None,
            back_by: None,
            problem: None,
            failure: None,
            memory: Memory::default(),
        }
    }

    /// Takes a signal received at `at`.
    pub fn hear(&mut self, signal: &Signal, at: Time) -> Option<Flip> {
        let paused = self.state == State::Paused;
        if paused && self.timing.source == Source::Heartbeat {
            return None;
        }
        match signal {
            Signal::Log => None,
            // A start tells of work, not of its end: it neither wakes the paused nor heals the down.
            Signal::Start(id) => {
                if id.is_none() {
                    self.failure = None;
                }
                self.run = Some(Run { at, id: id.clone() });
                match self.state {
                    State::Stopped => self.prove(at, State::Up, None),
                    _ => None,
                }
            }
            // A run that goes on does not make up for one that has failed.
            Signal::Alive => match self.failure.clone() {
                None => self.prove(at, State::Up, None),
                failure => self.prove(at, State::Down, failure),
            },
            Signal::Success(id) => {
                self.failure = None;
                self.end_run(id.as_deref(), false, at);
                self.prove(at, State::Up, None)
            }
            Signal::Fail(id, problem) => {
                self.failure = id.is_some().then(|| problem.clone());
                self.end_run(id.as_deref(), true, at);
                self.prove(at, State::Down, Some(problem.clone()))
            }
            Signal::Degraded(problem) => self.prove(at, State::Degraded, Some(problem.clone())),
            Signal::Goodbye(back_in) => {
                (self.run, self.failure) = (None, None);
                let flip = self.prove(at, State::Stopped, None);
                self.back_by = back_in.map(|span| at + span);
                flip
            }
        }
    }

    /// What is due at `now`, given that the monitor sees since `ready`.
    pub fn overdue(&mut self, now: Time, ready: Time) -> Option<Flip> {
        match self.deadline(ready) {
            Some((due, problem)) if due <= now => {
                self.back_by = None;
                return self.become_(State::Down, now, Some(problem));
            }
            _ => {}
        }
        if self.state == State::Up && self.expected(ready).is_some_and(|at| at <= now) {
            return self.become_(State::Late, now, None);
        }
        None
    }

    /// When [`Check::overdue`] must be asked next, or [`Check::shown`] says something else, after `now`.
    pub fn next_look(&self, ready: Time, now: Time) -> Option<Time> {
        let deadline = self.deadline(ready).map(|(due, _)| due);
        let late = if self.state == State::Up { self.expected(ready) } else { None };
        let unknown = if self.unproven(ready) { self.promised() } else { None };
        let unknown = unknown.filter(|at| *at > now);
        [deadline, late, unknown].into_iter().flatten().min()
    }

    /// The state that may be claimed at `now`: a check that should have been heard of by now, and may
    /// have spoken while the monitor was blind, is unknown.
    pub fn shown(&self, ready: Time, now: Time) -> State {
        let was_due = self.promised().is_some_and(|at| at <= now);
        match self.state {
            State::Up | State::Late if was_due && self.unproven(ready) => State::Unknown,
            state => state,
        }
    }

    /// Until when it must be heard of: the end of its period.
    pub fn expected(&self, ready: Time) -> Option<Time> {
        let next = self.promised()?;
        if !self.unproven(ready) {
            return Some(next);
        }
        Some(next.max(ready + self.catch_up()))
    }

    /// When its period ends, whether or not the monitor could see.
    fn promised(&self) -> Option<Time> {
        Some(self.heard? + self.timing.period)
    }

    /// The longest time from its last sign of life to the verdict that it is silent, or that its run
    /// lasts too long, while the monitor sees. `None` if no such verdict can come.
    pub fn bound(&self, tick: Ms) -> Option<Ms> {
        let (due, _) = self.deadline(Time(0))?;
        let sign = self.run.as_ref().map(|run| run.at).max(self.heard)?;
        Some((due - sign).saturating_add(tick))
    }

    /// Stops judging it.
    pub fn pause(&mut self, now: Time) -> Option<Flip> {
        (self.run, self.failure) = (None, None);
        self.back_by = None;
        self.become_(State::Paused, now, None)
    }

    /// Judges it again: a heartbeat is expected to speak, a ping is waited for without a limit.
    pub fn resume(&mut self, now: Time) -> Option<Flip> {
        if self.state != State::Paused {
            return None;
        }
        (self.run, self.failure) = (None, None);
        self.heard = (self.timing.source == Source::Heartbeat).then_some(now);
        let state = if self.heard.is_some() { State::Up } else { State::New };
        self.become_(state, now, None)
    }

    /// The monitor was blind: what it half concluded is taken back.
    pub fn forgive_late(&mut self) {
        if self.state == State::Late {
            self.state = State::Up;
            self.since = self.up_since.take().unwrap_or(self.since);
        }
    }

    fn unproven(&self, ready: Time) -> bool {
        self.heard.is_some_and(|heard| heard < ready)
    }

    fn catch_up(&self) -> Ms {
        match self.timing.source {
            Source::Heartbeat => self.timing.period.min(CATCH_UP),
            Source::Ping => self.timing.period,
        }
    }

    fn deadline(&self, ready: Time) -> Option<(Time, Problem)> {
        let grace = self.timing.grace;
        match self.state {
            State::Up | State::Late | State::Degraded => {
                let silent = self.expected(ready).map(|at| (at + grace, Problem::Silent));
                [silent, self.run_deadline(ready)].into_iter().flatten().min_by_key(|(at, _)| *at)
            }
            State::New => self.run_deadline(ready),
            State::Stopped => {
                let back_by = self.back_by?.max(ready + self.catch_up());
                Some((back_by + grace, Problem::NotBack))
            }
            State::Down | State::Paused | State::Unknown => None,
        }
    }

    /// When the run under way has lasted too long, or its sender, a heartbeat, has been silent for too
    /// long. The report of an end may have been lost while the monitor was blind, and none repeats it
    /// for long: then only the silence of the check is judged. A heartbeat that was never heard of
    /// otherwise has no such silence.
    fn run_deadline(&self, ready: Time) -> Option<(Time, Problem)> {
        let run = self.run.as_ref()?;
        let limit = self.timing.max_runtime?;
        match self.timing.source {
            Source::Ping => (run.at >= ready).then_some((run.at + limit, Problem::Overran)),
            Source::Heartbeat => {
                // What has no name is no piece of work, and need not end.
                run.id.as_ref()?;
                let heard = self.heard.map_or(run.at, |heard| heard.max(run.at));
                let due = match self.state {
                    _ if heard >= ready => heard + limit,
                    State::New => ready + self.catch_up() + self.timing.grace,
                    _ => return None,
                };
                Some((due, Problem::Silent))
            }
        }
    }

    /// The named run is timed; an unnamed end or a failure ends whatever runs, untimed.
    fn end_run(&mut self, id: Option<&str>, failed: bool, at: Time) {
        self.last_duration = None;
        let Some(run) = &self.run else { return };
        if run.id.as_deref() == id {
            self.last_duration = Some(at - run.at);
            self.run = None;
        } else if failed || id.is_none() {
            self.run = None;
        }
    }

    fn prove(&mut self, at: Time, state: State, problem: Option<Problem>) -> Option<Flip> {
        self.heard = self.heard.max(Some(at));
        self.back_by = None;
        self.become_(state, at, problem)
    }

    fn become_(&mut self, to: State, at: Time, problem: Option<Problem>) -> Option<Flip> {
        let from = std::mem::replace(&mut self.state, to);
        let same_kind = match (&self.problem, &problem) {
            (Some(a), Some(b)) => std::mem::discriminant(a) == std::mem::discriminant(b),
            (a, b) => a.is_none() == b.is_none(),
        };
        self.problem.clone_from(&problem);
        if from == to && same_kind {
            return None;
        }
        if from != to {
            let before = std::mem::replace(&mut self.since, at);
            let up_since = self.up_since.take();
            match (from, to) {
                (State::Up, State::Late) => self.up_since = Some(before),
                (State::Late, State::Up) => self.since = up_since.unwrap_or(at),
                _ => {}
            }
        }
        Some(Flip { from, to, at, problem })
    }
}

impl State {
    /// The word for it.
    pub fn word(self) -> &'static str {
        match self {
            State::New => "new",
            State::Up => "up",
            State::Late => "late",
            State::Down => "down",
            State::Degraded => "degraded",
            State::Stopped => "stopped",
            State::Paused => "paused",
            State::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Silent => f.write_str("silent"),
            Problem::Failed(why) => write!(f, "failed: {why}"),
            Problem::Dead(why) => write!(f, "dead: {why}"),
            Problem::Stuck(why) => write!(f, "stuck: {why}"),
            Problem::Overran => f.write_str("a run lasts longer than it may"),
            Problem::NotBack => f.write_str("not back when promised"),
        }
    }
}
