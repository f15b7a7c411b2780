//! A million checks in one judge: whether it keeps up, and what a check costs.
//!
//! `cargo run -p procession-monitor --release --example million -- [checks]`
//!
//! Ten virtual minutes at a period of five: every check beats twice, one in a hundred dies.

use procession_monitor::judge::{CheckId, Config, Judge, Signal, Source, Spec, Time, Timing};
use std::time::{Duration, Instant};

fn main() {
    let count: u64 =
        std::env::args().nth(1).map_or(1_000_000, |text| text.parse().expect("a number"));
    let timing =
        Timing { period: 300_000, grace: 60_000, max_runtime: None, source: Source::Heartbeat };
    let before = resident();
    let mut judge = Judge::new(Config::default(), Time(0));
    for id in 0..count {
        let group = (id / 1_000).to_string();
        let spec = Spec { host: format!("host-{id}"), group, labels: [].into(), timing };
        judge.watch(CheckId(id), &spec);
        // Each has a phase of its own, as heartbeats do.
        judge.hear(CheckId(id), None, &Signal::Alive, Time(id % 300 * 1_000));
    }
    println!("{count} checks, {} bytes each", (resident() - before) / count);
    let (mut slowest, mut beats, mut down) = (Duration::ZERO, 0_u64, 0);
    let all = Instant::now();
    for second in 1..=600 {
        let begun = Instant::now();
        let now = Time(second * 1_000);
        for id in (second % 300..count).step_by(300).filter(|id| id % 100 != 0) {
            judge.hear(CheckId(id), None, &Signal::Alive, now);
            beats += 1;
        }
        judge.advance(now, now);
        down += judge.take().flips.iter().filter(|(_, flip)| flip.problem.is_some()).count();
        slowest = slowest.max(begun.elapsed());
    }
    println!(
        "600 virtual seconds in {:.1} s: {beats} beats, {down} judged silent, slowest second {} ms",
        all.elapsed().as_secs_f64(),
        slowest.as_millis()
    );
}

/// Resident memory in bytes.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/statm").expect("/proc");
    let pages: u64 = status.split(' ').nth(1).and_then(|word| word.parse().ok()).expect("statm");
    pages * 4_096
}
