//! The engine within one process: bounds, the annex, hostile bytes, what the dead leave behind.

#![expect(clippy::cast_possible_truncation, reason = "patterns of bytes")]

use super::annex::{self, Luggage};
use super::record::Record;
use super::ring::Ring;
use super::*;
use crate::fd::Fd;
use procession_sys::robust::Wait;
use procession_sys::shared::Shared;
use procession_sys::wait::{self, Interest};
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(30);

fn is_ready<T>(receiver: &Receiver<T>) -> bool {
    let now = Some(Instant::now());
    wait::ready(&[(receiver.as_fd(), Interest::Readable)], now).expect("poll") == [true]
}

#[test]
fn messages_of_every_length_arrive_whole_and_in_order() {
    let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
    let lengths = (0..200).chain([1_000, 65_527, 65_528, 65_529, 65_530, 70_000, 3 << 20]);
    for (round, length) in lengths.cycle().take(1_000).enumerate() {
        let sent: Vec<u8> = (0..length).map(|index| (index * 7 + round) as u8).collect();
        sender.send(sent.clone()).expect("room");
        assert_eq!(receiver.recv().expect("a message"), sent, "length {length}");
    }
}

#[test]
fn an_empty_message_is_a_message() {
    let (sender, receiver) = channel::<()>().expect("a channel");
    assert!(receiver.try_recv().expect("none yet").is_none());
    for _ in 0..3 {
        sender.send(()).expect("room");
    }
    assert_eq!((sender.len(), receiver.len(), receiver.is_empty()), (3, 3, false));
    drop(sender);
    assert_eq!(receiver.iter().count(), 3);
    assert_eq!(receiver.len(), 0);
}

#[test]
fn a_full_channel_refuses_at_once_or_in_time_and_gives_the_value_back() {
    let (sender, receiver) = bounded::<String>(3).expect("a channel");
    for n in 0..3 {
        sender.send(n.to_string()).expect("room");
    }
    let error = sender.try_send("x".into()).expect_err("full");
    assert!(matches!(error.reason(), SendFailure::Full), "{error}");
    assert_eq!(error.into_inner(), "x");
    let short = Duration::from_millis(5);
    let start = Instant::now();
    let error = sender.send_timeout("y".into(), short).expect_err("full");
    assert!(start.elapsed() >= short);
    assert!(matches!(error.reason(), SendFailure::TimedOut), "{error}");
    assert_eq!(receiver.recv().expect("the first"), "0");
    sender.try_send("3".into()).expect("room again");
    let got: Vec<String> = (0..3).map(|_| receiver.recv().expect("one")).collect();
    assert_eq!(got, ["1", "2", "3"]);
}

#[test]
fn an_empty_channel_says_so_at_once_or_in_time() {
    let (_sender, receiver) = channel::<u8>().expect("a channel");
    let start = Instant::now();
    assert_eq!(receiver.try_recv().expect("a sender lives"), None);
    let short = Duration::from_millis(5);
    assert_eq!(receiver.recv_timeout(short).expect("a sender lives"), None);
    assert!(start.elapsed() >= short);
}

#[test]
fn a_channel_for_nothing_is_refused() {
    for builder in [Builder::new().messages(0), Builder::new().bytes(0)] {
        let error = builder.build::<u8>().expect_err("nothing fits");
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}

#[test]
fn each_side_learns_that_the_other_is_gone() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let other = receiver.clone();
    drop(receiver);
    sender.send(1).expect("a receiver is left");
    drop(other);
    let error = sender.send(2).expect_err("nobody listens");
    assert!(error.is_disconnected(), "{error}");
    assert!(sender.try_send(3).expect_err("nobody listens").is_disconnected());

    let (sender, receiver) = channel::<u8>().expect("a channel");
    sender.send(1).expect("room");
    drop(sender);
    assert_eq!(receiver.recv().expect("what was sent before"), 1);
    assert!(receiver.recv().expect_err("the end").is_disconnected());
    assert!(receiver.try_recv().expect_err("the end").is_disconnected());
    assert!(receiver.recv_timeout(PATIENCE).expect_err("the end").is_disconnected());
}

