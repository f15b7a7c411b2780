//! Incidents: opened, told, closed.
//!
//! In: what is to be told. Out: messages, and the incidents as they are to be remembered. Always:
//! each message has the next number of its incident; what is closed was open.

use super::super::incident::{Ended, How, Incident, Message, Subject, Transition, Trouble};
use super::super::{CheckId, Problem, Time};
use super::{Alerts, HostId};
use std::collections::{BTreeMap, BTreeSet};

impl Alerts {
    pub(super) fn open_incident(&mut self, subject: Subject, now: Time) -> u64 {
        self.last_id += 1;
        let incident = Incident {
            id: self.last_id,
            subject,
            opened: now,
            closed: None,
            seq: 0,
            sent: now,
            told: BTreeMap::new(),
            ended: Vec::new(),
            hosts: BTreeSet::new(),
            left: BTreeMap::new(),
            hold: None,
            note: None,
        };
        self.open.insert(self.last_id, incident);
        self.last_id
    }

    pub(super) fn incident(&mut self, id: u64) -> &mut Incident {
        self.open.get_mut(&id).expect("an incident that something refers to is open")
    }

    pub(super) fn remember_incident(&mut self, id: u64) {
        let incident = self.incident(id).clone();
        self.changed.push(incident);
    }

    pub(super) fn close(&mut self, id: u64, now: Time, tell: bool) {
        if tell {
            self.tell(id, Transition::Resolved, now);
        }
        let mut incident = self.open.remove(&id).expect("an incident is closed once");
        incident.closed = Some(now);
        match &incident.subject {
            Subject::Host(name) => {
                let host = self.by_name[name];
                self.hosts[host].incident = None;
                self.hosts[host].recovering = None;
                self.hosts[host].gone.clear();
            }
            Subject::Mass(_) | Subject::Everything => {
                for group in &mut self.groups {
                    group.mass = group.mass.filter(|mass| *mass != id);
                }
            }
            Subject::Monitor => {}
        }
        self.changed.push(incident);
    }

    pub(super) fn tell(&mut self, id: u64, transition: Transition, now: Time) {
        let (of, common) = match &self.open[&id].subject {
            Subject::Host(name) => {
                let host = self.by_name[name];
                self.bring_up_to_date(id, host, transition, now);
                (self.hosts[host].checks, None)
            }
            Subject::Mass(group) => {
                let group = self.by_group[group];
                (self.groups[group].hosts.len(), self.common_label(id, group))
            }
            Subject::Everything => (self.hosts.iter().filter(|host| host.checks > 0).count(), None),
            Subject::Monitor => (0, None),
        };
        let incident = self.incident(id);
        incident.seq += 1;
        incident.sent = now;
        let message = Message {
            incident: id,
            seq: incident.seq,
            transition,
            subject: incident.subject.clone(),
            at: now,
            opened: incident.opened,
            troubles: incident.told.clone(),
            ended: incident.ended.clone(),
            hosts: incident.hosts.iter().cloned().collect(),
            left: incident.left.clone(),
            of,
            common,
            note: incident.note.clone(),
        };
        self.messages.push(message);
        self.remember_incident(id);
    }

    /// Notes what a message about a host tells, and which of what was told is over.
    fn bring_up_to_date(&mut self, id: u64, host: HostId, transition: Transition, now: Time) {
        let own = self.own_troubles(host);
        let host = &mut self.hosts[host];
        let gone = std::mem::take(&mut host.gone);
        let incident = self.open.get_mut(&id).expect("an incident that is told is open");
        let Incident { told, ended, .. } = incident;
        for (&check, trouble) in &*told {
            let (at, how) = match host.problems.get(&check) {
                Some(now) if now.is_kind_of(trouble) => continue,
                Some(now) => (now.since, How::Changed),
                None => gone.get(&check).copied().unwrap_or((now, How::Recovered)),
            };
            ended.retain(|old| old.check != check || !old.trouble.is_kind_of(trouble));
            ended.push(Ended { check, trouble: trouble.clone(), at, how });
        }
        if transition != Transition::Resolved {
            told.retain(|check, _| host.problems.contains_key(check));
            told.extend(own);
        }
        let lasts = |check: &CheckId, trouble: &Trouble| {
            host.problems.get(check).is_some_and(|now| now.is_kind_of(trouble))
        };
        ended.retain(|old| !lasts(&old.check, &old.trouble));
    }

    /// What the host itself has to tell: under a mass silence its silence is told there.
    pub(super) fn own_troubles(&self, id: HostId) -> BTreeMap<CheckId, Trouble> {
        let host = &self.hosts[id];
        let told_by_mass =
            |trouble: &Trouble| host.mass.is_some() && trouble.problem == Problem::Silent;
        host.problems
            .iter()
            .filter(|(_, trouble)| !told_by_mass(trouble))
            .map(|(check, trouble)| (*check, trouble.clone()))
            .collect()
    }
}
