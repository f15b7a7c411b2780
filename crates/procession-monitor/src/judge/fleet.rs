//! All checks together: the judge.
//!
//! In: what to watch, what was heard, how late it is. Out: [`Verdicts`], taken in one piece so that
//! they can be written in one transaction. Always: a deadline is judged only up to the moment until
//! which everything received is applied; a gap in `advance` is blindness and blames nobody; a call
//! costs the same for ten checks and for a million.

use super::alerts::{Alerts, HostId, Labels};
use super::check::{Check, Flip, Signal, State, Timing};
use super::deadlines::{Deadlines, Queued};
use super::fresh::{Freshness, Stamp};
use super::incident::{Incident, Message, Trouble};
use super::{CheckId, Config, Ms, Time, mass};
use std::collections::{BTreeMap, HashMap};

/// What is watched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The host whose message a problem of this check goes into.
    pub host: String,
    /// The group whose mass silence is told once.
    pub group: String,
    /// The host's labels.
    pub labels: Labels,
    /// What it promises.
    pub timing: Timing,
}

/// What came of a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    /// What the beat was worth.
    pub freshness: Freshness,
    /// It was judged. A repetition is not, nor what an overtaken run reports, except the end of a
    /// piece of work.
    pub taken: bool,
    /// A run that was never said goodbye to was followed by another.
    pub restarted: bool,
    /// The change of state it brought.
    pub flip: Option<Flip>,
}

/// Everything that was decided since it was last taken.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdicts {
    /// Changes of state, in order.
    pub flips: Vec<(CheckId, Flip)>,
    /// Incidents that opened, changed or closed, in order.
    pub incidents: Vec<Incident>,
    /// Messages to send, in order.
    pub messages: Vec<Message>,
    /// Checks whose state may be shown as another without a change of it.
    pub looked: Vec<CheckId>,
    /// The last time for which the monitor saw nothing.
    pub blind: Option<(Time, Time)>,
}

impl Verdicts {
    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        let Verdicts { flips, incidents, messages, looked, blind } = self;
        let nothing = flips.is_empty() && incidents.is_empty() && messages.is_empty();
        nothing && looked.is_empty() && blind.is_none()
    }
}

#[derive(Debug)]
struct Entry {
    check: Check,
    host: HostId,
    queued: Queued,
}

/// The judge of every check.
///
/// ```
/// use procession_monitor::judge::{CheckId, Config, Judge, Signal, Source, Spec, State, Time, Timing};
///
/// let timing = Timing { period: 300_000, grace: 60_000, max_runtime: None, source: Source::Ping };
/// let spec = Spec { host: "web-3".into(), group: "eu".into(), labels: Default::default(), timing };
/// let mut judge = Judge::new(Config::default(), Time(0));
/// judge.watch(CheckId(1), &spec);
/// judge.hear(CheckId(1), None, &Signal::Alive, Time(0));
/// for second in 0..=370 {
///     judge.advance(Time(second * 1000), Time(second * 1000));
/// }
/// assert_eq!(judge.state(CheckId(1)), Some(State::Down));
/// assert_eq!(judge.take().messages.len(), 1);
/// ```
#[derive(Debug)]
pub struct Judge {
    config: Config,
    entries: HashMap<CheckId, Entry>,
    deadlines: Deadlines,
    alerts: Alerts,
    /// When the time was last looked at.
    now: Time,
    /// Since when the monitor has seen everything.
    ready: Time,
    /// The last blindness that was not taken yet.
    blind: Option<(Time, Time)>,
    looked: Vec<CheckId>,
    flips: Vec<(CheckId, Flip)>,
}

impl Judge {
    /// A judge who has seen nothing before `now`.
    pub fn new(config: Config, now: Time) -> Judge {
        Judge {
            alerts: Alerts::new(config.clone(), 0),
            config,
            entries: HashMap::new(),
            deadlines: Deadlines::default(),
            now,
            ready: now,
            blind: None,
            looked: Vec::new(),
            flips: Vec::new(),
        }
    }

