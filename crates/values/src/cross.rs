//! Sends values through a channel and through a child process, and judges what arrives.

use crate::oracle::{Arrived, Oracle, Verdict};
use crate::random::Random;
use crate::sample::Sample;
use procession::{Process, Value, channel};
use std::collections::BTreeMap;

/// A type of the corpus, as the tests use it.
pub(crate) struct Root {
    pub(crate) name: &'static str,
    /// Sends values made from the seed.
    pub(crate) through_a_channel: fn(u64) -> Vec<Verdict>,
    pub(crate) through_a_process: Option<fn(u64) -> Vec<Verdict>>,
}

/// How many values of each type one seed makes.
pub(crate) const VALUES: u64 = 8;

fn judge<T: Sample>(sent: &T, twice: bool, arrived: Result<T, String>) -> Verdict {
    let mut oracle = Oracle::default();
    let mut expected = sent.arrived(&mut oracle);
    if twice {
        expected = expected.arrived(&mut oracle);
    }
    oracle.judge(match arrived {
        Err(text) => Arrived::Error(text),
        Ok(value) if value.same(&expected) => Arrived::Expected,
        Ok(value) if value.same(sent) => Arrived::Sent,
        Ok(_) => Arrived::Other,
    })
}

/// An error with its causes.
fn text(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

pub(crate) fn through_a_channel<T: Value + Sample + Send + 'static>(seed: u64) -> Vec<Verdict> {
    let (sender, receiver) = channel::<T>().expect("a channel");
    let mut verdicts = Vec::new();
    for number in 0..VALUES {
        let make = || T::sample(&mut Random::new(seed + number));
        let arrived = match sender.send(make()) {
            Ok(()) => receiver.recv().map_err(|error| text(&error)),
            Err(error) => Err(text(&error)),
        };
        verdicts.push(judge(&make(), false, arrived));
    }
    verdicts
}

pub(crate) fn through_a_process<T: Value + Sample + Send + 'static>(seed: u64) -> Vec<Verdict> {
    let make = || T::sample(&mut Random::new(seed));
    let child = Process::new(|value: T| value, (make(),)).start();
    let arrived = child.map_err(|error| text(&error));
    let arrived = arrived.and_then(|child| child.join().map_err(|error| text(&error)));
    vec![judge(&make(), true, arrived)]
}

/// What came of many values.
#[derive(Default)]
pub(crate) struct Count {
    pub(crate) right: u64,
    pub(crate) excepted: BTreeMap<&'static str, u64>,
    pub(crate) wrong: Vec<String>,
}

impl Count {
    pub(crate) fn add(&mut self, name: &str, seed: u64, verdicts: Vec<Verdict>) {
        for (number, verdict) in (0_u64..).zip(verdicts) {
            let seed = seed + number;
            match verdict {
                Verdict::Right => self.right += 1,
                Verdict::Excepted(reason) => *self.excepted.entry(reason).or_default() += 1,
                Verdict::Failed(text) => self.wrong.push(format!("{name}, seed {seed}: {text}")),
                Verdict::Other => self.wrong.push(format!("{name}, seed {seed}: ANOTHER VALUE")),
            }
        }
    }
}
