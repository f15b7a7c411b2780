//! The overflow within one process: order, memory, limits, deaths between any two steps.

use super::limits::Limits;
use super::record::Record;
use super::ring::Ring;
use super::*;
use crate::fd::Fd;
use std::fs::File;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);
const FILE: &str = "/dev/null";

/// The memory that a channel has in use, in bytes.
fn memory(receiver: &Receiver<Vec<u8>>) -> u64 {
    receiver.end().ring().memory.allocated().expect("a size")
}

/// A message whose bytes follow from its number.
fn message(number: usize, length: usize) -> Vec<u8> {
    (0..length).map(|index| u8::try_from((index * 7 + number) % 251).expect("a byte")).collect()
}

#[test]
fn all_are_sent_before_any_is_received() {
    let (sender, receiver) = channel::<(u32, String)>().expect("a channel");
    for n in 0..100_000 {
        sender.send((n, n.to_string())).expect("room");
    }
    assert_eq!((sender.len(), sender.capacity()), (100_000, None));
    for n in 0..100_000 {
        assert_eq!(receiver.recv().expect("one"), (n, n.to_string()));
    }
    assert!(receiver.is_empty());
    drop(sender);
    assert!(receiver.recv().expect_err("the end").is_disconnected());
}

#[test]
fn messages_of_every_length_wait_in_order() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    let lengths = [0, 1, 7, 8, 2031, 2032, 2033, 4080, 65_528, 65_529, 300_000, 3 << 20];
    let all = || lengths.into_iter().cycle().take(150).enumerate();
    for (number, length) in all() {
        sender.try_send(message(number, length)).expect("room");
    }
    for (number, length) in all() {
        assert!(receiver.recv().expect("one") == message(number, length), "{number}: {length}");
    }
    assert_eq!(receiver.try_recv().expect("a sender lives"), None);
}

#[test]
fn messages_go_through_the_ring_again_once_it_has_room() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    let (mut sent, mut taken) = (0, 0);
    let mut go_on = |send: usize, receive: usize| {
        for _ in 0..send {
            sender.try_send(message(sent, 5000 + sent % 3000)).expect("room");
            sent += 1;
        }
        for _ in 0..receive.min(sender.len()) {
            let expected = message(taken, 5000 + taken % 3000);
            assert!(receiver.recv().expect("one") == expected, "message {taken}");
            taken += 1;
        }
    };
    // Several extents at a time, each of them ended, with messages in the ring between them.
    for (send, receive) in [(100, 50), (100, 20), (30, 60), (300, 300), (1, 101), (90, 90)] {
        go_on(send, receive);
    }
    for turn in 0..300 {
        go_on(turn % 70, (turn + 35) % 70);
    }
    let left = sender.len();
    go_on(0, left);
    assert_eq!(sent, taken);
    assert!(receiver.is_empty());
}

#[test]
fn memory_is_taken_while_messages_wait_and_given_back_when_they_are_received() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    for round in 0..20 {
        for n in 0..400 {
            sender.try_send(message(n, 50_000)).expect("room");
        }
        let full = memory(&receiver);
        assert!((18 << 20..24 << 20).contains(&full), "round {round}: {full} bytes for 20 MB");
        for n in 0..400 {
            assert!(receiver.recv().expect("one") == message(n, 50_000));
        }
        let empty = memory(&receiver);
        assert!(empty < 400 << 10, "round {round}: {empty} bytes for nothing");
    }
}

#[test]
fn memory_is_given_back_while_messages_still_wait() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    let mut most = 0;
    (0..200).for_each(|n| sender.try_send(message(n, 50_000)).expect("room"));
    // The channel never runs empty: 10 MB wait all the time, while 200 MB pass.
    for n in 200..4000 {
        sender.try_send(message(n, 50_000)).expect("room");
        assert!(receiver.recv().expect("one") == message(n - 200, 50_000));
        most = most.max(memory(&receiver));
    }
    assert!(most < 14 << 20, "{most} bytes for 10 MB");
}

