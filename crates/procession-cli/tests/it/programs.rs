//! Programs that speak `sd_notify`, unmodified, under `procession run`.

use crate::support::{Monitor, first_line, said, signal, until};
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn systemd_notify_is_heard_and_its_barrier_passes() {
    let monitor = Monitor::open();
    let script = "systemd-notify --ready --status='all well' && echo told && read -r line";
    let mut run = monitor.sh("announces", &[], script);
    run.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = run.spawn().expect("run");
    // It waits until its barrier is closed, and fails where nobody does that.
    assert_eq!(first_line(&mut child), "told");
    monitor.until("announces", "up");
    drop(child.stdin.take());
    child.wait().expect("waited");
}

#[test]
fn the_end_of_the_process_named_by_mainpid_is_the_end_of_the_program() {
    let monitor = Monitor::open();
    let script = "(while kill -0 $$ 2>/dev/null; do sleep 0.05; done; exit 7) & systemd-notify MAINPID=$! READY=1; exit 0";
    let said = said(&mut monitor.sh("forking", &[], script));
    assert_eq!(said.code, Some(7), "{}", said.err);
    let check = monitor.check("forking").expect("reported");
    assert_eq!(check["problem"], "dead: exit code 7");
}

#[test]
fn a_watchdog_that_is_not_fed_is_stuck_until_it_is() {
    let monitor = Monitor::open();
    let script = "test \"$WATCHDOG_USEC\" = 200000 && test \"$WATCHDOG_PID\" = $$ || exit 9; \
                  systemd-notify WATCHDOG=1; \
                  read -r line; systemd-notify WATCHDOG_USEC=3600000000 WATCHDOG=1; \
                  read -r line; systemd-notify WATCHDOG=trigger; read -r line; exit 0";
    let mut run = monitor.sh("hangs", &["--watchdog", "200ms"], script);
    let mut child = run.stdin(Stdio::piped()).spawn().expect("run");
    let mut stdin = child.stdin.take().expect("piped");
    let check = monitor.until("hangs", "degraded");
    assert!(check["problem"].as_str().expect("one").contains("stuck"), "{check}");
    std::io::Write::write_all(&mut stdin, b"go on\n").expect("sent");
    monitor.until("hangs", "up");
    std::io::Write::write_all(&mut stdin, b"stop\n").expect("sent");
    monitor.until("hangs", "degraded");
    drop(stdin);
    assert_eq!(child.wait().expect("waited").code(), Some(0));
}

#[test]
fn redis_under_systemd_supervision() {
    let monitor = Monitor::open();
    let directory = monitor.directory.path().to_str().expect("text");
    let socket = format!("{directory}/redis.sock");
    let redis = ["redis-server", "--supervised", "systemd", "--port", "0", "--save", ""];
    let redis = [&redis[..], &["--unixsocket", &socket, "--dir", directory]].concat();
    let mut child = monitor
        .run("redis", &["--service"], &redis)
        .stdout(Stdio::null())
        .spawn()
        .expect("run; `cargo xtask test` installs redis-server");
    monitor.until("redis", "up");
    // It listens once it takes signals.
    until("redis to listen", || std::path::Path::new(&socket).exists());
    signal(&child, "TERM");
    assert_eq!(child.wait().expect("waited").code(), Some(0));
    monitor.until("redis", "stopped");
}

#[test]
fn the_python_package_sdnotify() {
    let monitor = Monitor::open();
    let environment = std::env::var_os("PROCESSION_CLIENTS_VENV")
        .map(PathBuf::from)
        .expect("cargo sets PROCESSION_CLIENTS_VENV");
    let python = environment.join("bin/python");
    assert!(python.exists(), "{} is not there; `cargo xtask test` installs it", python.display());
    let program = "
import sdnotify, sys
n = sdnotify.SystemdNotifier(debug=True)
n.notify('READY=1')
n.notify('STATUS=counting')
sys.stdin.read()
n.notify('ERRNO=28')
sys.exit(1)
";
    let python = [python.to_str().expect("text"), "-c", program];
    let mut run = monitor.run("python", &[], &python);
    let mut child = run.stdin(Stdio::piped()).spawn().expect("run");
    monitor.until("python", "up");
    drop(child.stdin.take());
    assert_eq!(child.wait().expect("waited").code(), Some(1));
    let check = monitor.until("python", "down");
    let words = check["beat"]["kind"]["last_words"].to_string();
    assert!(words.contains("No space left") && words.contains("STATUS=counting"), "{words}");
}

#[test]
fn nobody_but_the_program_is_heard() {
    let monitor = Monitor::open();
    let mut run = monitor.sh("mute", &["--service"], "echo $NOTIFY_SOCKET; read -r line; exit 0");
    run.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = run.spawn().expect("run");
    let socket = first_line(&mut child);
    assert!(socket.starts_with('@'), "{socket}");
    // No child of `run`: it waits for its barrier, which is closed all the same.
    let mut stranger = Command::new("systemd-notify");
    stranger.args(["WATCHDOG=trigger"]).env("NOTIFY_SOCKET", socket);
    assert!(stranger.status().expect("systemd-notify; `cargo xtask test` installs it").success());
    drop(child.stdin.take());
    child.wait().expect("waited");
    let check = monitor.until("mute", "down");
    assert_eq!(check["problem"], "dead: exit code 0");
}

#[test]
fn two_lines_of_a_crontab_are_two_checks() {
    let monitor = Monitor::open();
    for code in ["echo one >/dev/null", "echo two >/dev/null; exit 3"] {
        let mut run = crate::support::procession(&["run", "--url", &monitor.url]);
        said(run.args(["--linger", "60s", "--", "sh", "-c", code]));
    }
    let status = said(&mut crate::support::procession(&["status", "--url", &monitor.url]));
    assert!(status.out.starts_with("1 down, 1 up\n"), "{}", status.out);
    assert_eq!(status.out.matches(" echo-").count(), 2, "{}", status.out);
}
