//! Corners of channels: no descriptors or memory left, the end of a thread, iterators, lost jobs.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, join};
use procession::channel::{Builder, SendFailure, WhenFull};
use procession::{Ending, Fd, Job, Joinable, Limits, Process, Receiver, Select, Sender, channel};
use std::cell::RefCell;
use std::error::Error;
use std::fmt::Write;
use std::fs::File;
use std::time::Instant;

/// Opens files until the limit on them is met.
fn without_descriptors<T>(work: impl FnOnce() -> T) -> T {
    let mut files = Vec::new();
    while let Ok(file) = File::open("/dev/null") {
        files.push(file);
    }
    let result = work();
    drop(files);
    result
}

#[test]
fn a_descriptor_that_cannot_be_duplicated_says_which_limit_is_met() {
    fn meet_the_limit() -> Vec<String> {
        let (ends, receiver) = channel::<Sender<u8>>().expect("a channel");
        let (sender, _numbers) = channel::<u8>().expect("a channel");
        let (files, _files) = channel::<Fd<File>>().expect("a channel");
        let file = Fd(File::open("/dev/null").expect("a file"));
        let errors = without_descriptors(|| {
            let end = ends.send(sender.clone()).expect_err("no descriptor is left");
            let file = files.send(file).expect_err("no descriptor is left");
            assert!(matches!(end.reason(), SendFailure::Broken(_)), "{end}");
            assert!(matches!(file.reason(), SendFailure::Broken(_)), "{file}");
            let all: [&dyn Error; 2] = [&end, &file];
            all.map(|error| {
                let mut text = error.to_string();
                let mut cause = error.source();
                while let Some(next) = cause {
                    write!(text, "; {next}").expect("a text takes more");
                    cause = next.source();
                }
                text
            })
            .to_vec()
        });
        // The value came back, and the channel is as it was.
        ends.send(sender).expect("a descriptor again");
        receiver.recv().expect("the end");
        errors
    }
    let plan = Process::new(meet_the_limit, ());
    let limits = Limits::new().open_files(64);
    let errors = join(plan.limits(limits).start().expect("a child")).expect("the errors");
    for error in errors {
        assert!(error.contains("limit of 64 open files (RLIMIT_NOFILE)"), "{error}");
        assert!(error.contains("Too many open files"), "{error}");
    }
}

#[test]
fn a_value_whose_descriptor_cannot_be_duplicated_says_which_limit_is_met() {
    fn open_all() -> Vec<Fd<File>> {
        std::iter::from_fn(|| File::open("/dev/null").ok().map(Fd)).collect()
    }
    let plan = Process::new(open_all, ()).limits(Limits::new().open_files(64));
    let error = join(plan.start().expect("a child")).expect_err("no descriptor is left");
    assert!(matches!(error.ending(), Ending::Undecodable(_)), "{error}");
    assert!(error.to_string().contains("limit of 64 open files (RLIMIT_NOFILE)"), "{error}");
}

#[test]
fn above_the_limit_on_files_a_message_that_would_have_to_wait_comes_back() {
    fn send_all(sender: Sender<Vec<u8>>) -> usize {
        for sent in 0.. {
            let Err(error) = sender.send(vec![7; 1000]) else { continue };
            assert!(matches!(error.reason(), SendFailure::NoMemory(_)), "{error}");
            let cause = error.source().expect("what the system says").to_string();
            assert!(cause.contains("File too large"), "{cause}");
            assert_eq!(error.into_inner(), vec![7; 1000]);
            return sent;
        }
        unreachable!("a count without end");
    }
    let (sender, receiver) = channel().expect("a channel");
    let limits = Limits::new().file_size(1 << 20);
    let child = Process::new(send_all, (sender,)).limits(limits).start().expect("a child");
    let sent = join(child).expect("no signal ends it");
    assert!((900..1100).contains(&sent), "{sent} messages of 1000 bytes in a MiB");
    let whole = |one: &Result<Vec<u8>, _>| one.as_ref().is_ok_and(|one| *one == [7; 1000]);
    assert_eq!(receiver.iter().filter(whole).count(), sent);
}

/// Work that is done as the thread that has it destroys its thread-locals.
struct AtTheEnd(Option<Box<dyn FnOnce()>>);

impl Drop for AtTheEnd {
    fn drop(&mut self) {
        if let Some(work) = self.0.take() {
            work();
        }
    }
}

thread_local! {
    static AT_THE_END: RefCell<AtTheEnd> = const { RefCell::new(AtTheEnd(None)) };
}

/// Does this in the destructor of a thread-local, when the library's own are destroyed already: they
/// are used after this one, and the last that was used first goes first.
fn at_the_end_of_a_thread(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::spawn(move || {
        AT_THE_END.with_borrow_mut(|end| end.0 = Some(Box::new(work)));
        let (sender, receiver) = channel::<String>().expect("a channel");
        sender.send("used".to_owned()).expect("room");
        receiver.recv().expect("a text");
    });
    thread.join().expect("a thread");
}

