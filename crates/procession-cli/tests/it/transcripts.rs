//! Every transcript of the documents, run and compared.
//!
//! A transcript is a block of text whose first line begins with `$ `. Each runs in a network and
//! under a host name of its own, where a monitor has its usual address. Times, process ids, ports
//! and UUIDs are made equal on both sides, and so is the width of columns. A line `…` stands for any
//! lines.

use crate::support::{said, write};
use std::path::Path;
use std::process::Command;

const DOCUMENTS: [(&str, &str); 2] = [
    ("docs/command.md", include_str!("../../../../docs/command.md")),
    ("docs/monitor.md", include_str!("../../../procession-monitor/docs/monitor.md")),
];

/// What is another at every run, in the language of `sed -E`.
const EQUAL: &str = r"
s/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/UUID/g
s/[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:]{8} [A-Z]+/MOMENT/g
s/(^|  |, )(now|([0-9]+[dhms] ?)+ago)/\1AGO/g
s/in ([0-9]+[dhms] ?)+, /in SPAN, /g
s/[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\+00:00/MOMENT/g
s/pid [0-9]+/pid PID/g
s/^(  reader-[a-z]+) [0-9]+/\1 PID/
s/(listens at http:..127.0.0.1):[0-9]+/\1:PORT/
s/^(ok +(open files|processes)) .*/\1 NUMBER/
s/dead: (signal 9|without a word.*)/dead: CAUSE/
s/ +/ /g
s/ $//
";

/// One command, and what it prints.
#[derive(Debug)]
struct Step {
    command: String,
    expected: String,
}

/// The steps of each transcript, and the line in which it begins.
fn transcripts(text: &str) -> Vec<(usize, Vec<Step>)> {
    let (mut found, mut block, mut begin) = (Vec::new(), None::<Vec<&str>>, 0);
    for (number, line) in (1..).zip(text.lines()) {
        match &mut block {
            None if line.starts_with("```") => (block, begin) = (Some(Vec::new()), number),
            None => {}
            Some(_) if line == "```" => found.extend(steps(block.take()).map(|all| (begin, all))),
            Some(lines) => lines.push(line),
        }
    }
    found
}

fn steps(block: Option<Vec<&str>>) -> Option<Vec<Step>> {
    let lines = block.filter(|lines| lines.first().is_some_and(|line| line.starts_with("$ ")))?;
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        match (line.strip_prefix("$ "), steps.last_mut()) {
            (Some(command), _) => {
                steps.push(Step { command: command.into(), expected: String::new() });
            }
            (None, Some(step)) => step.expected.extend([line, "\n"]),
            (None, None) => {}
        }
    }
    Some(steps)
}

/// A shell's script that runs the steps, each with its output in a file of its own.
fn script(steps: &[Step]) -> String {
    let is_monitor = |step: &Step| step.command.starts_with("procession monitor");
    let monitor = if steps.iter().any(is_monitor) {
        ""
    } else {
        // Long enough that no incident opens before the last step.
        "procession monitor --open --group-wait 2m >listening 2>&1 &
         until grep -q http listening; do sleep 0.02; done"
    };
    let begin = "ip link set lo up; hostname vm; cd \"$1\"; trap 'kill $(jobs -p); wait' EXIT";
    let steps = steps.iter().enumerate().map(|(at, step)| line(at, &step.command));
    [begin, monitor].map(str::to_owned).into_iter().chain(steps).collect::<Vec<_>>().join("\n")
}

fn line(at: usize, command: &str) -> String {
    if let Some((before, after)) = around_uuid(command) {
        let uuid = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
        let told = format!("uuid=$(grep -ohE '{uuid}' out.* | head -1)");
        format!("{told}\n{{ {before}$uuid{after}\n}} >out.{at} 2>&1")
    } else if command.starts_with("procession monitor") {
        let begun = format!("until grep -q info: out.{at}; do sleep 0.02; done");
        format!("{command} >out.{at} 2>&1 &\n{begun}")
    } else if command.contains(" --service ") {
        // It goes on; what it prints is its own.
        let up = "until procession status --filter up | grep -q '^up'; do sleep 0.02; done";
        format!("{command} >/dev/null 2>&1 &\n{up}\n: >out.{at}")
    } else {
        format!("{{ {command}\n}} >out.{at} 2>&1")
    }
}

fn around_uuid(command: &str) -> Option<(&str, &str)> {
    let (before, rest) = command.split_once("/ping/")?;
    Some((&command[..before.len() + "/ping/".len()], rest.get(36..)?))
}

/// The text with everything made equal that is another at every run.
fn equal(directory: &Path, text: &str) -> Vec<String> {
    let file = write(&directory.join("text"), text);
    let made = said(Command::new("sed").args(["-E", EQUAL]).arg(file));
    assert_eq!(made.code, Some(0), "{}", made.err);
    made.out.lines().map(str::to_owned).collect()
}

/// Whether the lines are those that are expected, any where `…` stands. What `doctor` finds missing
/// on this machine differs, what it looks for does not.
fn is_as_expected(expected: &[String], lines: &[String]) -> bool {
    match expected.split_first() {
        None => lines.is_empty(),
        Some((first, rest)) if first == "…" => {
            (0..=lines.len()).any(|skipped| is_as_expected(rest, &lines[skipped..]))
        }
        Some((first, rest)) => lines.split_first().is_some_and(|(line, lines)| {
            let missing = line.strip_prefix("without ").and_then(|line| line.split(' ').next());
            let is_missing = missing.is_some_and(|what| first.starts_with(&format!("ok {what}")));
            (first == line || is_missing) && is_as_expected(rest, lines)
        }),
    }
}

#[test]
fn every_transcript_of_the_documents_is_what_the_command_prints() {
    let program = Path::new(env!("CARGO_BIN_EXE_procession"));
    let directory = program.parent().expect("a directory").display();
    let path = format!("{directory}:{}", std::env::var("PATH").expect("programs"));
    let mut count = 0;
    for (document, text) in DOCUMENTS {
        for (line, steps) in transcripts(text) {
            let directory = tempfile::tempdir().expect("a directory");
            let backup = "echo copying\necho disk full >&2\nexit 2\n";
            write(&directory.path().join("backup.sh"), backup);
            let mut command = Command::new("timeout");
            command.args(["60", "unshare", "--map-root-user", "--net", "--uts", "bash", "-c"]);
            command.arg(script(&steps)).arg("bash").arg(directory.path());
            command.env("PATH", &path).env("XDG_CONFIG_HOME", "").env("TZ", "Europe/Berlin");
            let session = said(&mut command);
            let place = format!("{document}:{line}: {}", session.err);
            for (at, step) in steps.iter().enumerate() {
                let out = std::fs::read_to_string(directory.path().join(format!("out.{at}")));
                let out = out.unwrap_or_else(|why| panic!("{place}: {step:?}: {why}"));
                let mut expected = equal(directory.path(), &step.expected);
                let mut lines = equal(directory.path(), &out);
                if step.command.starts_with("procession monitor") {
                    // It ends after the transcript. Its address and its events come on two streams.
                    lines.retain(|line| !line.contains("the monitor has ended"));
                    expected.sort();
                    lines.sort();
                }
                assert!(is_as_expected(&expected, &lines), "{place}: {step:#?}\nprints\n{out}");
            }
            count += 1;
        }
    }
    assert!(count >= 6, "{count} transcripts");
}
