//! kill -9 of a real monitor at random points: what it delivers equals a small reference model.
//!
//! Each round sends beats of several programs to a monitor process and kills it in the midst; the
//! next round starts it on the same database. A sender that got no answer says it again, as a
//! heartbeat does. `PROCESSION_KILL_ROUNDS` sets how many rounds (20); 500 make a campaign.

mod support;

use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState, SendError};
use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeMap;
use std::time::Duration;
use support::{Process, Told, until};

/// Programs, each on a host of its own.
const PROGRAMS: usize = 6;

/// The reference: what one host's letters must be, told from its beats and the monitor's restarts.
#[derive(Default)]
struct Model {
    dead: bool,
    open: bool,
    /// Incidents since the monitor last started; from the second on the host flaps.
    openings: u32,
    good_beats: u32,
    letters: Vec<&'static str>,
}

impl Model {
    fn beat(&mut self, kind: &Kind) {
        if *kind != Kind::Alive {
            self.dead = true;
            if !self.open {
                self.open = true;
                self.openings += 1;
                self.letters.push("firing");
            }
            return;
        }
        if self.dead {
            self.dead = false;
            self.good_beats = 0;
        }
        self.good_beats += 1;
        if self.open && (self.openings < 2 || self.good_beats >= 2) {
            self.resolve();
        }
    }

    /// The damping of a host that flaps is not kept over a restart.
    fn restart(&mut self) {
        self.openings = 0;
        if self.open && !self.dead {
            self.resolve();
        }
    }

    fn resolve(&mut self) {
        self.open = false;
        self.letters.push("resolved");
    }
}

struct Program {
    host: String,
    life: u64,
    seq: u64,
    dead: bool,
}

impl Program {
    /// The next thing that happens to it: it lives on, dies, or comes back.
    fn next(&mut self, dice: &mut fastrand::Rng) -> Beat {
        let dies = !self.dead && dice.u8(0..3) == 0;
        if self.dead {
            self.life += 1;
            self.seq = 0;
        }
        self.dead = dies;
        self.seq += 1;
        let instance = Instance { boot: "b".into(), pid: 1, started: self.life };
        let death = Death { run: None, cause: Cause::Signal(11), panic: None, last_words: vec![] };
        let kind = if dies { Kind::Dead(death) } else { Kind::Alive };
        let mut beat = Beat::new("program", &self.host, instance, self.seq, kind);
        beat.main = Some(Main { state: MainState::Alive, ticks: 1 });
        beat
    }
}

/// The programs, the model of each, and the beat that got no answer.
struct Senders {
    programs: Vec<Program>,
    models: BTreeMap<String, Model>,
    unanswered: Option<Beat>,
    /// The monitor was started since the models were last told.
    restarted: bool,
}

impl Senders {
    /// Sends one beat; `false` if there was no answer. Whether the beat before the kill had been
    /// kept is seen by the answer to its repetition.
    fn send(&mut self, client: &Client, dice: &mut fastrand::Rng) -> bool {
        let beat = self.unanswered.take().unwrap_or_else(|| {
            let program = dice.usize(0..PROGRAMS);
            self.programs[program].next(dice)
        });
        match client.send(&beat, support::PATIENCE) {
            Ok(receipt) => {
                assert!(receipt.durable);
                if receipt.fresh {
                    self.restart();
                }
                self.models.get_mut(&beat.host).unwrap().beat(&beat.kind);
                self.restart();
                true
            }
            Err(SendError::Busy(429)) => {
                self.unanswered = Some(beat);
                true
            }
            Err(SendError::Unreachable(_)) => {
                self.unanswered = Some(beat);
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    fn restart(&mut self) {
        if std::mem::take(&mut self.restarted) {
            self.models.values_mut().for_each(Model::restart);
        }
    }
}

#[test]
fn what_is_delivered_through_kills_at_random_points_is_what_the_model_says() {
    let number = |name: &str, default| std::env::var(name).map_or(default, |n| n.parse().unwrap());
    let rounds = number("PROCESSION_KILL_ROUNDS", 20);
    let mut dice = fastrand::Rng::with_seed(number("PROCESSION_KILL_SEED", 7));
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("monitor.db");
    let told = Told::start(&[]);
    let host = |n| format!("host-{n}");
    let program = |n| Program { host: host(n), life: 1, seq: 0, dead: false };
    let mut senders = Senders {
        programs: (0..PROGRAMS).map(program).collect(),
        models: (0..PROGRAMS).map(|n| (host(n), Model::default())).collect(),
        unanswered: None,
        restarted: false,
    };
    for _ in 0..rounds {
        let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
        senders.restarted = true;
        let client = Client::new(&monitor.url, None);
        let moment = Duration::from_micros(dice.u64(0..60_000));
        // One in four is killed before it has heard anything, and so may be the next.
        let deaf = dice.u8(0..4) == 0;
        if !deaf && senders.unanswered.is_some() {
            assert!(senders.send(&client, &mut dice), "nobody has killed this monitor yet");
        }
        let pid = Pid::from_child(&monitor.child);
        let killer = std::thread::spawn(move || {
            // The moment of the kill is what is random here.
            std::thread::sleep(moment);
            // Not yet reaped, so the number is still its own.
            kill_process(pid, Signal::KILL).unwrap();
        });
        while !deaf && senders.send(&client, &mut dice) {}
        killer.join().unwrap();
    }
    // The last start hears what could not be said, and delivers what is owed.
    let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
    senders.restarted = true;
    let client = Client::new(&monitor.url, None);
    for _ in 0..20 {
        assert!(senders.send(&client, &mut dice));
    }
    let waiting = || {
        let database = rusqlite::Connection::open(&database).unwrap();
        let count = "SELECT count(*) FROM outbox WHERE state = 'waiting'";
        database.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap()
    };
    until("the outbox to be empty", || waiting() == 0);
    let letters: usize = senders.models.values().map(|model| model.letters.len()).sum();
    println!("{rounds} kills, {letters} letters, {} deliveries", told.tries().len());
    for (host, model) in &senders.models {
        assert_eq!(delivered(&told, host), model.letters, "{host}");
    }
}

/// What was delivered about a host, in the order of its letters. The same name is the same letter:
/// delivered, and killed before it was marked so.
fn delivered(told: &Told, host: &str) -> Vec<String> {
    let mut letters = BTreeMap::new();
    for (key, letter) in told.letters(0) {
        if letter["groupLabels"]["host"] == host {
            let fields: Vec<&str> = key.split(':').collect();
            let number = |field: usize| fields[field].parse::<u64>().unwrap();
            letters.insert((number(0), number(1)), fields[2].to_owned());
        }
    }
    letters.into_values().collect()
}