#[test]
fn channels_and_processes_work_in_the_destructor_of_a_thread_local() {
    fn use_all() -> (Vec<String>, u32) {
        let (out, results) = channel::<String>().expect("a channel");
        let (numbers, number) = channel::<u32>().expect("a channel");
        at_the_end_of_a_thread(move || {
            let (sender, receiver) = channel::<String>().expect("a channel");
            sender.send("one".to_owned()).expect("room");
            let mut select = Select::new();
            select.recv('r', &receiver);
            assert_eq!(select.wait().expect("a wait"), 'r');
            out.send(receiver.recv().expect("a text")).expect("room");
            out.send("x".repeat(100_000)).expect("room");
            let child = Process::new(|n: u32| n + 1, (41,)).start().expect("a child");
            numbers.send(child.join().expect("a number")).expect("room");
        });
        let texts = results.try_iter().collect::<Result<_, _>>().expect("texts");
        (texts, number.try_recv().expect("a sender lived").expect("a number"))
    }
    let child = Process::new(use_all, ()).start().expect("a child");
    let (texts, number) = join(child).expect("no panic in a destructor");
    assert_eq!(texts, ["one".to_owned(), "x".repeat(100_000)]);
    assert_eq!(number, 42);
}

#[test]
fn all_are_sent_to_a_process_before_it_receives() {
    fn sum(numbers: Receiver<u64>, go: Receiver<()>) -> u64 {
        go.recv().expect("all are sent");
        numbers.into_iter().map(|number| number.expect("a number")).sum()
    }
    let (sender, receiver) = channel().expect("a channel");
    let (go, may_go) = channel().expect("a channel");
    let child = Process::new(sum, (receiver, may_go)).start().expect("a child");
    (0..100_000).for_each(|number| sender.send(number).expect("room"));
    drop(sender);
    go.send(()).expect("the child waits");
    assert_eq!(join(child).expect("a sum"), (0..100_000_u64).sum::<u64>());
}

#[test]
fn a_receiver_is_iterated_over_and_a_deadline_ends_a_send() {
    let builder = Builder::new().messages(3).when_full(WhenFull::Wait);
    let (sender, receiver) = builder.build::<u8>().expect("a channel");
    (1..=3).for_each(|number| sender.send(number).expect("room"));
    let error = sender.send_deadline(4, Instant::now()).expect_err("full");
    assert!(matches!(error.reason(), SendFailure::TimedOut), "{error}");
    let now = |iter: &Receiver<u8>| iter.try_iter().collect::<Result<Vec<_>, _>>();
    assert_eq!(now(&receiver).expect("numbers"), [1, 2, 3]);
    assert_eq!(now(&receiver).expect("a sender lives"), [0_u8; 0]);
    sender.send_deadline(5, Instant::now() + DEADLINE).expect("room");
    drop(sender);
    assert_eq!(receiver.into_iter().collect::<Result<Vec<_>, _>>().expect("numbers"), [5]);
}

#[test]
fn lost_jobs_come_back_and_are_sent_again() {
    fn work(jobs: Receiver<Job<String>>, dies: bool) {
        for job in jobs.into_iter().flatten() {
            if dies && job.ends_with('3') {
                std::process::abort();
            }
            job.done();
        }
    }
    let (sender, receiver) = channel().expect("a channel");
    let start = |dies| {
        let plan = Process::new(work, (receiver.clone(), dies));
        plan.limits(Limits::new().core_size(0)).start().expect("a worker")
    };
    let first = start(true);
    let mut jobs = Joinable::keeping(sender);
    for number in 1..=9 {
        jobs.send(format!("job {number}")).expect("room");
    }
    join(first).expect_err("it aborts");
    let mut others = vec![start(false)];
    let mut select = Select::new();
    select.jobs("jobs", &jobs);
    select.add("worker", &others[0]);
    assert_eq!(select.wait_timeout(DEADLINE).expect("a wait"), Some("jobs"));
    assert_eq!(jobs.join().expect("all are done or lost"), [2]);
    let lost = jobs.take_lost();
    assert_eq!(lost, [(2, "job 3".to_owned())]);
    for (_, job) in lost {
        assert_eq!(jobs.send(job).expect("room"), 9);
    }
    others.push(start(false));
    assert!(jobs.join_timeout(DEADLINE).expect("a wait").expect("in time").is_empty());
    assert!(jobs.take_lost().is_empty());
    drop((jobs, receiver));
    for other in others {
        join(other).expect("it ends with the channel");
    }
}

#[test]
fn jobs_are_selected_once_each_is_done_and_not_before() {
    let (sender, receiver) = channel().expect("a channel");
    let mut jobs = Joinable::new(sender);
    for round in 0..3 {
        jobs.send(round).expect("room");
        jobs.send(round).expect("room");
        let one = receiver.recv().expect("a job");
        let nothing = std::time::Duration::ZERO;
        let is_ready = |jobs: &Joinable<i32>| {
            let mut select = Select::new();
            select.jobs((), jobs);
            select.wait_timeout(nothing).expect("a wait").is_some()
        };
        assert!(!is_ready(&jobs), "two are not done");
        receiver.recv().expect("a job").done();
        assert!(!is_ready(&jobs), "one is not done");
        one.done();
        assert!(is_ready(&jobs) && is_ready(&jobs), "all are done");
        assert!(jobs.join().expect("a wait").is_empty());
    }
}
