//! Handles without a value, and plans that are started several times.

use crate::support::{DEADLINE, METHODS, alone, gone, join, line, stay, within};
use procession::{
    Child, Fd, Process, ProcessHandle, ProcessInfo, Sender, Stdio, active_children, channel,
    stop_all, wait_any,
};
use std::collections::HashSet;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::os::fd::AsFd;
use std::thread;
use std::time::{Duration, Instant};

const SIGTERM: i32 = 15;
const SIGKILL: i32 = 9;

fn park() {
    loop {
        thread::park();
    }
}

fn park_for_a_number() -> u64 {
    park();
    0
}

/// Ignores SIGTERM, says so, and stays.
fn defy(line: Fd<std::os::unix::net::UnixStream>) {
    hostile::ignore(SIGTERM).expect("a signal");
    stay(line);
    park();
}

#[test]
fn one_thread_kills_what_another_joins() {
    for method in METHODS {
        let child = Process::new(park, ()).start_method(method).name("victim").start();
        let child = child.expect("a child");
        let handle = child.handle();
        assert_eq!((handle.name(), handle.id()), ("victim", child.id()));
        assert!(!handle.is_finished());
        let joining = thread::spawn(move || join(child));
        handle.kill().expect("SIGKILL");
        let error = within("the join", || joining.join()).expect("a thread").expect_err("killed");
        assert_eq!(error.signal(), Some(SIGKILL), "{method}");
        assert!(handle.is_finished());
        assert!(handle.usage().is_some(), "its child was joined");
        assert_eq!(handle.usage(), error.usage());
    }
}

#[test]
fn a_handle_of_a_process_that_has_been_joined_signals_nothing() {
    let child = Process::new(|| 1_u8, ()).start().expect("a child");
    let handles = [child.handle(), child.handle().clone()];
    assert_eq!(join(child).expect("a value"), 1);
    for handle in handles {
        assert!(handle.is_finished());
        for number in [SIGTERM, SIGKILL] {
            handle.signal(number).expect("one that has ended is no error");
        }
        handle.terminate().expect("no error");
        handle.interrupt().expect("no error");
        handle.stop(DEADLINE).expect("it has ended");
    }
}

#[test]
fn a_signal_without_a_name_is_refused() {
    let child = Process::new(park, ()).start().expect("a child");
    let error = child.handle().signal(-1).expect_err("no signal");
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    child.kill().expect("SIGKILL");
    join(child).expect_err("killed");
}

#[test]
fn children_of_different_types_stand_in_one_list_and_are_stopped_together() {
    let one = Process::new(park, ()).start().expect("a child");
    let other = Process::new(park_for_a_number, ()).start().expect("a child");
    let handles: Vec<ProcessHandle> = vec![one.handle(), other.handle()];
    stop_all(&handles, DEADLINE).expect("both end");
    assert!(handles.iter().all(ProcessHandle::is_finished));
    assert_eq!(join(one).expect_err("stopped").signal(), Some(SIGTERM));
    assert_eq!(join(other).expect_err("stopped").signal(), Some(SIGTERM));
}

#[test]
fn the_first_of_several_handles_is_waited_for() {
    let (one, other) = (Process::new(park, ()), Process::new(park_for_a_number, ()));
    let (one, other) = (one.start().expect("a child"), other.start().expect("a child"));
    let handles = [one.handle(), other.handle()];
    handles[1].kill().expect("SIGKILL");
    let first = wait_any(&handles.each_ref().map(AsFd::as_fd), Some(DEADLINE));
    assert_eq!(first.expect("a wait"), [1]);
    assert!(other.handle().wait_timeout(DEADLINE).expect("a wait"));
    assert!(!one.handle().wait_timeout(Duration::ZERO).expect("a wait"));
    one.kill().expect("SIGKILL");
    join(one).expect_err("killed");
}

#[test]
fn all_that_ignore_sigterm_are_killed_after_one_grace() {
    const COUNT: u32 = 5;
    let grace = Duration::from_millis(300);
    let children: Vec<Child<()>> = (0..COUNT)
        .map(|_| {
            let (mut events, line) = line();
            let child = Process::new(defy, (line,)).start().expect("a child");
            events.wait("a child that ignores SIGTERM");
            child
        })
        .collect();
    let handles: Vec<ProcessHandle> = children.iter().map(Child::handle).collect();
    let begun = Instant::now();
    within("their ends", move || stop_all(handles, grace)).expect("all end");
    assert!(begun.elapsed() >= grace, "they were not given their grace");
    for child in children {
        assert_eq!(join(child).expect_err("killed").signal(), Some(SIGKILL));
    }
}

#[test]
fn a_stopped_process_is_continued_so_that_it_can_obey_its_handle() {
    let child = Process::new(park, ()).start().expect("a child");
    child.handle().signal(19).expect("SIGSTOP");
    let handle = child.handle();
    within("its end", move || handle.stop(DEADLINE)).expect("it ends");
    assert_eq!(join(child).expect_err("stopped").signal(), Some(SIGTERM));
}

