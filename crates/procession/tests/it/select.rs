//! Waiting for whichever channel, child or descriptor is first.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, METHODS, join};
use procession::{Process, Receiver, Select, Sender, channel};
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[test]
fn receivers_children_and_descriptors_are_selected_from_together() {
    fn work(go: Receiver<()>) {
        go.recv().expect("a start");
    }
    for method in METHODS {
        let (letters, letter) = channel::<char>().expect("a channel");
        let (numbers, number) = channel::<u8>().expect("a channel");
        let (go, start) = channel().expect("a channel");
        let (mut here, there) = UnixStream::pair().expect("a pair");
        let child = Process::new(work, (start,)).start_method(method).start().expect("a child");
        let mut select = Select::new();
        select.recv("letter", &letter);
        select.recv("number", &number);
        select.add("child", &child);
        select.add("socket", &there);
        let first = || select.wait_timeout(DEADLINE).expect("a wait");
        assert_eq!(select.wait_timeout(Duration::ZERO).expect("a wait"), None);
        numbers.send(7).expect("room");
        assert_eq!((first(), first()), (Some("number"), Some("number")), "nothing is taken");
        assert_eq!(number.try_recv().expect("a sender lives"), Some(7));
        assert_eq!(select.wait_timeout(Duration::ZERO).expect("a wait"), None);
        letters.send('a').expect("room");
        numbers.send(8).expect("room");
        let both = [first(), first()];
        assert!(
            both.contains(&Some("letter")) && both.contains(&Some("number")),
            "each in turn: {both:?}"
        );
        letter.recv().expect("a letter");
        number.recv().expect("a number");
        here.write_all(b"x").expect("room");
        assert_eq!(first(), Some("socket"));
        std::io::Read::read(&mut &there, &mut [0]).expect("a byte");
        go.send(()).expect("the child waits");
        assert_eq!(first(), Some("child"));
        join(child).expect("it ended");
    }
}

#[test]
fn the_end_of_a_channel_is_selected() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let mut select = Select::new();
    select.recv('a', &receiver);
    drop(sender);
    assert_eq!(select.wait().expect("a wait"), 'a');
    assert!(receiver.try_recv().expect_err("the end").is_disconnected());
}

#[test]
fn nothing_to_select_from_is_an_error() {
    let error = Select::<u8>::new().wait().expect_err("for ever");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

/// A message that woke us and went to another receiver leaves its bell rung: that is not taken for
/// a message.
#[test]
fn a_message_that_another_has_taken_is_not_selected() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let other = receiver.clone();
    let mut select = Select::new();
    select.recv((), &receiver);
    for _ in 0..100 {
        sender.send(1).expect("room");
        assert_eq!(other.recv().expect("a number"), 1);
        assert_eq!(select.wait_timeout(Duration::ZERO).expect("a wait"), None);
    }
}

/// Two processes select from the same two channels: every message is received once, and whoever
/// comes second does not wait for ever.
#[test]
fn processes_that_select_from_the_same_channels_share_the_messages() {
    fn take(one: Receiver<u64>, other: Receiver<u64>) -> u64 {
        let (mut sum, mut ended) = (0, 0);
        let receivers = [one, other];
        let mut open = [true; 2];
        while ended < 2 {
            let mut select = Select::new();
            for (place, receiver) in receivers.iter().enumerate().filter(|(place, _)| open[*place])
            {
                select.recv(place, receiver);
            }
            let place = select.wait_timeout(DEADLINE).expect("a wait").expect("something");
            if let Ok(number) = receivers[place].try_recv() {
                sum += number.unwrap_or(0);
            } else {
                (open[place], ended) = (false, ended + 1);
            }
        }
        sum
    }
    fn give(numbers: Sender<u64>) {
        (0..5_000).for_each(|n| numbers.send(n).expect("somebody listens"));
    }
    let ((left, from_left), (right, from_right)) =
        (channel().expect("a channel"), channel().expect("a channel"));
    let takers = [(); 2].map(|()| {
        Process::new(take, (from_left.clone(), from_right.clone())).start().expect("a taker")
    });
    let givers =
        [left, right].map(|numbers| Process::new(give, (numbers,)).start().expect("a giver"));
    let sum: u64 = takers.map(|taker| join(taker).expect("a sum")).iter().sum();
    assert_eq!(sum, 2 * (0..5_000).sum::<u64>());
    for giver in givers {
        join(giver).expect("it gave");
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn tasks_select_from_receivers_children_jobs_and_descriptors() {
    fn work(go: Receiver<()>, jobs: Receiver<procession::Job<u8>>) {
        jobs.iter().flatten().for_each(|job| assert_eq!(job.done(), 1));
        go.recv().expect("a start");
    }
    let (numbers, number) = channel::<u8>().expect("a channel");
    let (go, start) = channel().expect("a channel");
    let (tasks, task) = channel().expect("a channel");
    let (mut here, there) = UnixStream::pair().expect("a pair");
    let child = Process::new(work, (start, task)).start().expect("a child");
    let mut jobs = procession::Joinable::new(tasks);
    jobs.send(1).expect("room");
    {
        let mut select = Select::new();
        select.recv("number", &number);
        select.jobs("jobs", &jobs);
        let first = tokio::time::timeout(DEADLINE, select.wait_async()).await;
        assert_eq!(first.expect("in time").expect("a wait"), "jobs");
    }
    assert!(jobs.join().expect("all are done").is_empty());
    drop(jobs);
    let mut select = Select::new();
    select.recv("number", &number);
    select.add("child", &child);
    select.add("socket", &there);
    let first = async || {
        let first = tokio::time::timeout(DEADLINE, select.wait_async()).await;
        first.expect("in time").expect("a wait")
    };
    let nothing = tokio::time::timeout(Duration::from_millis(20), select.wait_async()).await;
    nothing.expect_err("nothing is ready");
    let (sent, got) = tokio::join!(async { numbers.send(7) }, first());
    sent.expect("room");
    assert_eq!((got, first().await), ("number", "number"), "nothing is taken");
    assert_eq!(number.recv_async().await.expect("a number"), 7);
    here.write_all(b"x").expect("room");
    assert_eq!(first().await, "socket");
    std::io::Read::read(&mut &there, &mut [0]).expect("a byte");
    go.send(()).expect("the child waits");
    assert_eq!(first().await, "child");
    drop(select);
    child.await.expect("it ended");
    let error = Select::<u8>::new().wait_async().await.expect_err("for ever");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

#[cfg(feature = "tokio")]
#[test]
fn a_task_that_selects_can_move_between_threads() {
    fn is_send<T: Send>(future: T) -> T {
        future
    }
    let (sender, receiver) = channel::<u8>().expect("a channel");
    sender.send(1).expect("room");
    let mut select = Select::new();
    select.recv("number", &receiver);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
    let first = runtime.expect("a runtime").block_on(is_send(select.wait_async()));
    assert_eq!(first.expect("a wait"), "number");
}
