//! Real reporters that are killed, and a real monitor that is stopped, suspended or killed while
//! they report: who died is told, nobody else is.
//!
//! `PROCESSION_REPORTERS` sets how many report in the first test (40), `PROCESSION_ABSENCE` for how
//! many periods the monitor is away in the others (3); a campaign takes hundreds and ten.

mod support;

use rustix::process::{Pid, Signal, kill_process};
use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;
use support::{Process, Reporter, Told, until};

const PERIOD: Duration = Duration::from_secs(2);
const GRACE: Duration = Duration::from_secs(1);

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |n| n.parse().expect("a number"))
}

fn reporters(url: &str, count: usize) -> Vec<Reporter> {
    (0..count).map(|n| Reporter::start(url, &format!("host-{n}"), PERIOD, GRACE)).collect()
}

/// Waits until the database, which alone survives a kill, has heard of everybody.
fn wait_for_all(database: &Path, count: usize) {
    let up = "SELECT count(*) FROM check_ WHERE state = 'up'";
    let read_only = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    // Before the monitor has made it there is nothing to read.
    let heard = || {
        let database = rusqlite::Connection::open_with_flags(database, read_only)?;
        database.query_row(up, [], |row| row.get::<_, usize>(0))
    };
    until("every reporter to be heard", || heard().is_ok_and(|heard| heard == count));
}

/// The hosts that letters were about.
fn blamed(told: &Told) -> BTreeSet<String> {
    let host =
        |letter: &serde_json::Value| letter["groupLabels"]["host"].as_str().map(str::to_owned);
    told.letters(0).iter().filter_map(|(_, letter)| host(letter)).collect()
}

/// Unix milliseconds at which each host was judged down, as the database has it.
fn judged(database: &Path) -> Vec<(String, u64)> {
    let database = rusqlite::Connection::open(database).unwrap();
    let sql = "SELECT host, at FROM flip JOIN check_ ON check_.id = check_id WHERE to_ = 'down'";
    let mut rows = database.prepare(sql).unwrap();
    let rows = rows.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn every_reporter_that_is_killed_is_found_and_nobody_else_is_blamed() {
    let count = number("PROCESSION_REPORTERS", 40);
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("monitor.db");
    let told = Told::start(&[]);
    let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
    let mut alive = reporters(&monitor.url, count);
    wait_for_all(&database, count);
    let mut dice = fastrand::Rng::with_seed(7);
    let mut killed = Vec::new();
    for _ in 0..count / 5 {
        // The moments of the kills are what is random here.
        std::thread::sleep(Duration::from_millis(dice.u64(0..500)));
        let reporter = alive.swap_remove(dice.usize(0..alive.len()));
        killed.push((reporter.host.clone(), procession_monitor::clock::wall()));
        drop(reporter);
    }
    let hosts: BTreeSet<String> = killed.iter().map(|(host, _)| host.clone()).collect();
    until("every death to be told", || blamed(&told).is_superset(&hosts));
    // Whoever else would be blamed, is blamed by now.
    std::thread::sleep(PERIOD + GRACE);
    assert_eq!(blamed(&told), hosts);
    drop(monitor);
    let verdicts = judged(&database);
    let took = |(host, at): &(String, u64)| {
        let (_, judged) = verdicts.iter().find(|(judged, _)| judged == host).expect("judged");
        judged.saturating_sub(*at)
    };
    let mut latencies: Vec<u64> = killed.iter().map(took).collect();
    latencies.sort_unstable();
    println!("{count} reporters, {} killed; ms from kill to verdict: {latencies:?}", killed.len());
}

/// Lets twelve report, makes the monitor absent, kills five meanwhile, and looks who is blamed.
fn absence(absent: impl FnOnce(Process, Duration, &dyn Fn() -> Process) -> Process) {
    const COUNT: usize = 12;
    let directory = tempfile::tempdir().unwrap();
    let database = directory.path().join("monitor.db");
    let told = Told::start(&[]);
    let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
    let address = monitor.url.strip_prefix("http://").unwrap().to_owned();
    let mut alive = reporters(&monitor.url, COUNT);
    wait_for_all(&database, COUNT);
    let (dead, span) = (
        alive.split_off(COUNT - 5),
        PERIOD * u32::try_from(number("PROCESSION_ABSENCE", 3)).unwrap(),
    );
    let hosts: BTreeSet<String> = dead.iter().map(|reporter| reporter.host.clone()).collect();
    let away = std::thread::spawn(move || {
        std::thread::sleep(span / 2);
        drop(dead);
    });
    let again = || Process::start(&database, &told.url, &address);
    let monitor = absent(monitor, span, &again);
    away.join().unwrap();
    until("the dead to be told", || blamed(&told).is_superset(&hosts));
    // Whoever else would be blamed, is blamed by now.
    std::thread::sleep(PERIOD + GRACE);
    assert_eq!(blamed(&told), hosts);
    drop(monitor);
}

#[test]
fn a_suspended_monitor_blames_only_who_died() {
    absence(|monitor, span, _| {
        let pid = Pid::from_child(&monitor.child);
        kill_process(pid, Signal::STOP).unwrap();
        std::thread::sleep(span);
        kill_process(pid, Signal::CONT).unwrap();
        monitor
    });
}

#[test]
fn a_killed_monitor_blames_only_who_died() {
    absence(|monitor, span, again| {
        drop(monitor);
        std::thread::sleep(span);
        again()
    });
}

#[test]
fn a_monitor_that_was_stopped_in_order_blames_only_who_died() {
    absence(|monitor, span, again| {
        assert!(monitor.stop().success());
        std::thread::sleep(span);
        again()
    });
}

#[test]
fn a_wall_clock_that_jumps_a_day_ahead_and_two_back_alarms_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let (database, clock) = (directory.path().join("monitor.db"), directory.path().join("clock"));
    std::fs::write(&clock, "+0").unwrap();
    let told = Told::start(&[]);
    let monitor = Process::with_wall_clock(&clock, &database, &told.url);
    let mut alive = reporters(&monitor.url, 6);
    wait_for_all(&database, 6);
    let now = || -> String {
        let status: serde_json::Value =
            serde_json::from_str(&monitor.get("/api/status").1).unwrap();
        status["now"].as_str().unwrap()[..10].to_owned()
    };
    let today = now();
    for (jump, what) in [("+1d", "tomorrow"), ("-1d", "yesterday")] {
        std::fs::write(&clock, jump).unwrap();
        until(what, || now() != today);
        // Two deadlines of everybody.
        std::thread::sleep((PERIOD + GRACE) * 2);
        assert_eq!(blamed(&told), BTreeSet::new(), "{jump}");
    }
    let dead = alive.pop().unwrap().host.clone();
    until("a death all the same", || !blamed(&told).is_empty());
    assert_eq!(blamed(&told), BTreeSet::from([dead]));
    drop(alive);
}
