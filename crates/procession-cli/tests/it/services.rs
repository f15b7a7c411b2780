//! `procession run` as a service of systemd: a manager that listens as systemd does.

use crate::support::{Monitor, first_line, said, write};
use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, UnixCredentials, recvmsg, setsockopt, sockopt,
};
use procession_sys::descriptor;
use std::fs::File;
use std::io::{IoSliceMut, Read};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};

/// A service manager, which hears one process.
struct Manager {
    directory: tempfile::TempDir,
    socket: UnixDatagram,
}

/// A datagram: from whom, what, and with which descriptors.
struct Heard {
    pid: u32,
    text: String,
    descriptors: Vec<OwnedFd>,
}

impl Manager {
    fn new() -> Manager {
        let directory = tempfile::tempdir().expect("a directory");
        let socket = UnixDatagram::bind(directory.path().join("notify")).expect("a socket");
        setsockopt(&socket, sockopt::PassCred, &true).expect("credentials");
        socket.set_read_timeout(Some(crate::support::PATIENCE)).expect("patience");
        Manager { directory, socket }
    }

    /// A command, as the manager starts it.
    fn started(&self, mut run: Command) -> Command {
        run.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        run
    }

    fn hear(&self) -> Heard {
        let mut bytes = [0; 4096];
        let mut control = cmsg_space!([RawFd; 4], UnixCredentials);
        let mut slices = [IoSliceMut::new(&mut bytes)];
        let (raw, flags) = (self.socket.as_raw_fd(), MsgFlags::MSG_CMSG_CLOEXEC);
        let message = recvmsg::<()>(raw, &mut slices, Some(&mut control), flags).expect("a word");
        let (mut pid, mut descriptors) = (0, Vec::new());
        for part in message.cmsgs().expect("whole") {
            match part {
                ControlMessageOwned::ScmCredentials(who) => pid = who.pid(),
                ControlMessageOwned::ScmRights(numbers) => {
                    descriptors.extend(numbers.into_iter().filter_map(descriptor::adopt));
                }
                _ => {}
            }
        }
        let length = message.bytes;
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        Heard { pid: u32::try_from(pid).expect("a process id"), text, descriptors }
    }
}

#[test]
fn what_a_program_says_reaches_its_service_manager_as_a_word_of_run() {
    let (monitor, manager) = (Monitor::open(), Manager::new());
    let script = "systemd-notify --ready --status='all well'; systemd-notify RELOADING=1; \
                  systemd-notify WATCHDOG=1; systemd-notify EXTEND_TIMEOUT_USEC=5000000; \
                  (sleep infinity) & systemd-notify MAINPID=$! STATUS=main; \
                  systemd-notify MAINPID=$!; systemd-notify STOPPING=1; kill $!";
    let mut child =
        manager.started(monitor.sh("notify", &["--service"], script)).spawn().expect("run");
    let mut words = Vec::new();
    while words.last().is_none_or(|word| word != "STOPPING=1") {
        let heard = manager.hear();
        assert_eq!(heard.pid, child.id(), "{}", heard.text);
        // Each is followed by the barrier of systemd-notify, which ends here.
        if heard.text == "BARRIER=1" {
            assert_eq!(heard.descriptors.len(), 1);
        } else {
            words.push(heard.text);
        }
    }
    let expected = [
        "READY=1\nSTATUS=all well",
        "RELOADING=1",
        "WATCHDOG=1",
        "EXTEND_TIMEOUT_USEC=5000000",
        "STATUS=main",
        "STOPPING=1",
    ];
    assert_eq!(words, expected);
    // The barrier of the last one.
    manager.hear();
    // It is the process of `MAINPID` that was supervised.
    assert_eq!(child.wait().expect("waited").code(), Some(143));
    monitor.until("notify", "stopped");
}

#[test]
fn a_barrier_ends_where_the_service_manager_has_seen_what_came_before() {
    let (monitor, manager) = (Monitor::open(), Manager::new());
    let seen = manager.directory.path().join("seen");
    let script = format!("systemd-notify --ready; cat {}; read -r line", seen.display());
    let mut run = manager.started(monitor.sh("barrier", &[], &script));
    let mut child = run.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("run");
    assert_eq!(manager.hear().text, "READY=1");
    let barrier = manager.hear();
    assert_eq!((barrier.text.as_str(), barrier.descriptors.len()), ("BARRIER=1", 1));
    write(&seen, "seen\n");
    drop(barrier);
    assert_eq!(first_line(&mut child), "seen");
    drop(child.stdin.take());
    child.wait().expect("waited");
}

#[test]
fn descriptors_for_the_store_reach_the_service_manager() {
    let (monitor, manager) = (Monitor::open(), Manager::new());
    let file = write(&manager.directory.path().join("kept"), "state");
    let program = format!(
        "
import os, socket
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
to = os.environ['NOTIFY_SOCKET'].replace('@', '\\0')
s.connect(to)
socket.send_fds(s, [b'FDSTORE=1\\nFDNAME=state'], [os.open('{}', os.O_RDONLY)])
",
        file.display()
    );
    let run = monitor.run("store", &[], &["python3", "-c", &program]);
    let mut child = manager.started(run).spawn().expect("run");
    let mut heard = manager.hear();
    assert_eq!(heard.text, "FDSTORE=1\nFDNAME=state");
    let mut text = String::new();
    let kept = heard.descriptors.pop().expect("a descriptor");
    File::from(kept).read_to_string(&mut text).expect("read");
    assert_eq!((text.as_str(), child.wait().expect("waited").code()), ("state", Some(0)));
}

/// `run` in a process that has these variables and a file as descriptor 3.
fn activated(variables: &str, run: &Command, file: &std::path::Path) -> Command {
    let script = format!("exec 3<\"$0\"; export {variables}; exec \"$@\"");
    let mut shell = Command::new("sh");
    shell.args(["-c", &script]).arg(file);
    shell.arg(run.get_program()).args(run.get_args()).env("XDG_CONFIG_HOME", "/nowhere");
    shell
}

#[test]
fn sockets_and_a_watchdog_that_were_meant_for_run_are_the_programs() {
    let (monitor, manager) = (Monitor::open(), Manager::new());
    let file = write(&manager.directory.path().join("socket"), "connection\n");
    let program = "echo $LISTEN_FDS $((LISTEN_PID == $$)) $WATCHDOG_USEC $((WATCHDOG_PID == $$)); \
                   cat <&3";
    let run = monitor.sh("activated", &[], program);
    let variables = "LISTEN_FDS=1 LISTEN_PID=$$ WATCHDOG_USEC=5000000 WATCHDOG_PID=$$";
    let told = said(&mut activated(variables, &run, &file));
    assert_eq!((told.out.as_str(), told.err.as_str()), ("1 1 5000000 1\nconnection\n", ""));
    // Those of another process are no concern of the program, as without `run`.
    let variables = "LISTEN_FDS=1 LISTEN_PID=1 WATCHDOG_USEC=5000000 WATCHDOG_PID=1";
    let run = monitor.sh("stale", &[], "echo $LISTEN_FDS $LISTEN_PID $WATCHDOG_USEC");
    let told = said(&mut activated(variables, &run, &file));
    assert_eq!(told.out, "1 1\n");
}
