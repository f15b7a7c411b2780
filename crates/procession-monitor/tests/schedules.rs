//! Schedules beside healthchecks' own readers of them: `cronsim` and `oncalendar`, in Python.

use procession_monitor::registry::Schedule;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Reads `kind TAB expression` a line and answers each with its three slots after a moment, Unix
/// seconds, or with `refused`.
const ORACLE: &str = r#"
import sys
from datetime import datetime
from zoneinfo import ZoneInfo
from cronsim import CronSim, CronSimError
from oncalendar import OnCalendar, OnCalendarError

after = datetime.fromtimestamp(int(sys.argv[1]), ZoneInfo(sys.argv[2]))
for line in sys.stdin:
    kind, expression = line.rstrip("\n").split("\t")
    try:
        slots = (CronSim if kind == "cron" else OnCalendar)(expression, after)
        print(*[int(next(slots).timestamp()) for _ in range(3)])
    except (CronSimError, OnCalendarError, StopIteration):
        print("refused")
"#;

/// A moment in January 2026, and the zone that the expressions are read in.
const AFTER: u64 = 1_768_478_400;
const ZONE: &str = "Europe/Berlin";

fn oracle(kind: &str, expressions: &[String]) -> Vec<String> {
    let venv =
        std::env::var_os("PROCESSION_CLIENTS_VENV").expect("cargo sets PROCESSION_CLIENTS_VENV");
    let python = PathBuf::from(venv).join("bin/python");
    let mut child = Command::new(&python)
        .args(["-c", ORACLE, &AFTER.to_string(), ZONE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|why| {
            panic!("{}: {why}; `cargo xtask test` installs it", python.display())
        });
    let mut asked = String::new();
    for expression in expressions {
        writeln!(asked, "{kind}\t{expression}").unwrap();
    }
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(asked.as_bytes()).unwrap());
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

fn ours(expression: &str) -> String {
    let Ok(schedule) = Schedule::read(expression, ZONE) else { return "refused".into() };
    let mut at = AFTER * 1_000;
    let mut slots = Vec::new();
    while slots.len() < 3 {
        let Some(next) = schedule.after(at) else { return "refused".into() };
        slots.push((next / 1_000).to_string());
        at = next;
    }
    slots.join(" ")
}

/// A value of a field: any, a number, a range, a step, or a list of those; now and then nonsense.
fn field(
    dice: &mut fastrand::Rng,
    (least, most): (u16, u16),
    range: &str,
    step_of_all: bool,
) -> String {
    let number = |dice: &mut fastrand::Rng| dice.u16(least..=most);
    match dice.u8(0..20) {
        0..7 => "*".into(),
        7..12 => number(dice).to_string(),
        12..14 => {
            let (a, b) = (number(dice), number(dice));
            format!("{}{range}{}", a.min(b), a.max(b))
        }
        // Between a number and itself they let steps go on to the field's end.
        14 => {
            let first = dice.u16(least..most);
            format!("{first}{range}{}/{}", dice.u16(first + 1..=most), dice.u16(1..=9))
        }
        15 if step_of_all => format!("*/{}", dice.u16(1..=9)),
        15 | 16 => format!("{}/{}", dice.u16(least..=least.midpoint(most)), dice.u16(1..=9)),
        17 | 18 => format!("{},{}", number(dice), number(dice)),
        _ => ["", "x", "99999", "1-", "-1", "/2", "1,,2", "*/0"][dice.usize(0..8)].into(),
    }
}

fn compare(kind: &str, expressions: &[String]) {
    let theirs = oracle(kind, expressions);
    assert_eq!(theirs.len(), expressions.len());
    let read = theirs.iter().filter(|slots| *slots != "refused").count();
    assert!(read > expressions.len() / 3, "only {read} of {} mean something", expressions.len());
    let others: Vec<_> = expressions
        .iter()
        .zip(theirs)
        .map(|(expression, theirs)| (expression, ours(expression), theirs))
        .filter(|(_, ours, theirs)| ours != theirs)
        .collect();
    assert!(others.is_empty(), "(expression, ours, theirs): {others:#?}");
}

#[test]
fn cron_expressions_name_the_slots_that_healthchecks_waits_for() {
    let mut dice = fastrand::Rng::with_seed(7);
    let fields = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];
    let mut one = || fields.map(|limits| field(&mut dice, limits, "-", true)).join(" ");
    let mut expressions: Vec<String> = (0..2_000).map(|_| one()).collect();
    let known = [
        "0 0 L * *",
        "0 0 LW * *",
        "0 0 * * 5L",
        "0 0 * * 1#2",
        "0 0 * jan-mar mon-fri",
        "0 0 1 * mon",
    ];
    expressions.extend(known.map(str::to_owned));
    compare("cron", &expressions);
}

#[test]
fn calendar_expressions_name_the_slots_that_healthchecks_waits_for() {
    let mut dice = fastrand::Rng::with_seed(7);
    let mut one = || {
        let days = [
            "",
            "Mon ",
            "Mon..Fri ",
            "sat,SUNDAY ",
            "Tue-Thu,Sat ",
            "Sat..Mon ",
            "Mon,, ",
            "Moon ",
        ];
        let weekday = days[if dice.bool() { 0 } else { dice.usize(0..days.len()) }];
        let mut of = |limits| field(&mut dice, limits, "..", false);
        let (month, day, last) = (of((1, 12)), of((1, 31)), of((1, 28)));
        let (year, hour, minute, second) =
            (of((2027, 2199)), of((0, 23)), of((0, 59)), of((0, 59)));
        let date = match dice.u8(0..6) {
            0 => String::new(),
            1 => format!("{month}-{day} "),
            2 => format!("*-{month}~{last} "),
            3 => format!("{year}-{month}-{day} "),
            _ => format!("*-{month}-{day} "),
        };
        let time = match dice.u8(0..4) {
            0 => format!("{hour}:{minute}:{second}"),
            1 if !date.is_empty() => String::new(),
            _ => format!("{hour}:{minute}"),
        };
        let zone = ["", "", "", " UTC", " Asia/Tokyo", " Moon/Base"][dice.usize(0..6)];
        format!("{weekday}{date}{time}{zone}")
    };
    let mut expressions: Vec<String> = (0..2_000).map(|_| one()).collect();
    let known = [
        "daily",
        "Weekly",
        "monthly",
        "quarterly",
        "semiannually",
        "yearly UTC",
        "*-2-29",
        "Mon *-05~07/1",
    ];
    expressions.extend(known.map(str::to_owned));
    compare("calendar", &expressions);
}
