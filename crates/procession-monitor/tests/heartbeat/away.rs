//! A monitor that is not there, comes back, or never answers.

use crate::harness::{Program, check, configuration, wait_for, wait_for_death};
use crate::support::{Monitor, until};
use serde_json::json;
use std::collections::BTreeSet;
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::time::SystemTime;

#[test]
fn a_monitor_that_is_not_there_changes_nothing_and_hears_the_history_when_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let unused = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = unused.local_addr().unwrap().to_string();
    drop(unused);
    let url = format!("http://{address}");
    let mut program = Program::start(&url, &["--wait", "--linger", "300"]);
    program.does("note nobody hears it");
    program.tell("exit 6");
    assert_eq!(program.end().0.code(), Some(6));
    program.wait_until_nothing_is_left();

    let deaf = TcpListener::bind(&address).unwrap();
    let mut program = Program::start(&url, &["--wait"]);
    let mut unheard = BTreeSet::new();
    while unheard.len() < 2 {
        unheard.extend(number_of_beat(deaf.accept().unwrap().0));
    }
    drop(deaf);
    let monitor = Monitor::start_at(configuration(directory.path()), &address);
    let begun = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    wait_for(&monitor, "up");
    let database = rusqlite::Connection::open(directory.path().join("monitor.db")).unwrap();
    until("what was said before the monitor was there", || {
        let begun = i64::try_from(begun.as_millis()).unwrap();
        let rows = "SELECT count(*) FROM beat_run WHERE last < ?1";
        let rows: rusqlite::Result<i64> = database.query_row(rows, [begun], |row| row.get(0));
        rows.is_ok_and(|rows| rows > 0)
    });
    drop(database);
    drop(monitor);
    program.does("tick");
    let monitor = Monitor::start_at(configuration(directory.path()), &address);
    let before = check(&monitor, "program")["beats"].as_u64().unwrap();
    until("it to be heard again", || {
        check(&monitor, "program")["beats"].as_u64().unwrap() > before
    });
    program.tell("exit 8");
    assert_eq!(program.end().0.code(), Some(8));
    assert_eq!(wait_for_death(&monitor, "program")["beat"]["kind"]["cause"], json!({ "code": 8 }));
}

/// The number of the beat in a request that is not answered, unless it was given up before.
fn number_of_beat(mut stream: TcpStream) -> Option<String> {
    let mut request = Vec::new();
    let mut some = [0; 1024];
    loop {
        let text = String::from_utf8_lossy(&request).into_owned();
        if let Some((number, _)) =
            text.split_once("\"seq\":").and_then(|(_, rest)| rest.split_once(','))
        {
            return Some(number.to_owned());
        }
        match stream.read(&mut some) {
            Ok(0) | Err(_) => return None,
            Ok(length) => request.extend_from_slice(&some[..length]),
        }
    }
}

#[test]
fn a_monitor_that_never_answers_holds_the_heartbeat_no_longer_than_its_linger() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", silent.local_addr().unwrap());
    let mut program = Program::start(&url, &["--wait", "--linger", "1000"]);
    let (_taken, _) = silent.accept().unwrap();
    program.tell("exit 2");
    // Its streams end with it, though its heartbeat lives on.
    assert_eq!(program.end().0.code(), Some(2));
    program.wait_until_nothing_is_left();
}
