//! `procession run`: what comes of a program, and what is left of it.

use crate::support::{
    Ending, Marked, Monitor, children, first_line, procession, said, signal, until, write,
};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn the_exit_code_is_kept_and_the_end_is_reported() {
    let monitor = Monitor::open();
    let cases = [
        ("well", "exit 0", 0, "up", None),
        ("three", "exit 3", 3, "down", Some("dead: exit code 3")),
        ("segv", "kill -SEGV $$", 139, "down", Some("dead: signal 11")),
        ("absent", "exec /no/such/program", 127, "down", Some("dead: exit code 127")),
    ];
    for (name, script, code, state, problem) in cases {
        let said = said(&mut monitor.sh(name, &[], script));
        assert_eq!(said.code, Some(code), "{name}: {}", said.err);
        // Reported before `run` ended: nothing is waited for here.
        let check = monitor.check(name).expect("reported");
        assert_eq!(
            (&check["state"], check["problem"].as_str()),
            (&state.into(), problem),
            "{name}"
        );
    }
    let absent = said(&mut monitor.run("not-found", &[], &["/no/such/program"]));
    assert_eq!(absent.code, Some(127));
    assert!(absent.err.contains("/no/such/program: No such file"), "{}", absent.err);
}

#[test]
fn output_passes_unchanged_and_its_end_is_in_the_report_of_a_failure() {
    let monitor = Monitor::open();
    let script = "seq 1 300000; echo 'no disk' >&2; exit 9";
    let said = said(&mut monitor.sh("flood", &[], script));
    let numbers: Vec<String> = (1..=300_000).map(|n| n.to_string()).collect();
    let all = numbers.join("\n") + "\n";
    assert!(said.out == all, "300 000 lines pass as they are, not {} bytes", said.out.len());
    assert_eq!((said.err.as_str(), said.code), ("no disk\n", Some(9)));
    let check = monitor.check("flood").expect("reported");
    let words = check["beat"]["kind"]["last_words"].as_array().expect("last words");
    assert!(words.contains(&"no disk".into()) && words.len() <= 20, "{words:?}");
}

#[test]
fn a_reader_that_has_seen_enough_ends_the_program_as_without_us() {
    let monitor = Monitor::open();
    let mut child = monitor.run("yes", &[], &["yes"]).stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(first_line(&mut child), "y");
    drop(child.stdout.take());
    assert_eq!(child.wait().expect("waited").code(), Some(128 + 13));
}

#[test]
fn a_monitor_that_is_down_changes_nothing() {
    let arguments = ["run", "--url", "http://127.0.0.1:9", "--linger", "0s", "--"];
    let said =
        said(procession(&arguments).args(["sh", "-c", "cat; echo out; echo err >&2; exit 4"]));
    assert_eq!((said.code, said.out.as_str()), (Some(4), "out\n"));
    assert!(said.err.starts_with("err\n") && said.err.contains("was not reported"), "{}", said.err);
}

#[test]
fn signals_reach_the_program_once_and_a_stop_that_was_asked_for_is_no_death() {
    let monitor = Monitor::open();
    let script = "trap 'echo got' USR1; trap 'exit 0' TERM; echo ready; \
                  while :; do sleep 0.05; done";
    let mut run = monitor.sh("polite", &["--service"], script);
    let mut child = run.stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(first_line(&mut child), "ready");
    signal(&child, "USR1");
    assert_eq!(first_line(&mut child), "got");
    signal(&child, "TERM");
    let mut rest = String::new();
    child.stdout.take().expect("piped").read_to_string(&mut rest).expect("read");
    assert_eq!((rest.as_str(), child.wait().expect("waited").code()), ("", Some(0)));
    monitor.until("polite", "stopped");
}

