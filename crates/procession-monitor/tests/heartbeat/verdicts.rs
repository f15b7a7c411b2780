//! What is told of each end, standstill and stop.

use crate::harness::{Program, check, configuration, wait_for, wait_for_death};
use crate::support::{Monitor, until};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

#[test]
fn each_end_of_a_program_is_told_as_it_was_and_is_as_without_a_heartbeat() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let code = |code: i32| ExitStatus::from_raw(code << 8);
    // (what it is told, its wait status, the verdict)
    let cases = [
        ("return", code(0), "exit code 0"),
        ("exit 7", code(7), "exit code 7"),
        ("panic", code(101), "exit code 101, panic at "),
        ("abort", ExitStatus::from_raw(6), "signal 6"),
        ("kill", ExitStatus::from_raw(9), "signal 9"),
    ];
    for (word, status, verdict) in cases {
        let mut program = Program::start(&monitor.url, &[]);
        wait_for(&monitor, "up");
        program.does("note almost done");
        if word == "kill" {
            program.signal(Signal::KILL);
        } else {
            program.tell(word);
        }
        let (ended, output, errors) = program.end();
        // A core dump is the machine's to make or not.
        assert_eq!((ended.code(), ended.signal()), (status.code(), status.signal()), "{word}");
        assert_eq!(output, "", "{word}");
        assert_eq!(errors.contains("as it was told"), word == "panic", "{word}: {errors}");
        let check = wait_for_death(&monitor, "program");
        let problem = check["problem"].as_str().unwrap();
        assert!(problem.contains(verdict), "{word}: {problem}");
        assert_eq!(problem.contains(": as it was told"), word == "panic", "{problem}");
        let kind = &check["beat"]["kind"];
        assert_eq!((&kind["type"], &kind["last_words"]), (&json!("dead"), &json!(["almost done"])));
        program.wait_until_nothing_is_left();
    }
}

#[test]
fn a_program_that_becomes_another_has_ended() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.tell("exec");
    let check = wait_for_death(&monitor, "program");
    assert_eq!(check["beat"]["kind"]["cause"], "exec", "{check}");
    program.wait_until_nothing_is_left();
    assert!(program.child.try_wait().unwrap().is_none(), "what it became lives on");
}

#[test]
fn a_program_without_progress_is_stuck_until_it_ticks() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &["--stuck", "200"]);
    let stuck = wait_for(&monitor, "degraded");
    assert!(stuck["problem"].as_str().unwrap().contains("no progress"), "{stuck}");
    until("to be well once it ticks", || {
        program.does("tick");
        check(&monitor, "program")["state"] == "up"
    });
    wait_for(&monitor, "degraded");
}

#[test]
fn a_stopped_program_is_stuck_and_not_dead_until_it_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let program = Program::start(&monitor.url, &[]);
    wait_for(&monitor, "up");
    program.signal(Signal::STOP);
    wait_for(&monitor, "degraded");
    program.signal(Signal::CONT);
    wait_for(&monitor, "up");
}

#[test]
fn a_killed_heartbeat_changes_nothing_for_its_program_and_is_silence_for_the_monitor() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    kill_process(program.heart, Signal::KILL).unwrap();
    for step in ["tick", "note still here"] {
        program.does(step);
    }
    let check = wait_for(&monitor, "down");
    assert!(!check["problem"].as_str().unwrap_or_default().contains("exit"), "{check}");
    program.does("goodbye");
    program.tell("exit 7");
    assert_eq!(program.end().0.code(), Some(7));
}

#[test]
fn the_signals_of_a_whole_program_do_not_keep_its_heartbeat_from_telling() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    for signal in [Signal::HUP, Signal::INT, Signal::TERM] {
        kill_process(program.heart, signal).unwrap();
    }
    program.signal(Signal::TERM);
    assert_eq!(program.end().0.signal(), Some(15));
    assert_eq!(
        wait_for_death(&monitor, "program")["beat"]["kind"]["cause"],
        json!({ "signal": 15 })
    );
}

#[test]
fn a_planned_stop_is_no_alarm_until_its_time_is_over() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.does("goodbye 3600000");
    program.tell("exit 3");
    assert_eq!(program.end().0.code(), Some(3));
    wait_for(&monitor, "stopped");
    program.wait_until_nothing_is_left();
    assert_eq!(check(&monitor, "program")["state"], "stopped", "its end was planned");

    let mut program = Program::start(&monitor.url, &[]);
    wait_for(&monitor, "up");
    program.does("goodbye 100");
    wait_for(&monitor, "down");
}

