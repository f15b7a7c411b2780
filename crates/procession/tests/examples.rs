//! Every example does what it says, on a directory that has all that directories have.
//!
//! `cargo test` builds the examples beside this test, in `examples` of the same profile.

use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

#[path = "../../../examples/support/words.rs"]
mod words;

/// What [`library`] holds.
const FOUND: &str = "12 words in 4 files (1 binary)";

/// A directory with text, text that is no UTF-8, nothing, no text, and everything that a careless
/// walk would follow for ever or wait for.
fn library(name: &str) -> PathBuf {
    let root = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("library-of-{name}"));
    if root.exists() {
        fs::remove_dir_all(&root).expect("the library of an earlier run can be removed");
    }
    let inner = root.join("inner");
    fs::create_dir_all(&inner).expect("a directory");
    let write = |path: PathBuf, bytes: &[u8]| fs::write(path, bytes).expect("a file");
    write(root.join("one"), b"one two three\n");
    write(root.join("two"), "vier\u{2003}fünf\nsechs".as_bytes());
    write(root.join("empty"), b"");
    write(root.join("image"), b"no\0text at all");
    write(inner.join("three"), b"seven \xff\xfe nine\tten eleven  twelve");
    symlink(&root, inner.join("circle")).expect("a link");
    symlink("nowhere", inner.join("dangling")).expect("a link");
    let fifo = root.join("pipe");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a named pipe");
    root
}

/// The program of an example.
fn program(example: &str) -> PathBuf {
    let own = std::env::current_exe().expect("the path of this test");
    let profile = own.ancestors().nth(2).expect("it is in `deps` of its profile");
    let program = profile.join("examples").join(example);
    assert!(program.exists(), "{} is missing: cargo build --examples", program.display());
    program
}

/// Runs an example to its end.
fn run(example: &str, directory: &Path) -> Output {
    run_by(&mut Command::new(program(example)), example, directory)
}

/// Runs an example by this command to its end.
fn run_by(command: &mut Command, example: &str, directory: &Path) -> Output {
    const PATIENCE: Duration = Duration::from_secs(60);
    let child = command
        .arg(directory)
        .current_dir(env!("CARGO_TARGET_TMPDIR"))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the example starts");
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process id");
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    let Ok(output) = ended.recv_timeout(PATIENCE) else {
        kill_process(pid, Signal::KILL).expect("it can be killed");
        let output = ended.recv().expect("its output").expect("its output");
        panic!("{example} did not end within {PATIENCE:?}: {}", told(&output));
    };
    output.expect("its output")
}

/// What an example that succeeds says.
fn said(example: &str, directory: &Path) -> String {
    let output = run(example, directory);
    assert!(output.status.success(), "{example}: {}", told(&output));
    String::from_utf8(output.stdout).expect("text")
}

fn told(output: &Output) -> String {
    let text = String::from_utf8_lossy;
    format!("{}\n{}\n{}", output.status, text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn assert_says(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "`{wanted}` is not in:\n{text}");
    }
}

/// The number that follows `before`.
#[track_caller]
fn number_after(text: &str, before: &str) -> u32 {
    let (_, rest) = text.split_once(before).unwrap_or_else(|| panic!("{before} not in {text}"));
    let digits = rest.split(|character: char| !character.is_ascii_digit()).next();
    digits.and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no number: {rest}"))
}

#[test]
fn the_library_holds_what_the_tests_say() {
    let root = library("itself");
    let texts = ["one", "two", "empty", "inner/three", "image"].map(|name| root.join(name));
    assert_eq!(words::count(texts).to_string(), FOUND);
}

#[test]
fn two_processes_count_the_words_of_a_directory() {
    let text = said("two_processes", &library("two_processes"));
    assert_says(&text, &["`Process-1` is pid", "`Process-2` is pid"]);
    assert_says(&text, &[&format!("together: {FOUND}")]);
    let pids = ["main is pid ", "`Process-1` is pid ", "`Process-2` is pid "];
    let [main, even, odd] = pids.map(|before| number_after(&text, before));
    assert!(main != even && main != odd && even != odd, "{text}");
}

#[test]
fn arguments_reach_their_processes() {
    let text = said("arguments", &library("arguments"));
    assert_says(&text, &["share 0 of 2", "share 1 of 2", "hello from pid", "good day from pid"]);
    assert_says(&text, &[&format!("together: {FOUND}")]);
}

#[test]
fn a_directory_that_cannot_be_read_is_counted_as_unreadable() {
    let text = said("arguments", Path::new("/no/such/directory"));
    assert_says(&text, &["together: 0 words in 0 files (0 binary, 1 unreadable)"]);
}

#[test]
fn processes_joined_one_by_one_and_all_at_once_give_the_same() {
    let text = said("join_all", &library("join_all"));
    assert_says(&text, &["8 processes one by one took", "8 processes at once took"]);
    assert_says(&text, &["Process-9, Process-10"]);
    assert_says(&text, &[&format!("one by one: {FOUND}"), &format!("at once:    {FOUND}")]);
}

