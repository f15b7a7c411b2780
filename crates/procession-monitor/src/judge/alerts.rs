//! When it is told: one message a host, one for a mass silence.
//!
//! ```text
//! quiet --problem--> waiting(group_wait) --over--> open --no problem, good beats--> quiet
//!                    waiting --no problem--> quiet                (nothing was sent)
//!                    waiting --mass silence--> under the mass     (one message for all)
//! ```
//!
//! In: flips, proofs of life, the time. Out: messages, and the incidents to remember. Always: a
//! host has at most one open incident of its own; what an open incident has told is not told again
//! before `repeat`; an incident that opened is resolved by exactly one message.
//!
//! | room | what is in it |
//! |---|---|
//! | `roll` | which hosts there are, in which groups, with how many checks |
//! | `masses` | a host and the mass silence of its group |
//! | `ledger` | incidents: opened, told, closed |

mod ledger;
mod masses;
mod roll;

use super::incident::{How, Incident, Message, Subject, Transition, Trouble};
use super::mass::Look;
use super::{CheckId, Config, Flip, Ms, Problem, State, Time};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A host's place in [`Alerts`].
pub(super) type HostId = usize;

/// Labels of a host.
pub(super) type Labels = BTreeMap<String, String>;

#[derive(Debug, Default)]
struct Host {
    name: String,
    group: usize,
    labels: Labels,
    checks: usize,
    problems: BTreeMap<CheckId, Trouble>,
    /// Problems that ended since the last message, when and how.
    gone: BTreeMap<CheckId, (Time, How)>,
    heard: Option<Time>,
    silent_since: Option<Time>,
    /// The shortest period of its checks.
    period: Ms,
    /// The period and grace of the check that fell silent last.
    rhythm: (Ms, Ms),
    wait: Option<Time>,
    wake: Option<Time>,
    incident: Option<u64>,
    mass: Option<u64>,
    /// The check that recovered last, and its good beats since.
    recovering: Option<(CheckId, u8)>,
    openings: Vec<Time>,
}

#[derive(Debug, Default)]
struct Group {
    name: String,
    hosts: Vec<HostId>,
    /// The mass silence that takes further hosts in.
    mass: Option<u64>,
    /// How it looked when it was last found not to be silent as a mass.
    looked: Option<(Time, Look)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Wake {
    Host(HostId),
    Mass(u64),
}

/// All hosts, their groups and their open incidents.
#[derive(Debug)]
pub(super) struct Alerts {
    config: Config,
    hosts: Vec<Host>,
    by_name: HashMap<String, HostId>,
    groups: Vec<Group>,
    by_group: HashMap<String, usize>,
    wakes: BTreeSet<(Time, Wake)>,
    open: BTreeMap<u64, Incident>,
    last_id: u64,
    pub(super) messages: Vec<Message>,
    pub(super) changed: Vec<Incident>,
}

impl Alerts {
    pub(super) fn new(config: Config, last_id: u64) -> Alerts {
        Alerts {
            config,
            hosts: Vec::new(),
            by_name: HashMap::new(),
            groups: Vec::new(),
            by_group: HashMap::new(),
            wakes: BTreeSet::new(),
            open: BTreeMap::new(),
            last_id,
            messages: Vec::new(),
            changed: Vec::new(),
        }
    }

    /// An operator's word counts as a sign of life.
    pub(super) fn no_longer_silent(&mut self, id: HostId, now: Time) {
        self.hosts[id].silent_since = None;
        self.leave_mass(id, now);
    }

    /// A check changed its state.
    pub(super) fn flip(&mut self, check: CheckId, id: HostId, flip: &Flip, rhythm: (Ms, Ms)) {
        let host = &mut self.hosts[id];
        if flip.to == State::Late {
            host.silent_since.get_or_insert(flip.at);
            host.rhythm = rhythm;
            return;
        }
        match &flip.problem {
            Some(problem) => {
                if *problem == Problem::Silent {
                    host.silent_since.get_or_insert(flip.at);
                    host.rhythm = rhythm;
                }
                host.recovering = None;
                host.gone.remove(&check);
                host.problems.insert(check, Trouble { problem: problem.clone(), since: flip.at });
            }
            None if host.problems.remove(&check).is_some() => {
                let paused = flip.to == State::Paused;
                host.recovering = (!paused).then_some((check, 0));
                let how = if paused { How::Paused } else { How::Recovered };
                host.gone.insert(check, (flip.at, how));
                self.leave_mass(id, flip.at);
            }
            None => return,
        }
        self.settle(id, flip.at);
    }