#[test]
fn a_waiting_sender_learns_that_the_last_receiver_is_gone() {
    let (sender, receiver) = bounded::<u8>(1).expect("a channel");
    sender.send(1).expect("room");
    let waiting = std::thread::spawn(move || sender.send_timeout(2, PATIENCE));
    drop(receiver);
    let error = waiting.join().expect("the sender").expect_err("nobody listens");
    assert!(error.is_disconnected(), "{error}");
}

#[test]
fn a_value_that_cannot_be_encoded_is_given_back_and_takes_no_place() {
    #[derive(Debug, PartialEq)]
    struct Odd(u32);
    impl serde::Serialize for Odd {
        fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
            if self.0 % 2 == 0 {
                return Err(serde::ser::Error::custom("it is even"));
            }
            self.0.serialize(to)
        }
    }
    impl<'de> serde::Deserialize<'de> for Odd {
        fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
            u32::deserialize(from).map(Self)
        }
    }
    let (sender, receiver) = bounded::<Odd>(1).expect("a channel");
    let error = sender.send(Odd(2)).expect_err("even");
    assert!(matches!(error.reason(), SendFailure::Unencodable(_)), "{error}");
    assert_eq!(error.into_inner(), Odd(2));
    sender.try_send(Odd(3)).expect("there is room");
    assert_eq!(receiver.recv().expect("the odd one"), Odd(3));
}

#[test]
fn the_descriptor_is_ready_exactly_while_there_is_something() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    for round in 0..100 {
        assert!(!is_ready(&receiver), "round {round}");
        sender.send(1).expect("room");
        sender.send(2).expect("room");
        assert!(is_ready(&receiver) && is_ready(&receiver));
        receiver.recv().expect("one");
        assert!(is_ready(&receiver), "one is left");
        receiver.recv().expect("two");
        assert_eq!(receiver.try_recv().expect("a sender lives"), None);
    }
    drop(sender);
    assert!(is_ready(&receiver), "the end can be received");
}

#[test]
fn descriptors_ends_and_long_values_travel_inside_messages() {
    type Letter = (Fd<File>, Sender<String>, Option<Receiver<u64>>, Vec<u8>);
    let (sender, receiver) = channel::<Letter>().expect("a channel");
    let (answer, answers) = channel::<String>().expect("a channel");
    let (numbers, more) = channel::<u64>().expect("a channel");
    let mut file = File::from(procession_sys::descriptor::dev_null().expect("null"));
    for size in [0, 10_000, 1 << 20] {
        let here = std::env::temp_dir().join(format!("procession-channel-{}", std::process::id()));
        file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&here)
            .expect("a file");
        std::fs::remove_file(&here).expect("removed");
        let copy = Fd(file.try_clone().expect("a copy"));
        sender.send((copy, answer.clone(), Some(more.clone()), vec![7; size])).expect("room");
        let (mut there, reply, ours, bytes) = receiver.recv().expect("the letter");
        assert_eq!(bytes, vec![7; size]);
        there.write_all(b"written there").expect("write");
        reply.send("an answer".to_owned()).expect("room");
        numbers.send(42).expect("room");
        assert_eq!(ours.expect("an end").recv().expect("a number"), 42);
        assert_eq!(answers.recv().expect("an answer"), "an answer");
    }
    let mut text = String::new();
    file.rewind().expect("rewind");
    file.read_to_string(&mut text).expect("read");
    assert_eq!(text, "written there");
    drop((answer, sender, receiver));
    assert!(answers.recv().expect_err("all senders are gone").is_disconnected());
}

#[test]
fn more_descriptors_than_the_annex_holds_wait_for_room() {
    let (sender, receiver) = channel::<(u32, Fd<File>)>().expect("a channel");
    let file = || Fd(File::open("/dev/null").expect("a file"));
    let sent = (0..1_000).take_while(|&n| sender.try_send((n, file())).is_ok()).count();
    assert_eq!(sent, 32);
    let more = std::thread::spawn(move || {
        (32..100).for_each(|n| sender.send_timeout((n, file()), PATIENCE).expect("room in time"));
    });
    for n in 0..100 {
        let (number, _file) = receiver.recv().expect("one");
        assert_eq!(number, n);
    }
    more.join().expect("the sender");
}

