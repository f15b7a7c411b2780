//! The children that the fork server makes ahead.

use crate::support::{alone, gone, join, kill, status, within};
use procession::{Process, active_children};

/// Waits until `server` has spare children that wait for their starts.
fn wait_for_spares(server: u32) {
    within("spare children", move || {
        let list = format!("/proc/{server}/task/{server}/children");
        let asleep = |pid: &str| status(pid.parse().expect("a number"), "State").starts_with('S');
        loop {
            let children = std::fs::read_to_string(&list).expect("a list");
            let children: Vec<&str> = children.split_whitespace().collect();
            if children.len() >= 4 && children.into_iter().all(asleep) {
                return;
            }
            std::thread::yield_now();
        }
    });
}

/// The server, with spare children on offer.
fn server_with_spares() -> u32 {
    let there = Process::new(std::os::unix::process::parent_id, ()).start().expect("a child");
    let server = join(there).expect("a value");
    wait_for_spares(server);
    server
}

#[test]
fn a_stopped_server_does_not_hold_up_a_start_that_has_a_spare_child() {
    alone(|| {
        let server = server_with_spares();
        hostile::send(server, 19).expect("SIGSTOP");
        let value = within("a value", || {
            let child = Process::new(|| 7, ()).start().expect("a child");
            child.value().expect("a value")
        });
        assert_eq!(value, 7);
        hostile::send(server, 18).expect("SIGCONT");
    });
}

/// The spare children of a server that has no others.
fn spares_of(server: u32) -> Vec<u32> {
    let list = std::fs::read_to_string(format!("/proc/{server}/task/{server}/children"));
    let numbers = list.expect("a list");
    numbers.split_whitespace().map(|spare| spare.parse().expect("a number")).collect()
}

#[test]
fn a_spare_child_has_rehearsed_a_start_and_kept_nothing_of_it() {
    alone(|| {
        for spare in spares_of(server_with_spares()) {
            let line = std::fs::read_to_string(format!("/proc/{spare}/cmdline")).expect("a title");
            assert!(line.ends_with(": forkserver\0"), "{line:?}");
            let kept = std::fs::read_dir(format!("/proc/{spare}/fd")).expect("its descriptors");
            let kept = kept.map(|one| std::fs::read_link(one.expect("one").path()));
            let kept: Vec<_> = kept.map(|what| what.expect("an open file")).collect();
            let count = |part: &str| {
                kept.iter().filter(|what| what.to_string_lossy().contains(part)).count()
            };
            let (streams, corridor, program) =
                (count("/dev/null"), count("socket"), count("pidfd"));
            assert_eq!((streams, corridor, program, kept.len()), (3, 1, 1, 5), "{kept:?}");
        }
    });
}

#[test]
fn a_spare_child_that_was_killed_does_not_spoil_a_start() {
    alone(|| {
        for spare in spares_of(server_with_spares()) {
            kill(spare);
            gone(spare, "the spare child");
        }
        // The server has heard of it once it has answered.
        assert!(active_children().is_empty());
        for round in 0..6 {
            let child = Process::new(|n: i32| n, (round,)).start().expect("a child");
            assert_eq!(join(child).expect("a value"), round);
        }
    });
}

#[test]
fn threads_that_start_at_once_never_share_a_spare_child() {
    alone(|| {
        server_with_spares();
        let threads: Vec<_> = (0..16_u32)
            .map(|number| {
                std::thread::spawn(move || {
                    let id = |number: u32| (number, std::process::id());
                    let child = Process::new(id, (number,)).start().expect("a child");
                    let own = (number, child.id());
                    assert_eq!(join(child).expect("a value"), own);
                    own.1
                })
            })
            .collect();
        let mut ids: Vec<u32> =
            threads.into_iter().map(|thread| thread.join().expect("an id")).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), 16);
    });
}
