//! The jobs of the servers and the pauses of their operators, so that incidents overlap.
//!
//! Each server runs two jobs beside its heartbeat. A job fails for hours at a time, while its server
//! may die, be cut off, or be paused. Its reports reach the monitor if nothing keeps them from it.

use super::{Event, HOUR, MINUTE, SECOND, World, id};
use crate::judge::{CheckId, Ms, Problem, Signal, Time};

/// The longest time that a failure of a job waits to be told: the interval between two messages
/// about one incident, and a tick.
const LONGEST_WAIT: Ms = 5 * MINUTE + SECOND;

impl World {
    /// A job reports a failure, unless its report cannot arrive.
    pub(super) fn fail(&mut self, server: usize, job: usize) {
        let s = &self.servers[server];
        if !s.up || s.failed[job].is_some() || !self.reaches(server) {
            return;
        }
        let problem = job_problem();
        self.judge.hear(self.job(server, job), None, &Signal::Fail(None, problem), self.now);
        self.servers[server].failed[job] = Some(self.now);
        self.report.job_failures += 1;
        self.collect();
        let lasts = self.random.u64(MINUTE..12 * HOUR);
        self.later(lasts, Event::Mend { server, job });
        self.later(LONGEST_WAIT, Event::MustBeTold { server, job, failed: self.now });
    }

    /// A job that failed reports a success, as soon as its report can arrive.
    pub(super) fn mend(&mut self, server: usize, job: usize) {
        if !self.servers[server].up || !self.reaches(server) {
            self.later(5 * MINUTE, Event::Mend { server, job });
            return;
        }
        self.judge.hear(self.job(server, job), None, &Signal::Success(None), self.now);
        self.servers[server].failed[job] = None;
        self.collect();
    }

    /// An operator pauses the check of a server.
    pub(super) fn pause(&mut self, server: usize) {
        let s = &mut self.servers[server];
        if self.away.is_some() || s.paused || !s.up {
            return;
        }
        s.paused = true;
        self.judge.pause(id(server), self.now);
        self.report.pauses += 1;
        self.collect();
        let lasts = self.random.u64(MINUTE..2 * HOUR);
        self.later(lasts, Event::Resume { server });
    }

    pub(super) fn resume(&mut self, server: usize) {
        if self.away.is_some() {
            self.later(MINUTE, Event::Resume { server });
            return;
        }
        let s = &mut self.servers[server];
        s.paused = false;
        s.fate.back = Some(self.now);
        self.judge.resume(id(server), self.now);
        self.collect();
    }

    /// A failure that lasts has been told by now, unless the monitor was away.
    pub(super) fn must_be_told(&mut self, server: usize, job: usize, failed: Time) {
        if self.servers[server].failed[job] != Some(failed) {
            return;
        }
        if self.away.is_some() || self.now - self.judge.ready() < LONGEST_WAIT {
            self.later(LONGEST_WAIT, Event::MustBeTold { server, job, failed });
        } else if !self.receiver.fires(self.job(server, job), &job_problem()) {
            self.report.untold.push((server, failed));
        }
    }

    /// Whether a report that is sent now arrives.
    fn reaches(&self, server: usize) -> bool {
        self.away.is_none() && self.servers[server].fate.cut.is_none()
    }

    pub(super) fn job(&self, server: usize, job: usize) -> CheckId {
        id(self.plan.servers * (1 + job) + server)
    }
}

fn job_problem() -> Problem {
    Problem::Failed("exit status 1".into())
}
