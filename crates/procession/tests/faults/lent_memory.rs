//! Memory of long vectors: each defence taken away once, and a process killed at each step.

use crate::channel_controls::{child, only_with, while_stopped};
use crate::long_vectors::{
    LONG, come_back_twice, exchange, leave_a_copy, replace_memory, start_with_streams, successors,
};
use crate::support::{is_ready, join, ready};
use procession::Process;
use procession_sys::fork::{Fork, fork};
use procession_sys::life;
use procession_sys::signal::SIGCONT;
use procession_sys::thread::SingleThreaded;
use rustix::fs::{Mode, OFlags};
use std::os::fd::AsFd;

#[test]
fn without_the_proof_memory_that_a_descendant_has_is_written_over() {
    fn leave_one_behind() -> bool {
        let plan = Process::new(leave_a_copy, (vec![41; LONG],));
        let (child, streams) = start_with_streams(plan);
        assert!(child.join().expect("a value") == vec![41; LONG]);
        exchange(1, LONG);
        streams.finish() == "41\n"
    }
    only_with("reuse-proof", |without| {
        join(child(without, "", leave_one_behind, ())).expect("it looked")
    });
}

/// A copy of this process comes to have proved memory free, and stops; this process has its
/// arguments written, the copy goes on. Whether the arguments are as they were written.
fn lend_beside_a_copy() -> bool {
    exchange(1, LONG);
    let proof = SingleThreaded::prove().expect("one thread");
    let Fork::Parent(copy) = fork(&proof).expect("a fork") else {
        hostile::set_variable("PROCESSION_FAULT", "lend.proved=stop");
        drop(Process::new(successors, (vec![200; LONG],)));
        procession_sys::exit::now(0);
    };
    let end = life::pidfd(copy).expect("it is not reaped");
    let stat = format!("/proc/{}/stat", copy.as_raw());
    while !std::fs::read_to_string(&stat).expect("it lives").contains(") T ") {
        std::thread::yield_now();
    }
    let plan = Process::new(successors, (vec![100; LONG],));
    life::send_signal(end.as_fd(), SIGCONT).expect("a signal");
    assert!(is_ready(&end, crate::support::DEADLINE), "the copy ends");
    let status = life::reap(end.as_fd(), copy).expect("its status").status;
    assert!(status.success(), "{status}");
    plan.start().expect("a child").join().expect("a value") == vec![101; LONG]
}

#[test]
fn without_an_owner_a_copy_of_the_program_writes_over_its_arguments() {
    only_with("owner-check", |without| {
        join(child(without, "", lend_beside_a_copy, ())).expect("it looked")
    });
}

#[test]
fn without_an_owner_a_copy_that_a_function_made_changes_its_value() {
    only_with("answer-owner", |without| {
        let plan = Process::new(come_back_twice, (vec![41; LONG],));
        let (child, streams) = start_with_streams(plan.env("PROCESSION_WITHOUT", without));
        ready(&child, "the end of the original");
        assert_eq!(streams.finish(), "", "the copy has ended too");
        join(child).expect("a value") == vec![1; LONG]
    });
}

#[test]
fn without_knowing_of_others_a_process_writes_its_value_over_their_arguments() {
    fn start_two() -> bool {
        let plan = Process::new(successors, (vec![41; LONG],));
        [plan.clone(), plan].map(|plan| plan.start().expect("a child").join().expect("a value"))
            == [vec![42; LONG], vec![42; LONG]]
    }
    only_with("shared-arguments", |without| {
        join(child(without, "", start_two, ())).expect("it looked")
    });
}

#[test]
fn without_a_look_at_its_descriptor_a_value_is_sent_in_another_file() {
    only_with("answer-identity", |without| {
        let plan = Process::new(replace_memory, (vec![41; LONG],));
        let child = plan.env("PROCESSION_WITHOUT", without).start().expect("a child");
        join(child).is_ok_and(|value| value == vec![42; LONG])
    });
}

/// Opens, without waiting, each memory file of a process; whether one had a lease.
fn open_memory_of(process: u32) -> bool {
    let listed = std::fs::read_dir(format!("/proc/{process}/fd")).expect("its descriptors");
    let paths = listed.map(|entry| entry.expect("a descriptor").path());
    let is_memory = |path: &std::path::PathBuf| {
        std::fs::read_link(path).is_ok_and(|file| file.to_string_lossy().contains("/memfd:"))
    };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK;
    let leased = |path| rustix::fs::open(path, flags, Mode::empty()).is_err();
    paths.filter(is_memory).any(leased)
}

#[test]
fn without_a_harmless_signal_whoever_opens_memory_ends_its_process() {
    fn lend() -> bool {
        exchange(1, LONG);
        true
    }
    only_with("harmless-lease-signal", |without| {
        let child = child(without, "reusable.leased=stop@1", lend, ());
        let id = child.id();
        while_stopped(&child, || assert!(open_memory_of(id), "it has a lease"));
        let joined = join(child);
        if let Err(error) = &joined {
            assert_eq!(error.signal(), Some(29), "SIGIO: {error}");
        }
        joined.is_ok()
    });
}

#[test]
fn a_process_that_dies_while_it_writes_its_value_has_sent_none_and_spoils_no_later_one() {
    for point in ["answer.half", "answer.written"] {
        let plan = Process::new(successors, (vec![41; LONG],));
        let plan = plan.env("PROCESSION_FAULT", format!("{point}=die"));
        let error = join(plan.start().expect("a child")).expect_err("it was killed");
        assert_eq!(error.signal(), Some(9), "{point}: {error}");
        (1..4).for_each(|seed| exchange(seed, LONG));
    }
}

#[test]
fn a_program_that_dies_while_it_writes_arguments_leaves_its_processes_as_they_are() {
    for point in ["reusable.leased", "lend.proved", "reusable.half", "lend.written"] {
        for time in 1..3 {
            let program = child("", &format!("{point}=die@{time}"), lend_three_times, ());
            let error = join(program).expect_err("it was killed");
            assert_eq!(error.signal(), Some(9), "{point}: {error}");
        }
    }
}

fn lend_three_times() {
    (1..4).for_each(|seed| exchange(seed, LONG));
}
