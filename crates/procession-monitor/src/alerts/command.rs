//! One run of a command that is told a message.
//!
//! A command is a process of the library that becomes the program, so that all that the program
//! starts ends with it, in sessions of its own too.
//!
//! # Invariants
//! - A run ends: the program is killed at its time limit, and what it leaves behind is killed too.
//! - The program sees none of the monitor's secrets: of the environment it gets what [`is_passed_on`]
//!   lets through, and what the message says.
//! - The end of its output is kept, a bounded part, for the error.

use crate::descriptors;
use crate::log::log;
use procession::{Ending, JoinError, Process, Stdio};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, getrlimit};
use std::fs::File;
use std::io::{self, Read, Seek, Write};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::{Duration, Instant};

/// How much of the end of a command's output is kept, in bytes.
const KEPT: usize = 2_048;
/// How many lines of it an error shows, and how many characters.
const SHOWN: (usize, usize) = (3, 400);
/// How long output is read beyond the time limit: the library kills what is left within five seconds.
const KILLED: Duration = Duration::from_secs(10);

/// Variables that a command gets from the monitor's environment.
const PASSED_ON: &[&str] = &[
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "SHELL",
    "LANG",
    "LANGUAGE",
    "TZ",
    "TMPDIR",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
];

/// Returns true if a command gets this variable of the monitor's environment: who and where it is, in
/// which language and time zone, and how it reaches the network and the desktop.
pub fn is_passed_on(name: &str) -> bool {
    PASSED_ON.contains(&name) || name.starts_with("LC_")
}

/// Runs a command to its end, at most for `limit`, with `input` as its standard input and these
/// `variables` in its environment. The input is a memory file, so a command that does not read it
/// delays nothing.
pub(super) fn run(
    command: &[String],
    variables: &[(&str, String)],
    input: &[u8],
    limit: Duration,
) -> Result<(), String> {
    let program = command.first().ok_or("no command is given")?;
    let failed = |what: &str, why: &dyn std::fmt::Display| format!("{what}: {why}");
    let input = memory_file(input).map_err(|why| failed("its input", &why))?;
    let pipe = || -> io::Result<_> {
        let (reader, writer) = pipe_with(PipeFlags::CLOEXEC)?;
        Ok((File::from(reader), writer.try_clone()?, writer))
    };
    let (output, first, second) = pipe().map_err(|why| failed("its output", &why))?;
    let mut plan = Process::new(become_command, (command.to_vec(), descriptors::original()))
        .name(program.replace(['\n', '\0'], " "))
        .env_clear()
        .stdin(input)
        .stdout(Stdio::Descriptor(first))
        .stderr(Stdio::Descriptor(second))
        .timeout(limit)
        .kill_descendants(true)
        .kill_on_drop(true);
    let own = std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(is_passed_on));
    for (name, value) in own {
        plan = plan.env(name, value);
    }
    for (name, value) in variables {
        plan = plan.env(name, value);
    }
    let child = plan.start().map_err(|why| failed(program, &why))?;
    let last = last_output(output, Instant::now() + limit + KILLED);
    let error = match child.join() {
        Ok(why) => return Err(failed(program, &why)),
        Err(error) => error,
    };
    let survivors = error.survivors();
    if !survivors.is_empty() {
        log!(Warning, "{program} has left processes that may not be ended: {survivors:?}");
    }
    match error.exit_code() {
        Some(0) => Ok(()),
        _ => Err(format!("{program}: {}{last}", ending(&error, limit))),
    }
}

/// Becomes the command, with this limit on descriptors. Returns the reason if that is impossible.
fn become_command(command: Vec<String>, limit: Option<u64>) -> String {
    if let Some(limit) = limit {
        descriptors::lower_to(limit);
    }
    let mut words = command.into_iter();
    match words.next() {
        Some(program) => Command::new(program).args(words).exec().to_string(),
        None => "no command is given".to_owned(),
    }
}

fn ending(error: &JoinError, limit: Duration) -> String {
    match error.ending() {
        Ending::Exited(code) => format!("exit code {code}"),
        Ending::TimedOut => format!("killed because it took more than {} s", limit.as_secs_f32()),
        other => other.to_string(),
    }
}

/// Reads until all writers are gone or the deadline has passed; the end of it for an error.
fn last_output(mut output: File, deadline: Instant) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 4_096]);
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 1, tv_nsec: 0 });
        match poll(&mut [PollFd::new(&output, PollFlags::IN)], Some(&left)) {
            Ok(1..) => {}
            Err(rustix::io::Errno::INTR) => continue,
            Ok(0) | Err(_) => break,
        }
        match output.read(&mut chunk) {
            Ok(count @ 1..) => kept.extend_from_slice(&chunk[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Ok(0) | Err(_) => break,
        }
        kept.drain(..kept.len().saturating_sub(KEPT));
    }
    shown(&kept)
}

