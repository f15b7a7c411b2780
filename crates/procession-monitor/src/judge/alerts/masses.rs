//! A host and the mass silence of its group, or of everything.
//!
//! In: a host that fell silent or spoke. Out: whether its silence is told by one message for many.
//! Always: a host is under one mass silence at most; one that has told of its silence itself joins
//! none that exists, and belongs to one that begins; who speaks again on all its checks has left.

use super::super::incident::{Subject, Transition, Trouble};
use super::super::mass::{self, Look, Sign};
use super::super::{Ms, Problem, Time};
use super::{Alerts, Host, HostId, Wake};

const IS_IT_MY_NETWORK: &str = "nothing else is heard: is it the network of the monitor?";

impl Alerts {
    /// Lets the host's silence be told by a mass silence, if there is one.
    pub(super) fn join_mass(&mut self, id: HostId, now: Time) {
        let host = &self.hosts[id];
        let silent = |trouble: &Trouble| trouble.problem == Problem::Silent;
        let already_told = host.incident.is_some_and(|id| self.open[&id].told.values().any(silent));
        let fell_silent = host.silent_since.is_some() && host.problems.values().any(silent);
        if host.mass.is_some() || already_told || !fell_silent {
            return;
        }
        let (group, rhythm) = (host.group, host.rhythm);
        if let Some(mass) = self.groups[group].mass {
            let name = host.name.clone();
            self.hosts[id].mass = Some(mass);
            let incident = self.incident(mass);
            incident.left.remove(&name);
            incident.hosts.insert(name);
            self.remember_incident(mass);
        } else {
            let everything = self.is_everything(rhythm, now);
            let note = everything.then(|| IS_IT_MY_NETWORK.to_owned());
            let groups = self.groups.iter().filter(|group| !group.hosts.is_empty()).count();
            if everything && groups > 1 {
                self.open_mass(Subject::Everything, note, now);
            } else if self.look(group, rhythm, now) == Look::Mass {
                self.open_mass(Subject::Mass(self.groups[group].name.clone()), note, now);
            }
        }
    }

    /// Whether nothing is heard of any group, so that the monitor's own network may be the cause.
    fn is_everything(&self, (period, grace): (Ms, Ms), now: Time) -> bool {
        let hosts = self.hosts.iter().filter(|host| host.checks > 0);
        let signs = hosts.map(|host| (host.sign(), host.period));
        mass::is_everything(&self.config, signs, now, period, grace + mass::SUSPICION)
    }

    /// The groups that a mass silence is about.
    pub(super) fn groups_of(&mut self, subject: &Subject) -> Vec<usize> {
        match subject {
            Subject::Mass(group) => vec![self.group(group)],
            Subject::Everything => (0..self.groups.len()).collect(),
            Subject::Host(_) | Subject::Monitor => Vec::new(),
        }
    }

    /// Whether the host's message is worth holding back a little, because others fall silent too.
    pub(super) fn may_become_mass(&mut self, id: HostId, now: Time) -> bool {
        let host = &self.hosts[id];
        let only_silent = host.problems.values().all(|trouble| trouble.problem == Problem::Silent);
        let since = host.problems.values().map(|trouble| trouble.since).min();
        let in_time = since.is_some_and(|since| now < since + mass::SUSPICION);
        only_silent && in_time && {
            let (group, rhythm) = (host.group, host.rhythm);
            self.look(group, rhythm, now) == Look::Suspicious
        }
    }

    /// How a group looks; looked at once a moment.
    pub(super) fn look(&mut self, group: usize, (period, grace): (Ms, Ms), now: Time) -> Look {
        match self.groups[group].looked {
            Some((at, look)) if at == now => return look,
            _ => {}
        }
        let hosts = &self.hosts;
        let signs = self.groups[group].hosts.iter().map(|id| hosts[*id].sign());
        let look = mass::look(&self.config, &signs, now, period, grace);
        self.groups[group].looked = Some((now, look));
        look
    }

    /// One incident for every host of these groups that is silent. A host with an incident of its
    /// own keeps it, and says no more there until it speaks.
    pub(super) fn open_mass(&mut self, subject: Subject, note: Option<String>, now: Time) {
        let groups = self.groups_of(&subject);
        let mass = self.open_incident(subject, now);
        let hold = now + self.config.mass_hold;
        for group in groups {
            self.groups[group].mass = Some(mass);
            for id in self.groups[group].hosts.clone() {
                let host = &mut self.hosts[id];
                if host.silent_since.is_some() && host.mass.is_none() {
                    host.mass = Some(mass);
                    host.wait = None;
                    let name = host.name.clone();
                    self.incident(mass).hosts.insert(name);
                }
            }
        }
        self.incident(mass).hold = Some(hold);
        self.incident(mass).note = note;
        self.wakes.insert((hold, Wake::Mass(mass)));
        self.tell(mass, Transition::Firing, now);
    }

    /// The hold is over: those still silent are listed, and nobody joins any more.
    pub(super) fn settle_mass(&mut self, mass: u64, now: Time) {
        let Some(incident) = self.open.get_mut(&mass) else { return };
        match incident.hold {
            Some(hold) if hold > now => {
                self.wakes.insert((hold, Wake::Mass(mass)));
                return;
            }
            Some(_) => {
                incident.hold = None;
                for group in &mut self.groups {
                    group.mass = group.mass.filter(|id| *id != mass);
                }
                self.tell(mass, Transition::Released, now);
            }
            None if incident.sent + self.config.repeat <= now => {
                self.tell(mass, Transition::Again, now);
            }
            None => {}
        }
        self.wakes.insert((self.open[&mass].sent + self.config.repeat, Wake::Mass(mass)));
    }

    /// A host that speaks again, on all its checks that fell silent, is no longer part of the mass.
    pub(super) fn leave_mass(&mut self, id: HostId, now: Time) {
        let host = &mut self.hosts[id];
        let silent = |trouble: &Trouble| trouble.problem == Problem::Silent;
        if host.silent_since.is_some() && host.checks > 0 || host.problems.values().any(silent) {
            return;
        }
        let Some(mass) = host.mass.take() else { return };
        let name = host.name.clone();
        let incident = self.incident(mass);
        incident.hosts.remove(&name);
        incident.left.insert(name, now);
        if self.open[&mass].hosts.is_empty() {
            self.close(mass, now, true);
        } else {
            self.remember_incident(mass);
        }
    }

    pub(super) fn common_label(&self, mass: u64, group: usize) -> Option<(String, String)> {
        let labels = |silent: bool| {
            let hosts = self.groups[group].hosts.iter().map(|id| &self.hosts[*id]);
            hosts.filter(move |host| (host.mass == Some(mass)) == silent).map(|host| &host.labels)
        };
        mass::common_label(labels(true), &labels(false))
    }
}

impl Host {
    fn sign(&self) -> Sign {
        Sign { heard: self.heard, silent_since: self.silent_since }
    }
}
