//! Which hosts there are, in which groups, with how many checks.
//!
//! In: checks that join a host and leave it. Out: the host's place. Always: a host is in one group,
//! as long as it has a check.

use super::super::incident::How;
use super::super::{CheckId, Ms, Time};
use super::{Alerts, Group, Host, HostId, Labels};

impl Alerts {
    /// A check joins a host; the host is made if it is new.
    pub(in crate::judge) fn join(
        &mut self,
        host: &str,
        group: &str,
        labels: &Labels,
        period: Ms,
    ) -> HostId {
        let id = self.host(host);
        let group = self.group(group);
        if self.hosts[id].checks == 0 {
            self.groups[group].hosts.push(id);
            self.hosts[id].group = group;
            self.hosts[id].period = period;
        } else if self.hosts[id].group != group {
            let old = self.hosts[id].group;
            self.groups[old].hosts.retain(|other| *other != id);
            self.groups[group].hosts.push(id);
            self.hosts[id].group = group;
        }
        if self.hosts[id].labels != *labels {
            self.hosts[id].labels.clone_from(labels);
        }
        self.hosts[id].period = period.min(self.hosts[id].period);
        self.hosts[id].checks += 1;
        id
    }

    /// A check leaves its host; with the last one the host leaves its group.
    pub(in crate::judge) fn leave(&mut self, check: CheckId, id: HostId, now: Time) {
        let host = &mut self.hosts[id];
        if host.problems.remove(&check).is_some() {
            host.gone.insert(check, (now, How::Removed));
            host.recovering = None;
        }
        host.checks -= 1;
        if self.hosts[id].checks == 0 {
            let group = self.hosts[id].group;
            self.groups[group].hosts.retain(|other| *other != id);
            self.hosts[id].silent_since = None;
        }
        self.leave_mass(id, now);
        self.settle(id, now);
    }

    /// Takes back one [`Alerts::join`] of a check that had joined before.
    pub(in crate::judge) fn forget_join(&mut self, id: HostId) {
        self.hosts[id].checks -= 1;
    }

    pub(super) fn host(&mut self, name: &str) -> HostId {
        if let Some(id) = self.by_name.get(name) {
            return *id;
        }
        let id = self.hosts.len();
        self.hosts.push(Host { name: name.into(), ..Host::default() });
        self.by_name.insert(name.into(), id);
        id
    }

    pub(super) fn group(&mut self, name: &str) -> usize {
        if let Some(id) = self.by_group.get(name) {
            return *id;
        }
        let id = self.groups.len();
        self.groups.push(Group { name: name.into(), ..Group::default() });
        self.by_group.insert(name.into(), id);
        id
    }
}