    /// A check proved that it lives, and its flip, if any, was told before.
    pub(super) fn heard(&mut self, check: CheckId, id: HostId, at: Time) {
        let host = &mut self.hosts[id];
        host.heard = host.heard.max(Some(at));
        host.silent_since = None;
        if host.mass.is_some() {
            self.leave_mass(id, at);
        }
        let host = &mut self.hosts[id];
        if host.incident.is_some() {
            match &mut host.recovering {
                Some((recovering, beats)) if *recovering == check => {
                    *beats = beats.saturating_add(1);
                }
                _ => {}
            }
            self.settle(id, at);
        }
    }

    /// The earliest moment at which something may have to be told.
    pub(super) fn next(&self) -> Option<Time> {
        self.wakes.first().map(|(at, _)| *at)
    }

    /// Tells what is due.
    pub(super) fn advance(&mut self, now: Time) {
        while let Some(&(at, wake)) = self.wakes.first() {
            if at > now {
                return;
            }
            self.wakes.pop_first();
            match wake {
                Wake::Host(id) => {
                    self.hosts[id].wake = None;
                    self.settle(id, now);
                }
                Wake::Mass(id) => self.settle_mass(id, now),
            }
        }
    }

    /// The monitor saw nothing for `span` until `to`: what waits, waits that much longer.
    pub(super) fn blind(&mut self, from: Time, to: Time) {
        let span = to - from;
        for host in &mut self.hosts {
            host.wait = host.wait.map(|at| at + span);
            if !host.problems.values().any(|trouble| trouble.problem == Problem::Silent) {
                host.silent_since = None;
            }
        }
        for incident in self.open.values_mut() {
            incident.hold = incident.hold.map(|at| at + span);
        }
        if span >= self.config.blind_notice {
            let id = self.open_incident(Subject::Monitor, to);
            let note = format!("the monitor saw nothing for {} s; nobody was judged", span / 1000);
            self.incident(id).note = Some(note);
            self.tell(id, Transition::Firing, to);
            self.close(id, to, false);
        }
    }

    /// The monitor's own problems, by its parts. A part that joins is told at once; a sentence that
    /// changes, such as a receiver's last error, is not.
    pub(super) fn own_problems(&mut self, problems: &BTreeMap<String, String>, now: Time) {
        let open = self.open.values().find(|i| i.subject == Subject::Monitor);
        let told = open.and_then(|incident| incident.note.as_deref()).unwrap_or_default();
        let has_news = problems.keys().any(|part| !told.contains(part));
        let open = open.map(|incident| incident.id);
        let (id, transition) = match open {
            Some(id) if problems.is_empty() => return self.close(id, now, true),
            Some(id) if has_news => (id, Transition::Worse),
            None if has_news => (self.open_incident(Subject::Monitor, now), Transition::Firing),
            Some(_) | None => return,
        };
        let words: Vec<&str> = problems.values().map(String::as_str).collect();
        self.incident(id).note = Some(words.join("; "));
        self.tell(id, transition, now);
    }

    /// Takes up an incident that was open when the monitor ended; checks must have joined before.
    pub(super) fn reopen(&mut self, incident: Incident) {
        match &incident.subject {
            Subject::Host(name) => {
                let id = self.host(name);
                self.hosts[id].incident = Some(incident.id);
            }
            Subject::Mass(_) | Subject::Everything => {
                for name in &incident.hosts {
                    let id = self.host(name);
                    self.hosts[id].mass = Some(incident.id);
                }
                if incident.hold.is_some() {
                    for group in self.groups_of(&incident.subject) {
                        self.groups[group].mass = Some(incident.id);
                    }
                }
                let again = incident.sent + self.config.repeat;
                let next = incident.hold.unwrap_or(again);
                self.wakes.insert((next, Wake::Mass(incident.id)));
            }
            Subject::Monitor => {}
        }
        self.open.insert(incident.id, incident);
    }

    /// A check's problem as it was when the monitor ended.
    pub(super) fn remember(&mut self, check: CheckId, id: HostId, trouble: Trouble) {
        self.hosts[id].problems.insert(check, trouble);
    }

