//! A mebibyte one way; 64 MiB of numbers there and back.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use super::link::{Link, Socket};
use super::others;
use super::place::{Place, bind};
use benches::{Contestant, compare};
use procession::{Duplex, Fd, Process, SharedMemory, SharedSlice, Value, duplex};
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

const MEBIBYTE: usize = 1 << 20;
/// 64 MiB of numbers.
const NUMBERS: usize = 8 << 20;

pub(crate) fn compare_all(rounds: usize, place: Place, peers: bool) {
    let mut mebibyte = vec![socket_mebibyte(place), channel_mebibyte(place)];
    mebibyte.push(others::python("Pipe", "pipe-mebibyte", place));
    mebibyte.extend(others::peers(peers, "mebibyte", place));
    compare(&format!("1 MiB one way, every byte read, {}", place.name()), rounds, mebibyte);

    let mut numbers = vec![
        bare(place),
        bare_mapping(place),
        handed_over(place),
        in_place(place),
        in_place_kept(place),
        by_value(place),
        argument_and_value(place),
        socket_there_and_back(place),
    ];
    numbers.push(others::python("shared_memory, in place", "shared-in-place", place));
    numbers.extend(others::peers(peers, "numbers", place));
    compare(&format!("64 MiB of f64 there and back, {}", place.name()), rounds, numbers);
}

fn sum(bytes: &[u8]) -> u64 {
    let words = bytes.chunks_exact(8).map(|word| word.try_into().map_or(0, u64::from_le_bytes));
    words.fold(0, u64::wrapping_add)
}

const MEBIBYTES: u32 = 200;

fn socket_mebibyte(place: Place) -> Contestant<'static> {
    fn sink(mut socket: Socket, cpu: u16) {
        bind(cpu);
        socket.0.write_all(&[0]).expect("write");
        let mut bytes = vec![0; MEBIBYTE];
        for _ in 0..MEBIBYTES {
            socket.0.read_exact(&mut bytes).expect("read");
            std::hint::black_box(sum(&bytes));
        }
        socket.0.write_all(&[0]).expect("write");
    }
    Contestant::new("Unix socket pair", 1, move || {
        bind(place.here);
        let (mut here, there) = Socket::pair();
        let child = Process::new(sink, (there, place.there)).start().expect("a child");
        let (bytes, mut word) = (vec![7; MEBIBYTE], [0]);
        here.0.read_exact(&mut word).expect("read");
        let began = Instant::now();
        for _ in 0..MEBIBYTES {
            here.0.write_all(&bytes).expect("write");
        }
        here.0.read_exact(&mut word).expect("read");
        let took = began.elapsed();
        child.join().expect("all came");
        took / MEBIBYTES
    })
}

fn channel_mebibyte(place: Place) -> Contestant<'static> {
    fn sink(there: Duplex<Vec<u8>, Vec<u8>>, cpu: u16) {
        bind(cpu);
        there.sender.send(Vec::new()).expect("somebody listens");
        for _ in 0..MEBIBYTES {
            std::hint::black_box(sum(&there.receiver.recv().expect("a message")));
        }
        there.sender.send(Vec::new()).expect("somebody listens");
    }
    Contestant::new("procession channel, Vec<u8> by value", 1, move || {
        bind(place.here);
        let (here, there) = duplex::<Vec<u8>, Vec<u8>>().expect("a duplex");
        let child = Process::new(sink, (there, place.there)).start().expect("a child");
        here.receiver.recv().expect("it runs");
        let mut took = Duration::ZERO;
        let bytes = vec![7; MEBIBYTE];
        let began = Instant::now();
        for _ in 0..MEBIBYTES {
            // What a user sends by value is a value of its own; making it is not crossing.
            let making = Instant::now();
            let message = bytes.clone();
            took += making.elapsed();
            here.sender.send(message).expect("somebody listens");
        }
        here.receiver.recv().expect("the end");
        let took = began.elapsed().saturating_sub(took);
        child.join().expect("all came");
        took / MEBIBYTES
    })
}

/// The limit: one process, memory of its own.
fn bare(place: Place) -> Contestant<'static> {
    let mut numbers: Option<Vec<f64>> = None;
    Contestant::new("bare memory of one process, every element touched", 5, move || {
        bind(place.here);
        let numbers = numbers.get_or_insert_with(|| vec![1.0; NUMBERS]);
        let began = Instant::now();
        for number in &mut *numbers {
            *number *= -1.0;
        }
        std::hint::black_box(&numbers);
        began.elapsed()
    })
}

/// Starts a process that answers each value by `partner`, and times an answer.
fn answered<T: Value + Clone>(
    place: Place,
    partner: impl Fn(T) -> T + Copy + Send + 'static,
    value: &T,
) -> Duration {
    // `partner` has no size, so this captures nothing that would have to cross.
    let answer = move |there: Duplex<T, T>, cpu: u16| {
        bind(cpu);
        for value in &there.receiver {
            there.sender.send(partner(value.expect("a value"))).expect("somebody listens");
        }
    };
    bind(place.here);
    let (here, there) = duplex().expect("a duplex");
    let child = Process::new(answer, (there, place.there)).start().expect("a child");
    let once = || {
        let sent = value.clone();
        let began = Instant::now();
        here.sender.send(sent).expect("the child listens");
        drop(std::hint::black_box(here.receiver.recv().expect("an answer")));
        began.elapsed()
    };
    once();
    let mut all: Vec<_> = (0..5).map(|_| once()).collect();
    all.sort_unstable();
    drop(here);
    child.join().expect("it answered");
    all[all.len() / 2]
}

