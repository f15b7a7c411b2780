//! A judge, the time that passes for it, and what it told.

#![allow(dead_code, unreachable_pub, reason = "each test file uses its part")]

use procession_beat::Instance;
use procession_monitor::judge::{
    CheckId, Config, Judge, Message, Problem, Signal, Source, Spec, Stamp, State, Subject, Time,
    Timing,
};

pub const SECOND: u64 = 1_000;
pub const MINUTE: u64 = 60 * SECOND;
pub const HOUR: u64 = 60 * MINUTE;
pub const FIVE_MINUTES: Timing =
    Timing { period: 5 * MINUTE, grace: MINUTE, max_runtime: None, source: Source::Heartbeat };

/// A judge, and the time that passes for it.
pub struct Court {
    pub judge: Judge,
    pub now: u64,
    pub told: Vec<Message>,
}

impl Court {
    pub fn new() -> Court {
        Court { judge: Judge::new(Config::default(), Time(0)), now: 0, told: Vec::new() }
    }

    /// Watches check `id` on a host of its own.
    pub fn with(mut self, id: u64, timing: Timing) -> Court {
        self.watch(id, &format!("host-{id}"), timing);
        self
    }

    pub fn watch(&mut self, id: u64, host: &str, timing: Timing) {
        self.watch_in("eu", id, host, timing);
    }

    pub fn watch_in(&mut self, group: &str, id: u64, host: &str, timing: Timing) {
        let rack = if id % 2 == 0 { "7" } else { "8" };
        let labels = [("rack".to_owned(), rack.to_owned())].into();
        let spec = Spec { host: host.into(), group: group.into(), labels, timing };
        self.judge.watch(CheckId(id), &spec);
    }

    pub fn hear(&mut self, id: u64, signal: &Signal) -> State {
        self.judge.hear(CheckId(id), None, signal, Time(self.now)).expect("watched");
        self.state(id)
    }

    pub fn stamped(
        &mut self,
        id: u64,
        boot: &str,
        started: u64,
        seq: u64,
        signal: &Signal,
    ) -> State {
        let stamp = Stamp { instance: Instance { boot: boot.into(), pid: 1, started }, seq };
        self.judge.hear(CheckId(id), Some(&stamp), signal, Time(self.now)).expect("watched");
        self.state(id)
    }

    /// Lets time pass, looking every second.
    pub fn pass(&mut self, span: u64) {
        for now in (self.now..=self.now + span).step_by(1_000) {
            self.judge.advance(Time(now), Time(now));
        }
        self.now += span;
        self.collect();
    }

    /// Lets time pass in which the monitor does nothing.
    pub fn sleep(&mut self, span: u64) {
        self.now += span;
        self.judge.advance(Time(self.now), Time(self.now));
        self.collect();
    }

    /// Lets time pass while each of `ids` beats once a period of five minutes.
    #[expect(clippy::needless_pass_by_value, reason = "a range reads better than its address")]
    pub fn beat_for(&mut self, ids: impl Iterator<Item = u64> + Clone, span: u64) {
        for minute in 0..span / MINUTE {
            for id in ids.clone().filter(|id| id % 5 == minute % 5) {
                self.hear(id, &Signal::Alive);
            }
            self.pass(MINUTE);
        }
    }

    pub fn state(&self, id: u64) -> State {
        self.judge.state(CheckId(id)).expect("watched")
    }

    pub fn collect(&mut self) {
        self.told.extend(self.judge.take().messages);
    }

    /// What was told since this was last asked, as words.
    pub fn told(&mut self) -> Vec<String> {
        self.collect();
        let word = |message: Message| {
            let about = match message.subject {
                Subject::Host(name) | Subject::Mass(name) => name,
                Subject::Everything => "everything".into(),
                Subject::Monitor => "monitor".into(),
            };
            format!("{about} {}", message.transition.word())
        };
        self.told.drain(..).map(word).collect()
    }
}

pub fn dead() -> Signal {
    Signal::Fail(None, Problem::Dead("signal 9".into()))
}
