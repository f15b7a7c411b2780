//! Each defence of one start and one end, taken away once: what it keeps from happening happens.
//!
//! Every test plays one case twice, with the same fault planned: as it is, and without the defence.

use crate::host_program::host_program;
use crate::program::{PATIENCE, Program};
use rustix::process::Signal;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// For how long is waited for what does not come.
const SILENCE: Duration = Duration::from_secs(3);

/// Plays a case with a fault planned, and without a defence where one is named.
fn play(words: &[&str], fault: &str, without: &str) -> Program {
    start(Command::new(host_program()).arg("--case").args(words), fault, without)
}

fn start(command: &mut Command, fault: &str, without: &str) -> Program {
    command.env("PROCESSION_FAULT", fault).env("PROCESSION_WITHOUT", without);
    Program::start(command.stdin(Stdio::piped()))
}

/// A program with a daemon of each temper and a worker.
fn family(way: &str, without: &str) -> Program {
    let mut program = play(&[way], "", without);
    for name in ["idle", "spawned", "stopped", "polite", "deaf", "worker"] {
        program.wait_for(&format!("begun {name}"), 1);
    }
    program
}

/// Whether its process ended without a value.
fn is_without_value(program: &mut Program) -> bool {
    let told = |line: &str| line.starts_with("no value: process `victim` ");
    program.has_said(told, 1, Instant::now() + PATIENCE)
}

/// The case says this with the defence, and nothing without.
fn says_nothing_without(words: &[&str], fault: &str, defence: &str, with: &str) {
    play(words, fault, "").wait_for(with, 1);
    let mut program = play(words, fault, defence);
    let said = program.has_said(|line| line == with, 1, Instant::now() + SILENCE);
    assert!(!said, "it said {with:?} all the same");
}

#[test]
fn without_hearing_what_a_dead_server_said_a_start_happens_again_and_again() {
    // The process has its start and outlives its server; main looks once that is gone.
    let fault = "launch.asked=wait-for-children,child.knows=kill-parent";
    let case = ["one", "fork server", "worker"];
    let mut once = play(&case, fault, "");
    once.wait_for("started", 1);
    once.wait_for("begun victim", 1);
    for member in once.observed.alive() {
        member.signal(Signal::KILL);
    }
    assert_eq!(once.all_lines().iter().filter(|line| *line == "begun victim").count(), 1);
    play(&case, fault, "hearing-the-dead").wait_for("begun victim", 3);
}

#[test]
fn without_a_pidfd_of_the_server_its_leaked_ends_hide_its_death() {
    let fault = "server.forked=leak,server.forked=die,child.forked=wait-for-orphanhood";
    let refused = "not started: process `victim` could not be started: the fork server: it died 3 \
                   times before the process was there";
    says_nothing_without(&["one", "fork server", "daemon"], fault, "server-pidfd", refused);
}

#[test]
fn without_a_look_whether_the_server_has_died_a_dead_spare_gets_the_start() {
    let case = ["value", "after the server's death"];
    play(&case, "child.forked=leak", "").wait_for("value: 42", 1);
    assert!(is_without_value(&mut play(&case, "child.forked=leak", "death-before-spares")));
}

#[test]
fn without_withholding_starts_from_ended_spares_a_start_is_lost() {
    let fault = "child.forked=leak,launch.taken=interrupt-children";
    says_nothing_without(&["value", "spare"], fault, "withholding-spares", "value: 42");
}

#[test]
fn without_a_rehearsal_a_start_pays_for_each_page_that_it_touches_first() {
    let faults = |without: &str| {
        let mut program = play(&["page faults"], "", without);
        let told = program.all_lines().iter().find_map(|line| line.strip_prefix("page faults: "));
        told.expect("a number of them").parse::<u64>().expect("a number")
    };
    let (rehearsed, not) = (faults(""), faults("rehearsal"));
    assert!(rehearsed < not, "{rehearsed} page faults with a rehearsal, {not} without");
}