    /// Takes up the clocks of every host that has something open or untold.
    pub(super) fn settle_all(&mut self, now: Time) {
        for id in 0..self.hosts.len() {
            let host = &self.hosts[id];
            if host.incident.is_some() || !host.problems.is_empty() {
                self.settle(id, now);
            }
        }
    }

    /// The open incidents.
    pub(super) fn incidents(&self) -> impl Iterator<Item = &Incident> {
        self.open.values()
    }

    /// Brings a host's incident in line with its problems.
    fn settle(&mut self, id: HostId, now: Time) {
        self.join_mass(id, now);
        let own = self.own_troubles(id);
        let Some(incident) = self.hosts[id].incident else {
            return self.settle_untold(id, &own, now);
        };
        if own.is_empty() {
            // Under a mass silence the host is not well: what it told itself ends when it speaks.
            if self.hosts[id].mass.is_none() && self.has_recovered(id, now) {
                self.close(incident, now, true);
            }
            return;
        }
        let (due, transition) = self.next_message(&self.open[&incident], id, &own);
        if due <= now && transition == Transition::Worse && self.may_become_mass(id, now) {
            self.wake_host(id, now + self.config.group_wait.max(1));
        } else if due <= now {
            self.tell(incident, transition, now);
            self.wake_host(id, now + self.config.repeat);
        } else {
            self.wake_host(id, due);
        }
    }

    /// What is to be told next of an open incident, and when.
    fn next_message(
        &self,
        incident: &Incident,
        id: HostId,
        own: &BTreeMap<CheckId, Trouble>,
    ) -> (Time, Transition) {
        let Incident { told, sent, .. } = incident;
        let interval = *sent + self.config.group_interval;
        let is_news = |(check, new): &(&CheckId, &Trouble)| {
            told.get(check).is_none_or(|old| !old.is_kind_of(new) || old.since < new.since)
        };
        let news: Vec<_> = own.iter().filter(is_news).collect();
        let first = |wanted: &dyn Fn(&CheckId) -> bool| {
            let wanted = news.iter().filter(|(check, _)| wanted(check));
            wanted.map(|(_, new)| new.since).min()
        };
        if let Some(since) = first(&|_| true) {
            let untold = first(&|check| !told.contains_key(check));
            let due = untold.map_or(interval, |since| interval.min(since + self.config.group_wait));
            // Others of the group may fall silent too.
            let silent = news.iter().all(|(_, new)| new.problem == Problem::Silent);
            let together = since + self.config.group_wait;
            (if silent { due.max(together) } else { due }, Transition::Worse)
        } else if told.keys().any(|check| !self.hosts[id].problems.contains_key(check)) {
            (interval, Transition::Better)
        } else {
            (*sent + self.config.repeat, Transition::Again)
        }
    }

    fn settle_untold(&mut self, id: HostId, own: &BTreeMap<CheckId, Trouble>, now: Time) {
        if own.is_empty() {
            self.hosts[id].wait = None;
            self.hosts[id].gone.clear();
            return;
        }
        let wait = *self.hosts[id].wait.get_or_insert(now + self.config.group_wait);
        if wait > now {
            return self.wake_host(id, wait);
        }
        if self.may_become_mass(id, now) {
            return self.wake_host(id, now + self.config.group_wait.max(1));
        }
        let incident = self.open_incident(Subject::Host(self.hosts[id].name.clone()), now);
        let window = self.config.flap_window;
        let host = &mut self.hosts[id];
        host.wait = None;
        host.incident = Some(incident);
        host.openings.retain(|at| now - *at <= window);
        host.openings.push(now);
        self.tell(incident, Transition::Firing, now);
        self.wake_host(id, now + self.config.repeat);
    }

    /// A host that flaps must speak well more than once.
    fn has_recovered(&self, id: HostId, now: Time) -> bool {
        let host = &self.hosts[id];
        let recent = |at: &&Time| now - **at <= self.config.flap_window;
        let flaps = host.openings.iter().filter(recent).count() >= 2;
        match host.recovering {
            Some((_, beats)) if flaps && host.checks > 0 => beats >= self.config.flap_beats,
            _ => true,
        }
    }

    fn wake_host(&mut self, id: HostId, at: Time) {
        let wake = &mut self.hosts[id].wake;
        if wake.is_none_or(|earlier| at < earlier) {
            *wake = Some(at);
            self.wakes.insert((at, Wake::Host(id)));
        }
    }
}
