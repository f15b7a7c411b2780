//! The servers, the network and the monitor's misfortunes.
//!
//! In: a [`Plan`]. Out: a [`Report`]. Always: things happen in the order of virtual time; a server
//! sends by the same retry plan as a real heartbeat; the monitor is restarted from what its
//! database would hold, which is every beat it has acknowledged.

use super::truth::Fate;
use super::{Flaw, Plan, Report};
use crate::judge::check::CATCH_UP;
use crate::judge::{
    Check, CheckId, Config, Incident, Judge, Ms, Problem, Signal, Source, Spec, Stamp, State,
    Subject, Time, Timing, Transition,
};
use procession_beat::{Instance, Plan as Retry};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::time::Duration;

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
const PERIOD: Ms = 5 * MINUTE;
const GRACE: Ms = MINUTE;
/// Servers that share a switch.
const GROUP: usize = 40;
/// The longest time a received beat may be held up before deadlines pass it by.
const HOLD: Ms = 2 * SECOND;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Tick,
    Due { server: usize, life: u64 },
    Try { server: usize, life: u64, seq: u64, tries: u32, due: Time },
    Arrive { server: usize, life: u64, seq: u64, kind: Kind },
    Apply { server: usize, life: u64, seq: u64, kind: Kind, at: Time },
    Die { server: usize },
    Live { server: usize },
    Stop { server: usize },
    Cut { group: usize, span: Ms },
    Heal { group: usize },
    Leave { span: Ms, killed: bool },
    Return { killed: bool },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Alive,
    Goodbye,
}

#[derive(Debug, Default)]
struct Server {
    fate: Fate,
    up: bool,
    /// Counts its lives; also its boot id.
    life: u64,
    seq: u64,
    acked: u64,
    /// Its beat was missed while the monitor was away, which has come back then.
    missed_until: Option<Time>,
    /// How far its clock is off.
    skew: Ms,
}

struct World {
    plan: Plan,
    random: fastrand::Rng,
    now: Time,
    queue: BinaryHeap<Reverse<(Time, u64, Event)>>,
    order: u64,
    servers: Vec<Server>,
    judge: Judge,
    open: BTreeMap<u64, Incident>,
    last_incident: u64,
    /// What the database holds while the monitor is away.
    kept: Vec<(CheckId, Spec, Check)>,
    away: Option<Time>,
    alive_at: Time,
    backlog: Vec<Event>,
    reading: BTreeSet<(Time, usize)>,
    report: Report,
}

/// Runs a world to its end.
pub fn simulate(plan: &Plan) -> Report {
    let mut world = World::new(plan.clone());
    let end = Time(plan.hours * HOUR);
    while let Some(Reverse((at, _, event))) = world.queue.pop() {
        if at > end {
            break;
        }
        world.now = at;
        world.happen(event);
    }
    world.report
}

impl World {
    fn new(plan: Plan) -> World {
        let mut world = World {
            random: fastrand::Rng::with_seed(plan.seed),
            now: Time(0),
            queue: BinaryHeap::new(),
            order: 0,
            servers: Vec::new(),
            judge: Judge::new(config(plan.flaw), Time(0)),
            open: BTreeMap::new(),
            last_incident: 0,
            kept: Vec::new(),
            away: None,
            alive_at: Time(0),
            backlog: Vec::new(),
            reading: BTreeSet::new(),
            report: Report::default(),
            plan,
        };
        for server in 0..world.plan.servers {
            world.judge.watch(id(server), &spec(server));
            let skew = world.random.u64(0..2 * HOUR);
            world.servers.push(Server { skew, ..Server::default() });
            let phase = world.random.u64(0..PERIOD);
            world.later(phase, Event::Live { server });
        }
        world.fates();
        world.later(0, Event::Tick);
        world
    }