/// The last lines of an output, on one line and without control characters.
fn shown(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let last = lines[lines.len().saturating_sub(SHOWN.0)..].join(" / ");
    let skipped = last.chars().count().saturating_sub(SHOWN.1);
    let last: String = last.chars().skip(skipped).map(printable).collect();
    if last.is_empty() { String::new() } else { format!("; its last output: {last}") }
}

fn printable(character: char) -> char {
    if character.is_control() { char::REPLACEMENT_CHARACTER } else { character }
}

/// A memory file with these bytes, at its beginning.
fn memory_file(bytes: &[u8]) -> io::Result<File> {
    // Met in a write, the limit on the size of files, which holds for memory files too, would end
    // the monitor by SIGXFSZ.
    if let Some(limit) = getrlimit(Resource::Fsize).current {
        if bytes.len() as u64 > limit {
            let length = bytes.len();
            let why = format!(
                "{length} bytes are above this process's limit of {limit} on the size of files \
                 (RLIMIT_FSIZE)"
            );
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, why));
        }
    }
    let mut file = File::from(memfd_create("letter", MemfdFlags::CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(30);

    fn sh(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(str::to_owned).to_vec()
    }

    #[test]
    fn a_command_that_takes_too_long_is_killed_with_what_it_has_started() {
        // The copy in a session of its own holds the output open as long as it lives.
        let begun = Instant::now();
        let hang = sh("echo begun; setsid sleep 1000 & sleep 1000");
        let why = run(&hang, &[], b"", Duration::from_millis(300)).expect_err("it never ends");
        assert_eq!(why, "sh: killed because it took more than 0.3 s; its last output: begun");
        assert!(begun.elapsed() < Duration::from_secs(60), "nothing of it is waited for");
    }

    #[test]
    fn an_error_shows_the_last_lines_of_the_output_and_a_flood_is_kept_in_bounds() {
        let script = "echo first; yes | head -c 3000000; echo; echo no route >&2; printf 'end\\033\\n'; exit 3";
        let why = run(&sh(script), &[], b"", LIMIT).expect_err("it fails");
        assert!(why.starts_with("sh: exit code 3; its last output: "), "{why}");
        assert!(why.ends_with("y / no route / end\u{fffd}"), "{why}");
        let why = run(&sh("printf %5000s x; exit 1"), &[], b"", LIMIT).expect_err("it fails");
        assert!(why.chars().count() < 500, "{why}");
        run(&sh("yes | head -c 300000"), &[], b"", LIMIT).expect("output is no failure");
    }

    #[test]
    fn what_cannot_be_run_says_why() {
        let why = run(&["/etc/passwd".to_owned()], &[], b"", LIMIT).expect_err("no program");
        assert_eq!(why, "/etc/passwd: Permission denied (os error 13)");
    }
    use rustix::process::{Rlimit, setrlimit};

    #[test]
    fn a_message_above_the_limit_on_files_is_an_error_and_the_monitor_goes_on() {
        const ALONE: &str = "PROCESSION_TEST_ALONE";
        const NAME: &str = "a_message_above_the_limit_on_files_is_an_error_and_the_monitor_goes_on";
        // The limit is the whole process's, so the test has a process of its own.
        if std::env::var_os(ALONE).is_none() {
            let mut own = Command::new(std::env::current_exe().expect("this program"));
            own.args(["--exact", &format!("alerts::command::tests::{NAME}")]).env(ALONE, "");
            let output = own.output().expect("this program, started again");
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(output.status.success() && said.contains("1 passed"), "{output:?}");
            return;
        }
        let maximum = getrlimit(Resource::Fsize).maximum;
        setrlimit(Resource::Fsize, Rlimit { current: Some(1000), maximum }).expect("a limit");
        let count = ["sh", "-c", "test $(wc -c) = 1000"].map(str::to_owned);
        run(&count, &[], &[b'x'; 1000], LIMIT).expect("it fits");
        let error = run(&count, &[], &[b'x'; 1001], LIMIT).expect_err("it is too long");
        assert!(error.contains("1001 bytes") && error.contains("RLIMIT_FSIZE"), "{error}");
        run(&count, &[], &[b'x'; 1000], LIMIT).expect("the next one fits");
    }
}