#[test]
fn a_type_with_a_run_method_is_a_process_with_a_name_and_a_failure() {
    let text = said("run_method", &library("run_method"));
    assert_says(&text, &["I am `Process-1`, pid", "I am `counter`, pid"]);
    assert_says(&text, &[&format!("`Process-1`: {FOUND}"), &format!("`counter`: {FOUND}")]);
    assert_says(&text, &["`lost`: No such file or directory"]);
}

#[test]
fn a_daemon_beats_while_main_works_and_is_gone_after_it() {
    let text = said("daemon", &library("daemon"));
    for beat in 1..=3 {
        assert_says(&text, &[&format!("main heard beat {beat}, and counted {FOUND}")]);
    }
    let daemon = number_after(&text, "daemon `heart` is pid ");
    assert!(!Path::new(&format!("/proc/{daemon}")).exists(), "pid {daemon} has outlived main");
}

#[test]
fn every_worker_that_crashes_is_named_and_the_others_are_not_harmed() {
    let text = said("crash", &library("crash"));
    let line = |name: &str| {
        let begin = format!("process `{name}` ");
        let line = text.lines().find(|line| line.starts_with(&begin));
        line.unwrap_or_else(|| panic!("no line on `{name}` in:\n{text}"))
    };
    assert_says(line("panic"), &["panicked at", "crash.rs:", "InvalidDigit"]);
    assert_says(line("abort"), &["killed by signal 6 (SIGABRT)"]);
    assert_says(line("exit"), &["exited with code 3", "last words"]);
    assert_says(&text, &["\n  there is no such thing as a table of contents\n"]);
    assert_says(line("overflow"), &["overflowed the stack"]);
    assert_says(line("hoard"), &["memory could not be allocated"]);
    assert_says(line("hang"), &["killed by signal 9 (SIGKILL)"]);
    assert_says(line("steady"), &[FOUND]);
}

#[test]
fn the_tour_walks_every_step_and_leaves_nothing() {
    let text = said("tour", &library("tour"));
    let titles = [
        "1. Two processes (two_processes.rs)",
        "2. The same with arguments (arguments.rs)",
        "3. One by one, then all at once (join_all.rs)",
        "4. Your own type as a process (run_method.rs)",
        "5. A daemon (daemon.rs)",
        "6. Workers that crash (crash.rs)",
    ];
    assert_says(&text, &titles);
    assert_says(&text, &["-> process `victim` (pid", "was killed by signal 9 (SIGKILL)"]);
    assert_says(&text, &["processes:       none", "shared memory:   none"]);
    assert_says(&text, &["temporary files: none"]);
    for daemon in text.split("daemon `heart` is pid ").skip(1) {
        let pid = number_after(daemon, "");
        assert!(!Path::new(&format!("/proc/{pid}")).exists(), "pid {pid} is left");
    }
}

#[test]
fn the_tour_of_a_directory_that_is_not_there_says_so_and_fails() {
    let output = run("tour", Path::new("/no/such/directory"));
    assert_eq!(output.status.code(), Some(1), "{}", told(&output));
    assert_says(&told(&output), &["/no/such/directory cannot be read: No such file"]);
}

#[test]
fn a_pipeline_counts_what_one_process_counts() {
    let text = said("pipeline", &library("pipeline"));
    assert_says(&text, &[&format!("3 readers: {FOUND}")]);
}

#[test]
fn processes_draw_one_image_as_one_process_would() {
    let file = Path::new(env!("CARGO_TARGET_TMPDIR")).join("image.pgm");
    let text = said("image", &file);
    assert_says(&text, &["4 processes drew 512x512", "0 pixels differ"]);
    let image = fs::read(file).expect("the image");
    assert!(image.starts_with(b"P5 512 512 255\n") && image.len() == 15 + 512 * 512);
}

#[cfg(feature = "ndarray")]
#[test]
fn processes_multiply_matrices_as_one_process_would() {
    let text = said("matrix", Path::new("50"));
    assert_says(&text, &["4 processes multiplied 50x50", "0 values differ"]);
}

#[test]
fn two_programs_that_did_not_start_each_other_talk() {
    let socket = Path::new(env!("CARGO_TARGET_TMPDIR")).join("words.socket");
    let _ = fs::remove_file(&socket);
    let there = socket.clone();
    let server = thread::spawn(move || said("listen", &there));
    // Until the server listens, its client fails at once and says so.
    let deadline = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let output = run("call", &socket);
        if output.status.success() {
            break;
        }
        assert!(std::time::Instant::now() < deadline, "no server: {}", told(&output));
    }
    assert_says(&server.join().expect("the server"), &["listening at", "served 1"]);
    assert!(!socket.exists(), "the socket is removed with its listener");
}

/// Processes are started natively; valgrind checks the program that starts them.
#[cfg(all(target_arch = "x86_64", target_env = "gnu", not(target_feature = "crt-static")))]
#[test]
fn a_program_starts_processes_under_valgrind_without_an_error_of_memory() {
    let mut valgrind = Command::new("valgrind");
    valgrind.args(["--quiet", "--error-exitcode=99"]).arg(program("two_processes"));
    let output = run_by(&mut valgrind, "two_processes", &library("valgrind"));
    assert!(output.status.success(), "`cargo xtask test` installs valgrind: {}", told(&output));
    assert_says(&String::from_utf8_lossy(&output.stdout), &[&format!("together: {FOUND}")]);
}
