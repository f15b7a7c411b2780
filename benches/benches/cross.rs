//! What crossing from one process to another costs: ours, the kernel's own, a bare ring, the peers'.
//!
//! `cargo bench -p benches --bench cross`. With `--quick`, one round. Every number is the median of
//! the rounds, in which the contestants take turns; each is measured with both sides on one
//! processor, then with a processor each.

#[path = "cross/bare.rs"]
mod bare;
#[path = "cross/peers.rs"]
mod peers;

use procession::{Duplex, Fd, Process, Receiver, Sender, SharedSlice, channel, duplex};
use procession_sys::inherit;
use std::fs::File;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

/// 64 bytes, in memory as in a message.
type Message = [f64; 8];

/// Where the two sides run: the numbers of two processors.
type Cpus = (u16, u16);

/// One contestant: measures so many messages, gives the time of one.
type Measure = fn(Cpus, u32) -> Duration;

fn main() {
    let rounds = if std::env::args().any(|argument| argument == "--quick") { 1 } else { 5 };
    table(
        "one way, 64 B",
        rounds,
        300_000,
        &[
            ("a bare ring", bare::one_way),
            ("procession", one_way),
            ("pipe", pipe_one_way),
            ("packet socket", bare::socket_one_way),
            ("ipc-channel", peers::ipc_channel_one_way),
        ],
    );
    table(
        "there and back, 64 B",
        rounds,
        20_000,
        &[
            ("a bare ring", bare::there_and_back),
            ("procession", there_and_back),
            ("pipe", pipe_there_and_back),
            ("ipc-channel", peers::ipc_channel_there_and_back),
        ],
    );
    table("four producers, four consumers, 64 B", rounds, 200_000, &[("procession", many)]);
    table(
        "one way, 1 MiB",
        rounds,
        100,
        &[
            ("stream socket", bare::stream_megabyte),
            ("procession, by value", megabyte_by_value),
            ("procession, in shared memory", megabyte_in_place),
        ],
    );
    table(
        "64 MiB of f64, changed by the other side",
        rounds,
        3,
        &[("one process alone", slice_alone), ("procession, in place", slice_in_place)],
    );
}

fn table(title: &str, rounds: usize, count: u32, contestants: &[(&str, Measure)]) {
    let mut taken = vec![[Vec::new(), Vec::new()]; contestants.len()];
    for _round in 0..rounds {
        for (times, (_, measure)) in taken.iter_mut().zip(contestants) {
            for (times, cpus) in times.iter_mut().zip([(0, 0), (0, 1)]) {
                bind(cpus.0);
                times.push(measure(cpus, count));
            }
        }
    }
    println!("\n### {title}\n\n| | one processor, µs | two processors, µs |\n|---|---:|---:|");
    for (times, (name, _)) in taken.iter_mut().zip(contestants) {
        let [one, two] = times.each_mut().map(|times| {
            times.sort_unstable();
            times[times.len() / 2].as_secs_f64() * 1e6
        });
        println!("| {name} | {one:.3} | {two:.3} |");
    }
}

fn bind(cpu: u16) {
    inherit::set_affinity(&[cpu]).expect("processors 0 and 1");
}

/// Time of one of `count` that began at `start`.
fn each(start: Instant, count: u32) -> Duration {
    start.elapsed() / count
}

fn one_way(cpus: Cpus, count: u32) -> Duration {
    let (sender, receiver) = channel::<Message>().expect("a channel");
    let produce = |cpu: u16, count: u32, to: Sender<Message>| {
        bind(cpu);
        (0..=count).for_each(|n| to.send([f64::from(n); 8]).expect("somebody listens"));
    };
    let child = Process::new(produce, (cpus.1, count, sender)).start().expect("a process");
    receiver.recv().expect("the first");
    let start = Instant::now();
    assert_eq!(receiver.iter().count(), count as usize);
    let each = each(start, count);
    child.join().expect("it sent");
    each
}

