//! Values of generated types cross as themselves, or are errors; never another value.
//!
//! This crate has tests only. `corpus` is made by `cargo xtask values write`.
//! `PROCESSION_VALUES_SEED` repeats a run, `PROCESSION_ROUNDS` lengthens it.

#![cfg(test)]

#[cfg(not(procession_values))]
#[rustfmt::skip]
#[allow(clippy::all, clippy::pedantic, unused, reason = "a program writes this file")]
mod corpus;
/// New types, in place of the checked-in ones.
#[cfg(procession_values)]
#[allow(clippy::all, clippy::pedantic, unused, reason = "a program writes this file")]
mod corpus {
    include!(env!("PROCESSION_VALUES_FILE"));
}
mod containers;
mod cross;
#[allow(
    dead_code,
    clippy::ptr_arg,
    reason = "a seed decides which helpers its types name, and how"
)]
mod helpers;
#[allow(dead_code, reason = "the same")]
mod oracle;
mod random;
#[allow(
    clippy::cast_lossless,
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    reason = "random bits become numbers of every type"
)]
mod sample;

use cross::{Count, VALUES};
use std::time::SystemTime;

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().and_then(|text| text.parse().ok())
}

/// The seed of this run, printed so that it can be repeated.
fn seed() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let seed = number("PROCESSION_VALUES_SEED").unwrap_or(now.as_secs() % 1_000_000_000);
    println!("PROCESSION_VALUES_SEED={seed}");
    seed
}

fn report(what: &str, count: &Count) {
    println!("{what}: {} values right", count.right);
    for (exception, times) in &count.excepted {
        println!("{what}: {times} times: {exception}");
    }
    for wrong in &count.wrong {
        println!("{what}: {wrong}");
    }
    assert!(count.wrong.is_empty(), "{what}: {} values wrong, listed above", count.wrong.len());
    assert!(count.right > 0);
}

#[test]
fn every_value_of_every_type_crosses_a_channel_as_itself_or_is_an_error() {
    let (seed, mut count) = (seed(), Count::default());
    for round in 0..number("PROCESSION_ROUNDS").unwrap_or(20) {
        for root in corpus::ROOTS {
            let seed = seed + round * VALUES;
            count.add(root.name, seed, (root.through_a_channel)(seed));
        }
    }
    report("channel", &count);
}

#[test]
fn values_cross_to_a_child_and_back_as_themselves_or_are_errors() {
    let (seed, mut count) = (seed(), Count::default());
    for round in 0..number("PROCESSION_ROUNDS").unwrap_or(4).min(40) {
        for root in corpus::ROOTS {
            if let Some(cross) = root.through_a_process {
                count.add(root.name, seed + round, cross(seed + round));
            }
        }
    }
    report("process", &count);
}
