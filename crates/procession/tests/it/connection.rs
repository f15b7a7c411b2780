//! Connections as programs use them: who listens at a path, who accepts, and the two halves.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, Directory, rounds};
use procession::connection::{
    Address, BindError, ConnectError, Connection, ConnectionError, Listener, connect,
};
use procession::{Process, Select, Sender, channel};
use std::error::Error;
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;
use std::time::Duration;

const KEY: &[u8] = b"the key";

fn at(path: &Path) -> Address {
    Address::Path(path.to_owned())
}

/// An abstract address of this test alone.
fn abstract_address(test: &str) -> Address {
    Address::Abstract(format!("procession-connection-{test}-{}", std::process::id()))
}

/// Leaves a socket file that no program serves, as a killed listener does.
fn abandon(path: &Path) {
    drop(UnixListener::bind(path).expect("a listener"));
    assert!(path.exists());
}

/// Asks the listener for a connection, and that for a number.
fn ask(address: &Address) -> u32 {
    let mut connection = connect::<(), u32>(address, KEY).expect("a connection");
    connection.recv().expect("a number")
}

/// Serves one client with a number.
fn answer(listener: &Listener, number: u32) {
    let connection = listener.accept_timeout::<u32, ()>(DEADLINE).expect("an accept");
    connection.expect("a client").send(&number).expect("room");
}

fn serve_until_killed(path: PathBuf, ready: Sender<()>) {
    let _listener = Listener::bind(at(&path), KEY).expect("a listener");
    ready.send(()).expect("the test listens");
    loop {
        thread::park();
    }
}

#[test]
fn a_path_of_a_killed_listener_is_taken_over() {
    let directory = Directory::new("taken-over");
    let path = directory.0.join("socket");
    let (ready, is_ready) = channel().expect("a channel");
    let arguments = (path.clone(), ready);
    let child = Process::new(serve_until_killed, arguments).start().expect("a child");
    is_ready.recv_timeout(DEADLINE).expect("it lives").expect("it listens");
    let busy = Listener::bind(at(&path), KEY).expect_err("the child listens there");
    assert!(matches!(busy, BindError::InUse { .. }), "{busy}");
    child.kill().expect("a signal");
    child.join().expect_err("it was killed");
    assert!(path.exists(), "a killed listener removes nothing");
    let listener = Listener::bind(at(&path), KEY).expect("the path is free");
    let address = listener.address().clone();
    let client = thread::spawn(move || ask(&address));
    answer(&listener, 7);
    assert_eq!(client.join().expect("the client"), 7);
    drop(listener);
    assert!(!path.exists());
}

#[test]
fn of_many_listeners_that_want_an_abandoned_path_exactly_one_has_it_and_can_be_reached() {
    const RIVALS: usize = 8;
    let directory = Directory::new("rivals");
    for round in 0..rounds(50) {
        let path = directory.0.join(format!("socket-{round}"));
        abandon(&path);
        let barrier = Arc::new(Barrier::new(RIVALS));
        let rivals: Vec<_> = (0..RIVALS)
            .map(|_| {
                let (barrier, path) = (Arc::clone(&barrier), path.clone());
                thread::spawn(move || {
                    barrier.wait();
                    Listener::bind(at(&path), KEY)
                })
            })
            .collect();
        let results = rivals.into_iter().map(|rival| rival.join().expect("a rival"));
        let (winners, losers): (Vec<_>, Vec<_>) = results.partition(Result::is_ok);
        assert_eq!(winners.len(), 1, "round {round}: {losers:?}");
        for loser in losers {
            let error = loser.expect_err("not bound");
            assert!(matches!(error, BindError::InUse { .. }), "round {round}: {error}");
        }
        let address = at(&path);
        let client = thread::spawn(move || ask(&address));
        winners.iter().flatten().for_each(|listener| answer(listener, 3));
        assert_eq!(client.join().expect("the client"), 3, "round {round}");
    }
}

