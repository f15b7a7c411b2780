//! What crosses, and what is refused.

use super::*;
use std::io::{Read, Seek, Write};

#[test]
fn an_end_that_receives_no_more_has_what_was_sent_before_and_refuses_the_rest() {
    let (here, there) = pair().expect("a pair");
    let held = there.try_clone().expect("another holder");
    send(here.as_fd(), &[b"before"], &[], Waiting::Allowed).expect("send");
    receive_no_more(held.as_fd()).expect("shutdown");
    let error = send(here.as_fd(), &[b"after"], &[], Waiting::Allowed).expect_err("refused");
    assert_eq!(error.kind(), io::ErrorKind::BrokenPipe);
    let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
    assert_eq!(&*parcel.bytes, b"before");
    assert!(receive(there.as_fd(), Waiting::Allowed).expect("receive").is_none());
    send(there.as_fd(), &[b"back"], &[], Waiting::Allowed).expect("the other way is open");
    assert!(receive(here.as_fd(), Waiting::Never).expect("receive").is_some());
}

#[test]
fn a_parcel_too_large_for_its_socket_travels_as_sealed_memory() {
    let (here, there) = pair().expect("a pair");
    rustix::net::sockopt::set_socket_send_buffer_size(&here, 4096).expect("a small buffer");
    let bytes = vec![7; LARGEST_INLINE];
    send(here.as_fd(), &[&bytes], &[], Waiting::Allowed).expect("send");
    let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
    assert_eq!(&*parcel.bytes, &bytes);
    assert!(matches!(parcel.bytes.memory, Memory::Sealed(_)));
}

#[test]
fn whoever_waits_at_an_end_that_receives_no_more_is_woken() {
    let (_here, there) = pair().expect("a pair");
    let held = there.try_clone().expect("another holder");
    let waiting =
        std::thread::spawn(move || receive(there.as_fd(), Waiting::Allowed).map(drop).is_ok());
    receive_no_more(held.as_fd()).expect("shutdown");
    assert!(waiting.join().expect("it wakes"));
}

#[test]
fn a_parcel_racing_with_the_end_of_receiving_arrives_exactly_if_it_was_sent() {
    for _round in 0..500 {
        let (here, there) = pair().expect("a pair");
        let sender = std::thread::spawn(move || {
            let sent = send(here.as_fd(), &[b"start"], &[], Waiting::Allowed).is_ok();
            (here, sent)
        });
        receive_no_more(there.as_fd()).expect("shutdown");
        let (_here, sent) = sender.join().expect("a sender");
        let received = receive(there.as_fd(), Waiting::Allowed).expect("receive").is_some();
        assert_eq!(received, sent);
    }
}

#[test]
fn bytes_and_descriptors_arrive_together_at_every_size() {
    for length in [0, 1, LARGEST_INLINE - 1, LARGEST_INLINE, LARGEST_INLINE + 1, 3 << 20] {
        let (here, there) = pair().expect("a pair");
        let sent: Vec<u8> = (0..length).map(|index| index.to_le_bytes()[0]).collect();
        let mut file = std::fs::File::from(crate::descriptor::dev_null().expect("null"));
        file.write_all(b"x").expect("write");
        let (half, rest) = sent.split_at(length / 2);
        send(here.as_fd(), &[half, rest], &[file.as_fd()], Waiting::Allowed).expect("send");
        let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        assert_eq!(&*parcel.bytes, sent, "length {length}");
        assert_eq!(parcel.descriptors.len(), 1);

        forward(there.as_fd(), &parcel, Waiting::Allowed).expect("forward");
        let back = receive(here.as_fd(), Waiting::Allowed).expect("receive").expect("one");
        assert_eq!(&*back.bytes, sent, "forwarded length {length}");
    }
}

#[test]
fn what_was_sent_whole_is_received_after_the_sender_is_gone() {
    let (here, there) = pair().expect("a pair");
    send(there.as_fd(), &[b"unread"], &[], Waiting::Allowed).expect("send");
    send(here.as_fd(), &[b"last"], &[], Waiting::Allowed).expect("send");
    drop(here);
    let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
    assert_eq!(&*parcel.bytes, b"last");
    assert!(receive(there.as_fd(), Waiting::Allowed).expect("the end").is_none());
}

#[test]
fn an_empty_packet_is_an_error_and_not_the_end() {
    let (here, there) = pair().expect("a pair");
    let nothing = [IoSlice::new(b"")];
    let null = crate::descriptor::dev_null().expect("null");
    send_packet(here.as_fd(), &nothing, &[null.as_fd()], Waiting::Allowed).expect("send");
    send_packet(here.as_fd(), &nothing, &[], Waiting::Allowed).expect("send");
    send(here.as_fd(), &[b"next"], &[], Waiting::Allowed).expect("send");
    drop(here);
    for _ in 0..2 {
        let error = receive(there.as_fd(), Waiting::Allowed).expect_err("no parcel");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }
    let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
    assert_eq!(&*parcel.bytes, b"next");
    assert!(receive(there.as_fd(), Waiting::Allowed).expect("the end").is_none());
    assert!(receive(there.as_fd(), Waiting::Never).expect("the end").is_none());
}

#[test]
fn a_descriptor_arrives_as_the_same_open_file() {
    let (here, there) = pair().expect("a pair");
    let memory = rustix::fs::memfd_create("test", rustix::fs::MemfdFlags::CLOEXEC);
    let mut file = std::fs::File::from(memory.expect("memory"));
    send(here.as_fd(), &[b""], &[file.as_fd()], Waiting::Allowed).expect("send");
    let parcel = receive(there.as_fd(), Waiting::Allowed).expect("receive").expect("one");
    let mut other = std::fs::File::from(parcel.descriptors.into_iter().next().expect("one"));
    other.write_all(b"through the other").expect("write");
    file.rewind().expect("rewind");
    let mut text = String::new();
    file.read_to_string(&mut text).expect("read");
    assert_eq!(text, "through the other");
}

#[test]
fn bytes_that_are_no_parcel_are_an_error() {
    for packet in [&b""[..], &[SPILLED], &[SPILLED, 0], &[2], &[255, 1, 2]] {
        let error = unpack(packet.to_vec(), Vec::new()).expect_err("no parcel");
        assert_eq!(error.kind(), io::ErrorKind::InvalidData, "{packet:?}");
    }
}

#[test]
fn a_parcel_can_be_looked_at_before_it_is_received() {
    let (here, there) = pair().expect("a pair");
    let look = || peek::<2>(there.as_fd()).expect("peek");
    assert_eq!(look(), Peeked::Nothing);
    for bytes in [&b"abc"[..], b"x"] {
        send(here.as_fd(), &[bytes], &[], Waiting::Never).expect("send");
    }
    assert_eq!((look(), look()), (Peeked::First(*b"ab"), Peeked::First(*b"ab")));
    receive(there.as_fd(), Waiting::Never).expect("receive").expect("one");
    assert_eq!(look(), Peeked::Other);
    receive(there.as_fd(), Waiting::Never).expect("receive").expect("one");
    drop(here);
    assert_eq!(look(), Peeked::Nothing);
}

#[test]
fn a_spilled_parcel_without_sealed_memory_is_an_error() {
    let null = crate::descriptor::dev_null().expect("null");
    let error = unpack(vec![SPILLED], vec![null]).expect_err("no memory");
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
}