#[test]
fn what_a_fork_of_the_program_does_is_not_the_programs() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.does("fork");
    wait_for(&monitor, "up");
    program.tell("exit 5");
    assert_eq!(program.end().0.code(), Some(5));
    let kind = wait_for_death(&monitor, "program")["beat"]["kind"].take();
    assert_eq!(kind, json!({ "type": "dead", "cause": { "code": 5 } }));
}

#[test]
fn two_heartbeats_of_one_program_speak_each_for_itself() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &["--twice"]);
    until("the second", || check(&monitor, "second")["state"] == "up");
    program.tell("exit 4");
    program.end();
    for name in ["program", "second"] {
        let cause = wait_for_death(&monitor, name)["beat"]["kind"]["cause"].take();
        assert_eq!(cause, json!({ "code": 4 }), "{name}");
    }
}

#[test]
fn a_beat_says_what_the_program_uses_and_who_its_children_are() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let program = Program::start(&monitor.url, &[]);
    // The page shows a beat of a check that is not well.
    program.signal(Signal::STOP);
    let beat = wait_for(&monitor, "degraded")["beat"].take();
    let sample = &beat["sample"];
    assert!(sample["memory"].as_u64().unwrap() > 100_000, "{beat}");
    assert_eq!((&sample["threads"], &sample["children"]), (&json!(1), &Value::Null), "{beat}");
    assert!(sample["open_files"].as_u64().unwrap() > 3, "{beat}");
    assert_eq!(
        (&beat["labels"]["group"], &beat["main"]["state"]),
        (&json!("tests"), &json!("stuck"))
    );
}

#[test]
fn a_program_in_an_endless_loop_is_stuck_and_seen_to_be_busy() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &["--stuck", "200"]);
    program.tell("loop");
    until("it to be stuck at work", || {
        let check = check(&monitor, "program");
        let busy = check["beat"]["sample"]["cpu"].as_f64().is_some_and(|share| share > 0.1);
        check["state"] == "degraded" && check["beat"]["main"]["state"] == "stuck" && busy
    });
    program.signal(Signal::KILL);
    assert_eq!(wait_for_death(&monitor, "program")["problem"], "dead: signal 9");
}

#[test]
fn a_program_in_a_deadlock_is_stuck_and_seen_to_be_idle() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &["--stuck", "200"]);
    program.tell("deadlock");
    until("it to be stuck with two threads that rest", || {
        let check = check(&monitor, "program");
        let sample = &check["beat"]["sample"];
        check["state"] == "degraded" && sample["threads"] == 2 && sample["cpu"] == 0.0
    });
    program.signal(Signal::KILL);
    assert_eq!(wait_for_death(&monitor, "program")["problem"], "dead: signal 9");
}

/// The group of a child that forks without end; it is killed when dropped.
struct Bomb(Pid);

impl Bomb {
    fn size(&self) -> usize {
        let group = |stat: &str| stat.rsplit_once(") ")?.1.split(' ').nth(2)?.parse::<i32>().ok();
        let processes = fs::read_dir("/proc").unwrap().flatten();
        let stats = processes.filter_map(|one| fs::read_to_string(one.path().join("stat")).ok());
        stats.filter(|stat| group(stat) == Some(self.0.as_raw_nonzero().get())).count()
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        // One that is born while its group is killed is not hit.
        while kill_process_group(self.0, Signal::KILL).is_ok() && self.size() > 1 {}
    }
}

#[test]
fn a_child_that_is_a_fork_bomb_does_not_keep_the_programs_life_and_death_from_being_told() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(configuration(directory.path()));
    let mut program = Program::start(&monitor.url, &[]);
    program.tell("bomb");
    let line = program.line();
    let bomb = line.strip_prefix("bomb ").unwrap_or_else(|| panic!("{line}"));
    let bomb = Bomb(Pid::from_raw(bomb.parse().unwrap()).unwrap());
    until("the bomb to have filled what it may", || bomb.size() >= 40);
    let before = check(&monitor, "program")["beats"].as_u64().unwrap();
    until("the program to be told of all the same", || {
        let check = check(&monitor, "program");
        check["beats"].as_u64().unwrap() > before && check["state"] == "up"
    });
    program.signal(Signal::KILL);
    assert_eq!(program.child.wait().unwrap().signal(), Some(9));
    assert_eq!(wait_for_death(&monitor, "program")["problem"], "dead: signal 9");
    program.wait_until_nothing_is_left();
    assert!(bomb.size() >= 40, "the program's own children are not the heartbeat's to end");
}
