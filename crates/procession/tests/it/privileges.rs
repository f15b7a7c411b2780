//! Users, groups, sessions and the privileges that a plan takes from its process.

use crate::support::{Directory, METHODS, alone, gone, join, line, needs_root, own_status, stay};
use procession::{Ending, JoinError, Limits, Process, Value};
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

const NOBODY: u32 = 65_534;

fn refusal<R: Value + Send + std::fmt::Debug>(plan: Process<R>) -> String {
    let error: JoinError = join(plan.start().expect("a child")).expect_err("it is refused");
    match error.ending() {
        Ending::Refused(why) => why.clone(),
        other => panic!("not refused: {other}"),
    }
}

/// Users, groups and supplementary groups, as the kernel shows them.
fn identity() -> [String; 3] {
    ["Uid", "Gid", "Groups"].map(own_status)
}

fn four(id: u32) -> String {
    [id; 4].map(|id| id.to_string()).join("\t")
}

#[test]
fn a_child_becomes_the_user_and_the_groups_of_its_plan() {
    needs_root("to become another user");
    for method in METHODS {
        let plan = Process::new(identity, ()).start_method(method);
        let plan = plan.uid(NOBODY).gid(1234).groups([7, 8]);
        let there = join(plan.start().expect("a child")).expect("an identity");
        assert_eq!(there, [four(NOBODY), four(1234), "7 8".to_owned()], "{method}");
    }
}

#[test]
fn a_child_of_root_that_becomes_another_user_has_no_groups_of_root() {
    needs_root("to have groups and become another user");
    let groups_here_and_below = || {
        let groups = || own_status("Groups");
        let below = Process::new(groups, ()).uid(NOBODY).start().expect("a child");
        (groups(), below.join().expect("groups"))
    };
    let plan = Process::new(groups_here_and_below, ()).groups([5]);
    let (here, below) = join(plan.start().expect("a child")).expect("groups");
    assert_eq!((here.as_str(), below.as_str()), ("5", ""));
}

#[test]
fn what_an_ordinary_user_may_not_become_is_refused_by_name() {
    needs_root("to be an ordinary user in a child");
    let refusals = || {
        let plan = || Process::new(|| (), ());
        [
            refusal(plan().uid(0)),
            refusal(plan().gid(0)),
            refusal(plan().groups([0])),
            refusal(plan().nice(-20)),
            refusal(plan().process_group(1)),
        ]
    };
    let plan = Process::new(refusals, ()).uid(NOBODY).gid(NOBODY).nice(0);
    let refusals = join(plan.start().expect("a child")).expect("all are refused");
    let names = [
        "its user 0",
        "its group 0",
        "its supplementary groups [0]",
        "its niceness",
        "its process group 1",
    ];
    for (refusal, name) in refusals.iter().zip(names) {
        assert!(refusal.contains(name) && refusal.contains("(os error"), "{refusal}");
    }
}

#[test]
fn a_child_as_another_user_starts_children_of_its_own() {
    needs_root("to become another user");
    for method in METHODS {
        let below = move |method| {
            let plan = Process::new(identity, ()).start_method(method);
            plan.start().expect("a child").join().expect("an identity")
        };
        let plan = Process::new(below, (method,)).start_method(method).uid(NOBODY).gid(NOBODY);
        let [user, group, _] = join(plan.start().expect("a child")).expect("an identity");
        assert_eq!((user, group), (four(NOBODY), four(NOBODY)), "{method}");
    }
}

#[test]
fn a_daemon_as_another_user_ends_with_a_killed_server() {
    alone(|| {
        needs_root("to become another user");
        let (mut events, line) = line();
        let plan = Process::new(stay, (line,)).daemon(true).uid(NOBODY).gid(NOBODY);
        let child = plan.start().expect("a child");
        events.wait("the daemon");
        let server = crate::support::server_of(&child);
        crate::support::kill(server);
        gone(server, "the server");
        events.wait_for_end("the daemon");
        join(child).expect_err("it was killed");
    });
}