#[test]
fn a_terminal_interrupts_the_program_once() {
    let monitor = Monitor::open();
    // Both processes of ours are stopped while the terminal interrupts, so that the program has
    // taken its interrupt before they look at theirs: two that wait at once would be one.
    let terminal = r#"
import os, pty, signal, sys
pid, fd = pty.fork()
if pid == 0:
    os.execv(sys.argv[1], sys.argv[1:])
seen = b""
def read_until(word):
    global seen
    while word not in seen:
        seen += os.read(fd, 1000)
read_until(b"ready")
ours = [int(open(f"/proc/{pid}/task/{pid}/children").read()), pid]
for each in ours:
    os.kill(each, signal.SIGSTOP)
    while open(f"/proc/{each}/stat").read().rsplit(") ", 1)[1][0] != "T":
        os.sched_yield()
os.write(fd, b"\x03")
read_until(b"interrupted")
for each in ours:
    os.kill(each, signal.SIGCONT)
os.kill(pid, signal.SIGUSR1)
code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
try:
    while piece := os.read(fd, 1000):
        seen += piece
except OSError:
    pass
print(seen.count(b"interrupted"), code)
"#;
    // Signals are taken in the order of their numbers: whatever is passed on of the interrupt is
    // seen before the end that was asked for after it.
    let program = r#"
import signal, sys
both = {signal.SIGINT, signal.SIGUSR1}
signal.pthread_sigmask(signal.SIG_BLOCK, both)
print("ready", flush=True)
while signal.sigwait(both) == signal.SIGINT:
    print("interrupted", flush=True)
sys.exit(5)
"#;
    let run = monitor.run("terminal", &[], &["python3", "-c", program]);
    let mut python = Command::new("python3");
    python.args(["-c", terminal]).arg(run.get_program()).args(run.get_args());
    let said = said(&mut python);
    assert_eq!(said.out.trim(), "1 5", "{}", said.err);
}

#[test]
fn what_a_program_leaves_behind_ends_with_it() {
    let (monitor, mut marked) = (Monitor::open(), Marked::new());
    let sleeper = marked.sleeper();
    let script = format!("(setsid {sleeper} &) ; {sleeper} & read -r line; echo started");
    let mut run = monitor.sh("litter", &[], &script);
    let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run");
    marked.await_started(2);
    drop(child.stdin.take());
    assert_eq!(first_line(&mut child), "started");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    assert!(marked.are_gone());
}

/// A program with a child and a descendant that has left for a session of its own; they ignore
/// SIGTERM.
fn family(marked: &Marked) -> String {
    let sleeper = marked.sleeper();
    format!("trap '' TERM; (setsid {sleeper} &) ; {sleeper} & echo ready; {sleeper}")
}

#[test]
fn when_run_is_killed_nothing_is_left_and_the_monitor_knows_at_once() {
    let (monitor, mut marked) = (Monitor::open(), Marked::new());
    let mut run = monitor.sh("orphaned", &["--service"], &family(&marked));
    let mut child = run.stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(first_line(&mut child), "ready");
    marked.await_started(3);
    // It holds this test's standard error until it has ended.
    let inner = Ending::of(children(child.id())[0]);
    child.kill().expect("killed");
    child.wait().expect("reaped");
    marked.await_gone();
    inner.await_end();
    let check = monitor.until("orphaned", "down");
    let problem = check["problem"].as_str().expect("a problem");
    assert!(problem.contains("`procession run` was killed"), "{problem}");
}

#[test]
fn when_the_supervising_process_is_killed_nothing_is_left_either() {
    let (monitor, mut marked) = (Monitor::open(), Marked::new());
    let mut run = monitor.sh("headless", &[], &family(&marked));
    let mut child = run.stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(first_line(&mut child), "ready");
    marked.await_started(3);
    let inner = children(child.id());
    assert_eq!(inner.len(), 1, "one process stands between: {inner:?}");
    crate::support::signal_pid(&inner[0].to_string(), "KILL");
    assert_eq!(child.wait().expect("waited").code(), Some(128 + 9));
    assert!(marked.are_gone());
}

#[test]
fn the_program_itself_dies_also_when_both_processes_above_it_are_killed() {
    let (monitor, mut marked) = (Monitor::open(), Marked::new());
    let script = format!("echo ready; exec {}", marked.sleeper());
    let mut run = monitor.sh("beheaded", &[], &script);
    let mut child = run.stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(first_line(&mut child), "ready");
    marked.await_started(1);
    let inner = children(child.id())[0].to_string();
    // Neither can act on the death of the other any more.
    signal(&child, "STOP");
    crate::support::signal_pid(&inner, "KILL");
    child.kill().expect("killed");
    child.wait().expect("reaped");
    marked.await_gone();
}