    /// A judge who goes on after the monitor was away from `alive` until `now`.
    ///
    /// `incidents` are those still open, `last_incident` is the highest number ever given.
    pub fn restore(
        config: Config,
        checks: impl IntoIterator<Item = (CheckId, Spec, Check)>,
        incidents: impl IntoIterator<Item = Incident>,
        last_incident: u64,
        alive: Time,
        now: Time,
    ) -> Judge {
        let mut judge = Judge::new(config, alive);
        judge.alerts = Alerts::new(judge.config.clone(), last_incident);
        for (id, spec, check) in checks {
            let host = judge.alerts.join(&spec.host, &spec.group, &spec.labels, spec.timing.period);
            if let Some(problem) = check.problem.clone() {
                judge.alerts.remember(id, host, Trouble { problem, since: check.since });
            }
            judge.entries.insert(id, Entry { check, host, queued: None });
        }
        for incident in incidents {
            judge.alerts.reopen(incident);
        }
        judge.blind(alive, now);
        judge.alerts.settle_all(now);
        judge
    }

    /// Watches a check from now on, or changes what it promises.
    pub fn watch(&mut self, id: CheckId, spec: &Spec) {
        let host = self.alerts.join(&spec.host, &spec.group, &spec.labels, spec.timing.period);
        if let Some(entry) = self.entries.get_mut(&id) {
            let old = std::mem::replace(&mut entry.host, host);
            entry.check.timing = spec.timing;
            if old == host {
                self.alerts.forget_join(host);
            } else {
                if let Some(problem) = entry.check.problem.clone() {
                    let trouble = Trouble { problem, since: entry.check.since };
                    self.alerts.remember(id, host, trouble);
                }
                self.alerts.leave(id, old, self.now);
            }
        } else {
            let check = Check::new(spec.timing, self.now);
            self.entries.insert(id, Entry { check, host, queued: None });
        }
        self.arm(id);
    }

    /// Takes a signal received at `at`; with a stamp, only if it is news.
    ///
    /// Returns `None` for a check that is not watched.
    pub fn hear(
        &mut self,
        id: CheckId,
        stamp: Option<&Stamp>,
        signal: &Signal,
        at: Time,
    ) -> Option<Heard> {
        let entry = self.entries.get_mut(&id)?;
        let check = &mut entry.check;
        let freshness = stamp.map_or(Freshness::Next, |stamp| check.memory.hear(stamp));
        let taken = match freshness {
            Freshness::Stale => false,
            Freshness::Overtaken => signal.names_an_end(),
            Freshness::First | Freshness::Next | Freshness::NewRun => true,
        };
        if !taken {
            return Some(Heard { freshness, taken, restarted: false, flip: None });
        }
        let lived = matches!(check.state, State::Up | State::Late | State::Degraded);
        let restarted = freshness == Freshness::NewRun && lived;
        if freshness == Freshness::NewRun && *signal == Signal::Alive {
            // A run whose first word is that it lives is no piece of work, and ends none.
            check.failure = None;
        }
        let flip = check.hear(signal, at);
        let proof = check.heard >= Some(at) && check.state != State::Paused;
        let (host, rhythm) = (entry.host, (check.timing.period, check.timing.grace));
        if let Some(flip) = &flip {
            self.alerts.flip(id, host, flip, rhythm);
            self.flips.push((id, flip.clone()));
        }
        if proof && !matches!(signal, Signal::Log | Signal::Start(_)) {
            self.alerts.heard(id, host, at);
        }
        self.arm(id);
        Some(Heard { freshness, taken, restarted, flip })
    }

    /// Lets time pass to `now`, and judges every deadline up to `applied`, the moment until which
    /// everything received has been given to [`Judge::hear`].
    pub fn advance(&mut self, now: Time, applied: Time) {
        if now - self.now > 2 * self.config.tick {
            self.blind(self.now, now);
        }
        self.now = self.now.max(now);
        while let Some((due, id)) = self.deadlines.pop(applied) {
            let Some(entry) = self.entries.get_mut(&id) else { continue };
            if entry.queued != Some(due) {
                continue;
            }
            entry.queued = None;
            let flip = entry.check.overdue(applied, self.ready);
            let timing = entry.check.timing;
            if let Some(flip) = flip {
                self.alerts.flip(id, entry.host, &flip, (timing.period, timing.grace));
                self.flips.push((id, flip));
            } else {
                self.looked.push(id);
            }
            self.arm(id);
        }
        self.alerts.advance(applied);
    }

