//! Measuring: contestants take turns for several rounds, and the best median of each is printed
//! beside its yardstick's.
//!
//! In: closures that time themselves. Out: a table. What always holds: all numbers of a table come
//! from one run, in which the contestants took turns, so that a machine that slows down slows all.

use std::time::{Duration, Instant};

/// One thing to be measured.
pub struct Contestant<'a> {
    name: &'static str,
    repetitions: usize,
    once: Box<dyn FnMut() -> Duration + 'a>,
    medians: Vec<Duration>,
    least: Duration,
}

impl<'a> Contestant<'a> {
    /// `once` does it once and says how long it took; it is called `repetitions` times a round.
    pub fn new(
        name: &'static str,
        repetitions: usize,
        once: impl FnMut() -> Duration + 'a,
    ) -> Self {
        let least = Duration::MAX;
        Self { name, repetitions, once: Box::new(once), medians: Vec::new(), least }
    }

    /// As [`Contestant::new`], timing all of `once`.
    pub fn timed(name: &'static str, repetitions: usize, mut once: impl FnMut() + 'a) -> Self {
        Self::new(name, repetitions, move || {
            let start = Instant::now();
            once();
            start.elapsed()
        })
    }

    fn round(&mut self) {
        let times: Vec<Duration> = (0..self.repetitions).map(|_| (self.once)()).collect();
        self.least = times.iter().copied().fold(self.least, Duration::min);
        self.medians.push(median(times));
    }

    fn best(&self) -> Duration {
        self.medians.iter().min().copied().unwrap_or_default()
    }
}

/// The median of some times, of which there is at least one.
pub fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

/// Lets all take turns, prints the table and gives the best median of each. The first is the
/// yardstick.
pub fn compare(
    title: &str,
    rounds: usize,
    mut contestants: Vec<Contestant<'_>>,
) -> Vec<(&'static str, Duration)> {
    for _round in 0..rounds {
        for contestant in &mut contestants {
            contestant.round();
        }
    }
    println!("\n### {title}\n");
    println!("| | best median of {rounds} rounds, µs | least, µs | ratio to the first |");
    println!("|---|---:|---:|---:|");
    let yardstick = contestants.first().map_or(Duration::ZERO, Contestant::best);
    for contestant in &contestants {
        let ratio = contestant.best().as_secs_f64() / yardstick.as_secs_f64();
        let (best, least) = (micros(contestant.best()), micros(contestant.least));
        let digits = if best < 10.0 { 3 } else { 1 };
        println!("| {} | {best:.digits$} | {least:.digits$} | {ratio:.3} |", contestant.name);
    }
    contestants.iter().map(|contestant| (contestant.name, contestant.best())).collect()
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
