//! The end of all that a process has started, where its plan asks for it.

use crate::support::{
    DEADLINE, Directory, METHODS, alone, gone, is_ready, join, kill, line, needs_root, server_of,
    status, stay, tell, within,
};
use procession::{Child, Fd, Process, active_children};
use procession_sys::exit;
use procession_sys::fork::{Fork, fork};
use procession_sys::thread::SingleThreaded;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

const NOBODY: u32 = 65_534;

/// How a process that has left descendants behind ends.
#[derive(Clone, Copy, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
enum Way {
    Return,
    Exit,
    Stay,
}

/// Makes a copy of this process; returns whether this is the copy.
fn copy() -> bool {
    let proof = SingleThreaded::prove().expect("one thread");
    matches!(fork(&proof).expect("a fork"), Fork::Child)
}

fn park() -> ! {
    loop {
        thread::park();
    }
}

/// Leaves a copy behind that two forks and a session of its own have hidden, and that holds the
/// line. Then ends.
fn hide_a_copy(mut line: Fd<UnixStream>, way: Way) -> u32 {
    let (mut here, mut there) = UnixStream::pair().expect("a pair");
    if copy() {
        rustix::process::setsid().expect("a session");
        if copy() {
            tell(&mut line);
            there.write_all(b"!").expect("the other end");
            let _ = line.read_to_end(&mut Vec::new());
        }
        exit::now(0);
    }
    here.read_exact(&mut [0]).expect("the copy is there");
    match way {
        Way::Return => std::process::id(),
        Way::Exit => std::process::exit(3),
        Way::Stay => park(),
    }
}

/// Runs `body` as a user who may make no cgroup, and kill none of root's processes.
fn as_nobody<F: procession::Function<(), Output = ()>>(body: F) {
    needs_root("to become another user");
    let plan = Process::new(body, ()).uid(NOBODY).gid(NOBODY);
    join(plan.start().expect("a child")).expect("what root does, nobody does too");
}

fn hidden_copies_end_with_their_process() {
    for method in METHODS {
        for way in [Way::Return, Way::Exit] {
            let (mut events, line) = line();
            let plan = Process::new(hide_a_copy, (line, way)).start_method(method);
            let child = plan.kill_descendants(true).start().expect("a child");
            let id = child.id();
            events.wait("the hidden copy");
            match (join(child), way) {
                (Ok(own), Way::Return) => assert_eq!(own, id, "{method}"),
                (Err(error), Way::Exit) => {
                    assert_eq!(error.exit_code(), Some(3), "{method}");
                    assert!(error.usage().is_some() && error.survivors().is_empty());
                }
                (other, _) => panic!("{method}, {way:?}: {other:?}"),
            }
            events.wait_for_end("the hidden copy");
        }
    }
}

#[test]
fn hidden_descendants_end_with_a_process_that_asks_for_it() {
    hidden_copies_end_with_their_process();
}

#[test]
fn hidden_descendants_end_without_a_cgroup_too() {
    as_nobody(hidden_copies_end_with_their_process);
}

#[test]
fn descendants_go_on_where_the_plan_does_not_ask() {
    let (mut events, line) = line();
    let child = Process::new(hide_a_copy, (line, Way::Return)).start().expect("a child");
    events.wait("the hidden copy");
    join(child).expect("a value");
    assert!(!is_ready(&events, Duration::from_millis(100)), "the copy was killed");
}

/// Forks and ends, and so does each copy, as long as nothing stops them.
fn run_away(mut line: Fd<UnixStream>) {
    let (mut here, mut there) = UnixStream::pair().expect("a pair");
    if copy() {
        tell(&mut line);
        there.write_all(b"!").expect("the other end");
        loop {
            if !copy() {
                exit::now(0);
            }
        }
    }
    here.read_exact(&mut [0]).expect("the copy is there");
}

fn runaways_end_with_their_process() {
    let (mut events, line) = line();
    let plan = Process::new(run_away, (line,)).kill_descendants(true);
    let child = plan.start().expect("a child");
    events.wait("the first copy");
    let handle = child.handle();
    join(child).expect("a value");
    assert!(handle.survivors().is_empty());
    events.wait_for_end("the last copy");
}

