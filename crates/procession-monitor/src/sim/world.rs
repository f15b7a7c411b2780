//! The servers, the network and the monitor's misfortunes.
//!
//! In: a [`Plan`]. Out: a [`Report`]. Always: things happen in the order of virtual time.
//!
//! | room | what is in it |
//! |---|---|
//! | `fleet` | the servers and the network: who lives, what is sent, what arrives |
//! | `jobs` | jobs that fail and operators who pause, so that incidents overlap |
//! | `watch` | the monitor and its misfortunes: what it concludes, how it is away and comes back |

mod fleet;
mod jobs;
mod watch;

use super::truth::Fate;
use super::{Flaw, Plan, Receiver, Report};
use crate::judge::{Check, CheckId, Config, Incident, Judge, Ms, Source, Spec, Time, Timing};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

const SECOND: Ms = 1_000;
const MINUTE: Ms = 60 * SECOND;
const HOUR: Ms = 60 * MINUTE;
const PERIOD: Ms = 5 * MINUTE;
const GRACE: Ms = MINUTE;
/// Servers that share a switch.
const GROUP: usize = 40;
/// Jobs of a server.
const JOBS: usize = 2;
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
    Fail { server: usize, job: usize },
    MustBeTold { server: usize, job: usize, failed: Time },
    Mend { server: usize, job: usize },
    Pause { server: usize },
    Resume { server: usize },
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
    /// Since when each of its jobs has failed, as the monitor knows.
    failed: [Option<Time>; JOBS],
    paused: bool,
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
    reading: BTreeSet<(Time, usize, u64)>,
    receiver: Receiver,
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
            receiver: Receiver::default(),
            report: Report::default(),
            plan,
        };
        for server in 0..world.plan.servers {
            world.judge.watch(id(server), &spec(server));
            for job in 0..JOBS {
                world.judge.watch(world.job(server, job), &job_spec(server));
            }
            let skew = world.random.u64(0..2 * HOUR);
            world.servers.push(Server { skew, ..Server::default() });
            let phase = world.random.u64(0..PERIOD);
            world.later(phase, Event::Live { server });
        }
        world.fates();
        world.later(0, Event::Tick);
        world
    }

    /// Draws what will go wrong: each server dies silently about every four days, and is stopped
    /// for maintenance, paused, and each of its jobs fails about as often; each group is cut about every three days; the monitor is
    /// away about twice a day.
    fn fates(&mut self) {
        let end = self.plan.hours * HOUR;
        let servers = self.plan.servers;
        for _ in 0..servers as u64 * self.plan.hours / 96 {
            let server = self.random.usize(0..servers);
            self.sometime(end, Event::Die { server });
            let server = self.random.usize(0..servers);
            self.sometime(end, Event::Stop { server });
            let server = self.random.usize(0..servers);
            self.sometime(end, Event::Pause { server });
            for job in 0..JOBS {
                let server = self.random.usize(0..servers);
                self.sometime(end, Event::Fail { server, job });
            }
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
            Event::Fail { server, job } => self.fail(server, job),
            Event::MustBeTold { server, job, failed } => {
                self.must_be_told(server, job, failed);
            }
            Event::Mend { server, job } => self.mend(server, job),
            Event::Pause { server } => self.pause(server),
            Event::Resume { server } => self.resume(server),
            Event::Cut { group, span } => self.cut(group, span),
            Event::Heal { group } => self.heal(group),
            Event::Leave { span, killed } => self.leave(span, killed),
            Event::Return { killed } => self.come_back(killed),
        }
    }
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
    watched(server, PERIOD, Source::Heartbeat)
}

/// A job that runs so rarely that its silence is never judged: its failures are.
fn job_spec(server: usize) -> Spec {
    watched(server, 1_000 * 24 * HOUR, Source::Ping)
}

fn watched(server: usize, period: Ms, source: Source) -> Spec {
    let timing = Timing { period, grace: GRACE, max_runtime: None, source };
    let group = (server / GROUP).to_string();
    Spec { host: server.to_string(), group, labels: BTreeMap::new(), timing }
}