fn shared() -> SharedSlice<f64> {
    SharedSlice::of(&vec![1.0; NUMBERS]).expect("memory")
}

fn handed_over(place: Place) -> Contestant<'static> {
    Contestant::new("procession: SharedSlice handed over, one element changed", 1, move || {
        let one = |slice: SharedSlice<f64>| {
            slice.set(NUMBERS - 1, 2.0);
            slice
        };
        answered(place, one, &shared())
    })
}

fn in_place(place: Place) -> Contestant<'static> {
    Contestant::new("procession: SharedSlice, every element touched in place", 1, move || {
        let every = |slice: SharedSlice<f64>| {
            slice.for_each_chunk(0..slice.len(), |_, chunk| {
                for number in chunk {
                    *number *= -1.0;
                }
            });
            slice
        };
        answered(place, every, &shared())
    })
}

/// The same by the kernel alone: a file of memory, mapped where it arrives.
fn bare_mapping(place: Place) -> Contestant<'static> {
    Contestant::new("bare mapping handed over, every element touched", 1, move || {
        let memory = SharedMemory::new(8 * NUMBERS).expect("memory");
        memory.write(0, &vec![1; 8 * NUMBERS]);
        let every = |file: MemoryFile| {
            let touched = hostile::with_numbers(file.0.as_fd(), NUMBERS, |numbers| {
                for number in numbers {
                    *number *= -1.0;
                }
            });
            touched.expect("a mapping");
            file
        };
        let file = memory.as_fd().try_clone_to_owned().expect("a duplicate");
        answered(place, every, &MemoryFile(Fd(file)))
    })
}

#[derive(Serialize, Deserialize)]
struct MemoryFile(Fd<OwnedFd>);

impl Clone for MemoryFile {
    fn clone(&self) -> Self {
        Self(Fd(self.0.try_clone().expect("a duplicate")))
    }
}

/// The child has the slice before the time begins, and touches it at each word.
fn in_place_kept(place: Place) -> Contestant<'static> {
    fn work(there: Duplex<(), ()>, slice: SharedSlice<f64>, cpu: u16) {
        bind(cpu);
        for word in &there.receiver {
            word.expect("a word");
            slice.for_each_chunk(0..slice.len(), |_, chunk| {
                for number in chunk {
                    *number *= -1.0;
                }
            });
            there.sender.send(()).expect("somebody listens");
        }
    }
    Contestant::new("procession: SharedSlice kept, every element touched in place", 1, move || {
        bind(place.here);
        let (here, there) = duplex().expect("a duplex");
        let child = Process::new(work, (there, shared(), place.there)).start().expect("a child");
        let once = || {
            let began = Instant::now();
            here.sender.send(()).expect("the child listens");
            here.receiver.recv().expect("an answer");
            began.elapsed()
        };
        once();
        let mut all: Vec<_> = (0..5).map(|_| once()).collect();
        all.sort_unstable();
        drop(here);
        child.join().expect("it answered");
        all[all.len() / 2]
    })
}

fn by_value(place: Place) -> Contestant<'static> {
    Contestant::new("procession: Vec<f64> by value", 1, move || {
        answered(place, |numbers: Vec<f64>| numbers, &vec![1.0; NUMBERS])
    })
}

/// The same there and back, by a process for each vector: its argument, and its value.
fn argument_and_value(place: Place) -> Contestant<'static> {
    Contestant::new("procession: Vec<f64> as argument and value of a process", 1, move || {
        bind(place.here);
        let numbers = vec![1.0; NUMBERS];
        let once = || {
            let sent = numbers.clone();
            // A process that is ready, as a channel's other end is.
            std::thread::sleep(Duration::from_millis(5));
            let began = Instant::now();
            let echo = Process::new(|numbers: Vec<f64>| numbers, (sent,));
            let child = echo.affinity([place.there]).start().expect("a child");
            drop(std::hint::black_box(child.join().expect("the numbers")));
            began.elapsed()
        };
        once();
        let all: Vec<_> = (0..5).map(|_| once()).collect();
        benches::median(all)
    })
}

fn socket_there_and_back(place: Place) -> Contestant<'static> {
    fn echo(mut socket: Socket, cpu: u16) {
        bind(cpu);
        let mut bytes = vec![0; 8 * NUMBERS];
        while socket.0.read_exact(&mut bytes).is_ok() {
            socket.0.write_all(&bytes).expect("write");
        }
    }
    Contestant::new("Unix socket pair, bytes by value", 1, move || {
        bind(place.here);
        let (mut here, there) = Socket::pair();
        let child = Process::new(echo, (there, place.there)).start().expect("a child");
        let (sent, mut back) = (vec![7; 8 * NUMBERS], vec![0; 8 * NUMBERS]);
        let mut once = || {
            let began = Instant::now();
            here.0.write_all(&sent).expect("write");
            here.0.read_exact(&mut back).expect("read");
            began.elapsed()
        };
        once();
        let mut all: Vec<_> = (0..5).map(|_| once()).collect();
        all.sort_unstable();
        drop(here);
        child.join().expect("it answered");
        all[all.len() / 2]
    })
}
