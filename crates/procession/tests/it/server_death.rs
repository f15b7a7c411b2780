//! The death of the fork server, seen from the program that it served.

use crate::support::{
    METHODS, alone, assert_killed_without_server, children, gone, join, kill, line, server_of,
    status, stay, stay_until_told, tell,
};
use procession::{Fd, Process, active_children};
use std::os::unix::net::UnixStream;

#[test]
fn after_the_server_is_killed_the_next_start_has_a_new_one() {
    alone(|| {
        for method in METHODS {
            let (mut events, line) = line();
            let plan = Process::new(stay_until_told, (line,)).start_method(method);
            let older = plan.start().expect("a child");
            events.wait("the older child");
            let old = server_of(&older);
            kill(old);
            gone(old, "the fork server");

            let child = Process::new(|| 5, ()).start_method(method).start().expect("a child");
            assert_eq!(join(child).expect("a value"), 5, "{method}");

            // The older child completes, and its value arrives though its reaper is gone.
            events.tell();
            let id = older.id();
            assert_eq!(join(older).expect("its value"), id, "{method}");
        }
    });
}

#[test]
fn daemons_end_with_a_killed_server_and_others_do_not() {
    alone(|| {
        for method in METHODS {
            let (mut daemon_events, daemon_line) = line();
            let plan = Process::new(stay, (daemon_line,)).daemon(true).start_method(method);
            let daemon = plan.start().expect("a daemon");
            daemon_events.wait("the daemon");
            let (mut events, other_line) = line();
            let plan = Process::new(stay_until_told, (other_line,)).start_method(method);
            let mut other = plan.start().expect("a child");
            events.wait("the other");

            kill(server_of(&daemon));
            daemon_events.wait_for_end("the daemon");
            assert_killed_without_server(&join(daemon).expect_err("it was killed"));

            assert!(other.is_alive(), "{method}: a child that is no daemon died too");
            assert!(active_children().is_empty(), "nobody can speak for it any more");
            events.tell();
            let id = other.id();
            assert_eq!(join(other).expect("its value"), id, "{method}");
        }
    });
}

#[test]
fn a_start_happens_once_also_while_servers_are_being_killed() {
    alone(|| {
        let mut orphans = Vec::new();
        for method in METHODS {
            for round in 0..10 {
                let (mut events, line) = line();
                let child = Process::new(stay, (line,)).start_method(method).start();
                let child = child.expect("a child");
                events.wait("a child");
                kill(server_of(&child));
                // No wait for the server's end: the next start meets it dying.
                let (mut own_events, own_line) = self::line();
                let once = |mut line: Fd<UnixStream>, round: i32| {
                    tell(&mut line);
                    round
                };
                let next = Process::new(once, (own_line, round)).start_method(method).start();
                let ending = join(next.expect("a start"));
                let begun = own_events.count_until_end("the next child");
                match ending {
                    Ok(value) => assert_eq!((value, begun), (round, 1), "{method}"),
                    // A spare child that was given its start went down with its server.
                    Err(error) => {
                        assert_killed_without_server(&error);
                        assert_eq!(begun, 0, "{method}");
                    }
                }
                orphans.push((child, events));
            }
        }
        for (child, _events) in &orphans {
            child.kill().expect("SIGKILL");
        }
        for (child, _events) in orphans {
            assert_killed_without_server(&join(child).expect_err("it was killed"));
        }
    });
}

#[test]
fn a_killed_server_leaves_no_zombie_once_its_children_are_joined() {
    alone(|| {
        for method in METHODS {
            let (mut events, line) = line();
            let child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
            events.wait("a child");
            let server = server_of(&child);
            kill(server);
            gone(server, "the server");
            let next = Process::new(|| (), ()).start_method(method).start().expect("a child");
            join(next).expect("it ends");
            child.kill().expect("SIGKILL");
            join(child).expect_err("it was killed");
            assert!(!children().contains(&server), "{method}: {}", status(server, "State"));
        }
    });
}

#[test]
fn a_program_that_adopts_the_children_of_a_killed_server_reaps_them() {
    alone(|| {
        // As the first process of a container does.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid())).expect("adopting");
        for method in METHODS {
            let (mut events, line) = line();
            let child = Process::new(stay, (line,)).start_method(method).start().expect("a child");
            events.wait("a child");
            let (id, server) = (child.id(), server_of(&child));
            kill(server);
            gone(server, "the server");
            child.kill().expect("SIGKILL");
            assert_eq!(join(child).expect_err("it was killed").signal(), Some(9), "{method}");
            assert!(!children().contains(&id), "{method}: a zombie");
        }
    });
}
