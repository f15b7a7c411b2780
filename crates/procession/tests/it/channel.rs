//! Channels between processes: order, history, ends on their way, and everybody's death.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]
#![expect(clippy::cast_possible_truncation, reason = "patterns of bytes")]

use crate::support::{DEADLINE, METHODS, join};
use procession::channel::RecvError;
use procession::{
    Child, Duplex, Fd, Process, Receiver, Sender, bounded, channel, duplex, wait_any,
};
use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

fn count_to(end: u64, numbers: Sender<u64>) {
    (0..end).for_each(|n| numbers.send(n).expect("somebody listens"));
}

fn add_up(numbers: Receiver<u64>) -> u64 {
    numbers.iter().map(|number| number.expect("a number")).sum()
}

fn next<T: procession::Value>(receiver: &Receiver<T>) -> Result<Option<T>, RecvError> {
    receiver.recv_timeout(DEADLINE)
}

#[test]
fn messages_cross_in_order_under_every_start_method() {
    for method in METHODS {
        let (sender, receiver) = channel().expect("a channel");
        let child = Process::new(count_to, (10_000, sender)).start_method(method).start();
        let child = child.expect("a child");
        for n in 0..10_000 {
            assert_eq!(next(&receiver).expect("a number"), Some(n));
        }
        assert!(next(&receiver).expect_err("the child is done").is_disconnected());
        join(child).expect("it counted");
    }
}

#[test]
fn parent_and_child_both_send_and_everything_arrives_in_order() {
    let (sender, receiver) = channel().expect("a channel");
    let child = Process::new(count_to, (1_000, sender.clone())).start().expect("a child");
    (1_000_000..1_001_000).for_each(|n| sender.send(n).expect("room"));
    drop(sender);
    let all: Vec<u64> = receiver.iter().collect::<Result<_, _>>().expect("numbers");
    let (ours, theirs): (Vec<u64>, Vec<u64>) = all.into_iter().partition(|&n| n >= 1_000_000);
    assert!(ours.into_iter().eq(1_000_000..1_001_000) && theirs.into_iter().eq(0..1_000));
    join(child).expect("it counted");
}

#[test]
fn a_full_channel_is_drained_by_a_child() {
    let (sender, receiver) = bounded(4).expect("a channel");
    (0..4).for_each(|n| sender.try_send(n).expect("room"));
    assert!(sender.try_send(4).expect_err("full").is_full());
    let child = Process::new(add_up, (receiver,)).start().expect("a child");
    (4..100).for_each(|n| sender.send_timeout(n, DEADLINE).expect("the child makes room"));
    drop(sender);
    assert_eq!(join(child).expect("a sum"), (0..100).sum::<u64>());
}

#[test]
fn many_to_many_loses_nothing_doubles_nothing_and_keeps_each_producers_order() {
    const EACH: u64 = 20_000;
    fn produce(who: u64, to: Sender<(u64, u64)>) {
        (0..EACH).for_each(|n| to.send((who, n)).expect("somebody listens"));
    }
    fn consume(from: Receiver<(u64, u64)>) -> Vec<(u64, u64)> {
        from.iter().map(|message| message.expect("a message")).collect()
    }
    let (sender, receiver) = channel().expect("a channel");
    let producers: Vec<Child<()>> = (0..4)
        .map(|who| Process::new(produce, (who, sender.clone())).start().expect("a producer"))
        .collect();
    let consumers: Vec<Child<Vec<(u64, u64)>>> = (0..4)
        .map(|_| Process::new(consume, (receiver.clone(),)).start().expect("a consumer"))
        .collect();
    drop((sender, receiver));
    for producer in producers {
        join(producer).expect("a producer");
    }
    let mut seen: HashMap<u64, Vec<u64>> = HashMap::new();
    for consumer in consumers {
        let taken = join(consumer).expect("what it took");
        for who in 0..4 {
            let of_one =
                || taken.iter().filter(|message| message.0 == who).map(|message| message.1);
            assert!(of_one().is_sorted(), "producer {who}'s messages out of order");
            seen.entry(who).or_default().extend(of_one());
        }
    }
    for (who, mut numbers) in seen {
        numbers.sort_unstable();
        assert!(numbers.into_iter().eq(0..EACH), "producer {who}: lost or doubled");
    }
}

#[test]
fn an_end_goes_on_to_a_childs_child_and_stays_what_it_was() {
    fn pass_on(ends: (Sender<u64>, Receiver<u64>)) -> u64 {
        let (to, from) = ends;
        let child = Process::new(count_to, (100, to)).start().expect("a grandchild");
        let sum = add_up(from);
        child.join().expect("it counted");
        sum
    }
    let child = Process::new(pass_on, (channel().expect("a channel"),)).start().expect("a child");
    assert_eq!(join(child).expect("a sum"), (0..100).sum::<u64>());
}