fn there_and_back(cpus: Cpus, count: u32) -> Duration {
    let echo = |cpu: u16, there: Duplex<Message, Message>| {
        bind(cpu);
        for message in &there.receiver {
            there.sender.send(message.expect("a message")).expect("somebody listens");
        }
    };
    let (here, there) = duplex().expect("a duplex");
    let child = Process::new(echo, (cpus.1, there)).start().expect("a process");
    let turn = |n: u32| {
        here.sender.send([f64::from(n); 8]).expect("the other side");
        assert_eq!(here.receiver.recv().expect("an answer"), [f64::from(n); 8]);
    };
    turn(0);
    let start = Instant::now();
    (0..count).for_each(turn);
    let each = each(start, count);
    drop(here);
    child.join().expect("it answered");
    each
}

fn many(cpus: Cpus, count: u32) -> Duration {
    let (sender, receiver) = channel::<Message>().expect("a channel");
    let (ready, is_ready) = channel::<()>().expect("a channel");
    let produce = |cpu: u16, count: u32, to: Sender<Message>, go: Receiver<()>| {
        bind(cpu);
        go.recv().expect("a start");
        (0..count).for_each(|n| to.send([f64::from(n); 8]).expect("somebody listens"));
    };
    let consume = |cpu: u16, from: Receiver<Message>| {
        bind(cpu);
        from.iter().count() as u64
    };
    let side = |n: usize| if n % 2 == 0 { cpus.0 } else { cpus.1 };
    let producers: Vec<_> = (0..4)
        .map(|n| {
            let ends = (side(n), count / 4, sender.clone(), is_ready.clone());
            Process::new(produce, ends).start().expect("a process")
        })
        .collect();
    let consumers: Vec<_> = (0..4)
        .map(|n| Process::new(consume, (side(n), receiver.clone())).start().expect("a process"))
        .collect();
    drop((sender, receiver));
    let start = Instant::now();
    (0..4).for_each(|_| ready.send(()).expect("producers"));
    producers.into_iter().for_each(|child| child.join().expect("it sent"));
    let taken: u64 = consumers.into_iter().map(|child| child.join().expect("a count")).sum();
    assert_eq!(taken, u64::from(count));
    each(start, count)
}

fn pipe_one_way(cpus: Cpus, count: u32) -> Duration {
    let (mut reader, writer) = std::io::pipe().expect("a pipe");
    let produce = |cpu: u16, count: u32, mut to: Fd<File>| {
        bind(cpu);
        (0..=count).for_each(|_| to.write_all(&[7; 64]).expect("somebody reads"));
    };
    let writer = Fd(File::from(std::os::fd::OwnedFd::from(writer)));
    let child = Process::new(produce, (cpus.1, count, writer)).start().expect("a process");
    let mut message = [0; 64];
    reader.read_exact(&mut message).expect("the first");
    let start = Instant::now();
    (0..count).for_each(|_| reader.read_exact(&mut message).expect("a message"));
    let each = each(start, count);
    child.join().expect("it sent");
    each
}

fn pipe_there_and_back(cpus: Cpus, count: u32) -> Duration {
    let file = |end: std::os::fd::OwnedFd| Fd(File::from(end));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    let (mut from_there, to_here) = std::io::pipe().expect("a pipe");
    let echo = |cpu: u16, mut from: Fd<File>, mut to: Fd<File>| {
        bind(cpu);
        let mut message = [0; 64];
        while from.read_exact(&mut message).is_ok() {
            to.write_all(&message).expect("somebody reads");
        }
    };
    let ends = (cpus.1, file(reader.into()), file(to_here.into()));
    let child = Process::new(echo, ends).start().expect("a process");
    let (mut to_there, mut message) = (writer, [0; 64]);
    let mut turn = |_| {
        to_there.write_all(&[7; 64]).expect("the other side");
        from_there.read_exact(&mut message).expect("an answer");
    };
    turn(0);
    let start = Instant::now();
    (0..count).for_each(&mut turn);
    let each = each(start, count);
    drop(to_there);
    child.join().expect("it answered");
    each
}

const MEGABYTE: usize = 1 << 20;

