//! Incidents: opened, told, closed.
//!
//! In: what is to be told. Out: messages, and the incidents as they are to be remembered. Always:
//! each message has the next number of its incident; what is closed was open.

use super::super::incident::{Incident, Message, Subject, Transition, Trouble};
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
            hosts: BTreeSet::new(),
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
            }
            Subject::Mass(_) => {
                for group in &mut self.groups {
                    group.mass = group.mass.filter(|mass| *mass != id);
                }
            }
            Subject::Monitor => {}
        }
        self.changed.push(incident);
    }

    pub(super) fn tell(&mut self, id: u64, transition: Transition, now: Time) {
        let (troubles, of, common) = match &self.open[&id].subject {
            Subject::Host(name) => {
                let host = self.by_name[name];
                (self.own_troubles(host), self.hosts[host].checks, None)
            }
            Subject::Mass(group) => {
                let group = self.by_group[group];
                (BTreeMap::new(), self.groups[group].hosts.len(), self.common_label(id, group))
            }
            Subject::Monitor => (BTreeMap::new(), 0, None),
        };
        let incident = self.incident(id);
        incident.seq += 1;
        incident.sent = now;
        if transition != Transition::Resolved {
            incident.told = troubles;
        }
        let message = Message {
            incident: id,
            seq: incident.seq,
            transition,
            subject: incident.subject.clone(),
            at: now,
            opened: incident.opened,
            troubles: incident.told.clone(),
            hosts: incident.hosts.iter().cloned().collect(),
            of,
            common,
            note: incident.note.clone(),
        };
        self.messages.push(message);
        self.remember_incident(id);
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