#[test]
fn ends_cross_through_other_channels() {
    fn answer(questions: Receiver<(String, Sender<String>)>) {
        for question in &questions {
            let (text, reply) = question.expect("a question");
            reply.send(text.to_uppercase()).expect("somebody asks");
        }
    }
    let (ask, questions) = channel().expect("a channel");
    let child = Process::new(answer, (questions,)).start().expect("a child");
    for text in ["one", "two"] {
        let (reply, answers) = channel().expect("a channel");
        ask.send((text.to_owned(), reply)).expect("the child listens");
        assert_eq!(next(&answers).expect("an answer"), Some(text.to_uppercase()));
        assert!(next(&answers).expect_err("the child dropped it").is_disconnected());
    }
    drop(ask);
    join(child).expect("it answered");
}

#[test]
fn a_sender_on_its_way_keeps_the_channel_alive() {
    let (outer, carried) = channel::<Sender<u8>>().expect("a channel");
    let (sender, receiver) = channel().expect("a channel");
    outer.send(sender).expect("room");
    assert_eq!(receiver.try_recv().expect("a sender is under way"), None);
    let sender = carried.recv().expect("the sender");
    sender.send(7).expect("room");
    assert_eq!(receiver.recv().expect("a number"), 7);
    drop(sender);
    assert!(next(&receiver).expect_err("no sender").is_disconnected());
}

#[test]
fn the_parent_may_drop_its_ends_as_soon_as_the_child_is_started() {
    fn echo(there: Duplex<Vec<u8>, Vec<u8>>) {
        for message in &there.receiver {
            there.sender.send(message.expect("bytes")).expect("somebody listens");
        }
    }
    let (here, there) = duplex().expect("a duplex");
    let child = Process::new(echo, (there,)).start().expect("a child");
    for size in [0, 1, 100_000, 3 << 20] {
        let sent = vec![size as u8; size];
        here.sender.send(sent.clone()).expect("the child listens");
        assert!(next(&here.receiver).expect("bytes") == Some(sent), "{size} bytes");
    }
    drop(here);
    join(child).expect("it echoed");
}

fn for_ever() {
    loop {
        std::thread::park();
    }
}

fn hold<T: procession::Value>(_end: T, ready: Sender<()>) {
    ready.send(()).expect("the test listens");
    for_ever();
}

#[test]
fn a_killed_sender_is_a_disconnected_one() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let (ready, is_ready) = channel().expect("a channel");
    let child = Process::new(hold::<Sender<u8>>, (sender, ready)).start().expect("a child");
    next(&is_ready).expect("it runs");
    let waiting = std::thread::spawn(move || next(&receiver));
    child.kill().expect("a signal");
    let error = waiting.join().expect("the receiver").expect_err("nobody is left");
    assert!(error.is_disconnected(), "{error}");
    assert_eq!(join(child).expect_err("killed").signal(), Some(9));
}

#[test]
fn a_killed_receiver_is_a_disconnected_one() {
    let (sender, receiver) = bounded::<u8>(1).expect("a channel");
    let (ready, is_ready) = channel().expect("a channel");
    let child = Process::new(hold::<Receiver<u8>>, (receiver, ready)).start().expect("a child");
    next(&is_ready).expect("it runs");
    sender.send(1).expect("room");
    let waiting = std::thread::spawn(move || sender.send_timeout(2, DEADLINE));
    child.kill().expect("a signal");
    let error = waiting.join().expect("the sender").expect_err("nobody is left");
    assert!(error.is_disconnected(), "{error}");
    join(child).expect_err("killed");
}

#[test]
fn an_idle_receiver_burns_no_processor_time() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let idle = |receiver: Receiver<u8>, ready: Sender<()>| {
        ready.send(()).expect("the test listens");
        let before = cpu_time();
        receiver.recv().expect("a message");
        cpu_time() - before
    };
    let (ready, is_ready) = channel().expect("a channel");
    let child = Process::new(idle, (receiver, ready)).start().expect("a child");
    next(&is_ready).expect("it runs");
    // Looking all the time would take a hundred ticks; what surrounds the wait takes one or two, and
    // several on an emulated processor.
    assert!(wait_any(&[child.as_fd()], Some(Duration::from_secs(1))).expect("poll").is_empty());
    sender.send(1).expect("the child listens");
    let burned = join(child).expect("how much");
    assert!(burned <= 25, "{burned} ticks of 10 ms in a second of waiting");
}

