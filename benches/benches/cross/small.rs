//! Messages of 64 bytes: one way, and there and back.

use super::link::{Channel, Link, Pipe, Socket};
use super::others;
use super::place::{Place, bind};
use super::ring::Ring;
use benches::{Contestant, compare};
use procession::Process;
use std::time::{Duration, Instant};

pub(crate) fn compare_all(rounds: usize, place: Place, peers: bool) {
    let mut one_way = vec![
        one_way_of::<Ring<false>>("bare ring, spinning", place, 400_000),
        one_way_of::<Ring<true>>("bare futex ring", place, 200_000),
        one_way_of::<Channel>("procession channel", place, 200_000),
        one_way_of::<Pipe>("pipe", place, 50_000),
        one_way_of::<Socket>("Unix socket pair", place, 50_000),
    ];
    if place == Place::ONE {
        // Spinning for somebody who needs this very processor measures the scheduler.
        one_way.remove(0);
    }
    one_way.push(others::python("Queue", "queue-one-way", place));
    one_way.push(others::python("Pipe", "pipe-one-way", place));
    one_way.extend(others::peers(peers, "one-way", place));
    compare(&format!("64 B one way, {}", place.name()), rounds, one_way);

    let mut ping_pong = vec![
        ping_pong_of::<Ring<false>>("bare ring, spinning", place, 50_000),
        ping_pong_of::<Ring<true>>("bare futex ring", place, 5_000),
        ping_pong_of::<Channel>("procession channel", place, 20_000),
        ping_pong_of::<Pipe>("pipe", place, 5_000),
        ping_pong_of::<Socket>("Unix socket pair", place, 5_000),
    ];
    if place == Place::ONE {
        ping_pong.remove(0);
    }
    ping_pong.push(others::python("Queue", "queue-ping-pong", place));
    ping_pong.push(others::python("Pipe", "pipe-ping-pong", place));
    ping_pong.extend(others::peers(peers, "ping-pong", place));
    compare(&format!("64 B there and back, {}", place.name()), rounds, ping_pong);
}

fn one_way_of<L: Link>(name: &'static str, place: Place, count: u32) -> Contestant<'static> {
    fn sink<L: Link>(mut link: L, cpu: u16, count: u32) {
        bind(cpu);
        link.send(0);
        for n in 0..u64::from(count) {
            assert_eq!(link.receive(), n, "lost or doubled");
        }
        link.send(1);
    }
    Contestant::new(name, 1, move || {
        bind(place.here);
        let (mut here, there) = L::pair();
        let child = Process::new(sink::<L>, (there, place.there, count)).start().expect("a child");
        here.receive();
        let began = Instant::now();
        for n in 0..u64::from(count) {
            here.send(n);
        }
        here.receive();
        let took = began.elapsed();
        child.join().expect("all came");
        took / count
    })
}

fn ping_pong_of<L: Link>(name: &'static str, place: Place, count: u32) -> Contestant<'static> {
    fn echo<L: Link>(mut link: L, cpu: u16, count: u32) {
        bind(cpu);
        for _ in 0..count {
            let number = link.receive();
            link.send(number);
        }
    }
    Contestant::new(name, 1, move || -> Duration {
        bind(place.here);
        let (mut here, there) = L::pair();
        let total = count + count / 10;
        let child = Process::new(echo::<L>, (there, place.there, total)).start().expect("a child");
        let mut began = Instant::now();
        for n in 0..u64::from(total) {
            if n == u64::from(total - count) {
                began = Instant::now();
            }
            here.send(n);
            assert_eq!(here.receive(), n, "lost or doubled");
        }
        let took = began.elapsed();
        child.join().expect("all came");
        took / count
    })
}