#[test]
fn a_limit_in_bytes_holds_whatever_waits_where() {
    let (sender, receiver) = Builder::new().bytes(4 << 20).build().expect("a channel");
    for length in [10, 1000, 60_000, 70_000, 1 << 20] {
        let mut sent = 0;
        while sender.try_send(vec![7_u8; length]).is_ok() {
            sent += 1;
        }
        let bytes = sent * (length + 8);
        // Each has at most 24 bytes more.
        let range = (4 << 20) - sent * 24..(4 << 20) + length + 24;
        assert!(range.contains(&bytes), "{sent} of {length} bytes");
        let error = sender.send_timeout(vec![1], Duration::from_millis(5)).expect_err("full");
        assert!(matches!(error.reason(), SendFailure::TimedOut), "{error}");
        assert_eq!(receiver.iter().take(sent).flatten().count(), sent);
    }
    sender.try_send(vec![0; 100 << 20]).expect("one of any length");
    assert!(sender.try_send(Vec::new()).expect_err("full").is_full());
    assert_eq!(receiver.recv().expect("one").len(), 100 << 20);
}

#[test]
fn a_sender_waits_at_a_limit_and_goes_on_when_one_was_received() {
    let (sender, receiver) = Builder::new().bytes(1 << 20).build().expect("a channel");
    let sending = std::thread::spawn(move || {
        (0..400).for_each(|n| sender.send_timeout(message(n, 20_000), PATIENCE).expect("room"));
    });
    for n in 0..400 {
        let taken = receiver.recv_timeout(PATIENCE).expect("a sender lives").expect("in time");
        assert!(taken == message(n, 20_000), "message {n}");
    }
    sending.join().expect("the sender");
}

#[test]
fn a_bounded_channel_holds_as_many_as_it_says() {
    let (sender, receiver) = bounded::<Vec<u8>>(1000).expect("a channel");
    for n in 0..1000 {
        sender.try_send(message(n, 3000)).expect("room");
    }
    assert!(sender.try_send(Vec::new()).expect_err("full").is_full());
    assert!(receiver.recv().expect("one") == message(0, 3000));
    sender.try_send(message(1000, 3000)).expect("room again");
    for n in 1..=1000 {
        assert!(receiver.recv().expect("one") == message(n, 3000), "message {n}");
    }
}

#[test]
fn a_channel_that_is_to_fail_when_full_never_waits() {
    let builder = Builder::new().messages(2).when_full(WhenFull::Fail);
    let (sender, receiver) = builder.build().expect("a channel");
    sender.send(1).expect("room");
    sender.send(2).expect("room");
    let error = sender.send(3).expect_err("full");
    assert!(matches!(error.reason(), SendFailure::Full), "{error}");
    let error = sender.send_timeout(3, PATIENCE).expect_err("full");
    assert!(matches!(error.reason(), SendFailure::Full), "{error}");
    assert_eq!(receiver.recv().expect("one"), 1);
    sender.send(3).expect("room");
    drop(receiver);
    assert!(sender.send(4).expect_err("nobody listens").is_disconnected());
}

#[test]
fn descriptors_keep_their_place_between_messages_that_overflow() {
    type Mixed = (usize, Option<Fd<File>>, Vec<u8>);
    let (sender, receiver) = channel::<Mixed>().expect("a channel");
    let mixed = |n: usize| {
        let file = (n % 40 == 7).then(|| Fd(File::open(FILE).expect("a file")));
        (n, file, message(n, if n % 10 == 3 { 100_000 } else { 10_000 }))
    };
    for n in 0..1000 {
        sender.try_send(mixed(n)).expect("room");
    }
    for n in 0..1000 {
        let (number, file, bytes) = receiver.recv().expect("one");
        let expected = mixed(n);
        assert!(number == n && bytes == expected.2, "message {n}");
        assert_eq!(file.is_some(), expected.1.is_some(), "message {n}");
    }
}

#[test]
fn an_end_that_arrives_while_messages_overflow_sees_them() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    for n in 0..100 {
        sender.try_send(message(n, 10_000)).expect("room");
    }
    let copy = |parcel| crate::parcel::decode(parcel, 0).expect("the end");
    let there: Receiver<Vec<u8>> =
        copy(crate::parcel::encode(Vec::new(), &receiver).expect("a parcel"));
    let here: Sender<Vec<u8>> =
        crate::parcel::decode(crate::parcel::encode(Vec::new(), &sender).expect("a parcel"), 0)
            .expect("the end");
    here.try_send(message(100, 10_000)).expect("room");
    for n in 0..101 {
        let from = if n % 2 == 0 { &there } else { &receiver };
        assert!(from.recv().expect("one") == message(n, 10_000), "message {n}");
    }
}