/// User and system time of this process, in ticks of 10 ms (proc(5), fields 14 and 15).
fn cpu_time() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("proc");
    let behind_name = stat.rsplit(')').next().expect("a name in brackets");
    let fields: Vec<&str> = behind_name.split_whitespace().collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<u64>().expect("a number")).sum()
}

#[test]
fn one_wait_watches_channels_and_children() {
    fn work(go: Receiver<u8>) {
        go.recv().expect("a start");
    }
    let (go, start) = channel().expect("a channel");
    let (sender, receiver) = channel().expect("a channel");
    let child = Process::new(work, (start,)).start().expect("a child");
    let timeout = Some(DEADLINE);
    assert_eq!(receiver.try_recv().expect("a sender lives"), None);
    sender.send(1_u8).expect("room");
    let these = [child.as_fd(), receiver.as_fd()];
    assert_eq!(wait_any(&these, timeout).expect("poll"), [1]);
    assert_eq!(receiver.recv().expect("a number"), 1);
    assert_eq!(receiver.try_recv().expect("a sender lives"), None);
    go.send(1).expect("the child waits");
    assert_eq!(wait_any(&these, timeout).expect("poll"), [0]);
    join(child).expect("it ended");
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn awaited_receivers_share_what_processes_send_and_end_with_the_last() {
    for method in METHODS {
        let (sender, receiver) = channel().expect("a channel");
        let child = Process::new(count_to, (2_000, sender)).start_method(method).start();
        let take = || async {
            let mut sum = 0;
            loop {
                match receiver.recv_async().await {
                    Ok(number) => sum += number,
                    Err(error) => break (sum, error.is_disconnected()),
                }
            }
        };
        let takers = async { tokio::join!(take(), take(), take()) };
        let taken = tokio::time::timeout(DEADLINE, takers).await.expect("in time");
        let (one, two, three) = taken;
        assert_eq!(one.0 + two.0 + three.0, (0..2_000).sum::<u64>(), "{method}");
        assert!(one.1 && two.1 && three.1);
        child.expect("a child").await.expect("it counted");
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn a_dropped_wait_loses_no_message_and_sends_none() {
    let (sender, receiver) = bounded(1).expect("a channel");
    let nothing = Duration::ZERO;
    tokio::time::timeout(nothing, receiver.recv_async()).await.expect_err("nothing is sent");
    sender.send_async(1).await.expect("room");
    tokio::time::timeout(nothing, sender.send_async(2)).await.expect_err("it is full");
    assert_eq!(receiver.recv_async().await.expect("the first"), 1);
    assert_eq!(receiver.try_recv().expect("a sender lives"), None);
    sender.send_async(3).await.expect("room");
    assert_eq!(receiver.recv_async().await.expect("the third"), 3);
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn an_awaited_send_waits_for_room_that_a_process_makes_or_never_will() {
    let (sender, receiver) = bounded(2).expect("a channel");
    let child = Process::new(add_up, (receiver,)).start().expect("a child");
    for n in 0..2_000 {
        let sent = tokio::time::timeout(DEADLINE, sender.send_async(n)).await;
        sent.expect("in time").expect("the child listens");
    }
    drop(sender);
    assert_eq!(child.await.expect("a sum"), (0..2_000).sum::<u64>());

    let (sender, receiver) = bounded(1).expect("a channel");
    let (ready, is_ready) = channel().expect("a channel");
    let child = Process::new(hold::<Receiver<u8>>, (receiver, ready)).start().expect("a child");
    is_ready.recv_async().await.expect("it runs");
    sender.send_async(1).await.expect("room");
    child.kill().expect("a signal");
    let sent = tokio::time::timeout(DEADLINE, sender.send_async(2)).await.expect("in time");
    let error = sent.expect_err("nobody is left");
    assert!(error.is_disconnected() && error.into_inner() == 2);
    child.await.expect_err("killed");
}

#[test]
fn a_descriptor_with_a_number_above_256_is_handed_to_a_child() {
    fn write(files: Receiver<Fd<File>>) {
        let mut file = files.recv().expect("a file");
        file.write_all(b"through a high number").expect("written");
    }
    for method in METHODS {
        let (mut here, there) = rustix::pipe::pipe()
            .map(|(reader, writer)| (File::from(reader), writer))
            .expect("a pipe");
        let high = rustix::io::fcntl_dupfd_cloexec(&there, 300).expect("a high number");
        assert!(high.as_raw_fd() >= 300);
        drop(there);
        let (sender, receiver) = channel().expect("a channel");
        let child = Process::new(write, (receiver,)).start_method(method).start().expect("a child");
        sender.send(Fd(File::from(high))).expect("the child listens");
        join(child).expect("it wrote");
        let mut text = String::new();
        here.read_to_string(&mut text).expect("the child's words");
        assert_eq!(text, "through a high number", "{method}");
    }
}