#[test]
fn what_a_dead_sender_left_in_the_annex_is_thrown_away() {
    let (sender, receiver) = channel::<Fd<File>>().expect("a channel");
    let file = || Fd(File::open("/dev/null").expect("a file"));
    // As a sender that dies between S3 and S6: a number is taken, the parcel is there, no record.
    let side = sender.end().ring.sending();
    let mut left = 0;
    loop {
        let number = side.annexed.fetch_add(1, Ordering::Relaxed) + 1;
        let luggage = Luggage::pack(&sender.end().lender, &[0; 900], &[]);
        let mut luggage = luggage.expect("luggage");
        if annex::put(sender.end().annex.as_fd(), number, &mut luggage).is_err() {
            break;
        }
        left += 1;
    }
    assert!(left > 32, "{left} parcels fit");
    let more = std::thread::spawn(move || {
        (0..10).for_each(|_| sender.send_timeout(file(), PATIENCE).expect("room in time"));
    });
    for _ in 0..10 {
        receiver.recv_timeout(PATIENCE).expect("a message").expect("in time");
    }
    more.join().expect("the sender");
    assert!(receiver.recv().expect_err("the end").is_disconnected());
}

#[test]
fn a_message_whose_receiver_died_with_it_does_not_stop_the_next() {
    let (sender, receiver) = channel::<(u8, Fd<File>)>().expect("a channel");
    for n in 1..=2 {
        sender.send((n, Fd(File::open("/dev/null").expect("a file")))).expect("room");
    }
    // As a receiver that dies between R4 and R6.
    annex::take(receiver.end().annex.as_fd(), 1).expect("the annex").expect("the first");
    assert_eq!(receiver.recv().expect("the second").0, 2);
}

#[test]
fn no_bytes_in_the_memory_cause_a_panic_or_a_long_read() {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random
    };
    for _ in 0..200 {
        let (sender, receiver) = channel::<Vec<u8>>().expect("a channel");
        for n in 0..5 {
            sender.send(vec![n; 50]).expect("room");
        }
        let memory = receiver.end().ring().memory().try_clone_to_owned().expect("a duplicate");
        let memory = Shared::adopt(memory).expect("the memory");
        // All but the locks, which whoever writes them can keep.
        let places: Vec<usize> = (0..200)
            .filter(|place| ![32, 64].contains(place))
            .filter(|_| next() % 4 == 0)
            .collect();
        for place in places {
            memory.words()[place].store(next(), Ordering::Relaxed);
        }
        for _ in 0..10 {
            let _ = sender.send_timeout(vec![1; 100], Duration::ZERO);
            let _ = receiver.recv_timeout(Duration::ZERO);
        }
        let _ = (sender.len(), receiver.is_empty(), sender.capacity());
        let copy = receiver.end().ring().memory().try_clone_to_owned().expect("a duplicate");
        let _ = Ring::adopt(copy);
    }
}

#[test]
fn a_message_of_another_type_is_an_error_and_the_next_is_received() {
    let (sender, receiver) = channel::<Vec<String>>().expect("a channel");
    let end = receiver.end();
    let tail = end.ring().tail();
    let behind = end.ring().write(tail, &Record::Whole(&[0xff; 20]));
    end.ring().set_tail(behind);
    sender.send(vec!["text".to_owned()]).expect("room");
    let error = receiver.recv().expect_err("no vector");
    assert!(matches!(error, RecvError::Undecodable(_)), "{error}");
    assert_eq!(receiver.recv().expect("the next"), ["text"]);
}

#[test]
fn an_end_is_read_as_what_it_is_and_from_a_channel_only() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let sent = crate::parcel::encode(Vec::new(), &sender).expect("a parcel");
    let error = crate::parcel::decode::<Receiver<u8>>(sent, 0).expect_err("a sender");
    assert!(error.to_string().contains("u8"), "{error}");
    let mut sent = crate::parcel::encode(Vec::new(), &receiver).expect("a parcel");
    sent.descriptors[0] =
        Shared::new(4 << 20).expect("memory").as_fd().try_clone_to_owned().expect("a duplicate");
    crate::parcel::decode::<Receiver<u8>>(sent, 0).expect_err("memory of no channel");
    let mut sent = crate::parcel::encode(Vec::new(), &receiver).expect("a parcel");
    sent.descriptors.swap(1, 2);
    crate::parcel::decode::<Receiver<u8>>(sent, 0).expect_err("bells the wrong way round");
    postcard::to_stdvec(&sender).expect_err("no parcel is being written");
}

