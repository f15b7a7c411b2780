//! Listeners and connections: every kind of address, and every kind of stranger.

use super::*;
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

const KEY: &[u8] = b"the key";
const PATIENCE: Duration = Duration::from_secs(30);

fn addresses(test: &str) -> Vec<Address> {
    let name = format!("procession-{test}-{}", std::process::id());
    let tcp = std::net::SocketAddr::from(([127, 0, 0, 1], 0));
    vec![
        Address::Path(std::env::temp_dir().join(&name)),
        Address::Abstract(name),
        Address::Tcp(tcp),
    ]
}

/// A pair of connected ends at an address.
fn pair<T, U>(address: Address) -> (Connection<T, U>, Connection<U, T>)
where
    T: Send + 'static,
    U: Send + 'static,
{
    let listener = Listener::bind(address, KEY).expect("a listener");
    let there = listener.address().clone();
    let client = thread::spawn(move || connect(&there, KEY).expect("a connection"));
    let here = listener.accept_timeout(PATIENCE).expect("an accept").expect("a client");
    (here, client.join().expect("the client"))
}

#[test]
fn values_cross_at_every_kind_of_address() {
    for address in addresses("cross") {
        let (mut here, mut there) = pair::<Vec<u8>, String>(address);
        for size in [0, 1, 100, 1 << 20] {
            let sent = vec![3; size];
            let copy = sent.clone();
            let sender = thread::spawn(move || here.send(&copy).map(|()| here));
            assert_eq!(there.recv().expect("bytes"), sent);
            here = sender.join().expect("the sender").expect("it was sent");
        }
        there.send(&"an answer".to_owned()).expect("room");
        assert_eq!(here.recv_timeout(PATIENCE).expect("text"), Some("an answer".to_owned()));
        assert_eq!(here.recv_timeout(Duration::ZERO).expect("nothing"), None);
        there.send(&"the last".to_owned()).expect("room");
        drop(there);
        assert_eq!(here.recv().expect("what was sent before"), "the last");
        assert!(matches!(here.recv().expect_err("the end"), ConnectionError::Closed));
    }
}

#[test]
fn a_second_listener_is_refused_and_a_dropped_one_leaves_nothing() {
    for address in addresses("second") {
        let first = Listener::bind(address, KEY).expect("a listener");
        let address = first.address().clone();
        let error = Listener::bind(address.clone(), KEY).expect_err("taken");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse, "{address}");
        drop(first);
        Listener::bind(address.clone(), KEY).expect("free again");
        let error = connect::<(), ()>(&address, KEY).expect_err("nobody listens");
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
    }
}

#[test]
fn what_a_client_wrote_before_it_was_accepted_arrives_though_it_is_gone() {
    let address = addresses("early").remove(1);
    let listener = Listener::bind(address.clone(), KEY).expect("a listener");
    let client = thread::spawn(move || {
        let mut connection = connect::<u32, ()>(&address, KEY).expect("a connection");
        connection.send(&7).expect("room");
    });
    let mut connection: Connection<(), u32> = listener.accept().expect("a client");
    client.join().expect("the client");
    assert_eq!(connection.recv().expect("a number"), 7);
}

#[test]
fn a_wrong_key_is_an_error_on_the_clients_side_and_nothing_on_the_listeners() {
    for (ours, theirs) in [(KEY, &b"another"[..]), (KEY, b""), (b"", KEY)] {
        for address in addresses("wrong") {
            let listener = Listener::bind(address, ours).expect("a listener");
            let there = listener.address().clone();
            let client = thread::spawn(move || connect::<(), ()>(&there, theirs));
            let accepted = loop {
                let accepted = listener.accept_timeout::<(), ()>(Duration::from_millis(20));
                if client.is_finished() {
                    break accepted;
                }
            };
            assert!(accepted.expect("an accept").is_none());
            let error = client.join().expect("the client").expect_err("a wrong key");
            assert!(matches!(error, ConnectError::WrongKey { .. }), "{error}");
        }
    }
}

#[test]
fn an_empty_key_is_a_key() {
    let address = addresses("empty").remove(1);
    let listener = Listener::bind(address.clone(), b"").expect("a listener");
    let client = thread::spawn(move || connect::<(), u8>(&address, b"").expect("a connection"));
    let mut here: Connection<u8, ()> = listener.accept().expect("a client");
    here.send(&1).expect("room");
    assert_eq!(client.join().expect("the client").recv().expect("a number"), 1);
}

#[test]
fn silent_lying_and_many_strangers_keep_nobody_out() {
    let address = addresses("flood").remove(2);
    let listener = Listener::bind(address, KEY).expect("a listener");
    let there = listener.address().clone();
    let Address::Tcp(port) = there.clone() else { panic!("a TCP address") };
    let visit = |say: &[u8]| {
        let mut stranger = TcpStream::connect(port).expect("the door");
        stranger.write_all(say).expect("a few words");
        stranger
    };
    let mut strangers =
        vec![visit(b"GET / HTTP/1.1\r\n\r\n"), visit(&[0xff; 500]), visit(b"procsn")];
    strangers.extend((0..70).map(|_| visit(b"")));
    let client = thread::spawn(move || connect::<u8, ()>(&there, KEY).expect("a connection"));
    let here = listener.accept_timeout::<(), u8>(PATIENCE).expect("an accept");
    let mut here = here.expect("the one who knows the key");
    client.join().expect("the client").send(&5).expect("room");
    assert_eq!(here.recv().expect("a number"), 5);
    let mut answer = Vec::new();
    // The liar hears a greeting and is shown the door.
    let _ = strangers[0].read_to_end(&mut answer);
    assert_eq!(answer.len(), 40);
}