#[test]
fn without_draining_the_corridor_a_value_that_was_sent_is_lost() {
    // The process has answered, its server dies, it ends; main looks once all that is over.
    let fault = "join.waits=wait-for-children,child.answered=kill-parent";
    play(&["value", "ordered"], fault, "").wait_for("value: 42", 1);
    assert!(is_without_value(&mut play(&["value", "ordered"], fault, "draining")));
}

#[test]
fn without_a_look_whether_it_has_ended_a_process_can_forge_its_end() {
    let mut program = play(&["forger"], "", "");
    program.wait_for("forged", 1);
    program.end_input();
    program.wait_for("joined: true", 1);
    assert_eq!(program.count("finished"), 1, "joined after its end");
    let mut program = play(&["forger"], "", "exit-check");
    program.wait_for("joined: true", 1);
    assert_eq!(program.count("finished"), 0, "joined before its end");
}

#[test]
fn without_closing_what_it_inherited_a_child_has_its_servers_sockets() {
    play(&["sockets"], "", "").wait_for("sockets: 1", 1);
    let mut program = play(&["sockets"], "", "closing-in-child");
    let more = |line: &str| line.starts_with("sockets: ") && line != "sockets: 1";
    assert!(program.has_said(more, 1, Instant::now() + PATIENCE));
}

#[test]
fn without_closing_what_it_inherited_the_server_keeps_the_programs_pipes_open() {
    play(&["pipe"], "", "").wait_for("pipe has ended: true", 1);
    play(&["pipe"], "", "closing-in-server").wait_for("pipe has ended: false", 1);
}

#[test]
fn without_comparing_what_main_may_do_a_child_is_outside_of_its_sandbox() {
    play(&["sandboxed"], "", "").wait_for("in the sandbox: true", 1);
    play(&["sandboxed"], "", "comparing-standing").wait_for("in the sandbox: false", 1);
}

#[test]
fn without_a_pidfd_a_signal_hits_whoever_has_the_process_id_by_now() {
    let play = |without: &str| {
        let mut command = Command::new("unshare");
        command.args(["--pid", "--fork", "--mount-proc"]).arg(host_program());
        start(command.args(["--case", "recycled"]), "", without)
    };
    play("").wait_for("stranger lives: true", 1);
    play("signals-by-pidfd").wait_for("stranger lives: false", 1);
}

#[test]
fn without_a_look_whose_server_it_is_a_copy_of_main_ends_mains_daemons() {
    let mut program = play(&["copies"], "", "");
    program.wait_for("main has Ok(42), daemon alive: true", 1);
    let mut program = play(&["copies"], "", "owner-check");
    // The copy that is about to end, and main: what is started by then may be gone before it begins.
    let copies = |program: &Program| {
        let members = program.observed.alive();
        members.iter().filter(|member| member.name.starts_with("exits_host")).count()
    };
    let deadline = Instant::now() + PATIENCE;
    while copies(&program) < 2 {
        assert!(Instant::now() < deadline, "main makes a copy of itself");
        std::thread::yield_now();
    }
    let members = program.observed.alive();
    for idle in members.iter().filter(|member| member.name == "idle") {
        assert!(idle.wait_for_end(Instant::now() + PATIENCE), "a copy ended, and no daemon");
    }
    let ended = |line: &str| line == "copy ended: Some(0)";
    let has_ended = program.has_said(ended, 1, Instant::now() + SILENCE);
    assert!(!has_ended, "the copy waits for main's processes");
}

#[test]
fn without_trying_locks_a_copy_of_main_waits_for_a_thread_that_it_lacks() {
    let hangs = |line: &str| line.ends_with("does not end well");
    let has_hung = |without: &str| {
        let mut program = play(&["copies under starts"], "", without);
        program.wait();
        program.all_lines().iter().any(|line| hangs(line))
    };
    assert!(!has_hung(""));
    assert!(has_hung("trying-locks"));
}

