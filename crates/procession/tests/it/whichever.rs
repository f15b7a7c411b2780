//! Waiting for whichever comes first.

use crate::support::{METHODS, join, line, stay, stay_until_told};
use procession::{Process, wait_any};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

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
