//! Yardsticks: what the kernel and the processor give without a library.

use crate::{Cpus, bind, each};
use procession::{Fd, Process, SharedMemory};
use procession_sys::futex;
use std::io::{Read, Write};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// A ring for one producer and one consumer, which spins a little and then sleeps: no death, no
/// second producer, no type, no message of another length.
struct Ring {
    memory: SharedMemory,
}

const SLOTS: u32 = 2048;
const WORDS: usize = 8;
const TAIL: usize = 0;
const HEAD: usize = 32;
const RECORDS: usize = 32;
const LOOKS: u32 = 400;

impl Ring {
    fn memory() -> SharedMemory {
        SharedMemory::new((RECORDS + SLOTS as usize * WORDS) * 8).expect("memory")
    }

    /// A cursor and its flag "the other side sleeps".
    fn cursor(&self, which: usize) -> (&AtomicU32, &AtomicU32) {
        (&self.memory.half_words()[which], &self.memory.half_words()[which + 1])
    }

    fn slot(&self, at: u32) -> &[AtomicU64] {
        &self.memory.words()[RECORDS + (at % SLOTS) as usize * WORDS..][..WORDS]
    }

    /// Waits until a cursor is not `seen` any more.
    fn wait(&self, which: usize, seen: u32, spin: bool) {
        let (cursor, sleeps) = self.cursor(which);
        for _ in 0..if spin { LOOKS } else { 1 } {
            if cursor.load(Ordering::Acquire) != seen {
                return;
            }
            std::hint::spin_loop();
        }
        sleeps.store(1, Ordering::SeqCst);
        while cursor.load(Ordering::SeqCst) == seen {
            futex::wait(cursor, seen, None).expect("a sleep");
        }
        sleeps.store(0, Ordering::SeqCst);
    }

    fn advance(&self, which: usize, to: u32) {
        let (cursor, sleeps) = self.cursor(which);
        cursor.store(to, Ordering::SeqCst);
        if sleeps.load(Ordering::SeqCst) != 0 {
            futex::wake(cursor, 1);
        }
    }

    fn send(&self, at: u32, value: u64, spin: bool) {
        let full = at.wrapping_sub(SLOTS);
        self.wait(HEAD, full, spin);
        self.slot(at).iter().for_each(|word| word.store(value, Ordering::Relaxed));
        self.advance(TAIL, at.wrapping_add(1));
    }

    fn receive(&self, at: u32, spin: bool) -> u64 {
        self.wait(TAIL, at, spin);
        let sum = self.slot(at).iter().fold(0, |sum, word| sum ^ word.load(Ordering::Relaxed));
        self.advance(HEAD, at.wrapping_add(1));
        sum
    }
}

pub(crate) fn one_way(cpus: Cpus, count: u32) -> Duration {
    let memory = Ring::memory();
    let spin = cpus.0 != cpus.1;
    let produce = |cpu: u16, count: u32, memory: SharedMemory, spin: bool| {
        bind(cpu);
        let ring = Ring { memory };
        (0..=count).for_each(|n| ring.send(n, u64::from(n), spin));
    };
    let child = Process::new(produce, (cpus.1, count, memory.clone(), spin)).start();
    let ring = Ring { memory };
    ring.receive(0, spin);
    let start = Instant::now();
    (1..=count).for_each(|n| {
        std::hint::black_box(ring.receive(n, spin));
    });
    let each = each(start, count);
    child.expect("a process").join().expect("it sent");
    each
}

pub(crate) fn there_and_back(cpus: Cpus, count: u32) -> Duration {
    let (there, back) = (Ring::memory(), Ring::memory());
    let spin = cpus.0 != cpus.1;
    let echo = |cpu: u16, count: u32, there: SharedMemory, back: SharedMemory, spin: bool| {
        bind(cpu);
        let (there, back) = (Ring { memory: there }, Ring { memory: back });
        (0..=count).for_each(|n| back.send(n, there.receive(n, spin), spin));
    };
    let ends = (cpus.1, count, there.clone(), back.clone(), spin);
    let child = Process::new(echo, ends).start().expect("a process");
    let (there, back) = (Ring { memory: there }, Ring { memory: back });
    let turn = |n: u32| {
        there.send(n, u64::from(n), spin);
        std::hint::black_box(back.receive(n, spin));
    };
    turn(0);
    let start = Instant::now();
    (1..=count).for_each(turn);
    let each = each(start, count);
    child.join().expect("it answered");
    each
}

pub(crate) fn socket_one_way(cpus: Cpus, count: u32) -> Duration {
    let (here, there) = UnixDatagram::pair().expect("a pair");
    let produce = |cpu: u16, count: u32, to: Fd<UnixDatagram>| {
        bind(cpu);
        (0..=count).for_each(|_| assert_eq!(to.send(&[7; 64]).expect("somebody reads"), 64));
    };
    let child = Process::new(produce, (cpus.1, count, Fd(there))).start().expect("a process");
    let mut message = [0; 64];
    here.recv(&mut message).expect("the first");
    let start = Instant::now();
    (0..count).for_each(|_| assert_eq!(here.recv(&mut message).expect("a message"), 64));
    let each = each(start, count);
    child.join().expect("it sent");
    each
}

pub(crate) fn stream_megabyte(cpus: Cpus, count: u32) -> Duration {
    let (mut here, there) = UnixStream::pair().expect("a pair");
    let produce = |cpu: u16, count: u32, mut to: Fd<UnixStream>| {
        bind(cpu);
        let bytes = vec![7; crate::MEGABYTE];
        (0..=count).for_each(|_| to.write_all(&bytes).expect("somebody reads"));
    };
    let child = Process::new(produce, (cpus.1, count, Fd(there))).start().expect("a process");
    let mut bytes = vec![0; crate::MEGABYTE];
    here.read_exact(&mut bytes).expect("the first");
    let start = Instant::now();
    (0..count).for_each(|_| here.read_exact(&mut bytes).expect("a message"));
    let each = each(start, count);
    child.join().expect("it sent");
    each
}