    /// Draws what will go wrong: each server dies silently about every four days and is stopped
    /// for maintenance about as often; each group is cut about every three days; the monitor is
    /// away about twice a day.
    fn fates(&mut self) {
        let end = self.plan.hours * HOUR;
        let servers = self.plan.servers;
        for _ in 0..servers as u64 * self.plan.hours / 96 {
            let server = self.random.usize(0..servers);
            self.sometime(end, Event::Die { server });
            let server = self.random.usize(0..servers);
            self.sometime(end, Event::Stop { server });
        }
        let groups = servers / GROUP;
        for _ in 0..groups as u64 * self.plan.hours / 72 {
            let (group, span) = (self.random.usize(0..groups), self.random.u64(SECOND..HOUR));
            self.sometime(end, Event::Cut { group, span });
        }
        for _ in 0..self.plan.hours / 12 {
            let (span, killed) = (self.random.u64(5 * SECOND..2 * HOUR), self.random.bool());
            self.sometime(end, Event::Leave { span, killed });
        }
    }

    fn sometime(&mut self, end: Ms, event: Event) {
        let at = self.random.u64(HOUR..end.max(2 * HOUR));
        self.later(at, event);
    }

    fn later(&mut self, span: Ms, event: Event) {
        self.order += 1;
        self.queue.push(Reverse((self.now + span, self.order, event)));
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Tick => self.tick(),
            Event::Due { server, life } => self.due(server, life),
            Event::Try { server, life, seq, tries, due } => {
                self.send(server, life, seq, tries, due);
            }
            Event::Arrive { server, life, seq, kind } => self.arrive(server, life, seq, kind),
            Event::Apply { server, life, seq, kind, at } => self.apply(server, life, seq, kind, at),
            Event::Die { server } => self.die(server),
            Event::Live { server } => self.live(server),
            Event::Stop { server } => self.stop(server),
            Event::Cut { group, span } => self.cut(group, span),
            Event::Heal { group } => self.heal(group),
            Event::Leave { span, killed } => self.leave(span, killed),
            Event::Return { killed } => self.come_back(killed),
        }
    }

    fn live(&mut self, server: usize) {
        let s = &mut self.servers[server];
        if s.up {
            return;
        }
        s.up = true;
        s.missed_until = None;
        s.life += 1;
        (s.seq, s.acked) = (0, 0);
        s.fate.died = None;
        let life = s.life;
        self.due(server, life);
        // From the second beat on it keeps a phase of its own.
        let phase = self.random.u64(0..PERIOD);
        self.later(phase, Event::Due { server, life });
    }

    fn due(&mut self, server: usize, life: u64) {
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

    fn send(&mut self, server: usize, life: u64, seq: u64, tries: u32, due: Time) {
        let s = &self.servers[server];
        if !s.up || s.life != life || s.seq != seq || s.acked >= seq {
            return;
        }
        let stalled = self.away.is_some() && self.kept.is_empty();
        let refused = self.away.is_some() && !stalled;
        let lost = s.fate.cut || self.loses();
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

    fn loses(&mut self) -> bool {
        self.random.u64(0..1_000) < self.plan.loss_per_mille
    }

    /// A beat reached the machine: it is stamped as soon as the monitor accepts it, and applied
    /// when it is read, which one in a hundred makes last.
    fn arrive(&mut self, server: usize, life: u64, seq: u64, kind: Kind) {
        if self.away.is_some() {
            if self.kept.is_empty() {
                // It waits in the kernel until the stalled monitor accepts it.
                self.backlog.push(Event::Arrive { server, life, seq, kind });
            }
            return;
        }
        let slow = self.random.u64(0..100) == 0;
        let reading = if slow { self.random.u64(0..HOLD) } else { 0 };
        self.reading.insert((self.now, server));
        self.later(reading, Event::Apply { server, life, seq, kind, at: self.now });
    }

    fn apply(&mut self, server: usize, life: u64, seq: u64, kind: Kind, at: Time) {
        // A monitor that was killed while it read has forgotten the beat.
        if !self.reading.remove(&(at, server)) || self.away.is_some() {
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

    fn die(&mut self, server: usize) {
        let now = self.now;
        let s = &mut self.servers[server];
        if !s.up {
            return;
        }
        s.up = false;
        s.missed_until = None;
        s.fate.died = Some(now);
        s.fate.settled = self.away.is_some()
            || matches!(self.judge.state(id(server)), Some(State::Down | State::Stopped));
        let away = self.random.u64(20 * MINUTE..12 * HOUR);
        self.later(away, Event::Live { server });
    }

    /// A planned stop of a quarter of an hour, announced to last an hour at most.
    fn stop(&mut self, server: usize) {
        let s = &mut self.servers[server];
        // Who cannot reach the monitor cannot say goodbye: that is no planned stop.
        if !s.up || s.fate.cut || self.away.is_some() {
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

    fn cut(&mut self, group: usize, span: Ms) {
        if self.servers[group * GROUP].fate.cut {
            return;
        }
        self.report.cuts += 1;
        for server in members(group) {
            self.servers[server].fate.cut = true;
            self.servers[server].missed_until = None;
        }
        self.later(span, Event::Heal { group });
    }

    fn heal(&mut self, group: usize) {
        for server in members(group) {
            let fate = &mut self.servers[server].fate;
            fate.cut = false;
            fate.healed = Some(self.now);
        }
    }

    /// The monitor is killed, or stalls: a suspended machine, a stopped process.
    fn leave(&mut self, span: Ms, killed: bool) {
        if self.away.is_some() {
            return;
        }
        self.report.absences += 1;
        self.away = Some(self.now);
        if killed {
            self.reading.clear();
            let check = |server| self.judge.check(id(server)).expect("watched").clone();
            self.kept = (0..self.servers.len()).map(|s| (id(s), spec(s), check(s))).collect();
        }
        self.later(span, Event::Return { killed });
    }

    fn come_back(&mut self, killed: bool) {
        let now = self.now;
        for server in &mut self.servers {
            let owes = server.up && server.acked < server.seq && !server.fate.cut;
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

    fn tick(&mut self) {
        self.later(SECOND, Event::Tick);
        if self.away.is_some() {
            return;
        }
        let reading = self.reading.first().map_or(self.now, |(at, _)| *at);
        let applied = reading.min(self.now).max(self.now - HOLD);
        self.alive_at = self.now;
        self.judge.advance(self.now, applied);
        self.collect();
        self.look_for_missed();
    }

    fn collect(&mut self) {
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
            match message.subject {
                _ if message.transition != Transition::Firing => {}
                Subject::Mass(_) => self.report.mass_messages += 1,
                Subject::Host(name) => {
                    let server: usize = name.parse().expect("hosts are named by numbers");
                    self.report.host_messages += 1;
                    let fate = self.servers[server].fate;
                    self.report.single_messages_in_a_cut +=
                        u64::from(fate.cut && fate.died.is_none());
                }
                Subject::Monitor => {}
            }
        }
    }

    fn judged_silent(&mut self, server: usize) {
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
    fn bound(&self, server: usize) -> Time {
        let died = self.servers[server].fate.died.unwrap_or(self.now);
        let seen = died + PERIOD + GRACE;
        let after_blindness = self.judge.ready() + CATCH_UP + GRACE;
        seen.max(after_blindness) + SECOND + HOLD
    }

    fn look_for_missed(&mut self) {
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

fn members(group: usize) -> impl Iterator<Item = usize> {
    // One in ten hangs on another switch.
    (group * GROUP..(group + 1) * GROUP).filter(|server| server % 10 != 9)
}

fn config(flaw: Option<Flaw>) -> Config {
    let config = Config::default();
    match flaw {
        Some(Flaw::NoMass) => Config { mass_hosts: usize::MAX / 1_000, ..config },
        Some(Flaw::NoBlindWindow) => Config { tick: Ms::MAX / 4, ..config },
        _ => config,
    }
}

fn id(server: usize) -> CheckId {
    CheckId(server as u64)
}

fn spec(server: usize) -> Spec {
    let timing =
        Timing { period: PERIOD, grace: GRACE, max_runtime: None, source: Source::Heartbeat };
    let group = (server / GROUP).to_string();
    Spec { host: server.to_string(), group, labels: BTreeMap::new(), timing }
}

fn ms(span: Duration) -> Ms {
    u64::try_from(span.as_millis()).unwrap_or(Ms::MAX)
}