fn megabyte_by_value(cpus: Cpus, count: u32) -> Duration {
    let (sender, receiver) = channel::<Vec<f64>>().expect("a channel");
    let produce = |cpu: u16, count: u32, to: Sender<Vec<f64>>| {
        bind(cpu);
        let mut values = vec![1.5; MEGABYTE / 8];
        for _ in 0..=count {
            values = to.send(values).map(|()| vec![1.5; MEGABYTE / 8]).expect("somebody listens");
        }
    };
    let child = Process::new(produce, (cpus.1, count, sender)).start().expect("a process");
    receiver.recv().expect("the first");
    let start = Instant::now();
    assert_eq!(receiver.iter().count(), count as usize);
    let each = each(start, count);
    child.join().expect("it sent");
    each
}

/// The other side fills memory that is there already, this side reads it, in turns.
fn megabyte_in_place(cpus: Cpus, count: u32) -> Duration {
    let slice = SharedSlice::<f64>::new(MEGABYTE / 8).expect("memory");
    let (here, there) = duplex::<(), ()>().expect("a duplex");
    let fill = |cpu: u16, slice: SharedSlice<f64>, there: Duplex<(), ()>| {
        bind(cpu);
        let values = vec![1.5; MEGABYTE / 8];
        for _ in &there.receiver {
            slice.write(0, &values);
            there.sender.send(()).expect("somebody listens");
        }
    };
    let child = Process::new(fill, (cpus.1, slice.clone(), there)).start().expect("a process");
    let mut values = vec![0.0; MEGABYTE / 8];
    let mut turn = || {
        here.sender.send(()).expect("the other side");
        here.receiver.recv().expect("it is filled");
        slice.read(0, &mut values);
    };
    turn();
    let start = Instant::now();
    (0..count).for_each(|_| turn());
    let each = each(start, count);
    drop(here);
    child.join().expect("it filled");
    each
}

const MANY: usize = (64 << 20) / 8;

fn slice_alone(_cpus: Cpus, count: u32) -> Duration {
    let mut values = vec![1.0_f64; MANY];
    let start = Instant::now();
    for _ in 0..count {
        values.iter_mut().for_each(|value| *value = *value * 1.5 + 1.0);
        std::hint::black_box(&mut values);
    }
    each(start, count)
}

/// The slice is handed over once; then both sides take turns at it.
fn slice_in_place(cpus: Cpus, count: u32) -> Duration {
    let slice = SharedSlice::<f64>::new(MANY).expect("memory");
    let (here, there) = duplex::<(), ()>().expect("a duplex");
    let change = |cpu: u16, slice: SharedSlice<f64>, there: Duplex<(), ()>| {
        bind(cpu);
        for _ in &there.receiver {
            slice.for_each_chunk(0..slice.len(), |_, some| {
                some.iter_mut().for_each(|value| *value = *value * 1.5 + 1.0);
            });
            there.sender.send(()).expect("somebody listens");
        }
    };
    let child = Process::new(change, (cpus.1, slice, there)).start().expect("a process");
    let turn = || {
        here.sender.send(()).expect("the other side");
        here.receiver.recv().expect("it is changed");
    };
    turn();
    let start = Instant::now();
    (0..count).for_each(|_| turn());
    let each = each(start, count);
    drop(here);
    child.join().expect("it changed them");
    each
}

/// The slice goes there and comes back, nobody looks at it.
fn slice_handed_over(cpus: Cpus, count: u32) -> Duration {
    let (here, there) = duplex::<SharedSlice<f64>, SharedSlice<f64>>().expect("a duplex");
    type There = Duplex<SharedSlice<f64>, SharedSlice<f64>>;
    let pass = |cpu: u16, there: There| {
        bind(cpu);
        for slice in &there.receiver {
            there.sender.send(slice.expect("a slice")).expect("somebody listens");
        }
    };
    let child = Process::new(pass, (cpus.1, there)).start().expect("a process");
    let mut slice = SharedSlice::<f64>::of(&vec![1.0; MANY]).expect("memory");
    let mut turn = || {
        here.sender.send(slice.clone()).expect("the other side");
        slice = here.receiver.recv().expect("it comes back");
    };
    turn();
    let start = Instant::now();
    (0..count).for_each(|_| turn());
    let each = each(start, count);
    drop(here);
    child.join().expect("it passed them on");
    each
}
