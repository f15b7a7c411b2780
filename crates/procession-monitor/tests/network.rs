//! A real network that is really cut: one message for most of a group, and one when it is healed.
//!
//! Two network namespaces of this test's own, joined by two cables: the monitor in the one, forty
//! hosts in the other, nine tenths of which reach it by the cable that is cut.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use support::{Process, Reporter, until};

const HOSTS: usize = 40;

/// A network namespace, kept by a process that waits; gone when dropped.
struct Space(Child);

impl Space {
    /// `unshare` and its options, run by `within`.
    fn made_by(mut within: Command) -> Space {
        let wait = ["sh", "-c", "ip link set lo up && echo made && exec sleep 600"];
        let child = within.args(wait).stdout(Stdio::piped()).spawn();
        let mut child = child.unwrap_or_else(|why| panic!("{within:?}: {why}"));
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "made\n", "{within:?}");
        Space(child)
    }

    fn command(&self, program: impl AsRef<std::ffi::OsStr>) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--user", "--preserve-credentials", "--net", "--target"]);
        command.arg(self.0.id().to_string()).arg(program);
        command
    }

    fn ip(&self, words: &str) {
        let status = self.command("ip").args(words.split(' ')).status().unwrap();
        assert!(status.success(), "ip {words}");
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

/// The messages so far, as a command receiver wrote them: what each says of whom.
fn messages(out: &Path) -> Vec<(String, String)> {
    let text = std::fs::read_to_string(out).unwrap_or_default();
    let line = |line: &str| {
        let (key, summary) = line.split_once(' ')?;
        Some((key.split(':').nth(2)?.to_owned(), summary.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn a_network_cut_of_nine_tenths_is_one_message_and_so_is_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let (script, out) = (directory.path().join("tell"), directory.path().join("out"));
    let tell =
        format!("#!/bin/sh\necho \"$PROCESSION_KEY $PROCESSION_SUMMARY\" >> {}\n", out.display());
    std::fs::write(&script, tell).unwrap();
    std::fs::set_permissions(&script, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();

    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net"]);
    let near = Space::made_by(unshare);
    let mut within = near.command("unshare");
    within.arg("--net");
    let far = Space::made_by(within);
    for (cable, net) in [("cut", "10.77.1"), ("keep", "10.77.2")] {
        near.ip(&format!("link add {cable} type veth peer name far netns {}", far.0.id()));
        near.ip(&format!("addr add {net}.1/24 dev {cable}"));
        near.ip(&format!("link set {cable} up"));
        far.ip(&format!("link set far name {cable}"));
        far.ip(&format!("addr add {net}.2/24 dev {cable}"));
        far.ip(&format!("link set {cable} up"));
    }
    let mut command = near.command(support::example("monitor"));
    command.args(["--open", "--plain", "--fast", "--listen", "0.0.0.0:8420", "--command"]);
    command.arg(&script).arg("--data").arg(directory.path().join("monitor.db"));
    let monitor = Process::spawn(&mut command);
    let (period, grace) = (Duration::from_secs(2), Duration::from_secs(1));
    let hosts: Vec<Reporter> = (0..HOSTS)
        .map(|n| {
            let net = if n % 10 == 9 { "10.77.2.1" } else { "10.77.1.1" };
            let command = far.command(support::example("reporter"));
            Reporter::spawn(
                command,
                &format!("http://{net}:8420"),
                &format!("eu/host-{n}"),
                period,
                grace,
            )
        })
        .collect();
    let status = || {
        let ask = near.command("curl").args(["-fsS", "http://127.0.0.1:8420/api/status"]).output();
        String::from_utf8(ask.unwrap().stdout).unwrap()
    };
    until("every host to be heard", || status().contains("\"up\":40"));
    near.ip("link set cut down");
    let said = |what: &str| messages(&out).iter().filter(|(kind, _)| kind == what).count();
    until("the message of the cut", || said("firing") == 1);
    until("those still silent, in one message", || said("released") == 1);
    let all = "still silent: 36 of 40 hosts in eu stopped reporting";
    assert_eq!(messages(&out)[1].1, all);
    assert!(status().contains("\"up\":4,") || status().contains("\"up\":4}"), "{}", status());
    near.ip("link set cut up");
    until("the message of the end", || said("resolved") == 1);
    until("every host to be heard again", || status().contains("\"up\":40"));
    let kinds: Vec<String> = messages(&out).into_iter().map(|(kind, _)| kind).collect();
    assert_eq!(kinds, ["firing", "released", "resolved"], "{:?}", messages(&out));
    drop((hosts, monitor));
}
