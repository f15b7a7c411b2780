//! Long vectors as arguments and values: their memory is used again, and never while another
//! process can have it.

use crate::long_vectors::{
    LONG, come_back_twice, exchange, files, join_quickly, leave_a_copy, replace_memory,
    start_with_streams, successors,
};
use crate::support::{self, DEADLINE, METHODS, alone, is_ready, join, rounds};
use procession::{Limits, Process};
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use procession_sys::{exit, life};
use std::os::fd::AsFd;
use std::time::{Duration, SystemTime};

#[test]
fn the_memory_of_a_long_vector_is_used_again_once_its_process_has_ended() {
    alone(|| {
        for method in METHODS {
            for seed in 0..8 {
                let plan = Process::new(successors, (vec![seed; LONG],)).start_method(method);
                let value = join(plan.start().expect("a child")).expect("a value");
                assert!(value == vec![seed + 1; LONG], "{method}");
                assert_eq!(files().len(), 1, "{method}: round {seed}");
            }
        }
    });
}

#[test]
fn vectors_of_many_lengths_come_back_whatever_the_memory_kept() {
    alone(|| {
        let lengths = [8_193, 100, 300_000, 8_192, 40_000, 3_000_000, 9_000, 300_000, 0];
        for (seed, length) in (0..).zip(lengths) {
            exchange(seed, length);
            // A value longer than its arguments, and one that is shorter.
            for other in [length * 2, length / 3] {
                let resize = |mut numbers: Vec<u64>| {
                    let length = numbers.pop().and_then(|length| usize::try_from(length).ok());
                    numbers.resize(length.expect("a length"), 7);
                    numbers
                };
                let mut numbers = vec![7; length];
                numbers.push(other as u64);
                let child = Process::new(resize, (numbers,)).start().expect("a child");
                assert!(join(child).expect("a value") == vec![7; other], "{length} to {other}");
            }
        }
    });
}

#[test]
fn memory_that_a_descendant_of_an_ended_process_has_is_not_used_again() {
    alone(|| {
        let plan = Process::new(leave_a_copy, (vec![41; LONG],));
        let (child, streams) = start_with_streams(plan);
        assert!(join(child).expect("a value") == vec![41; LONG]);
        let kept = files();
        assert_eq!(kept.len(), 1);
        (1..4).for_each(|seed| exchange(seed, LONG));
        let both = files();
        assert!(both.is_superset(&kept) && both.len() == 2, "{kept:?}, then {both:?}");
        assert_eq!(streams.finish(), "41\n", "what the descendant found");
        // The kept memory is free by now, and there is no need of more.
        (4..8).for_each(|seed| exchange(seed, LONG));
        assert_eq!(files(), both);
    });
}

#[test]
fn a_copy_that_a_function_makes_of_its_process_does_not_change_its_value() {
    alone(|| {
        let plan = Process::new(come_back_twice, (vec![41; LONG],));
        let (child, streams) = start_with_streams(plan);
        support::ready(&child, "the end of the original");
        assert_eq!(streams.finish(), "", "the copy has come back too, and ended");
        assert!(join(child).expect("a value") == vec![1; LONG]);
    });
}

#[test]
fn a_function_that_has_other_files_in_the_place_of_its_memory_gives_its_value() {
    let child = Process::new(replace_memory, (vec![41; LONG],)).start().expect("a child");
    assert!(join(child).expect("a value") == vec![42; LONG]);
}

/// Processes of this process and of a copy of it, at the same time. Whether all values came.
fn two_programs() -> bool {
    exchange(1, LONG);
    let inherited = files();
    assert_eq!(inherited.len(), 1);
    let proof = SingleThreaded::prove().expect("one thread");
    let Fork::Parent(copy) = fork(&proof).expect("a fork") else {
        (1_000..1_020).for_each(|seed| exchange(seed, LONG));
        // What it inherited, and one of its own.
        exit::now(i32::from(files().len() != 2));
    };
    (100..120).for_each(|seed| exchange(seed, LONG));
    let end = life::pidfd(copy).expect("it is not reaped");
    assert!(is_ready(&end, DEADLINE), "waited for the end of the copy");
    let status = life::reap(end.as_fd(), copy).expect("its status").status;
    status.success() && files() == inherited
}

