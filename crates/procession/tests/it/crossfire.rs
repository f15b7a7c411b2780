//! A channel under fire: many send, many receive, and whoever is killed, the books agree.
//!
//! In: who is killed, and when. Out: a history, checked. What always holds: producers and consumers
//! keep their books in shared memory, so that what the dead did is known as well: a message that
//! was sent is received, unless a consumer was killed with it in its hands; no message is received
//! twice, none torn, none that nobody sent; and each consumer receives those of one producer in
//! their order.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, join};
use procession::channel::{Builder, SendError};
use procession::{Child, Process, Receiver, Sender, SharedSlice};
use procession_sys::futex;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

/// How many messages are under way at most: few, so that the channel is full as often as empty.
const BOUND: u32 = 8;
/// Where messages are to overflow: how much longer each is, so that few fit the ring of 256 KiB, and
/// how many bytes are under way at most.
const BULK: u64 = 20_000;
const BULK_BOUND: u64 = 1 << 20;
/// How many messages one producer sends at most: more than it comes to in the longest campaign.
const MOST: usize = 1 << 20;
/// After so many messages a producer rests, and the channel runs empty.
const SEND_AT_A_TIME: u64 = 100;
/// After so many messages a consumer rests, and the channel fills.
const TAKE_AT_A_TIME: u64 = 64;
const REST: Duration = Duration::from_micros(200);
/// Every so many messages one is too long for the ring.
const LONG_EVERY: u64 = 16;
/// How many messages a consumer has in its hands when it is killed: the one that it is receiving.
const IN_HAND: usize = 1;

/// A message whose bytes follow from its head, so that a torn one shows.
type Checked = (u64, u64, Vec<u8>);

#[expect(clippy::cast_possible_truncation, reason = "a pattern of bytes")]
fn checked(who: u64, number: u64, bulk: u64) -> Checked {
    let length = (who * 31 + number * 17) % 300 + bulk;
    let length = if number % LONG_EVERY == 0 { length + 70_000 } else { length };
    (who, number, (0..length).map(|index| (index ^ who ^ number) as u8).collect())
}

/// What everybody writes down as it is done.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Books {
    /// For each producer, how many messages it has begun to send.
    begun: SharedSlice<u64>,
    /// For each producer, how many of them were sent.
    sent: SharedSlice<u64>,
    /// For each producer and message, how often it was received.
    received: SharedSlice<u8>,
    /// How many were received in all, wrapping; and whether producers are to stop.
    progress: SharedSlice<u32>,
    /// How much longer each message is; not 0 where the channel is to overflow.
    bulk: u64,
}

impl Books {
    pub(crate) fn new(producers: usize) -> Self {
        let memory = "memory";
        Self {
            bulk: 0,
            begun: SharedSlice::new(producers).expect(memory),
            sent: SharedSlice::new(producers).expect(memory),
            received: SharedSlice::new(producers * MOST).expect(memory),
            progress: SharedSlice::new(2).expect(memory),
        }
    }

    fn take_down(&self, who: u64, number: u64) {
        let place = usize::try_from(who).expect("a producer") * MOST
            + usize::try_from(number).expect("a number");
        self.received.atomics()[place].fetch_add(1, Ordering::Relaxed);
        let received = &self.progress.atomics()[0];
        received.fetch_add(1, Ordering::Release);
        futex::wake(received, 1);
    }

    /// Waits until so many more messages were received than there are now.
    pub(crate) fn wait_for_progress(&self, more: u32) {
        let received = &self.progress.atomics()[0];
        let before = received.load(Ordering::Acquire);
        let deadline = Instant::now() + DEADLINE;
        loop {
            let now = received.load(Ordering::Acquire);
            if now.wrapping_sub(before) >= more {
                return;
            }
            let woken = futex::wait(received, now, Some(deadline)).expect("a wait");
            assert!(woken, "waited {DEADLINE:?} for messages; {} came", now.wrapping_sub(before));
        }
    }

    /// Checks what all producers sent against what all consumers received, of whom so many were
    /// killed; gives how many messages were sent, and how many of them are lost.
    pub(crate) fn audit(&self, killed_consumers: usize) -> (u64, usize) {
        let (mut all, mut lost) = (0, 0);
        for who in 0..self.sent.len() {
            let count = |of: &SharedSlice<u64>| usize::try_from(of.get(who)).expect("a count");
            let (begun, sent) = (count(&self.begun), count(&self.sent));
            let mut received = vec![0; begun];
            self.received.read(who * MOST, &mut received);
            let twice = received.iter().position(|&times| times > 1);
            assert_eq!(twice, None, "this message of producer {who} came twice");
            lost += received[..sent].iter().map(|&times| usize::from(times == 0)).sum::<usize>();
            all += self.sent.get(who);
        }
        let in_hands = killed_consumers * IN_HAND;
        assert!(lost <= in_hands, "{lost} messages lost, {killed_consumers} consumers killed");
        (all, lost)
    }
}

pub(crate) fn produce(who: u64, end: u64, to: Sender<Checked>, books: Books) {
    let place = usize::try_from(who).expect("a producer");
    let stop = &books.progress.atomics()[1];
    for number in 0..end {
        books.begun.set(place, number + 1);
        let message = checked(who, number, books.bulk);
        if stop.load(Ordering::Relaxed) != 0 || put(&to, message, &books).is_err() {
            books.begun.set(place, number);
            return;
        }
        books.sent.set(place, number + 1);
        if number % SEND_AT_A_TIME == SEND_AT_A_TIME - 1 {
            std::thread::sleep(REST);
        }
    }
}