#[test]
fn a_process_that_forks_and_ends_without_end_is_caught() {
    runaways_end_with_their_process();
}

#[test]
fn a_process_that_forks_and_ends_without_end_is_caught_without_a_cgroup_too() {
    as_nobody(runaways_end_with_their_process);
}

#[test]
fn descendants_end_however_their_process_is_ended() {
    let ends: [fn(&Child<u32>); 3] = [
        |child| child.kill().expect("SIGKILL"),
        |child| child.terminate().expect("SIGTERM"),
        |child| child.handle().stop(DEADLINE).expect("its end"),
    ];
    for method in METHODS {
        for end in ends {
            let (mut events, line) = line();
            let plan = Process::new(hide_a_copy, (line, Way::Stay)).start_method(method);
            let child = plan.kill_descendants(true).start().expect("a child");
            events.wait("the hidden copy");
            end(&child);
            let error = join(child).expect_err("it was ended");
            assert!(matches!(error.signal(), Some(9 | 15)), "{method}: {error}");
            events.wait_for_end("the hidden copy");
        }
        let (mut events, line) = line();
        let plan = Process::new(hide_a_copy, (line, Way::Stay)).start_method(method);
        let plan = plan.kill_descendants(true).timeout(Duration::from_millis(300));
        let error = join(plan.start().expect("a child")).expect_err("its time is over");
        assert!(error.is_timed_out(), "{method}: {error}");
        events.count_until_end("the hidden copy");
    }
}

#[test]
fn descendants_of_a_process_that_became_another_program_end_at_its_timeout() {
    let become_a_shell = || {
        use std::os::unix::process::CommandExt;
        Command::new("sh").args(["-c", "sleep 1000 & sleep 1000"]).exec().to_string()
    };
    let plan = Process::new(become_a_shell, ()).kill_descendants(true);
    let child = plan.timeout(Duration::from_millis(200)).start().expect("a child");
    assert!(join(child).expect_err("its time is over").is_timed_out());
}

#[test]
fn a_value_comes_before_the_descendants_are_gone() {
    let (mut events, line) = line();
    let plan = Process::new(hide_a_copy, (line, Way::Return)).kill_descendants(true);
    let child = plan.start().expect("a child");
    let id = child.id();
    assert_eq!(within("the value", || child.value()).expect("a value"), id);
    events.count_until_end("the hidden copy");
}

#[test]
fn a_process_with_a_reaper_is_listed_by_its_own_number() {
    alone(|| {
        let (mut events, line) = line();
        let plan = Process::new(stay, (line,)).kill_descendants(true).name("with a reaper");
        let child = plan.start().expect("a child");
        events.wait("the child");
        let listed = active_children();
        let listed = listed.iter().find(|one| one.name() == "with a reaper").expect("it is alive");
        assert_eq!(listed.id(), child.id());
        drop(events);
        join(child).expect("a value");
        assert!(active_children().is_empty());
    });
}

#[test]
fn a_daemon_and_its_descendants_end_with_a_killed_server_and_others_do_not() {
    alone(|| {
        let start = |daemon, way| {
            let (mut events, line) = line();
            let plan = Process::new(hide_a_copy, (line, way)).kill_descendants(true);
            let child = plan.daemon(daemon).start().expect("a child");
            events.wait("the hidden copy");
            (child, events)
        };
        let sample = Process::new(std::os::unix::process::parent_id, ()).start().expect("a child");
        let server = join(sample).expect("its parent");
        let (daemon, mut below_daemon) = start(true, Way::Stay);
        let (other, mut below_other) = start(false, Way::Stay);
        kill(server);
        gone(server, "the server");
        below_daemon.wait_for_end("what a daemon has started");
        join(daemon).expect_err("it was killed");
        assert!(!other.handle().is_finished(), "its server's end is not its own");
        other.kill().expect("SIGKILL");
        join(other).expect_err("it was killed");
        below_other.wait_for_end("what it has started");
    });
}

