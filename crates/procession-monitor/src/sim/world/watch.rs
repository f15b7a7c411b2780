//! The monitor and its misfortunes: what it concludes, and how it is away and comes back.
//!
//! In: the passing of time, absences. Out: verdicts, held against the truth. Always: it comes back
//! with what its database would hold, which is every beat it has acknowledged.

use super::super::Flaw;
use super::{Event, GRACE, HOLD, JOBS, MINUTE, PERIOD, SECOND, World, config, id, job_spec, spec};
use crate::judge::check::CATCH_UP;
use crate::judge::{Incident, Judge, Message, Ms, Problem, State, Subject, Time, Transition};

impl World {
    /// The monitor is killed, or stalls: a suspended machine, a stopped process.
    pub(super) fn leave(&mut self, span: Ms, killed: bool) {
        if self.away.is_some() {
            return;
        }
        self.report.absences += 1;
        self.away = Some(self.now);
        if killed {
            self.reading.clear();
            let check = |id| self.judge.check(id).expect("watched").clone();
            let servers = 0..self.servers.len();
            let beats = servers.clone().map(|s| (id(s), spec(s), check(id(s))));
            let job = |s, job| (self.job(s, job), job_spec(s), check(self.job(s, job)));
            let jobs = servers.flat_map(|s| (0..JOBS).map(move |number| job(s, number)));
            self.kept = beats.chain(jobs).collect();
        }
        self.later(span, Event::Return { killed });
    }

    pub(super) fn come_back(&mut self, killed: bool) {
        let now = self.now;
        for server in &mut self.servers {
            let owes = server.up && server.acked < server.seq && server.fate.cut.is_none();
            server.missed_until = owes.then_some(now);
        }
        self.away = None;
        for event in std::mem::take(&mut self.backlog) {
            self.later(1, event);
        }
        if killed {
            let open: Vec<Incident> = self.open.values().cloned().collect();
            let kept = std::mem::take(&mut self.kept);
            let (last, alive) = (self.last_incident, self.alive_at);
            let noticed = match self.plan.flaw {
                Some(Flaw::NoBlindWindow) => alive,
                _ => self.now,
            };
            let config = config(self.plan.flaw);
            self.judge = Judge::restore(config, kept, open, last, alive, noticed);
        }
        self.collect();
    }

    pub(super) fn tick(&mut self) {
        self.later(SECOND, Event::Tick);
        if self.away.is_some() {
            return;
        }
        let reading = self.reading.first().map_or(self.now, |(at, ..)| *at);
        let applied = reading.min(self.now).max(self.now - HOLD);
        self.alive_at = self.now;
        self.judge.advance(self.now, applied);
        self.collect();
        self.look_for_missed();
    }

    pub(super) fn collect(&mut self) {
        let verdicts = self.judge.take();
        for (check, flip) in verdicts.flips {
            if flip.to == State::Down && flip.problem == Some(Problem::Silent) {
                self.judged_silent(usize::try_from(check.0).expect("a server's number"));
            }
        }
        for incident in verdicts.incidents {
            self.last_incident = self.last_incident.max(incident.id);
            if incident.closed.is_some() {
                self.open.remove(&incident.id);
            } else {
                self.open.insert(incident.id, incident);
            }
        }
        for message in verdicts.messages {
            self.deliver(&message);
        }
    }

    /// Gives a message to the receiver, and counts it.
    fn deliver(&mut self, message: &Message) {
        let first_or_last = matches!(message.transition, Transition::Firing | Transition::Resolved);
        if first_or_last || self.plan.flaw != Some(Flaw::OnlyFirstAndLast) {
            self.report.broken.extend(self.receiver.take(message).err());
        }
        match (message.transition, &message.subject) {
            (Transition::Firing, Subject::Mass(_) | Subject::Everything) => {
                self.report.mass_messages += 1;
            }
            (Transition::Firing, Subject::Host(_)) => self.report.host_messages += 1,
            (Transition::Worse | Transition::Better, _) => self.report.changes += 1,
            _ => {}
        }
        if let (Transition::Firing | Transition::Worse, Subject::Host(name)) =
            (message.transition, &message.subject)
        {
            let server: usize = name.parse().expect("hosts are named by numbers");
            let fate = self.servers[server].fate;
            // A server that came back to a cut network falls silent by itself.
            let cut = fate.cut.filter(|at| fate.died.is_none() && fate.back <= Some(*at));
            let silent = message.troubles.get(&id(server)).filter(|t| t.problem == Problem::Silent);
            let only_cut = cut.zip(silent).is_some_and(|(cut, silent)| silent.since >= cut);
            self.report.single_messages_in_a_cut += u64::from(only_cut);
        }
    }

    pub(super) fn judged_silent(&mut self, server: usize) {
        let bound = self.bound(server);
        let fate = &mut self.servers[server].fate;
        if !fate.is_silent(self.now) {
            self.report.false_alarms.push((server, self.now));
        }
        if let (Some(died), false) = (fate.died, fate.settled) {
            fate.settled = true;
            let saw_all = self.judge.ready() <= died;
            self.report.found(server, died, self.now, bound, saw_all);
        }
    }

    /// Until when a death must be found: the printed promise.
    pub(super) fn bound(&self, server: usize) -> Time {
        let died = self.servers[server].fate.died.unwrap_or(self.now);
        let seen = died + PERIOD + GRACE;
        let after_blindness = self.judge.ready() + CATCH_UP + GRACE;
        seen.max(after_blindness) + SECOND + HOLD
    }

    pub(super) fn look_for_missed(&mut self) {
        if self.now.0 % MINUTE != 0 {
            return;
        }
        for server in 0..self.servers.len() {
            let fate = self.servers[server].fate;
            let late = self.now > self.bound(server);
            if let (Some(died), false, true) = (fate.died, fate.settled, late) {
                self.servers[server].fate.settled = true;
                self.report.deaths += 1;
                self.report.missed.push((server, died, None));
            }
        }
    }
}
