//! Four producers and four consumers; and a consumer that is too slow.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use super::link::Sample;
use super::place;
use benches::{Contestant, compare};
use procession::{Process, Receiver, Sender, bounded, channel};
use std::time::{Duration, Instant};

const EACH: u32 = 50_000;
const MANY: u32 = 4;

pub(crate) fn compare_all(rounds: usize) {
    let crowd = Contestant::new("procession, 4 producers with 4 consumers", 1, four_with_four);
    compare("64 B, a message of many to many", rounds, vec![crowd]);
    slow_consumer();
}

fn four_with_four() -> Duration {
    fn produce(to: Sender<Sample>, go: Receiver<()>) {
        go.recv().expect("a start");
        (0..u64::from(EACH)).for_each(|n| to.send(Sample::new(n)).expect("somebody listens"));
    }
    fn consume(from: Receiver<Sample>) -> u32 {
        let mut taken = 0;
        for sample in &from {
            sample.expect("a message").number();
            taken += 1;
        }
        taken
    }
    place::free();
    let (sender, receiver) = channel().expect("a channel");
    let (start, go) = channel().expect("a channel");
    let producers: Vec<_> = (0..MANY)
        .map(|_| Process::new(produce, (sender.clone(), go.clone())).start().expect("a child"))
        .collect();
    let consumers: Vec<_> = (0..MANY)
        .map(|_| Process::new(consume, (receiver.clone(),)).start().expect("a child"))
        .collect();
    drop((sender, receiver));
    let began = Instant::now();
    (0..MANY).for_each(|_| start.send(()).expect("they wait"));
    let taken: u32 = consumers.into_iter().map(|one| one.join().expect("a count")).sum();
    let took = began.elapsed();
    assert_eq!(taken, MANY * EACH, "lost or doubled");
    for producer in producers {
        producer.join().expect("it sent all");
    }
    took / taken
}

/// The producer is held back, and memory stays where it is.
fn slow_consumer() {
    fn take(from: Receiver<Sample>) {
        for _ in 0..200 {
            std::thread::sleep(Duration::from_millis(5));
            from.recv().expect("a message");
        }
    }
    place::free();
    let (sender, receiver) = bounded(1000).expect("a channel");
    let child = Process::new(take, (receiver,)).start().expect("a child");
    let before = resident();
    let (mut sent, mut most) = (0_u64, 0);
    while sender.send(Sample::new(sent)).is_ok() {
        sent += 1;
        most = most.max(sender.len());
    }
    println!(
        "\na consumer of 200 messages a second: {sent} sent till it left after a second, at most \
         {most} under way; the producer's memory grew by {} KiB",
        resident().saturating_sub(before)
    );
    child.join().expect("it took 200");
}

/// What this process has in memory, in KiB.
fn resident() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("proc");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("its memory");
    line.trim().trim_end_matches("kB").trim().parse().expect("KiB")
}