#[test]
fn a_process_ends_with_its_reaper() {
    let (mut events, line) = line();
    let plan = Process::new(stay, (line,)).kill_descendants(true);
    let child = plan.start().expect("a child");
    events.wait("the child");
    kill(server_of(&child));
    join(child).expect_err("it was killed");
    events.wait_for_end("the child");
}

/// The cgroups of reapers with this number in this process's own cgroup; `None` if this process may
/// make none.
fn cgroups_of(reaper: u32) -> Option<Vec<PathBuf>> {
    let mounts = std::fs::read_to_string("/proc/self/mountinfo").expect("the mounts");
    let mount = mounts.lines().find(|line| line.contains(" - cgroup2 "))?;
    let mount = mount.split(' ').nth(4).expect("its place");
    let own = std::fs::read_to_string("/proc/self/cgroup").expect("the cgroups");
    let own = own.lines().find_map(|line| line.strip_prefix("0::/"))?;
    let directory = Path::new(mount).join(own);
    let probe = directory.join(format!("probe-{}", std::process::id()));
    std::fs::create_dir(&probe).ok()?;
    std::fs::remove_dir(&probe).expect("an empty cgroup");
    let prefix = format!("procession-{reaper}-");
    let entries = std::fs::read_dir(directory).expect("its cgroups").flatten();
    let named =
        |entry: &std::fs::DirEntry| entry.file_name().to_string_lossy().starts_with(&prefix);
    Some(entries.filter(named).map(|entry| entry.path()).collect())
}

#[test]
fn a_killed_reaper_leaves_neither_descendants_nor_its_cgroup() {
    let (mut events, line) = line();
    let plan = Process::new(hide_a_copy, (line, Way::Stay)).kill_descendants(true);
    let child = plan.start().expect("a child");
    events.wait("the hidden copy");
    let reaper = server_of(&child);
    let Some(cgroups) = cgroups_of(reaper) else {
        // Without a cgroup, nobody can find what a killed reaper has left.
        child.kill().expect("SIGKILL");
        join(child).expect_err("it was killed");
        return eprintln!("not shown: this process may make no cgroup");
    };
    assert_eq!(cgroups.len(), 1, "the reaper has a cgroup");
    kill(reaper);
    join(child).expect_err("it was killed");
    events.wait_for_end("the hidden copy");
    // A reaper that starts once the cgroup has no members removes it at the latest.
    let deadline = Instant::now() + DEADLINE;
    while cgroups_of(reaper).is_some_and(|left| !left.is_empty()) {
        assert!(Instant::now() < deadline, "its cgroup is left");
        let next = Process::new(std::process::id, ()).kill_descendants(true).start();
        join(next.expect("a child")).expect("a value");
    }
}

/// Starts a program that becomes root and stays; gives its number.
fn leave_an_immune_one(program: String) -> u32 {
    let mut command = Command::new(program);
    command.args(["--reuid", "0", "--clear-groups", "sleep", "1000"]);
    let id = command.spawn().expect("a program").id();
    // It is immune once it has become root.
    while status(id, "Uid").split_whitespace().next() != Some("0") {
        thread::yield_now();
    }
    id
}

#[test]
fn what_cannot_be_killed_is_told_by_its_number() {
    needs_root("to give a program the set-user-id bit");
    let place = Directory::new("immune");
    let program = place.0.join("setpriv");
    std::fs::copy("/usr/bin/setpriv", &program).expect("util-linux's setpriv");
    std::fs::set_permissions(&place.0, PermissionsExt::from_mode(0o755)).expect("a mode");
    std::fs::set_permissions(&program, PermissionsExt::from_mode(0o4755)).expect("a mode");
    let as_nobody = |program: String| {
        let plan = Process::new(leave_an_immune_one, (program,)).kill_descendants(true);
        let child = plan.start().expect("a child");
        let handle = child.handle();
        let immune = child.join().expect("a value");
        (immune, handle.survivors().to_vec())
    };
    let plan = Process::new(as_nobody, (program.display().to_string(),)).uid(NOBODY).gid(NOBODY);
    let (immune, survivors) = join(plan.start().expect("a child")).expect("numbers");
    kill(immune);
    assert_eq!(survivors, [immune]);
}