#[test]
fn a_listener_removes_its_own_socket_only() {
    let directory = Directory::new("own-socket");
    let path = directory.0.join("socket");
    let first = Listener::bind(at(&path), KEY).expect("a listener");
    std::fs::remove_file(&path).expect("its file");
    let second = Listener::bind(at(&path), KEY).expect("another listener");
    drop(first);
    let address = second.address().clone();
    let client = thread::spawn(move || ask(&address));
    answer(&second, 5);
    assert_eq!(client.join().expect("the client"), 5);
}

#[test]
fn what_is_no_abandoned_socket_of_this_kind_is_left_alone() {
    let directory = Directory::new("left-alone");
    let file = directory.0.join("file");
    std::fs::write(&file, "text").expect("a file");
    let link = directory.0.join("link");
    let target = directory.0.join("target");
    abandon(&target);
    std::os::unix::fs::symlink(&target, &link).expect("a link");
    for path in [&file, &link, &directory.0] {
        let error = Listener::bind(at(path), KEY).expect_err("no socket");
        assert!(matches!(error, BindError::NotASocket { .. }), "{error}");
        assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
    }
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "text");
    assert!(target.exists() && link.is_symlink());

    let datagram = directory.0.join("datagram");
    let receiver = UnixDatagram::bind(&datagram).expect("a socket");
    let served = directory.0.join("served");
    let listener = UnixListener::bind(&served).expect("a listener of another library");
    for path in [&datagram, &served] {
        let error = Listener::bind(at(path), KEY).expect_err("in use");
        assert!(matches!(error, BindError::InUse { .. }), "{error}");
        assert!(path.exists());
    }
    drop((receiver, listener));
}

#[test]
fn a_directory_that_another_program_keeps_locked_delays_a_listener_and_does_not_stop_it() {
    use rustix::fs::{FlockOperation, flock};
    let directory = Directory::new("locked");
    let (free, taken) = (directory.0.join("free"), directory.0.join("taken"));
    abandon(&taken);
    let lock = std::fs::File::open(&directory.0).expect("the directory");
    flock(&lock, FlockOperation::LockExclusive).expect("its lock");
    let listener = Listener::bind(at(&free), KEY).expect("nothing is there");
    let error = Listener::bind(at(&taken), KEY).expect_err("it cannot be taken over safely");
    assert!(matches!(error, BindError::InUse { .. }), "{error}");
    assert!(taken.exists());
    flock(&lock, FlockOperation::Unlock).expect("its lock");
    Listener::bind(at(&taken), KEY).expect("it can now");
    drop(listener);
    assert!(!free.exists());
}

#[test]
fn errors_name_the_address_and_leave_the_cause_to_source() {
    let directory = Directory::new("named");
    let nowhere = directory.0.join("missing").join("socket");
    let error = Listener::bind(at(&nowhere), KEY).expect_err("no directory");
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let (shown, cause) = (error.to_string(), error.source().expect("a cause").to_string());
    assert!(shown.contains(&nowhere.display().to_string()) && !shown.contains(&cause), "{shown}");
    let long = Address::Path(directory.0.join("x".repeat(200)));
    let error = Listener::bind(long.clone(), KEY).expect_err("a path that is too long");
    assert!(error.to_string().contains("xxx") && error.source().is_some(), "{error}");
    for address in [at(&nowhere), abstract_address("nobody"), long] {
        let error = connect::<(), ()>(&address, KEY).expect_err("no listener");
        assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
        let (shown, cause) = (error.to_string(), error.source().expect("a cause").to_string());
        assert!(shown.contains(&address.to_string()) && !shown.contains(&cause), "{shown}");
    }
}