#[test]
fn a_program_that_ignores_sigterm_goes_on() {
    let monitor = Monitor::open();
    let script = "trap '' TERM; echo ready; read -r line; echo \"$line\"; exit 6";
    let mut run = monitor.sh("deaf", &[], script);
    run.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = run.spawn().expect("run");
    assert_eq!(first_line(&mut child), "ready");
    signal(&child, "TERM");
    std::io::Write::write_all(&mut child.stdin.take().expect("piped"), b"hello\n").expect("sent");
    assert_eq!(first_line(&mut child), "hello");
    assert_eq!(child.wait().expect("waited").code(), Some(6));
}

#[test]
fn a_job_that_lasts_longer_than_the_time_to_its_next_run_is_a_failure_and_goes_on() {
    let monitor = Monitor::open();
    let mut run = monitor.sh("hangs", &["--every", "100ms"], "read -r line; exit 0");
    let mut child = run.stdin(Stdio::piped()).spawn().expect("run");
    let check = monitor.until("hangs", "down");
    assert!(check["problem"].as_str().expect("one").contains("still runs after"), "{check}");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    monitor.until("hangs", "up");
}

#[test]
fn a_start_whose_end_never_comes_is_down_after_the_grace() {
    let monitor = Monitor::open();
    let mut run = monitor.sh("cut", &["--every", "1d", "--grace", "1s"], "read -r line");
    let mut child = run.stdin(Stdio::piped()).spawn().expect("run");
    monitor.until("cut", "up");
    // As if the machine had lost its power: nothing reports any more.
    let inner = children(child.id())[0].to_string();
    signal(&child, "STOP");
    crate::support::signal_pid(&inner, "KILL");
    child.kill().expect("killed");
    child.wait().expect("reaped");
    assert_eq!(monitor.until("cut", "down")["problem"], "silent");
}

#[test]
fn a_run_that_lasts_too_long_is_a_failure_and_goes_on() {
    let monitor = Monitor::open();
    let mut run = monitor.sh("slow", &["--max-runtime", "100ms"], "read -r line; exit 0");
    let mut child = run.stdin(Stdio::piped()).spawn().expect("run");
    let check = monitor.until("slow", "down");
    assert!(check["problem"].as_str().expect("one").contains("still runs after"), "{check}");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    monitor.until("slow", "up");
}

#[test]
fn the_message_of_a_job_that_failed_has_its_labels_its_tags_and_its_last_words() {
    let directory = tempfile::tempdir().expect("made");
    let (told, script) = (directory.path().join("told"), directory.path().join("tell"));
    write(&script, &format!("cat >>{}\n", told.display()));
    let command = format!("sh {}", script.display());
    let monitor = Monitor::start(&["--open", "--command", &command]);
    let options = ["--label", "rack=7", "--tag", "db", "--tag", "night"];
    let run = said(&mut monitor.sh("dump", &options, "echo no disk >&2; exit 5"));
    assert_eq!(run.code, Some(5), "{}", run.err);
    let message = || std::fs::read_to_string(&told).unwrap_or_default();
    until("the message", || message().contains("dump dead: exit code 5"));
    let message: serde_json::Value = serde_json::from_str(&message()).expect("JSON");
    let alert = &message["alerts"][0];
    assert_eq!(
        (&alert["labels"]["rack"], &alert["labels"]["check"]),
        (&"7".into(), &"dump".into())
    );
    assert_eq!(alert["annotations"]["tags"], "db night");
    assert_eq!(alert["annotations"]["description"], "last words:\nno disk");
}

#[test]
fn a_job_with_a_schedule_is_expected_at_its_next_slot_under_its_tags() {
    let monitor = Monitor::open();
    let options =
        ["--schedule", "0 2 * * *", "--tz", "Asia/Tokyo", "--tag", "db", "--tag", "night"];
    assert_eq!(said(&mut monitor.sh("scheduled", &options, "exit 0")).code, Some(0));
    let mut show = procession(&["checks", "show", "scheduled", "--url", &monitor.url]);
    let shown = said(show.env("TZ", "UTC")).out;
    for words in ["0 2 * * * (Asia/Tokyo)", "17:00:00 UTC", "db night", "4h 48m"] {
        assert!(shown.contains(words), "{words}: {shown}");
    }
    for wrong in [["--schedule", "soon"], ["--tz", "Mars/Base"]] {
        let told = said(&mut monitor.sh("wrong", &wrong, "echo done"));
        assert_eq!((told.code, told.out.as_str()), (Some(2), ""), "{}", told.err);
    }
}
