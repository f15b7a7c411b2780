//! Work that is awaited: all of it is done, or is known to be lost, whoever is killed.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, METHODS, join};
use procession::{Job, Joinable, Process, Receiver, Sender, channel};

fn work(jobs: Receiver<Job<u64>>) -> u64 {
    jobs.iter().map(|job| job.expect("a job").done()).sum()
}

#[test]
fn waiting_for_work_ends_when_all_of_it_is_done() {
    for method in METHODS {
        let (sender, receiver) = channel().expect("a channel");
        let start = || Process::new(work, (receiver.clone(),)).start_method(method).start();
        let workers = [start(), start()].map(|worker| worker.expect("a worker"));
        drop(receiver);
        let mut jobs = Joinable::new(sender);
        for round in 0..3 {
            for number in 0..400 {
                assert_eq!(jobs.send(number).expect("workers live"), round * 400 + number);
            }
            let lost = jobs.join_timeout(DEADLINE).expect("a wait");
            assert_eq!(lost.expect("all done in time"), [0_u64; 0]);
            assert_eq!(jobs.unfinished().expect("a look"), 0);
        }
        assert_eq!(jobs.join().expect("nothing to wait for"), [0_u64; 0]);
        drop(jobs);
        let sum: u64 = workers.map(|worker| join(worker).expect("a sum")).iter().sum();
        assert_eq!(sum, 3 * (0..400).sum::<u64>(), "{method}");
    }
}

#[test]
fn waiting_for_work_goes_on_while_a_job_is_held_and_ends_when_it_is_done() {
    let (sender, receiver) = channel().expect("a channel");
    let mut jobs = Joinable::new(sender);
    jobs.send("first".to_owned()).expect("room");
    let job = receiver.recv().expect("a job");
    assert_eq!((job.number(), job.as_str()), (0, "first"));
    let nothing = std::time::Duration::ZERO;
    assert_eq!(jobs.join_timeout(nothing).expect("a wait"), None);
    jobs.send("second".to_owned()).expect("room");
    receiver.recv().expect("a job").done();
    assert_eq!(jobs.join_timeout(nothing).expect("a wait"), None, "the first is held yet");
    assert_eq!(job.done(), "first");
    assert_eq!(jobs.join_timeout(DEADLINE).expect("a wait"), Some(vec![]));
}

/// Takes jobs, does the first, and tells how many it has in its hands.
fn take_and_hold(jobs: Receiver<Job<u64>>, told: Sender<u64>) {
    jobs.recv().expect("a job").done();
    let held: Vec<_> = (0..3).map(|_| jobs.recv().expect("a job")).collect();
    told.send(held.len() as u64).expect("the test listens");
    loop {
        std::thread::park();
    }
}

#[test]
fn waiting_for_work_ends_when_its_worker_is_killed_and_says_what_is_lost() {
    for method in METHODS {
        let (sender, receiver) = channel().expect("a channel");
        let (tell, told) = channel().expect("a channel");
        let worker = Process::new(take_and_hold, (receiver.clone(), tell)).start_method(method);
        let worker = worker.start().expect("a worker");
        let mut jobs = Joinable::new(sender);
        for number in 0..4 {
            jobs.send(number).expect("the worker lives");
        }
        assert_eq!(told.recv_timeout(DEADLINE).expect("the worker lives"), Some(3));
        let waiting = std::thread::spawn(move || (jobs.join_timeout(DEADLINE), jobs));
        worker.kill().expect("SIGKILL");
        let (lost, mut jobs) = waiting.join().expect("the one who waits");
        assert_eq!(lost.expect("a wait"), Some(vec![1, 2, 3]), "{method}");
        assert_eq!(join(worker).expect_err("killed").signal(), Some(9));

        // The channel goes on, with another worker.
        let worker = Process::new(work, (receiver,)).start_method(method).start();
        jobs.send(7).expect("a worker lives");
        assert_eq!(jobs.join_timeout(DEADLINE).expect("a wait"), Some(vec![]));
        drop(jobs);
        assert_eq!(join(worker.expect("a worker")).expect("a sum"), 7);
    }
}

#[test]
fn work_that_nobody_can_receive_any_more_is_lost() {
    let (sender, receiver) = channel().expect("a channel");
    let mut jobs = Joinable::new(sender);
    for number in 0..5_u64 {
        jobs.send(number).expect("room");
    }
    drop(receiver);
    assert_eq!(jobs.join_timeout(DEADLINE).expect("a wait"), Some(vec![0, 1, 2, 3, 4]));
    assert!(jobs.send(6).expect_err("nobody listens").is_disconnected());
    assert_eq!(jobs.join_timeout(DEADLINE).expect("a wait"), Some(vec![]));
}

#[test]
fn a_job_dropped_by_a_panic_is_lost() {
    let fail = |jobs: Receiver<Job<u64>>| {
        let _job = jobs.recv().expect("a job");
        panic!("as it works");
    };
    let (sender, receiver) = channel().expect("a channel");
    let worker: procession::Child<()> = Process::new(fail, (receiver,)).start().expect("a worker");
    let mut jobs = Joinable::new(sender);
    jobs.send(1).expect("the worker lives");
    assert_eq!(jobs.join_timeout(DEADLINE).expect("a wait"), Some(vec![0]));
    assert!(join(worker).expect_err("it panicked").panic().is_some());
}