/// Sends a message; where it is to overflow, without giving receivers time to make room in the ring.
fn put(to: &Sender<Checked>, message: Checked, books: &Books) -> Result<(), SendError<Checked>> {
    if books.bulk == 0 {
        return to.send(message);
    }
    to.try_send(message).or_else(|error| to.send(error.into_inner()))
}

pub(crate) fn consume(from: Receiver<Checked>, books: Books) {
    let mut next: HashMap<u64, u64> = HashMap::new();
    for (message, turn) in from.iter().zip(1..) {
        let message = message.expect("a message");
        let (who, number) = (message.0, message.1);
        let sent = checked(who, number, books.bulk);
        assert!(message == sent, "message {number} of {who} is torn");
        let least = next.entry(who).or_default();
        assert!(number >= *least, "message {number} of {who} came after {least} - 1");
        *least = number + 1;
        books.take_down(who, number);
        if turn % TAKE_AT_A_TIME == 0 {
            std::thread::sleep(REST);
        }
    }
}

/// Who of those at the channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Producer,
    Consumer,
}

/// A channel with producers and consumers.
pub(crate) struct Crossfire {
    ends: (Sender<Checked>, Receiver<Checked>),
    pub(crate) books: Books,
    producers: Vec<Child<()>>,
    consumers: Vec<Child<()>>,
    begun: u64,
    killed_consumers: usize,
}

impl Crossfire {
    /// As many of each; books for so many producers in all.
    pub(crate) fn new(each: usize, in_all: usize) -> Self {
        Self::with(each, Books::new(in_all), Builder::new().messages(BOUND))
    }

    /// The same at a channel whose messages overflow.
    pub(crate) fn overflowing(each: usize, in_all: usize) -> Self {
        let books = Books { bulk: BULK, ..Books::new(in_all) };
        Self::with(each, books, Builder::new().bytes(BULK_BOUND))
    }

    fn with(each: usize, books: Books, builder: Builder) -> Self {
        let ends = builder.build().expect("a channel");
        let (producers, consumers) = (Vec::new(), Vec::new());
        let mut all = Self { ends, books, producers, consumers, begun: 0, killed_consumers: 0 };
        for _ in 0..each {
            all.add(Role::Producer, "");
            all.add(Role::Consumer, "");
        }
        all
    }

    /// Starts one more, with a plan of faults, which only a build with kill points obeys; gives its
    /// place among those of its role.
    pub(crate) fn add(&mut self, role: Role, plan: &str) -> usize {
        let (to, from) = self.ends.clone();
        let books = self.books.clone();
        let fault = "PROCESSION_FAULT";
        match role {
            Role::Producer => {
                let who = self.begun;
                self.begun += 1;
                let plan = Process::new(produce, (who, MOST as u64, to, books)).env(fault, plan);
                self.producers.push(plan.daemon(true).start().expect("a producer"));
                self.producers.len() - 1
            }
            Role::Consumer => {
                let plan = Process::new(consume, (from, books)).env(fault, plan);
                self.consumers.push(plan.daemon(true).start().expect("a consumer"));
                self.consumers.len() - 1
            }
        }
    }

    /// Kills the one at this place, and waits for its end.
    pub(crate) fn kill(&mut self, role: Role, place: usize) {
        let all = if role == Role::Producer { &self.producers } else { &self.consumers };
        all[place].kill().expect("a signal");
        self.bury(role, place);
    }

    /// Waits for the end of the one at this place, who is being killed.
    pub(crate) fn bury(&mut self, role: Role, place: usize) {
        let all = if role == Role::Producer { &mut self.producers } else { &mut self.consumers };
        let error = join(all.swap_remove(place)).expect_err("killed");
        assert_eq!(error.signal(), Some(9), "{error}");
        self.killed_consumers += usize::from(role == Role::Consumer);
    }

    pub(crate) fn count(&self, role: Role) -> usize {
        if role == Role::Producer { self.producers.len() } else { self.consumers.len() }
    }

    /// Kills all at once. Who is left, and that is us, can still use the channel: empties it.
    pub(crate) fn kill_all(&mut self) {
        for child in self.producers.iter().chain(&self.consumers) {
            child.kill().expect("a signal");
        }
        for role in [Role::Producer, Role::Consumer] {
            while self.count(role) > 0 {
                self.bury(role, 0);
            }
        }
        let from = &self.ends.1;
        while let Some((who, number, bytes)) = from.try_recv().expect("we have a sender") {
            assert!(
                bytes == checked(who, number, self.books.bulk).2,
                "message {number} of {who} is torn"
            );
            self.books.take_down(who, number);
        }
        let probe = checked(self.begun, 0, self.books.bulk);
        self.ends.0.send_timeout(probe.clone(), DEADLINE).expect("an empty channel");
        assert!(from.recv_timeout(DEADLINE).expect("we have a sender") == Some(probe));
    }

    /// Has the producers stop and the consumers receive what is left, and checks the books; gives
    /// how many messages were sent, and how many are lost.
    pub(crate) fn finish(self) -> (u64, usize) {
        self.books.progress.atomics()[1].store(1, Ordering::Relaxed);
        drop(self.ends);
        for child in self.producers {
            join(child).expect("a producer stops");
        }
        for child in self.consumers {
            join(child).expect("a consumer ends with the channel");
        }
        self.books.audit(self.killed_consumers)
    }
}