/// Strangers by the thousand, as fast as they can: silent ones, slow ones, liars, and those with
/// another key. Who knows the key gets in while they come.
#[test]
fn a_flood_of_strangers_of_every_kind_keeps_nobody_out() {
    for address in addresses("thousand").into_iter().skip(1) {
        let listener = Listener::bind(address, KEY).expect("a listener");
        let there = listener.address().clone();
        let (stop, came) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let flood = [&b""[..], b"procsn", b"GET / HTTP/1.1\r\n\r\n", b"wrong"].map(|say| {
            let (there, stop, came) = (there.clone(), Arc::clone(&stop), Arc::clone(&came));
            thread::spawn(move || {
                // So many at a time each; the oldest leaves for the next.
                let mut at_the_door = VecDeque::new();
                while !stop.load(Ordering::Relaxed) {
                    came.fetch_add(1, Ordering::Relaxed);
                    if say == b"wrong" {
                        let _ = connect::<(), ()>(&there, b"another key");
                        continue;
                    }
                    let Ok(socket) = there.connect(Duration::from_millis(20)) else { continue };
                    let _ = procession_sys::stream::send(socket.as_fd(), say);
                    at_the_door.push_back(socket);
                    if at_the_door.len() > 50 {
                        at_the_door.pop_front();
                    }
                }
            })
        });
        let (address, many) = (there.clone(), Arc::clone(&came));
        let client = thread::spawn(move || {
            while many.load(Ordering::Relaxed) < 1_000 {
                thread::yield_now();
            }
            loop {
                // Who is pushed out in a crowd comes again.
                if let Ok(connection) = connect::<u8, ()>(&address, KEY) {
                    break connection;
                }
            }
        });
        let here = listener.accept_timeout::<(), u8>(PATIENCE).expect("an accept");
        let mut here = here.expect("the one who knows the key");
        stop.store(true, Ordering::Relaxed);
        // Whoever is at the door yet is answered, so that the flood can end.
        while flood.iter().any(|stranger| !stranger.is_finished()) {
            let more = listener.accept_timeout::<(), ()>(Duration::from_millis(20));
            assert!(more.expect("an accept").is_none(), "nobody else knows the key");
        }
        client.join().expect("the client").send(&5).expect("room");
        assert_eq!(here.recv().expect("a number"), 5);
        assert!(came.load(Ordering::Relaxed) >= 1_000);
    }
}

#[test]
fn a_proof_that_is_played_back_proves_nothing() {
    // A listener that answers with what its client says: the roles differ, so it proves nothing.
    let parrot = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a listener");
    let address = Address::Tcp(parrot.local_addr().expect("an address"));
    let echo = thread::spawn(move || {
        let (mut stream, _) = parrot.accept().expect("a client");
        let mut said = [0; 40];
        stream.read_exact(&mut said).expect("a greeting");
        stream.write_all(&said).expect("the same");
        let mut said = [0; 32];
        stream.read_exact(&mut said).expect("a proof");
        stream.write_all(&said).expect("the same");
        let _ = stream.read(&mut said);
    });
    let error = connect::<(), ()>(&address, KEY).expect_err("a parrot");
    assert!(matches!(error, ConnectError::WrongKey { .. }), "{error}");
    echo.join().expect("the parrot");
}

#[test]
fn lengths_beyond_the_limit_cost_nothing_and_end_the_connection() {
    let (here, mut there) = pair::<Vec<u8>, Vec<u8>>(addresses("long").remove(1));
    let mut here = here.limit(1_000);
    let error = here.send(&vec![0; 2_000]).expect_err("too long");
    assert!(matches!(error, ConnectionError::TooLong { length: 2_011, limit: 1_000 }), "{error}");
    here.send(&vec![1; 10]).expect("the connection is in use");
    assert_eq!(there.recv().expect("bytes"), [1; 10]);
    there.send(&vec![0; 2_000]).expect("room");
    let error = here.recv().expect_err("announced too long");
    assert!(matches!(error, ConnectionError::TooLong { .. }), "{error}");
    assert!(matches!(here.recv().expect_err("out of step"), ConnectionError::Broken(_)));
}

#[test]
fn a_message_that_comes_byte_by_byte_is_received_whole() {
    let (mut here, there) = pair::<(), String>(addresses("slow").remove(1));
    let text = "slowly".to_owned();
    let mut body = Vec::new();
    crate::codec::write(&mut body, &text).expect("bytes");
    let message = [&(body.len() as u64).to_le_bytes()[..], &body].concat();
    let mut raw = std::os::unix::net::UnixStream::from(
        there.as_fd().try_clone_to_owned().expect("a duplicate"),
    );
    for byte in &message[..message.len() - 1] {
        raw.write_all(&[*byte]).expect("room");
        assert_eq!(here.recv_timeout(Duration::ZERO).expect("the other side lives"), None);
    }
    raw.write_all(&message[message.len() - 1..]).expect("room");
    assert_eq!(here.recv().expect("the text"), text);
    raw.write_all(&[3, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff]).expect("room");
    assert!(matches!(here.recv().expect_err("no text"), ConnectionError::Undecodable(_)));
    raw.write_all(&message).expect("room");
    assert_eq!(here.recv().expect("the next"), text);
}

#[test]
fn descriptors_do_not_cross_to_other_programs() {
    type Files = Vec<crate::Fd<std::fs::File>>;
    let (mut here, mut there) = pair::<Files, Files>(addresses("files").remove(1));
    let file = std::fs::File::open("/dev/null").expect("a file");
    let error = here.send(&vec![crate::Fd(file)]).expect_err("a descriptor");
    assert!(matches!(error, ConnectionError::Descriptors), "{error}");
    here.send(&Vec::new()).expect("the connection is in use");
    assert!(there.recv().expect("no files").is_empty());
}
