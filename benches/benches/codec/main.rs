//! What writing and reading a value costs, beside postcard in the same run.
//!
//! Each row is the best of several rounds, in nanoseconds a message: `encode` into memory that is there,
//! `decode` with what dropping the value takes.

// The codec itself: what a channel does around it is in the bench `cross`.
#[allow(dead_code, unused_imports, reason = "the bench needs its two functions only")]
#[path = "../../../crates/procession/src/codec/mod.rs"]
mod codec;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// How often a row is measured; the best round counts.
const ROUNDS: usize = 30;
/// How long a round takes.
const ROUND: Duration = Duration::from_millis(3);

#[derive(Serialize, Deserialize)]
struct Eight {
    identity: u64,
    count: u32,
    name: String,
    price: f64,
    active: bool,
    kind: u8,
    parent: Option<u64>,
    delta: i32,
}

#[derive(Serialize, Deserialize)]
struct Three {
    x: f64,
    y: f64,
    label: u32,
}

#[derive(Serialize, Deserialize)]
enum Order {
    Stop,
    Move { x: i32, y: i32 },
    Say(String),
}

#[derive(Serialize, Deserialize)]
struct Node {
    value: u32,
    next: Option<Box<Node>>,
}

#[derive(Serialize, Deserialize)]
struct Blob {
    name: u32,
    bytes: Vec<u8>,
}

#[derive(Serialize, Deserialize)]
struct Signal {
    rate: u32,
    samples: Vec<f64>,
}

fn eight(number: u32) -> Eight {
    Eight {
        identity: u64::from(number) << 32,
        count: number,
        name: "a short name".into(),
        price: 9.5,
        active: true,
        kind: 3,
        parent: Some(7),
        delta: -1,
    }
}

/// The time that `work` takes, in nanoseconds.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut best = f64::INFINITY;
    let mut times = 1_u32;
    for _ in 0..ROUNDS {
        loop {
            let begin = Instant::now();
            (0..times).for_each(|_| work());
            let taken = begin.elapsed();
            if taken >= ROUND / 2 || times > 1 << 28 {
                best = best.min(taken.as_secs_f64() * 1e9 / f64::from(times));
                break;
            }
            times *= 2;
        }
    }
    best
}

fn row<T: Serialize + DeserializeOwned>(name: &str, value: &T) {
    let mut out = Vec::with_capacity(1 << 20);
    let ours = measure(|| {
        out.clear();
        codec::write(&mut out, black_box(value)).expect("a message");
        black_box(&out);
    });
    let message = out.clone();
    let read = measure(|| {
        black_box(codec::read::<T>(black_box(&message), false).expect("the value"));
    });
    let mut other = Vec::with_capacity(1 << 20);
    let theirs = measure(|| {
        other.clear();
        let growing = Growing(&mut other);
        postcard::serialize_with_flavor(black_box(value), growing).expect("a message");
        black_box(&other);
    });
    let their_read = measure(|| {
        black_box(postcard::from_bytes::<T>(black_box(&other)).expect("the value"));
    });
    println!(
        "| {name} | {ours:.1} | {theirs:.1} | {:.2} | {read:.1} | {their_read:.1} | {:.2} | {} | {} |",
        ours / theirs,
        read / their_read,
        message.len(),
        other.len()
    );
}

/// Memory that postcard writes into by pieces; its own goes byte by byte.
struct Growing<'a>(&'a mut Vec<u8>);

impl postcard::ser_flavors::Flavor for Growing<'_> {
    type Output = ();

    #[inline]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        self.0.push(byte);
        Ok(())
    }

    #[inline]
    fn try_extend(&mut self, bytes: &[u8]) -> postcard::Result<()> {
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    fn finalize(self) -> postcard::Result<()> {
        Ok(())
    }
}

fn main() {
    println!(
        "| value | encode | postcard | ratio | decode | postcard | ratio | bytes | postcard |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    row("u64", &0x0123_4567_89ab_u64);
    row("[u64; 8]", &[0x0123_4567_89ab_u64; 8]);
    row("(u32, String)", &(7_u32, "a short text".to_owned()));
    row("struct of 3 numbers", &Three { x: 1.5, y: 2.5, label: 7 });
    row("struct of 8 fields", &eight(1));
    row("1000 of these", &(0..1000).map(eight).collect::<Vec<_>>());
    row("unit variant", &Order::Stop);
    row("struct variant", &Order::Move { x: 1, y: -2 });
    row("newtype variant", &Order::Say("hello".into()));
    row("String of 1 KiB", &"x".repeat(1024));
    row("1000 Option<u32>", &(0..1000).map(|n| (n % 3 > 0).then_some(n << 12)).collect::<Vec<_>>());
    let map: BTreeMap<String, u64> = (0..100_u64).map(|n| (format!("key {n}"), n << 20)).collect();
    row("map of 100", &map);
    let deep = (0..20).fold(None, |next, value| Some(Box::new(Node { value, next })));
    row("20 structs deep", &deep);
    row("struct with Vec<u8> of 4 KiB", &Blob { name: 7, bytes: vec![7; 4096] });
    row("struct with Vec<f64> of 4 KiB", &Signal { rate: 7, samples: vec![0.25; 512] });
    row("Vec<String> of 100", &vec!["a short text".to_owned(); 100]);
}