#[test]
fn a_program_and_a_copy_of_it_never_use_the_same_memory() {
    let child = Process::new(two_programs, ()).start().expect("a child");
    assert!(join(child).expect("it ends"));
}

#[test]
fn processes_of_cloned_plans_read_the_same_arguments_whatever_the_others_return() {
    let plan = Process::new(successors, (vec![41; LONG],));
    for plan in [plan.clone(), plan.clone(), plan] {
        assert!(join(plan.start().expect("a child")).expect("a value") == vec![42; LONG]);
    }
}

#[test]
fn a_value_that_fits_the_memory_of_its_arguments_needs_no_new_file() {
    let limits = Limits::new().file_size(1000);
    let plan = Process::new(successors, (vec![41; LONG],)).limits(limits);
    assert!(join(plan.start().expect("a child")).expect("a value") == vec![42; LONG]);
}

#[test]
fn where_the_kernel_gives_no_proof_nothing_is_kept_and_everything_crosses() {
    alone(|| {
        hostile::forbid(&[hostile::lack_of("F_SETLEASE")]).expect("a filter");
        (0..4).for_each(|seed| exchange(seed, LONG));
        assert!(files().is_empty());
    });
}

/// A source of random moments and lengths: the splitmix64 generator.
struct Random(u64);

impl Random {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

/// As [`successors`], and a copy of the process lives a moment longer.
fn successors_beside_a_copy(numbers: Vec<u64>) -> Vec<u64> {
    let moment = Duration::from_micros(numbers[0] % 3_000);
    let proof = SingleThreaded::prove().expect("one thread");
    if let Fork::Child = fork(&proof).expect("a fork") {
        std::thread::sleep(moment);
        exit::now(0);
    }
    successors(numbers)
}

/// Processes one after the other, many of them killed; how many gave their value.
fn campaign(thread: u64, seed: u64, rounds: u64) -> u64 {
    let mut random = Random(seed ^ (thread << 32));
    let mut values = 0;
    for round in 0..rounds {
        let number = (thread << 32) + round;
        let length = [9_000, 50_000, 300_000][usize::try_from(round % 3).expect("one of three")];
        let numbers = vec![number; length];
        let expected = vec![number + 1; numbers.len()];
        let plan = match random.below(4) {
            0 => Process::new(successors_beside_a_copy, (numbers,)),
            _ => Process::new(successors, (numbers,)),
        };
        let child = plan.start().expect("a child");
        let kill = random.below(3) > 0;
        if kill {
            std::thread::sleep(Duration::from_micros(random.below(4_000)));
            child.kill().expect("a signal");
        }
        match join_quickly(child) {
            Ok(value) => {
                assert!(value == expected, "seed {seed}, thread {thread}, round {round}");
                values += 1;
            }
            Err(error) => {
                assert!(kill && error.signal() == Some(9), "seed {seed}: {error}");
            }
        }
    }
    values
}

#[test]
fn no_value_is_mixed_with_an_earlier_one_whoever_is_killed() {
    alone(|| {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let (seed, rounds) = (u64::from(now.subsec_nanos()), rounds(100));
        let threads: Vec<_> = (0..3)
            .map(|thread| std::thread::spawn(move || campaign(thread, seed, rounds)))
            .collect();
        let values: u64 = threads.into_iter().map(|thread| thread.join().expect("a thread")).sum();
        println!("seed {seed}: {values} values of {} processes", 3 * rounds);
        assert!(values > 0 && files().len() <= 8, "{} files", files().len());
    });
}