/// Runs `test` while another thread keeps a lock of the channel.
fn while_locked<T>(side: fn(&Ring) -> ring::Side<'_>, ring: &Ring, test: impl FnOnce() -> T) -> T {
    let (locked, is_locked) = std::sync::mpsc::channel();
    let (done, is_done) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        scope.spawn(move || {
            let _guard = side(ring).lock(Wait::Unlimited).expect("the lock");
            locked.send(()).expect("the test listens");
            // Ends with the test, whether that panics or not.
            let _ = is_done.recv();
        });
        is_locked.recv().expect("it is locked");
        let result = test();
        drop(done);
        result
    })
}

#[test]
fn a_lock_that_is_kept_is_neither_full_nor_empty_and_no_time_limit_is_exceeded() {
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let (other, others) = channel::<u8>().expect("a channel");
    let short = Duration::from_millis(5);
    // The bell stays rung, so that a selection has to look closer.
    sender.send(1).expect("room");
    receiver.recv().expect("one");
    while_locked(Ring::sending, &sender.end().ring, || {
        let error = sender.try_send(1).expect_err("locked");
        assert!(error.is_locked() && !error.is_full(), "{error}");
        let error = sender.send_timeout(1, short).expect_err("locked");
        assert!(matches!(error.reason(), SendFailure::TimedOut), "{error}");
        assert!(receiver.try_recv().expect_err("locked").is_locked());
        assert_eq!(receiver.recv_timeout(short).expect("no error"), None);
        let mut select = crate::Select::new();
        select.recv('a', &receiver);
        assert_eq!(select.wait_timeout(short).expect("no error"), None);
        select.recv('b', &others);
        other.send(1).expect("room");
        assert_eq!(select.wait().expect("the other"), 'b');
    });
    sender.send(2).expect("room");
    while_locked(Ring::receiving, &sender.end().ring, || {
        assert!(receiver.try_recv().expect_err("locked").is_locked());
        assert_eq!(receiver.recv_timeout(short).expect("no error"), None);
        sender.try_send(3).expect("its own lock is free");
    });
    assert_eq!(receiver.try_iter().collect::<Result<Vec<_>, _>>().expect("numbers"), [2, 3]);
}

#[cfg(feature = "tokio")]
#[tokio::test(flavor = "current_thread")]
async fn a_lock_that_is_kept_does_not_keep_the_reactor() {
    use tokio::time::{sleep, timeout};
    let (sender, receiver) = channel::<u8>().expect("a channel");
    let (other, others) = channel::<u8>().expect("a channel");
    let short = Duration::from_millis(20);
    // The bell stays rung, so that a selection has to look closer.
    sender.send(1).expect("room");
    receiver.recv().expect("one");
    let (free, is_free) = std::sync::mpsc::channel::<()>();
    let (locked, is_locked) = std::sync::mpsc::channel();
    let holder = sender.clone();
    let thread = std::thread::spawn(move || {
        let _guard = holder.end().ring.sending().lock(Wait::Unlimited).expect("the lock");
        locked.send(()).expect("the test listens");
        let _ = is_free.recv();
    });
    is_locked.recv().expect("it is locked");
    timeout(short, sender.send_async(1)).await.expect_err("locked");
    timeout(short, receiver.recv_async()).await.expect_err("locked");
    let mut select = crate::Select::new();
    select.recv('a', &receiver);
    timeout(short, select.wait_async()).await.expect_err("locked");
    select.recv('b', &others);
    let (sent, selected) = tokio::join!(async { other.send(1) }, select.wait_async());
    sent.expect("room");
    assert_eq!(selected.expect("the other"), 'b');
    assert_eq!(others.recv_async().await.expect("a number"), 1);
    // Both wait, and others have their turn.
    let later = async {
        sleep(short).await;
        drop(free);
    };
    let (sent, selected, ()) = tokio::join!(sender.send_async(2), select.wait_async(), later);
    sent.expect("room");
    assert_eq!(selected.expect("a wait"), 'a');
    assert_eq!(receiver.recv_async().await.expect("a number"), 2);
    thread.join().expect("the holder");
}
