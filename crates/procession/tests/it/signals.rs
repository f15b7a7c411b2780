//! Signals that are caught in the middle of a call: it goes on.

#![expect(clippy::needless_pass_by_value, reason = "a process's function owns its arguments")]

use crate::support::{DEADLINE, join};
use procession::connection::{Address, Connection, Listener, connect};
use procession::{Child, Duplex, Process, Sender, channel, duplex, wait_any};
use std::os::fd::AsFd;
use std::time::Duration;

const SIGINT: i32 = 2;
const LONG: usize = 1 << 20;

/// Interrupts a child again and again, till it has ended.
fn pester<R: procession::Value + Send>(child: Child<R>) -> R {
    while wait_any(&[child.as_fd()], Some(Duration::from_micros(300))).expect("poll").is_empty() {
        child.interrupt().expect("a signal");
    }
    join(child).expect("signals do no harm")
}

/// Sends back what it gets, a byte or a mebibyte; says before that it catches the signal.
fn echo(there: Duplex<Vec<u8>, Vec<u8>>, ready: Sender<()>) -> usize {
    hostile::catch(SIGINT).expect("a handler");
    ready.send(()).expect("the test listens");
    let mut count = 0;
    for message in &there.receiver {
        there.sender.send(message.expect("bytes")).expect("somebody listens");
        count += 1;
    }
    count
}

#[test]
fn sending_and_receiving_survive_signals_large_messages_too() {
    let (here, there) = duplex::<Vec<u8>, Vec<u8>>().expect("a duplex");
    let (ready, is_ready) = channel().expect("a channel");
    let child = Process::new(echo, (there, ready)).start().expect("a child");
    is_ready.recv_timeout(DEADLINE).expect("it lives").expect("it catches");
    let talk = std::thread::spawn(move || {
        for round in 0..60_u8 {
            // It waits between two messages, so that some signals meet it asleep.
            std::thread::sleep(Duration::from_millis(1));
            let sent = vec![round; if round % 2 == 0 { 1 } else { LONG }];
            here.sender.send(sent.clone()).expect("the child listens");
            assert!(here.receiver.recv_timeout(DEADLINE).expect("an echo") == Some(sent));
        }
    });
    assert_eq!(pester(child), 60);
    talk.join().expect("the other side");
}

/// Accepts one client and sends back what it sends; waits for it under signals.
fn serve(name: String, ready: Sender<()>) -> usize {
    hostile::catch(SIGINT).expect("a handler");
    let listener = Listener::bind(Address::Abstract(name), b"key").expect("a listener");
    ready.send(()).expect("the test listens");
    let mut client: Connection<Vec<u8>, Vec<u8>> = listener.accept().expect("a client");
    let mut count = 0;
    while let Ok(message) = client.recv() {
        client.send(&message).expect("the client");
        count += 1;
    }
    count
}

#[test]
fn accepting_survives_signals_and_so_do_connections() {
    let name = format!("procession-signals-{}", std::process::id());
    let (ready, is_ready) = channel().expect("a channel");
    let child = Process::new(serve, (name.clone(), ready)).start().expect("a child");
    is_ready.recv_timeout(DEADLINE).expect("it lives").expect("it listens");
    let talk = std::thread::spawn(move || {
        // The listener waits a while, under signals, before anybody comes.
        std::thread::sleep(Duration::from_millis(20));
        let address = Address::Abstract(name);
        let mut server: Connection<Vec<u8>, Vec<u8>> =
            connect(&address, b"key").expect("the child accepts");
        for round in 0..20_u8 {
            let sent = vec![round; if round % 2 == 0 { 1 } else { LONG }];
            server.send(&sent).expect("the child listens");
            assert!(server.recv_timeout(DEADLINE).expect("an echo") == Some(sent));
        }
    });
    assert_eq!(pester(child), 20);
    talk.join().expect("the client");
}