#[test]
fn a_handle_outlives_its_child_and_the_process_is_reaped_all_the_same() {
    let (mut events, line) = line();
    let child = Process::new(stay, (line,)).start().expect("a child");
    events.wait("the child");
    let handle = child.handle();
    drop(child);
    assert!(!handle.is_finished());
    handle.kill().expect("SIGKILL");
    gone(handle.id(), "a process without a child");
    assert!(handle.is_finished());
    assert_eq!(handle.usage(), None, "nothing has read its exit");
}

#[test]
fn a_plan_is_started_several_times() {
    for method in METHODS {
        let plan =
            Process::new(|n: u64, text: String| format!("{n}{text}"), (7, "x".repeat(200_000)));
        let plan = plan.start_method(method).name("again");
        let children =
            [plan.clone(), plan.clone(), plan].map(|plan| plan.start().expect("a child"));
        let ids: HashSet<u32> = children.iter().map(Child::id).collect();
        assert_eq!(ids.len(), 3);
        for child in children {
            assert_eq!(child.name(), "again");
            assert_eq!(join(child).expect("a value").len(), 200_001, "{method}");
        }
    }
}

#[test]
fn each_start_of_a_plan_without_a_name_has_a_name_of_its_own() {
    let plan = Process::new(|| procession::current().name().to_owned(), ());
    let names = [plan.clone(), plan].map(|plan| {
        let child = plan.start().expect("a child");
        let given = child.name().to_owned();
        assert_eq!(join(child).expect("a name"), given);
        given
    });
    assert_ne!(names[0], names[1]);
}

#[test]
fn the_arguments_of_a_cloned_plan_are_encoded_once() {
    use std::cell::Cell;
    struct Counted;
    thread_local! {
        static WRITTEN: Cell<u32> = const { Cell::new(0) };
    }
    impl serde::Serialize for Counted {
        fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            WRITTEN.set(WRITTEN.get() + 1);
            serializer.serialize_unit()
        }
    }
    impl<'de> serde::Deserialize<'de> for Counted {
        fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            <()>::deserialize(deserializer).map(|()| Self)
        }
    }
    let plan = Process::new(|_: Counted| (), (Counted,));
    for plan in [plan.clone(), plan.clone(), plan] {
        join(plan.start().expect("a child")).expect("a value");
    }
    assert_eq!(WRITTEN.get(), 1);
}

#[test]
fn descriptors_of_a_plan_go_to_each_of_its_processes() {
    let (sender, receiver) = channel::<u32>().expect("a channel");
    let send = |sender: Sender<u32>| sender.send(std::process::id()).expect("a receiver");
    let plan = Process::new(send, (sender,));
    let children = [plan.clone(), plan].map(|plan| plan.start().expect("a child"));
    let ids: HashSet<u32> = children.iter().map(Child::id).collect();
    for child in children {
        join(child).expect("sent");
    }
    assert_eq!(all_of(&receiver), ids);
}

/// All that is received until no sender is left: the plans are gone, and their descriptors.
fn all_of(receiver: &procession::Receiver<u32>) -> HashSet<u32> {
    std::iter::from_fn(|| receiver.recv().ok()).collect()
}

#[test]
fn a_cloned_plan_gives_each_process_its_streams() {
    let file = tempfile();
    let plan = Process::new(|| println!("once more"), ());
    let plan = plan.stdout(file.try_clone().expect("a duplicate")).stderr(Stdio::Piped);
    for plan in [plan.clone(), plan] {
        let child = plan.start().expect("a child");
        assert!(child.stderr.is_some() && child.stdout.is_none());
        join(child).expect("written");
    }
    let mut text = String::new();
    (&file).rewind().expect("the start");
    (&file).read_to_string(&mut text).expect("text");
    assert_eq!(text, "once more\nonce more\n");
}

/// A file without a name.
fn tempfile() -> File {
    let path = std::env::temp_dir().join(format!("procession-handles-{}", std::process::id()));
    let options = File::options().read(true).write(true).create_new(true).open(&path);
    std::fs::remove_file(path).expect("the file");
    options.expect("a file")
}

#[test]
fn the_output_of_one_process_is_the_input_of_another() {
    let speak = || std::io::stdout().write_all(b"from one to the other").expect("a pipe");
    let mut first = Process::new(speak, ()).stdout(Stdio::Piped).start().expect("a child");
    let hear = || {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).expect("text");
        text
    };
    let pipe = first.stdout.take().expect("it is piped");
    let second = Process::new(hear, ()).stdin(pipe).start().expect("a child");
    assert_eq!(join(second).expect("text"), "from one to the other");
    join(first).expect("a value");
}

#[test]
fn processes_and_endings_can_be_keys() {
    alone(|| {
        let child = Process::new(park, ()).start().expect("a child");
        let listed: HashSet<ProcessInfo> = active_children().into_iter().collect();
        assert_eq!(listed.len(), 1);
        child.kill().expect("SIGKILL");
        let ending = join(child).expect_err("killed").ending().clone();
        let counted: HashSet<procession::Ending> = [ending.clone(), ending].into();
        assert_eq!(counted.len(), 1);
        let parents = || {
            let parents = [procession::parent(), procession::parent()];
            parents.into_iter().collect::<HashSet<_>>().len()
        };
        assert_eq!(join(Process::new(parents, ()).start().expect("a child")).expect("a count"), 1);
    });
}
