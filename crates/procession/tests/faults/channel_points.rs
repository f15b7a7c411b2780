//! A producer or a consumer dies between two steps of sending, receiving or waiting, at each of
//! them: the others go on, and the books agree.

use crate::crossfire::{Crossfire, Role};
use crate::support::{alone, rounds};

/// The points that a producer passes with each message, and those that it passes with a long one,
/// while somebody sleeps, and when it finds no room.
const SENDING: [&str; 13] = [
    "lock.announced",
    "loan.written",
    "send.locked",
    "send.annexed",
    "send.written",
    "send.rung",
    "send.unpublished",
    "send.published",
    "unlock.emptied",
    "room.begun",
    "room.locked",
    "room.armed",
    "room.silenced",
];
/// The same of a consumer, when it finds no message in place of no room.
const RECEIVING: [&str; 13] = [
    "lock.announced",
    "take.locked",
    "take.copied",
    "take.unpacked",
    "take.rung",
    "take.unpublished",
    "take.published",
    "loan.borrowed",
    "unlock.emptied",
    "arm.begun",
    "arm.locked",
    "arm.armed",
    "arm.silenced",
];

/// The points that a producer passes with a message for the overflow, and with one that follows it in
/// the ring.
const OVERFLOWING: [&str; 6] = [
    "overflow.written",
    "overflow.noted",
    "overflow.ended",
    "send.written",
    "send.unpublished",
    "send.published",
];
/// The points that a consumer passes with a message from the overflow.
const FROM_OVERFLOW: [&str; 5] =
    ["overflow.read", "overflow.given-back", "take.copied", "take.unpublished", "take.published"];

/// Each victim dies when it has come to its point so many times.
const TIMES: [u64; 3] = [1, 2, 9];

/// Every point of a role, each so many times, one victim after the other on the same channel.
fn one_dies_at_each_point(role: Role, points: &[&str], new: impl Fn(usize, usize) -> Crossfire) {
    let rounds = rounds(1);
    let victims = points.len() * TIMES.len() * usize::try_from(rounds).expect("rounds");
    let mut all = new(3, victims + 3);
    for round in 0..rounds {
        for point in points {
            for time in TIMES {
                let plan = format!("{point}=die@{}", time + round % 7);
                let victim = all.add(role, &plan);
                all.bury(role, victim);
                all.books.wait_for_progress(10);
            }
        }
    }
    let (sent, lost) = all.finish();
    println!("{role:?}: {victims} died, {sent} messages sent, {lost} lost in their hands");
}

#[test]
fn a_producer_that_dies_at_any_point_neither_stops_nor_confuses_the_others() {
    alone(|| one_dies_at_each_point(Role::Producer, &SENDING, Crossfire::new));
}

#[test]
fn a_consumer_that_dies_at_any_point_neither_stops_nor_confuses_the_others() {
    alone(|| one_dies_at_each_point(Role::Consumer, &RECEIVING, Crossfire::new));
}

#[test]
fn a_producer_that_dies_while_messages_overflow_neither_stops_nor_confuses_the_others() {
    alone(|| one_dies_at_each_point(Role::Producer, &OVERFLOWING, Crossfire::overflowing));
}

#[test]
fn a_consumer_that_dies_while_messages_overflow_neither_stops_nor_confuses_the_others() {
    alone(|| one_dies_at_each_point(Role::Consumer, &FROM_OVERFLOW, Crossfire::overflowing));
}