#[test]
fn a_child_without_new_privileges_gains_none_by_executing() {
    needs_root("to give a program the set-user-id bit");
    let place = Directory::new("no-new-privs");
    let program = place.0.join("id");
    std::fs::copy("/usr/bin/id", &program).expect("coreutils' id");
    std::fs::set_permissions(&place.0, PermissionsExt::from_mode(0o755)).expect("a mode");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o4755)).expect("a mode");
    let run = |program: String| {
        let output = Command::new(program).arg("-u").output().expect("a program");
        (own_status("NoNewPrivs"), String::from_utf8_lossy(&output.stdout).trim().to_owned())
    };
    for method in METHODS {
        for (set, user) in [(false, "0"), (true, "65534")] {
            let plan = Process::new(run, (program.display().to_string(),)).start_method(method);
            let plan = plan.uid(NOBODY).gid(NOBODY).no_new_privs(set);
            let there = join(plan.start().expect("a child")).expect("users");
            let flag = u8::from(set).to_string();
            assert_eq!(there, (flag, user.to_owned()), "{method}");
        }
    }
}

/// The process group and the session of this process, and its own number. A group or session whose
/// leader is outside of this pid namespace is 0.
fn group_and_session() -> (i32, i32, i32) {
    let innermost = |numbers: String| {
        numbers.split_whitespace().next_back().and_then(|number| number.parse().ok())
    };
    let number = |key| innermost(own_status(key)).expect("a number");
    (number("NSpgid"), number("NSsid"), number("NStgid"))
}

#[test]
fn a_child_has_the_process_group_and_the_session_of_its_plan() {
    let own = group_and_session();
    for method in METHODS {
        let start = |plan: Process<(i32, i32, i32)>| {
            join(plan.start_method(method).start().expect("a child")).expect("numbers")
        };
        let plan = || Process::new(group_and_session, ());
        let (group, session, _) = start(plan());
        assert_eq!((group, session), (own.0, own.1), "{method}: as its parent");
        let (group, session, process) = start(plan().process_group(0));
        assert_eq!((group, session), (process, own.1), "{method}: a group of its own");
        let (group, session, process) = start(plan().setsid(true));
        assert_eq!((group, session), (process, process), "{method}: a session of its own");
    }
    let (mut events, line) = line();
    let leader = Process::new(stay, (line,)).process_group(0).start().expect("a child");
    events.wait("the leader");
    let number = i32::try_from(leader.id()).expect("a number");
    let member = Process::new(group_and_session, ()).process_group(number);
    let (group, ..) = join(member.start().expect("a child")).expect("numbers");
    assert_eq!(group, number, "the group of another child");
    drop(events);
    join(leader).expect("a value");
}

#[test]
fn processes_above_their_limit_are_refused_to_the_function() {
    needs_root("to become a user for whom the limit holds");
    let start_some = || {
        let start = |_| Command::new("sleep").arg("1000").spawn();
        let started: Vec<_> = (0..10).map(start).collect();
        let refused = started.iter().find_map(|one| one.as_ref().err());
        let error = refused.and_then(std::io::Error::raw_os_error);
        (started.iter().filter(|one| one.is_ok()).count(), error)
    };
    for method in METHODS {
        // A user of its own, whose processes nothing else starts.
        let plan = Process::new(start_some, ()).start_method(method).uid(54_321).gid(54_321);
        let plan = plan.limits(Limits::new().processes(4)).kill_descendants(true);
        let (started, error) = join(plan.start().expect("a child")).expect("a count");
        assert_eq!((started, error), (3, Some(11)), "{method}");
    }
}

/// Uses 4 to 16 KiB of stack for each level, as the compiler likes.
fn descend(levels: u64) -> u64 {
    let page = std::hint::black_box([levels; 512]);
    if levels == 0 { 0 } else { 1 + descend(levels - 1) + page[0] - levels }
}

#[test]
fn the_main_threads_stack_is_as_large_as_its_limit() {
    for method in METHODS {
        let plan = |levels, stack: u64| {
            let plan = Process::new(descend, (levels,)).start_method(method);
            plan.limits(Limits::new().stack(stack << 20))
        };
        // More than the usual limit of 8 MiB.
        let deep = join(plan(2_500, 64).start().expect("a child"));
        assert_eq!(deep.expect("it fits"), 2_500, "{method}");
        let error = join(plan(2_500, 2).start().expect("a child")).expect_err("it does not");
        assert!(error.is_stack_overflow(), "{method}: {error}");
    }
}