#[test]
fn without_waiting_for_the_parent_a_closure_that_ran_is_told_as_one_that_did_not() {
    let stopped = |without: &str| {
        let program = play(&["forked"], "fork.forked=stop", without);
        let stat = format!("/proc/{}/stat", program.pid());
        let deadline = Instant::now() + PATIENCE;
        let is_stopped = || std::fs::read_to_string(&stat).is_ok_and(|stat| stat.contains(") T "));
        while !is_stopped() {
            assert!(Instant::now() < deadline, "main stops once it has forked");
            std::thread::yield_now();
        }
        program
    };
    let mut program = stopped("");
    program.signal(Signal::CONT);
    program.wait_for("value: Some(42)", 1);
    let mut program = stopped("waiting-for-the-parent");
    program.wait_for("ran", 1);
    let main = program.pid();
    let members = program.observed.alive();
    for child in members.iter().filter(|member| member.parent == main) {
        assert!(child.wait_for_end(Instant::now() + PATIENCE), "it has answered");
    }
    program.signal(Signal::CONT);
    let refused = |line: &str| line.starts_with("not started: ");
    assert!(program.has_said(refused, 1, Instant::now() + PATIENCE));
}

#[test]
fn without_the_end_of_the_control_socket_daemons_outlive_a_main_that_became_another_program() {
    let is_clean = |without: &str, patience: Duration| {
        let mut program = family("exec", without);
        program.signal(Signal::USR1);
        program.wait_for("became another", 1);
        let excepted = ["worker", "forkserver", "sh", "sleep"];
        program.observed.wait_until_gone(&excepted, Instant::now() + patience).at.is_some()
    };
    assert!(is_clean("", PATIENCE));
    assert!(!is_clean("control-end", SILENCE));
}

/// Whether main returns when it is told to; what was said by then.
fn returns(without: &str, patience: Duration) -> (bool, Vec<String>) {
    let mut program = family("return", without);
    program.end_input();
    program.signal(Signal::USR1);
    let returned = program.has_ended_by(Instant::now() + patience);
    for member in program.observed.alive() {
        member.signal(Signal::KILL);
    }
    (returned, program.all_lines().to_vec())
}

#[test]
fn without_being_asked_daemons_end_without_a_last_deed() {
    let asked = |lines: Vec<String>| lines.iter().any(|line| line == "asked");
    let (returned, lines) = returns("", PATIENCE);
    assert!(returned && asked(lines));
    let (returned, lines) = returns("asking-daemons", PATIENCE);
    assert!(returned && !asked(lines));
}

#[test]
fn without_a_kill_after_their_grace_deaf_daemons_keep_main_from_ending() {
    assert!(returns("", PATIENCE).0);
    assert!(!returns("killing-after-grace", SILENCE).0);
}

#[test]
fn without_blocked_signals_a_service_manager_ends_the_server_and_its_daemons() {
    let asked_at_the_end = |without: &str| {
        let mut program = family("return", without);
        program.end_input();
        let main = program.pid();
        let members = program.observed.alive();
        let server = members.iter().find(|member| member.parent == main).expect("a server");
        server.signal(Signal::TERM);
        if !without.is_empty() {
            assert!(server.wait_for_end(Instant::now() + PATIENCE), "SIGTERM ends it");
        }
        program.signal(Signal::USR1);
        program.wait();
        program.all_lines().iter().any(|line| line == "asked")
    };
    assert!(asked_at_the_end(""));
    assert!(!asked_at_the_end("blocking-group-signals"));
}

#[test]
fn without_refusing_them_starts_in_constructors_go_on_in_every_server() {
    let is_endless = |without: &str| {
        let mut command = Command::new(host_program());
        command.args(["--case", "constructors"]).env("PROCESSION_TEST_CONSTRUCTORS", "0");
        let mut program = start(&mut command, "", without);
        program.wait();
        let deepest = "a constructor runs 3 starts below the program";
        program.all_lines().iter().any(|line| line == deepest)
    };
    assert!(!is_endless(""));
    assert!(is_endless("no-start-in-constructors"));
}