/// What a sender does in the overflow, up to the step before it publishes.
fn send_and_die(sender: &Sender<Vec<u8>>, bytes: &[u8], in_ring: bool) {
    let ring = &sender.end().ring;
    let side = ring.sending();
    let tail = ring.tail();
    let open = side.extent.load(Ordering::Relaxed) != 0 && ring.has_open_extent(tail);
    if !in_ring {
        ring.append(tail, open, &Record::Whole(bytes)).expect("memory");
    } else if open {
        ring.end_extent(tail).expect("an extent");
        ring.write(tail, &Record::Whole(bytes));
    }
}

#[test]
fn a_sender_that_dies_before_it_publishes_leaves_nothing_behind() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    let (mut sent, mut taken) = (0, 0);
    for round in 0..400 {
        for _ in 0..round % 60 {
            send_and_die(&sender, b"never sent", sent % 3 == 0);
            sender.try_send(message(sent, 6000)).expect("room");
            send_and_die(&sender, &message(1, 9000), sent % 2 == 0);
            sent += 1;
        }
        for _ in 0..(round + 30) % 60 {
            let Some(bytes) = receiver.try_recv().expect("a sender lives") else { break };
            assert!(bytes == message(taken, 6000), "message {taken}");
            taken += 1;
        }
    }
    while let Some(bytes) = receiver.try_recv().expect("a sender lives") {
        assert!(bytes == message(taken, 6000), "message {taken}");
        taken += 1;
    }
    assert_eq!(sent, taken);
}

#[test]
fn a_receiver_that_dies_before_it_publishes_leaves_the_message() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    let ring = receiver.end().ring();
    for round in 0..30 {
        for n in 0..100 {
            sender.try_send(message(n + round, 6000)).expect("room");
        }
        for n in 0..100 {
            let mut buffer = Vec::new();
            let taken = ring.read(&ring.receiving(), ring.head(), &mut buffer).expect("sound");
            let taken = taken.expect("a message");
            if let Some(consumed) = &taken.consumed {
                ring.note_read(taken.head, consumed);
            }
            assert!(receiver.recv().expect("the same") == message(n + round, 6000), "message {n}");
            if let (Some(consumed), true) = (&taken.consumed, n % 3 == 0) {
                // As one that died after it published, and before it gave memory back.
                ring.give_back_read(consumed);
            }
        }
        assert!(receiver.is_empty());
    }
}

#[test]
fn the_window_goes_round_and_a_message_that_does_not_fit_is_refused() {
    // As for a process with a limit on the size of files: 512 KiB behind the ring.
    let ring = Ring::with_window(Limits::NONE, 1 << 16).expect("memory");
    let ends = builder::ends(ring).expect("a channel");
    let (sender, receiver): (Sender<Vec<u8>>, Receiver<Vec<u8>>) = ends;
    let (mut sent, mut taken) = (0, 0);
    for round in 0..2000 {
        let length = 3000 + round % 5000;
        match sender.try_send(message(sent, length)) {
            Ok(()) => sent += 1,
            Err(error) => {
                assert!(matches!(error.reason(), SendFailure::NoMemory(_)), "{error}");
                assert!(error.into_inner() == message(sent, length));
            }
        }
        if round % 400 > 150 {
            let first = receiver.recv().expect("one");
            assert!(first == message(taken, first.len()), "message {taken}");
            taken += 1;
        }
    }
    assert!(taken > 1000, "{taken} messages");
    while let Some(bytes) = receiver.try_recv().expect("a sender lives") {
        assert!(bytes == message(taken, bytes.len()), "message {taken}");
        taken += 1;
    }
    assert_eq!(sent, taken);
}

#[test]
fn a_sender_that_is_not_received_from_hesitates_once() {
    let (sender, _receiver) = channel::<Vec<u8>>().expect("a channel");
    let start = Instant::now();
    for n in 0..20_000 {
        sender.send(message(n, 100)).expect("room");
    }
    // Each would take two milliseconds.
    assert!(start.elapsed() < PATIENCE);
}