#[test]
fn several_threads_accept_from_one_listener_and_each_client_goes_to_one() {
    const CLIENTS: u32 = 24;
    let listener = Listener::bind(abstract_address("threads"), KEY).expect("a listener");
    let address = listener.address().clone();
    let (numbers, all) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (listener, numbers) = (&listener, numbers.clone());
            scope.spawn(move || {
                while let Some(mut client) =
                    listener.accept_timeout::<u32, u32>(Duration::from_secs(1)).expect("an accept")
                {
                    let number = client.recv().expect("a number");
                    client.send(&(number + 1)).expect("room");
                    numbers.send(number).expect("the test counts");
                }
            });
        }
        for number in 0..CLIENTS {
            let address = &address;
            scope.spawn(move || {
                let mut server = connect::<u32, u32>(address, KEY).expect("a connection");
                server.send(&number).expect("room");
                assert_eq!(server.recv().expect("an answer"), number + 1);
            });
        }
    });
    drop(numbers);
    let mut answered: Vec<u32> = all.iter().collect();
    answered.sort_unstable();
    assert!(answered.into_iter().eq(0..CLIENTS));
}

#[test]
fn a_selected_listener_is_ready_for_each_step_of_a_handshake() {
    let listener = Listener::bind(abstract_address("select"), KEY).expect("a listener");
    let address = listener.address().clone();
    let client = thread::spawn(move || ask(&address));
    let mut select = Select::new();
    select.add((), &listener);
    let mut connection = loop {
        assert!(select.wait_timeout(DEADLINE).expect("a wait").is_some(), "nothing is ready");
        if let Some(connection) =
            listener.accept_timeout::<u32, ()>(Duration::ZERO).expect("an accept")
        {
            break connection;
        }
    };
    connection.send(&9).expect("room");
    assert_eq!(client.join().expect("the client"), 9);
}

/// Both sides of a connection at `address`.
fn pair(address: Address) -> (Connection<Vec<u8>, u32>, Connection<u32, Vec<u8>>) {
    let listener = Listener::bind(address, KEY).expect("a listener");
    let there = listener.address().clone();
    let client = thread::spawn(move || connect(&there, KEY).expect("a connection"));
    let here = listener.accept_timeout(DEADLINE).expect("an accept").expect("a client");
    (here, client.join().expect("the client"))
}

#[test]
fn the_halves_of_a_connection_work_in_two_threads_at_a_time() {
    // More than all buffers hold: it blocks unless the other half is served meanwhile.
    const LONG: usize = 8 << 20;
    let addresses = [abstract_address("halves"), Address::Tcp(([127, 0, 0, 1], 0).into())];
    for address in addresses {
        let (here, there) = pair(address);
        let (mut requests, mut answers) = here.split();
        let (mut replies, mut received) = there.split();
        let writer = thread::spawn(move || {
            (0..4).try_for_each(|byte| requests.send(&vec![byte; LONG])).map(|()| requests)
        });
        let reader = thread::spawn(move || (0..4).map(|_| answers.recv()).sum());
        for byte in 0..4 {
            replies.send(&u32::from(byte)).expect("room");
            assert!(received.recv().expect("bytes") == vec![byte; LONG]);
        }
        let sum: Result<u32, ConnectionError> = reader.join().expect("the reader");
        assert_eq!(sum.expect("numbers"), 6);
        drop(writer.join().expect("the writer").expect("all sent"));
    }
}

#[test]
fn a_dropped_half_tells_the_other_side() {
    let (here, there) = pair(abstract_address("dropped-half"));
    let (mut requests, mut answers) = here.split();
    let (mut replies, mut received) = there.split();
    requests.send(&vec![1]).expect("room");
    drop(requests);
    assert_eq!(received.recv().expect("what was sent before"), [1]);
    assert!(matches!(received.recv(), Err(ConnectionError::Closed)));
    // The other direction is not concerned.
    replies.send(&2).expect("room");
    assert_eq!(answers.recv().expect("a number"), 2);
    drop(answers);
    assert!(matches!(replies.send(&3), Err(ConnectionError::Closed)));
}

#[cfg(feature = "tokio")]
mod asynchronous {
    use super::*;
    use procession::connection::connect_async;
    use std::future::Future;

