//! The servers and the network: who lives, what is sent, what arrives.
//!
//! In: events of servers and of cables. Out: beats, to the judge, and more events. Always: a server
//! sends by the same retry plan as a real heartbeat; what is lost, late or said twice is drawn.

use super::super::Flaw;
use super::{Event, GRACE, GROUP, HOLD, HOUR, Kind, MINUTE, PERIOD, World, id};
use crate::judge::{Ms, Signal, Stamp, State, Time};
use procession_beat::{Instance, Plan as Retry};
use std::time::Duration;

impl World {
    pub(super) fn live(&mut self, server: usize) {
        let s = &mut self.servers[server];
        if s.up {
            return;
        }
        s.up = true;
        s.missed_until = None;
        s.life += 1;
        (s.seq, s.acked) = (0, 0);
        s.fate.died = None;
        s.fate.back = Some(self.now);
        let life = s.life;
        self.due(server, life);
        // From the second beat on it keeps a phase of its own.
        let phase = self.random.u64(0..PERIOD);
        self.later(phase, Event::Due { server, life });
    }

    pub(super) fn due(&mut self, server: usize, life: u64) {
        let s = &mut self.servers[server];
        if !s.up || s.life != life {
            return;
        }
        s.seq += 1;
        let seq = s.seq;
        self.later(0, Event::Try { server, life, seq, tries: 1, due: self.now });
        if seq > 1 {
            self.later(PERIOD, Event::Due { server, life });
        }
    }

    pub(super) fn send(&mut self, server: usize, life: u64, seq: u64, tries: u32, due: Time) {
        let s = &self.servers[server];
        if !s.up || s.life != life || s.seq != seq || s.acked >= seq {
            return;
        }
        let stalled = self.away.is_some() && self.kept.is_empty();
        let refused = self.away.is_some() && !stalled;
        let lost = s.fate.cut.is_some() || self.loses();
        if !lost && !refused {
            let delay = self.random.u64(1..300);
            self.later(delay, Event::Arrive { server, life, seq, kind: Kind::Alive });
            if self.random.u64(0..20) == 0 {
                let delay = self.random.u64(MINUTE..20 * MINUTE);
                self.later(delay, Event::Arrive { server, life, seq, kind: Kind::Alive });
            }
        }
        if self.plan.flaw == Some(Flaw::OneTry) {
            return;
        }
        let retry = Retry::new(Duration::from_millis(PERIOD), Duration::from_millis(GRACE));
        let limit = if refused { 10 } else { ms(retry.try_limit()) };
        let since = Duration::from_millis(self.now + limit - due);
        if let Some(wait) = retry.wait(tries, since, self.random.f64()) {
            let tries = tries + 1;
            self.later(limit + ms(wait), Event::Try { server, life, seq, tries, due });
        }
    }

    pub(super) fn loses(&mut self) -> bool {
        self.random.u64(0..1_000) < self.plan.loss_per_mille
    }

    /// A beat reached the machine: it is stamped as soon as the monitor accepts it, and applied
    /// when it is read, which one in a hundred makes last.
    pub(super) fn arrive(&mut self, server: usize, life: u64, seq: u64, kind: Kind) {
        if self.away.is_some() {
            if self.kept.is_empty() {
                // It waits in the kernel until the stalled monitor accepts it.
                self.backlog.push(Event::Arrive { server, life, seq, kind });
            }
            return;
        }
        let slow = self.random.u64(0..100) == 0;
        let reading = if slow { self.random.u64(0..HOLD) } else { 0 };
        self.reading.insert((self.now, server, seq));
        self.later(reading, Event::Apply { server, life, seq, kind, at: self.now });
    }

    pub(super) fn apply(&mut self, server: usize, life: u64, seq: u64, kind: Kind, at: Time) {
        // A monitor that was killed while it read has forgotten the beat.
        if !self.reading.remove(&(at, server, seq)) || self.away.is_some() {
            return;
        }
        let instance = Instance { boot: life.to_string(), pid: 1, started: 1 };
        let stamp = Stamp { instance, seq };
        let stamp = (self.plan.flaw != Some(Flaw::NoFreshness)).then_some(&stamp);
        let signal = match kind {
            Kind::Alive => Signal::Alive,
            Kind::Goodbye => Signal::Goodbye(Some(HOUR)),
        };
        let at = match self.plan.flaw {
            Some(Flaw::SendersClock) => at + self.servers[server].skew - HOUR,
            _ => at,
        };
        self.judge.hear(id(server), stamp, &signal, at);
        self.report.beats += 1;
        if let Some(returned) = self.servers[server].missed_until.take() {
            self.report.catch_up = self.report.catch_up.max(self.now - returned);
        }
        self.collect();
        if !self.loses() && self.servers[server].life == life {
            let acked = &mut self.servers[server].acked;
            *acked = seq.max(*acked);
        }
    }

    pub(super) fn die(&mut self, server: usize) {
        let now = self.now;
        let s = &mut self.servers[server];
        if !s.up {
            return;
        }
        s.up = false;
        s.missed_until = None;
        s.fate.died = Some(now);
        s.fate.settled = self.away.is_some()
            || matches!(
                self.judge.state(id(server)),
                Some(State::Down | State::Stopped | State::Paused)
            );
        let away = self.random.u64(20 * MINUTE..12 * HOUR);
        self.later(away, Event::Live { server });
    }

    /// A planned stop of a quarter of an hour, announced to last an hour at most.
    pub(super) fn stop(&mut self, server: usize) {
        let s = &mut self.servers[server];
        // Who cannot reach the monitor cannot say goodbye: that is no planned stop.
        if !s.up || s.fate.cut.is_some() || s.paused || self.away.is_some() {
            return;
        }
        s.up = false;
        s.seq += 1;
        let (life, seq) = (s.life, s.seq);
        if self.plan.flaw != Some(Flaw::NoGoodbye) {
            self.later(1, Event::Arrive { server, life, seq, kind: Kind::Goodbye });
        }
        self.later(15 * MINUTE, Event::Live { server });
    }

    pub(super) fn cut(&mut self, group: usize, span: Ms) {
        if self.servers[group * GROUP].fate.cut.is_some() {
            return;
        }
        self.report.cuts += 1;
        for server in members(group) {
            self.servers[server].fate.cut = Some(self.now);
            self.servers[server].missed_until = None;
        }
        self.later(span, Event::Heal { group });
    }

    pub(super) fn heal(&mut self, group: usize) {
        for server in members(group) {
            let fate = &mut self.servers[server].fate;
            fate.cut = None;
            fate.healed = Some(self.now);
        }
    }
}

fn members(group: usize) -> impl Iterator<Item = usize> {
    // One in ten hangs on another switch.
    (group * GROUP..(group + 1) * GROUP).filter(|server| server % 10 != 9)
}

fn ms(span: Duration) -> Ms {
    u64::try_from(span.as_millis()).unwrap_or(Ms::MAX)
}
