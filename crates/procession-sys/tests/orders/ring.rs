//! The steps of `channel/README.md`, for a channel of one message.

use crate::lock::Lock;
use crate::{Change, Watched, change, explore, must_notice};
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::sync::{Condvar, Mutex};
use loom::thread;
use std::sync::Arc;

/// A pipe: the kernel's lock orders those who ring, silence and sleep.
#[derive(Default)]
struct Bell {
    rung: Mutex<bool>,
    woken: Condvar,
}

impl Bell {
    fn ring(&self) {
        *self.rung.lock().expect("the bell") = true;
        self.woken.notify_all();
    }

    fn silence(&self) {
        *self.rung.lock().expect("the bell") = false;
    }

    fn sleep(&self) {
        let mut rung = self.rung.lock().expect("the bell");
        while !*rung {
            rung = self.woken.wait(rung).expect("the bell");
        }
    }
}

/// One side's words.
struct Side {
    lock: Lock,
    armed: AtomicU32,
    /// What was last seen of the other side's cursor.
    seen: AtomicU64,
}

impl Side {
    fn new(armed: u32, change: Change) -> Self {
        let (lock, armed) = (Lock::new(change), AtomicU32::new(armed));
        Self { lock, armed, seen: AtomicU64::new(0) }
    }
}

struct Channel {
    record: Watched,
    tail: AtomicU64,
    head: AtomicU64,
    sending: Side,
    receiving: Side,
    messages: Bell,
    room: Bell,
    change: Change,
}

impl Channel {
    fn new(change: Change) -> Self {
        Self {
            record: Watched::new(),
            tail: AtomicU64::new(0),
            head: AtomicU64::new(0),
            sending: Side::new(1, change),
            receiving: Side::new(0, change),
            messages: Bell::default(),
            room: Bell::default(),
            change,
        }
    }

    fn releasing(&self, relaxed: Change) -> Ordering {
        if self.change == relaxed { Ordering::Relaxed } else { Ordering::Release }
    }

    fn send(&self, me: u32, message: u32) {
        while let Err(full) = self.sending.lock.with(me, || self.attempt(message)) {
            let armed = self.receiving.lock.with(me, || {
                if self.head.load(Ordering::Acquire) != full && self.change != Change::WaitBlindly {
                    return false;
                }
                self.receiving.armed.store(1, Ordering::Relaxed);
                self.room.silence();
                true
            });
            if armed {
                self.room.sleep();
            }
        }
    }

    /// S2 to S6; how far the receivers had come where there is no room.
    fn attempt(&self, message: u32) -> Result<(), u64> {
        let tail = self.tail.load(Ordering::Acquire);
        if tail != self.sending.seen.load(Ordering::Relaxed) {
            let head = self.head.load(Ordering::Acquire);
            self.sending.seen.store(head, Ordering::Relaxed);
            if tail != head {
                return Err(head);
            }
        }
        self.record.write(message);
        if self.sending.armed.load(Ordering::Relaxed) != 0 && self.change != Change::NoRing {
            self.messages.ring();
            self.sending.armed.store(0, Ordering::Relaxed);
        }
        self.tail.store(tail + 1, self.releasing(Change::TailRelaxed));
        Ok(())
    }

    fn receive(&self, me: u32) -> u32 {
        loop {
            if let Some(message) = self.receiving.lock.with(me, || self.take()) {
                return message;
            }
            let armed = self.sending.lock.with(me, || {
                let tail = self.tail.load(Ordering::Acquire);
                if self.head.load(Ordering::Acquire) != tail && self.change != Change::ArmBlindly {
                    return false;
                }
                self.sending.armed.store(1, Ordering::Relaxed);
                self.messages.silence();
                true
            });
            if armed {
                self.messages.sleep();
            }
        }
    }

    /// R2 to R6.
    fn take(&self) -> Option<u32> {
        let head = self.head.load(Ordering::Acquire);
        if self.receiving.seen.load(Ordering::Relaxed) != head + 1 {
            let tail = self.tail.load(Ordering::Acquire);
            self.receiving.seen.store(tail, Ordering::Relaxed);
            if tail == head {
                return None;
            }
        }
        let message = self.record.read();
        if self.receiving.armed.load(Ordering::Relaxed) != 0 {
            self.room.ring();
            self.receiving.armed.store(0, Ordering::Relaxed);
        }
        self.head.store(head + 1, self.releasing(Change::HeadRelaxed));
        Some(message)
    }
}

/// One sends two messages, one receives them.
fn one_to_one(change: Change) {
    let channel = Arc::new(Channel::new(change));
    let there = Arc::clone(&channel);
    let sender = thread::spawn(move || (1..=2).for_each(|message| there.send(1, message)));
    assert_eq!((channel.receive(2), channel.receive(2)), (1, 2));
    sender.join().expect("the sender");
}

/// Two send one message each, one receives both.
fn two_to_one(change: Change) {
    let channel = Arc::new(Channel::new(change));
    let senders = [1, 2].map(|me| {
        let there = Arc::clone(&channel);
        thread::spawn(move || there.send(me, me))
    });
    assert_eq!(channel.receive(3) + channel.receive(3), 3);
    for sender in senders {
        sender.join().expect("a sender");
    }
}

/// One sends two messages, two receive one each.
fn one_to_two(change: Change) {
    let channel = Arc::new(Channel::new(change));
    let receivers = [1, 2].map(|me| {
        let there = Arc::clone(&channel);
        thread::spawn(move || there.receive(me))
    });
    (1..=2).for_each(|message| channel.send(3, message));
    let [one, other] = receivers.map(|receiver| receiver.join().expect("a receiver"));
    assert_eq!(one + other, 3);
}

#[test]
fn messages_arrive_written_and_in_order_and_nobody_sleeps_beside_one() {
    explore(3, || one_to_one(change()));
}

#[test]
fn two_senders_never_meet_in_a_record() {
    explore(2, || two_to_one(change()));
}

#[test]
fn two_receivers_never_take_the_same_message() {
    explore(2, || one_to_two(change()));
}

#[test]
fn every_order_and_every_look_is_needed() {
    let test = "ring::messages_arrive_written_and_in_order_and_nobody_sleeps_beside_one";
    use Change::{ArmBlindly, HeadRelaxed, LockRelaxed, NoRing, TailRelaxed, WaitBlindly};
    for change in [LockRelaxed, TailRelaxed, HeadRelaxed, NoRing, ArmBlindly, WaitBlindly] {
        must_notice(test, change);
    }
}
