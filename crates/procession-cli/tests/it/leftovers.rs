//! `procession run`: what a program leaves behind when it ends.

use crate::support::{Marked, Monitor, Unprivileged, said, signal_pid};

/// A program in Python that runs in a process of its own, holds the pipe and leaves, once `main` has
/// started it. It has what `main` needs to say that it runs.
fn python(marked: &Marked, left_behind: &str) -> Vec<String> {
    let pipe = marked.pipe();
    let pipe = pipe.display();
    let program = format!(
        "
import os, signal, sys
pipe = os.open('{pipe}', os.O_WRONLY)
def say(what):
    os.write(pipe, what.encode() + b'\\n')
def leave():
    os.setsid()
{left_behind}
reading, writing = os.pipe()
if os.fork() == 0:
    os.close(reading)
    leave()
    os._exit(0)
os.close(writing)
os.read(reading, 1)
sys.exit(4)
"
    );
    ["python3", "-c", &program].map(str::to_owned).into()
}

/// Runs such a program and what it leaves behind; gives what that said.
fn leaving(name: &str, options: &[&str], left_behind: &str) -> (String, Marked) {
    let (monitor, mut marked) = (Monitor::open(), Marked::new());
    let program = python(&marked, left_behind);
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let told = said(&mut monitor.run(name, options, &program));
    assert_eq!((told.code, told.err.as_str()), (Some(4), ""));
    (if options.is_empty() { marked.rest() } else { String::new() }, marked)
}

#[test]
fn a_chain_of_processes_that_fork_and_exit_ends_with_the_program() {
    // The first link is there before the program ends; the others are gone before they are looked at.
    let chain = "
    os.close(writing)
    while True:
        if os.fork():
            os._exit(0)
";
    let deaf = format!("    signal.signal(signal.SIGTERM, signal.SIG_IGN){chain}");
    leaving("chain", &[], chain);
    leaving("deaf-chain", &[], &deaf);
}

#[test]
fn double_forks_of_any_depth_end_with_the_program() {
    let nested = |depth: u32| {
        format!(
            "
    for level in range({depth}):
        if os.fork() == 0:
            os.setsid()
            if os.fork():
                os._exit(0)
        else:
            os.close(writing)
            signal.pause()
    say('deepest')
    os.close(writing)
    signal.pause()
"
        )
    };
    for depth in [8, 40] {
        let (told, _) = leaving("nested", &[], &nested(depth));
        assert_eq!(told, "deepest\n", "depth {depth}");
    }
}

const DAEMON: &str = "
    if os.fork():
        os._exit(0)
    say(str(os.getpid()))
    os.close(writing)
    signal.pause()
";

#[test]
fn a_daemon_ends_with_the_program() {
    let (told, _) = leaving("daemon", &[], DAEMON);
    assert_eq!(told.lines().count(), 1, "it ran: {told:?}");
}

#[test]
fn a_daemon_that_is_to_be_kept_goes_on() {
    let (_, mut marked) = leaving("keep", &["--keep"], DAEMON);
    let pid = marked.line();
    assert!(!marked.are_gone());
    signal_pid(&pid, "KILL");
    marked.await_gone();
}

#[test]
fn a_daemon_that_is_to_be_kept_goes_on_where_run_is_killed() {
    let (monitor, mut marked) = (Monitor::open(), Marked::new());
    let stays = format!("{DAEMON}\nos.read = lambda *_: signal.pause()\n");
    let program = python(&marked, &stays);
    let program: Vec<&str> = program.iter().map(String::as_str).collect();
    let mut child = monitor.run("killed", &["--keep"], &program).spawn().expect("run");
    let pid = marked.line();
    child.kill().expect("killed");
    child.wait().expect("waited");
    let check = monitor.until("killed", "down");
    assert!(check["problem"].as_str().expect("one").contains("was killed"), "{check}");
    assert!(!marked.are_gone());
    signal_pid(&pid, "KILL");
    marked.await_gone();
}

#[test]
fn a_process_that_is_started_while_the_others_end_is_asked_to_end_too() {
    // Each starts the next when it is asked, and ends: the next is nobody's means of cleaning up.
    let late = "
    signals = {signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    os.close(writing)
    for generation in range(20):
        signal.sigwait(signals)
        say('asked')
        if os.fork():
            os._exit(0)
";
    assert_eq!(leaving("late", &[], late).0, "asked\n".repeat(20));
}

#[test]
fn what_a_process_starts_to_clean_up_is_left_alone_while_that_process_lives() {
    let clean = "
    signals = {signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    os.close(writing)
    signal.sigwait(signals)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, signals)
    say(str(os.system('sleep 0.3')))
";
    assert_eq!(leaving("clean", &[], clean).0, "0\n");
}

#[test]
fn a_process_that_may_not_be_ended_is_named() {
    let monitor = Monitor::open();
    let unprivileged = Unprivileged::new();
    let mut command = unprivileged.run(&monitor.run("immune", &[], &[]));
    let root = unprivileged.as_root();
    let script = "(\"$0\" --reuid 0 sh -c 'echo $$; exec >&-; exec sleep infinity' &) | \
                  (read -r pid; echo \"$pid\"); exit 3";
    let told = said(command.args(["sh", "-c", script]).arg(root));
    let pid = told.out.trim();
    let expected = format!(
        "procession run: process {pid} (sleep) is left: it may not be signalled, as it has another \
         user\n"
    );
    signal_pid(pid, "KILL");
    assert_eq!((told.code, told.err), (Some(3), expected));
}
