//! Waiting for whichever comes first.

use crate::support::{DEADLINE, METHODS, join, line, stay, stay_until_told, wait_to_be_told};
use procession::{Fd, Process, Stdio, wait_any};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

#[cfg(feature = "tokio")]
#[tokio::test]
async fn whoever_stops_awaiting_a_child_keeps_it() {
    for method in METHODS {
        let (mut events, line) = line();
        let mut child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
        events.wait("a child");
        let nothing = Duration::from_millis(1);
        tokio::time::timeout(nothing, &mut child).await.expect_err("it stays");
        assert!(child.is_alive(), "{method}");
        drop(events);
        (&mut child).await.expect("its value");
        let again = (&mut child).await.expect_err("its value was taken");
        assert_eq!(again.ending(), &procession::Ending::Taken, "{method}");
    }
}

#[test]
fn children_and_sockets_are_waited_for_together() {
    for method in METHODS {
        let (mut events, told) = line();
        let child = Process::new(stay_until_told, (told,)).start_method(method).start();
        let child = child.expect("a child");
        events.wait("the child");
        let (mut here, there) = UnixStream::pair().expect("a pair");
        let both = [child.as_fd(), there.as_fd()];
        assert!(wait_any(&both, Some(Duration::ZERO)).expect("a wait").is_empty());

        here.write_all(b"x").expect("written");
        assert_eq!(wait_any(&both, None).expect("a wait"), [1], "{method}");
        // Nothing was taken from what was waited for.
        assert_eq!(wait_any(&both, None).expect("a wait"), [1], "{method}");

        events.tell();
        assert_eq!(wait_any(&[child.as_fd()], None).expect("a wait"), [0], "{method}");
        assert_eq!(wait_any(&both, None).expect("a wait"), [0, 1], "{method}");
        join(child).expect("a value");
    }
}

#[test]
fn nothing_at_all_is_waited_for_until_the_time_is_over() {
    assert!(wait_any(&[], Some(Duration::from_millis(5))).expect("a wait").is_empty());
}

#[test]
fn a_child_killed_while_it_is_waited_for_is_ready() {
    let (mut events, held) = line();
    let child = Process::new(stay, (held,)).start().expect("a child");
    events.wait("the child");
    child.kill().expect("SIGKILL");
    assert_eq!(wait_any(&[child.as_fd()], None).expect("a wait"), [0]);
    assert_eq!(join(child).expect_err("it was killed").signal(), Some(9));
}

/// Writes its messages one by one, each when it is told to, and closes.
fn slow_sender(mut line: Fd<UnixStream>, sender: u8) {
    for message in 0..5 {
        wait_to_be_told(&mut line);
        line.write_all(&[sender * 10 + message]).expect("the line");
    }
}

#[test]
fn waiting_on_several_connections_until_their_end_yields_every_message() {
    for method in METHODS {
        let mut connections: Vec<UnixStream> = (0..4)
            .map(|sender| {
                let (here, there) = UnixStream::pair().expect("a pair");
                let plan = Process::new(slow_sender, (Fd(there), sender)).start_method(method);
                drop(plan.start().expect("a sender"));
                here
            })
            .collect();
        let mut messages = Vec::new();
        for connection in &mut connections {
            connection.write_all(b"!").expect("the sender");
        }
        while !connections.is_empty() {
            let waited: Vec<_> = connections.iter().map(AsFd::as_fd).collect();
            let ready = wait_any(&waited, Some(DEADLINE)).expect("poll");
            assert!(!ready.is_empty(), "waited {DEADLINE:?} for a message or an end");
            for place in ready.into_iter().rev() {
                let mut message = [0];
                if connections[place].read(&mut message).expect("the sender") == 0 {
                    connections.swap_remove(place);
                    continue;
                }
                messages.push(message[0]);
                if message[0] % 10 < 4 {
                    connections[place].write_all(b"!").expect("the sender");
                }
            }
        }
        messages.sort_unstable();
        let all = (0..4).flat_map(|sender| (0..5).map(move |message| sender * 10 + message));
        assert_eq!(messages, all.collect::<Vec<u8>>(), "{method}");
    }
}

#[test]
fn waiting_on_several_pipes_until_their_end_yields_every_message() {
    let print = |sender: u8, mut line: Fd<UnixStream>| {
        for message in 0..5 {
            wait_to_be_told(&mut line);
            std::io::stdout().write_all(&[sender * 10 + message]).expect("the pipe");
            std::io::stdout().flush().expect("the pipe");
        }
    };
    for method in METHODS {
        let mut senders: Vec<_> = (0..4)
            .map(|sender| {
                let (mut events, line) = line();
                let plan = Process::new(print, (sender, line)).start_method(method);
                let mut child = plan.stdout(Stdio::Piped).start().expect("a sender");
                events.tell();
                (child.stdout.take().expect("its output"), events)
            })
            .collect();
        let mut messages = Vec::new();
        while !senders.is_empty() {
            let waited: Vec<_> = senders.iter().map(|(pipe, _)| pipe.as_fd()).collect();
            let ready = wait_any(&waited, Some(DEADLINE)).expect("poll");
            assert!(!ready.is_empty(), "waited {DEADLINE:?} for a message or an end");
            for place in ready.into_iter().rev() {
                let (pipe, events) = &mut senders[place];
                let mut message = [0];
                if pipe.read(&mut message).expect("the pipe") == 0 {
                    senders.swap_remove(place);
                    continue;
                }
                messages.push(message[0]);
                if message[0] % 10 < 4 {
                    events.tell();
                }
            }
        }
        messages.sort_unstable();
        let all = (0..4).flat_map(|sender| (0..5).map(move |message| sender * 10 + message));
        assert_eq!(messages, all.collect::<Vec<u8>>(), "{method}");
    }
}

#[cfg(feature = "tokio")]
#[tokio::test]
async fn an_awaited_child_gives_its_value_or_its_ending() {
    for method in METHODS {
        let answer = Process::new(|n: u64| n + 1, (41,)).start_method(method).start();
        let exit: Process<()> = Process::new(|| std::process::exit(3), ());
        let exit = exit.start_method(method).start().expect("a child");
        assert_eq!(answer.expect("a child").await.expect("a value"), 42);
        assert_eq!(exit.await.expect_err("it exited").exit_code(), Some(3));
    }
}