    /// The monitor saw nothing from `from` to `to`: nobody is blamed for that time.
    pub fn blind(&mut self, from: Time, to: Time) {
        if from < to {
            self.blind = Some((from, to));
        }
        self.now = self.now.max(to);
        self.ready = self.ready.max(to);
        self.alerts.blind(from, to);
        for (id, entry) in &mut self.entries {
            entry.check.forgive_late();
            let look = entry.check.next_look(self.ready, self.now);
            self.deadlines.arm(*id, &mut entry.queued, look);
        }
    }

    /// Stops judging a check until it is resumed.
    pub fn pause(&mut self, id: CheckId, now: Time) {
        self.operator(id, |check| check.pause(now));
    }

    /// Judges a paused check again.
    pub fn resume(&mut self, id: CheckId, now: Time) {
        self.operator(id, |check| check.resume(now));
    }

    /// Forgets a check.
    pub fn retire(&mut self, id: CheckId, now: Time) {
        if let Some(entry) = self.entries.remove(&id) {
            self.alerts.leave(id, entry.host, now);
        }
    }

    /// The problems that the monitor itself has now, as sentences by their beginnings, which name the
    /// part.
    pub fn own_problems(&mut self, problems: &BTreeMap<String, String>, now: Time) {
        self.alerts.own_problems(problems, now);
    }

    /// What was decided since this was last called.
    pub fn take(&mut self) -> Verdicts {
        Verdicts {
            flips: std::mem::take(&mut self.flips),
            incidents: std::mem::take(&mut self.alerts.changed),
            messages: std::mem::take(&mut self.alerts.messages),
            looked: std::mem::take(&mut self.looked),
            blind: self.blind.take(),
        }
    }

    /// Whether there is something to take.
    pub fn has_decided(&self) -> bool {
        let Judge { flips, alerts, looked, blind, .. } = self;
        let Alerts { changed, messages, .. } = alerts;
        let nothing = flips.is_empty() && changed.is_empty() && messages.is_empty();
        !(nothing && looked.is_empty() && blind.is_none())
    }

    /// The state that may be claimed for a check.
    pub fn state(&self, id: CheckId) -> Option<State> {
        Some(self.entries.get(&id)?.check.shown(self.ready, self.now))
    }

    /// A check as it stands.
    pub fn check(&self, id: CheckId) -> Option<&Check> {
        Some(&self.entries.get(&id)?.check)
    }

    /// Until when a check must be heard of.
    pub fn expected(&self, id: CheckId) -> Option<Time> {
        self.entries.get(&id)?.check.expected(self.ready)
    }

    /// The longest time from a check's last beat until its silence is told, while the monitor sees
    /// and its host has nothing else to tell.
    pub fn bound(&self, id: CheckId) -> Option<Ms> {
        let check = self.check(id)?;
        let verdict = check.bound(self.config.tick)?;
        Some(verdict.saturating_add(self.config.group_wait + mass::SUSPICION))
    }

    /// When [`Judge::advance`] has something to do next.
    pub fn next(&self) -> Option<Time> {
        [self.deadlines.next(), self.alerts.next()].into_iter().flatten().min()
    }

    /// Since when the monitor has seen everything.
    pub fn ready(&self) -> Time {
        self.ready
    }

    /// The open incidents.
    pub fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.alerts.incidents()
    }

    fn operator(&mut self, id: CheckId, act: impl FnOnce(&mut Check) -> Option<Flip>) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        let timing = entry.check.timing;
        if let Some(flip) = act(&mut entry.check) {
            self.alerts.flip(id, entry.host, &flip, (timing.period, timing.grace));
            self.alerts.no_longer_silent(entry.host, flip.at);
            self.flips.push((id, flip));
        }
        self.arm(id);
    }

    fn arm(&mut self, id: CheckId) {
        if let Some(entry) = self.entries.get_mut(&id) {
            self.deadlines.arm(id, &mut entry.queued, entry.check.next_look(self.ready, self.now));
        }
    }
}