    fn run<F: Future>(work: F) -> F::Output {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            tokio::time::timeout(DEADLINE, work).await.expect("it takes too long")
        })
    }

    fn addresses(test: &str) -> [Address; 2] {
        [abstract_address(test), Address::Tcp(([127, 0, 0, 1], 0).into())]
    }

    #[test]
    fn one_task_serves_many_clients_that_talk_at_a_time() {
        const CLIENTS: usize = 10;
        const LONG: usize = 1 << 20;
        for address in addresses("async-many") {
            let listener = Listener::bind(address, KEY).expect("a listener");
            run(async {
                let ask = async |address: Address, size: usize| {
                    let mut server: Connection<Vec<u8>, usize> =
                        connect_async(&address, KEY).await.expect("a connection");
                    server.send_async(&vec![1; size]).await.expect("sent");
                    assert_eq!(server.recv_async().await.expect("an answer"), size);
                };
                let mut clients = tokio::task::JoinSet::new();
                for number in 0..CLIENTS {
                    clients.spawn(ask(listener.address().clone(), number * LONG));
                }
                for _ in 0..CLIENTS {
                    let client: Connection<usize, Vec<u8>> =
                        listener.accept_async().await.expect("a client");
                    let (mut to, mut from) = client.split();
                    let bytes = from.recv_async().await.expect("bytes");
                    to.send_async(&bytes.len()).await.expect("sent");
                }
                while let Some(client) = clients.join_next().await {
                    client.expect("the client");
                }
            });
        }
    }

    #[test]
    fn a_dropped_future_loses_no_client_and_no_part_of_a_message() {
        let listener = Listener::bind(abstract_address("async-drop"), KEY).expect("a listener");
        run(async {
            let address = listener.address().clone();
            let client = tokio::task::spawn_blocking(move || connect::<Vec<u8>, ()>(&address, KEY));
            let mut here: Connection<(), Vec<u8>> = loop {
                let moment = Duration::from_millis(1);
                if let Ok(accepted) = tokio::time::timeout(moment, listener.accept_async()).await {
                    break accepted.expect("a client");
                }
            };
            let mut there = client.await.expect("the client").expect("a connection");
            let sender = tokio::task::spawn_blocking(move || there.send(&vec![4; 20 << 20]));
            let received = loop {
                let moment = Duration::from_millis(1);
                if let Ok(received) = tokio::time::timeout(moment, here.recv_async()).await {
                    break received.expect("bytes");
                }
            };
            assert!(received == vec![4; 20 << 20]);
            sender.await.expect("the sender").expect("sent");
        });
    }

    #[test]
    fn after_a_message_that_was_sent_in_part_only_sending_is_an_error_and_receiving_goes_on() {
        run(async {
            let (mut here, mut there) = pair(abstract_address("async-part"));
            let long = vec![5; 20 << 20];
            let part = tokio::time::timeout(Duration::from_millis(20), here.send_async(&long));
            part.await.expect_err("nobody receives");
            let error = here.send_async(&vec![1]).await.expect_err("out of step");
            assert!(matches!(error, ConnectionError::Broken(_)), "{error}");
            there.send_async(&8).await.expect("room");
            assert_eq!(here.recv_async().await.expect("a number"), 8);
        });
    }

    #[test]
    fn connecting_fails_as_it_does_without_a_runtime() {
        run(async {
            let error = connect_async::<(), ()>(&abstract_address("async-none"), KEY).await;
            let error = error.expect_err("no listener");
            assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
            for address in addresses("async-wrong") {
                let listener = Listener::bind(address, b"another key").expect("a listener");
                let address = listener.address().clone();
                let connect = connect_async::<(), ()>(&address, KEY);
                let error = tokio::select! {
                    connected = connect => connected.expect_err("another key"),
                    _ = listener.accept_async::<(), ()>() => panic!("a client without the key"),
                };
                assert!(matches!(error, ConnectError::WrongKey { .. }), "{error}");
                drop(listener);
                let error = connect_async::<(), ()>(&address, KEY).await.expect_err("none now");
                assert!(matches!(error, ConnectError::Unreachable { .. }), "{error}");
            }
        });
    }
}
