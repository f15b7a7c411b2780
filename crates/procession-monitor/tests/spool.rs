//! Reports that were kept while the monitor was out of reach: they fill history and prove nothing.

mod support;

use procession_beat::{Beat, Client, Instance, Kind, Main, MainState};
use procession_monitor::clock::wall;
use serde_json::json;
use support::{Monitor, PATIENCE, Told, config, until};

/// Reports kept in two hours out of reach, one every five minutes.
const KEPT: u64 = 24;

fn beat(seq: u64) -> Beat {
    let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
    let mut beat = Beat::new("crawler", "web-3", instance, seq, Kind::Alive);
    beat.main = Some(Main { state: MainState::Alive, ticks: seq });
    beat
}

#[test]
fn two_hours_of_kept_reports_fill_history_and_wake_nobody() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Monitor::start(procession_monitor::Config {
        receivers: vec![told.receiver()],
        ..config(directory.path())
    });
    let client = Client::new(&monitor.url, Some("BEAT".into()));
    let send = |beat: &Beat| client.send(beat, PATIENCE).unwrap();
    let mut first = beat(1);
    (first.period_ms, first.grace_ms) = (200, 200);
    let uuid = send(&first).check;
    told.letters(1);
    let last_ping = monitor.check(&uuid)["last_ping"].clone();

    let begun = wall() - KEPT * 300_000;
    let kept = |n: u64| {
        let mut kept = beat(1 + n);
        kept.spooled = true;
        kept.sent_at_ms = Some(begun + n * 300_000);
        kept
    };
    // The answer to the first half is lost: it is sent again.
    for n in (1..=KEPT / 2).chain(1..=KEPT) {
        let receipt = send(&kept(n));
        assert!(!receipt.fresh && receipt.durable, "{receipt:?}");
    }
    let check = monitor.check(&uuid);
    assert_eq!((&check["status"], &check["last_ping"]), (&json!("down"), &last_ping));

    assert!(send(&beat(KEPT + 2)).fresh);
    until("the program to be up", || monitor.check(&uuid)["status"] == "up");
    let statuses: Vec<_> =
        told.letters(2).into_iter().map(|(_, letter)| letter["status"].clone()).collect();
    assert_eq!(statuses, ["firing", "resolved"]);
    let flips = monitor.api("GET", &format!("/api/v3/checks/{uuid}/flips/"), "").json();
    let ups: Vec<_> = flips.as_array().unwrap().iter().map(|flip| flip["up"].clone()).collect();
    assert_eq!(ups, [1, 0, 1]);
    drop(monitor);
    let database = rusqlite::Connection::open(directory.path().join("monitor.db")).unwrap();
    let sql = "SELECT first FROM beat_run WHERE first <= ? ORDER BY first";
    let mut statement = database.prepare(sql).unwrap();
    let times = statement.query_map([begun + KEPT * 300_000], |row| row.get::<_, u64>(0)).unwrap();
    let times: Vec<u64> = times.map(Result::unwrap).collect();
    assert_eq!(times, (1..=KEPT).map(|n| begun + n * 300_000).collect::<Vec<_>>());
}

#[test]
fn a_report_from_the_future_is_filed_as_of_now() {
    let directory = tempfile::tempdir().unwrap();
    let monitor = Monitor::start(config(directory.path()));
    let mut kept = beat(1);
    kept.spooled = true;
    kept.sent_at_ms = Some(u64::MAX);
    let client = Client::new(&monitor.url, Some("BEAT".into()));
    assert!(client.send(&kept, PATIENCE).unwrap().durable);
    drop(monitor);
    let database = rusqlite::Connection::open(directory.path().join("monitor.db")).unwrap();
    let sql = "SELECT first FROM beat_run";
    let first: u64 = database.query_row(sql, [], |row| row.get(0)).unwrap();
    assert!(first <= wall(), "{first}");
}
