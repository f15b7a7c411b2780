//! Short messages of several types through a channel, sent and received by one process.
//!
//! What is measured is the way of a value into bytes, into the channel and back: no process waits
//! for another. Each row is the best of many rounds.

use super::place;
use procession::Value;
use serde::{Deserialize, Serialize};
use std::hint::black_box;
use std::time::Instant;

const ROUNDS: usize = 300;
const MESSAGES: u32 = 2_000;

#[derive(Clone, Serialize, Deserialize)]
struct Three {
    x: f64,
    y: f64,
    label: u32,
}

pub(crate) fn print() {
    place::bind(0);
    println!("\nsent and received by one process, nanoseconds a message:");
    measure("u64", &(7_u64 << 40));
    measure("[u64; 8]", &[0x0123_4567_89ab_u64; 8]);
    measure("Vec<u64> of 8", &vec![7_u64; 8]);
    measure("struct of 3 numbers", &Three { x: 1.5, y: 2.5, label: 7 });
    measure("text of 60 bytes", &"x".repeat(60));
    place::free();
}

fn measure<T: Value + Clone>(name: &str, value: &T) {
    let (sender, receiver) = procession::channel::<T>().expect("a channel");
    let round = || {
        let began = Instant::now();
        for _ in 0..MESSAGES {
            assert!(sender.send(value.clone()).is_ok());
            black_box(receiver.recv().expect("the message"));
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(MESSAGES)
    };
    let best = (0..ROUNDS).map(|_| round()).fold(f64::INFINITY, f64::min);
    println!("{name}: {best:.0}");
}
