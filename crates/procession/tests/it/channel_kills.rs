//! Everybody at a channel is killed, at random moments, again and again: a producer, a consumer,
//! all of them at once, who made the channel. `PROCESSION_ROUNDS` makes it a campaign.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::crossfire::{Books, Crossfire, Role, consume, produce};
use crate::support::{self, DEADLINE, alone, join};
use procession::{Process, Sender, channel};
use std::time::{Duration, SystemTime};

/// A source of random moments: the splitmix64 generator.
struct Random(u64);

impl Random {
    fn new() -> Self {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::from(now.subsec_nanos()))
    }

    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }

    /// Lets a random time pass, up to so many microseconds.
    fn pause(&mut self, most: u64) {
        std::thread::sleep(Duration::from_micros(self.below(most)));
    }
}

/// What this process and its fork server hold: open descriptors, mappings of anonymous files, and
/// shared memory in use.
fn held(server: u32) -> Vec<(&'static str, usize)> {
    let descriptors =
        |id: u32| std::fs::read_dir(format!("/proc/{id}/fd")).expect("its descriptors").count();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("our mappings");
    let own = std::process::id();
    vec![
        ("descriptors", descriptors(own)),
        ("descriptors of the server", descriptors(server)),
        ("mappings of memory files", maps.matches("/memfd:procession").count()),
        ("shared memory", support::status(own, "RssShmem").replace(" kB", "").parse().expect("kB")),
    ]
}

/// Runs a campaign in a process of its own, after a first small one, and says that nothing of it is
/// left.
fn without_a_leak(what: &str, rounds: u64, campaign: impl Fn(u64) -> (u64, usize)) {
    let sample = Process::new(std::os::unix::process::parent_id, ()).start().expect("a child");
    let server = join(sample).expect("its parent");
    campaign(4);
    let before = held(server);
    let rounds = support::rounds(rounds);
    let (sent, lost) = campaign(rounds);
    println!("{what}: {rounds} rounds, {sent} messages sent, {lost} lost in the hands of the dead");
    // Spare children come and go with the server's idle moments, one descriptor each.
    for ((thing, before), (_, after)) in before.iter().zip(held(server)) {
        let more = after.saturating_sub(*before);
        assert!(more <= 16, "{thing}: {before} before, {after} after {rounds} rounds");
    }
}

/// A producer or a consumer, in turn, is killed and replaced.
fn one_by_one(rounds: u64, new: impl Fn(usize, usize) -> Crossfire) -> (u64, usize) {
    let mut random = Random::new();
    let producers = usize::try_from(rounds).expect("rounds") / 2 + 4;
    let mut all = new(3, producers);
    for round in 0..rounds {
        random.pause(3_000);
        let role = if round % 2 == 0 { Role::Producer } else { Role::Consumer };
        let place = usize::try_from(random.below(3)).expect("one of three");
        all.kill(role, place);
        all.add(role, "");
        all.books.wait_for_progress(10);
    }
    all.finish()
}

/// All of them are killed within microseconds, and others come.
fn all_at_once(rounds: u64, new: impl Fn(usize, usize) -> Crossfire) -> (u64, usize) {
    let mut random = Random::new();
    let rounds = usize::try_from(rounds).expect("rounds");
    let mut all = new(0, 2 * rounds + 2);
    for _ in 0..rounds {
        for role in [Role::Producer, Role::Consumer, Role::Producer, Role::Consumer] {
            all.add(role, "");
        }
        random.pause(3_000);
        all.kill_all();
    }
    all.finish()
}

/// Who made the channel and started the others is killed: they go on to the end.
fn its_creator(rounds: u64) -> (u64, usize) {
    const EACH: u64 = 300;
    fn create(books: Books, alive: Sender<()>, ready: Sender<()>) {
        let (to, from) = procession::bounded(8).expect("a channel");
        for who in 0..2 {
            let send = |who, to, books, _alive: Sender<()>| produce(who, EACH, to, books);
            let plan = Process::new(send, (who, to.clone(), books.clone(), alive.clone()));
            plan.start().expect("a producer");
            let receive = |from, books, _alive: Sender<()>| consume(from, books);
            let plan = Process::new(receive, (from.clone(), books.clone(), alive.clone()));
            plan.start().expect("a consumer");
        }
        drop((to, from, alive));
        ready.send(()).expect("the test listens");
        loop {
            std::thread::park();
        }
    }
    let mut random = Random::new();
    let mut total = (0, 0);
    for _ in 0..rounds {
        let books = Books::new(2);
        let ((alive, all_gone), (ready, is_ready)) =
            (channel().expect("a channel"), channel().expect("a channel"));
        let plan = Process::new(create, (books.clone(), alive, ready));
        let creator = plan.start().expect("a creator");
        is_ready.recv_timeout(DEADLINE).expect("it lives").expect("in time");
        random.pause(2_000);
        creator.kill().expect("a signal");
        assert_eq!(join(creator).expect_err("killed").signal(), Some(9));
        let ended = all_gone.recv_timeout(DEADLINE);
        assert!(ended.expect_err("all go on and end").is_disconnected());
        let (sent, lost) = books.audit(0);
        assert_eq!(sent, 2 * EACH, "the producers have sent all");
        total = (total.0 + sent, total.1 + lost);
    }
    total
}

#[test]
fn whoever_is_killed_the_others_go_on() {
    alone(|| without_a_leak("one by one", 100, |rounds| one_by_one(rounds, Crossfire::new)));
}

#[test]
fn when_all_at_a_channel_are_killed_at_once_it_serves_the_next() {
    alone(|| without_a_leak("all at once", 30, |rounds| all_at_once(rounds, Crossfire::new)));
}

#[test]
fn whoever_is_killed_while_messages_overflow_the_others_go_on() {
    let campaign = |rounds| one_by_one(rounds, Crossfire::overflowing);
    alone(|| without_a_leak("one by one, overflowing", 100, campaign));
}

#[test]
fn when_all_are_killed_at_once_while_messages_overflow_the_channel_serves_the_next() {
    let campaign = |rounds| all_at_once(rounds, Crossfire::overflowing);
    alone(|| without_a_leak("all at once, overflowing", 30, campaign));
}

#[test]
fn when_the_creator_of_a_channel_is_killed_the_others_finish() {
    alone(|| without_a_leak("its creator", 10, its_creator));
}
