//! A monitor whose disk is full, read-only or slow, or whose file is gone: it judges and tells from memory, says that it
//! cannot write, and writes what it held once it can.

mod support;

use procession_beat::{Beat, Cause, Client, Death, Instance, Kind, Main, MainState};
use std::collections::BTreeSet;
use std::io::Write;
use std::os::fd::AsRawFd;
use std::path::Path;
use support::{PATIENCE, Process, Told, until};

fn beat(host: &str, seq: u64, kind: Kind) -> Beat {
    let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
    let mut beat = Beat::new("crawler", host, instance, seq, kind);
    beat.main = Some(Main { state: MainState::Alive, ticks: seq });
    beat
}

/// Writes until the kernel says that nothing is left.
fn fill(file: &Path) {
    let mut file = std::fs::File::create(file).unwrap();
    let why = loop {
        if let Err(why) = file.write_all(&[1; 4096]) {
            break why;
        }
    };
    assert_eq!(why.kind(), std::io::ErrorKind::StorageFull);
}

#[test]
fn a_full_disk_stops_no_judging_is_told_of_and_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let monitor = Process::on_a_small_disk(directory.path(), &told.url);
    let client = Client::new(&monitor.url, None);
    let send = |beat: &Beat| client.send(beat, PATIENCE).unwrap();
    // The mount as the monitor sees it.
    let root = Path::new("/proc").join(monitor.child.id().to_string()).join("root");
    let disk = root.join(directory.path().strip_prefix("/").unwrap());
    for host in ["speaks", "dies"] {
        assert!(send(&beat(host, 1, Kind::Alive)).durable);
    }
    fill(&disk.join("filler"));
    let mut seq = 1;
    until("a commit to fail", || {
        seq += 1;
        !send(&beat("speaks", seq, Kind::Alive)).durable
    });
    let death = Death { run: None, cause: Cause::Signal(9), panic: None, last_words: vec![] };
    let receipt = send(&beat("dies", 2, Kind::Dead(death)));
    assert!(receipt.fresh && !receipt.durable, "{receipt:?}");
    let mut short = beat("falls silent", 1, Kind::Alive);
    (short.period_ms, short.grace_ms) = (200, 200);
    assert!(!send(&short).durable);

    let summaries = || -> Vec<String> {
        let text = |letter: &serde_json::Value| {
            letter["commonAnnotations"]["summary"].as_str().unwrap().to_owned()
        };
        told.letters(0).iter().map(|(_, letter)| text(letter)).collect()
    };
    for wanted in ["dies: crawler dead: signal 9", "falls silent: crawler silent", "disk is full"] {
        until(wanted, || summaries().iter().any(|summary| summary.contains(wanted)));
    }
    let (status, why) = monitor.get("/readyz");
    assert!(status == 503 && why.contains("full"), "{status} {why}");
    assert!(monitor.get("/metrics").1.contains("\nprocession_database_failing 1\n"));
    assert!(monitor.get("/api/status").1.contains("disk is full"));

    std::fs::remove_file(disk.join("filler")).unwrap();
    until("the monitor to be ready again", || monitor.get("/readyz").0 == 200);
    assert!(send(&beat("speaks", seq + 1, Kind::Alive)).durable);
    until("the end of its own alarm", || {
        told.letters(0).iter().any(|(_, letter)| {
            letter["status"] == "resolved"
                && letter["alerts"][0]["labels"]["alertname"] == "MonitorTrouble"
        })
    });
    // Killed after it was ready again: what memory held is written by now.
    let open = std::fs::File::open(&disk).unwrap();
    drop(monitor);
    let copy = tempfile::tempdir().unwrap();
    let disk = Path::new("/proc/self/fd").join(open.as_raw_fd().to_string());
    for file in ["monitor.db", "monitor.db-wal"] {
        std::fs::copy(disk.join(file), copy.path().join(file)).unwrap();
    }
    let database = rusqlite::Connection::open(copy.path().join("monitor.db")).unwrap();
    let state = |host: &str| -> String {
        let sql = "SELECT state FROM check_ WHERE host = ?";
        database.query_row(sql, [host], |row| row.get(0)).unwrap()
    };
    let found = ["speaks", "dies", "falls silent"].map(state);
    assert_eq!(found, ["up", "down", "down"]);
    let told: BTreeSet<String> = told.letters(0).into_iter().map(|(key, _)| key).collect();
    let mut statement = database.prepare("SELECT key FROM outbox").unwrap();
    let keys = statement.query_map([], |row| row.get::<_, String>(0)).unwrap();
    let written: BTreeSet<String> = keys.map(Result::unwrap).collect();
    assert_eq!(written, told);
}

/// What was told, in a line each.
fn summaries(told: &Told) -> Vec<String> {
    let text = |letter: &serde_json::Value| {
        letter["commonAnnotations"]["summary"].as_str().unwrap().to_owned()
    };
    told.letters(0).iter().map(|(_, letter)| text(letter)).collect()
}

/// A monitor on a disk that is well, then `how`, then well again: a death meanwhile is told, the
/// monitor says what it suffers from, and in the end all is written.
fn suffers(how: &str, says: &str) {
    let directory = tempfile::tempdir().unwrap();
    let (lame, database) = (directory.path().join("how"), directory.path().join("monitor.db"));
    std::fs::write(&lame, "").unwrap();
    let told = Told::start(&[]);
    let monitor = Process::on_a_lame_disk(&lame, &database, &told.url);
    let client = Client::new(&monitor.url, None);
    let send = |beat: &Beat| client.send(beat, PATIENCE).unwrap();
    assert!(send(&beat("dies", 1, Kind::Alive)).durable);
    std::fs::write(&lame, how).unwrap();
    until("the monitor to say that it suffers", || {
        let (status, why) = monitor.get("/readyz");
        status == 503 && why.contains(says)
    });
    let death = Death { run: None, cause: Cause::Signal(9), panic: None, last_words: vec![] };
    let receipt = send(&beat("dies", 2, Kind::Dead(death)));
    assert!(receipt.fresh && !receipt.durable, "{receipt:?}");
    for wanted in ["dies: crawler dead: signal 9", says] {
        until(wanted, || summaries(&told).iter().any(|summary| summary.contains(wanted)));
    }
    std::fs::write(&lame, "").unwrap();
    until("the monitor to be ready again", || monitor.get("/readyz").0 == 200);
    assert!(send(&beat("dies", 3, Kind::Alive)).durable);
    assert!(monitor.stop().success());
    let database = rusqlite::Connection::open(&database).unwrap();
    let flips = "SELECT count(*) FROM flip WHERE to_ = 'down'";
    let flips: i64 = database.query_row(flips, [], |row| row.get(0)).unwrap();
    assert_eq!(flips, 1, "what was decided meanwhile is written");
    let keys: Vec<String> = told.tries();
    let distinct: BTreeSet<&String> = keys.iter().collect();
    assert_eq!(distinct.len(), keys.len(), "nothing was told twice: {keys:?}");
}

#[test]
fn a_disk_that_becomes_read_only_stops_no_judging_and_is_told_of() {
    suffers("readonly", "disk I/O error");
}

#[test]
fn a_disk_that_takes_long_to_write_stops_no_judging_and_is_told_of() {
    suffers("slow 8", "a commit takes more than 5 s");
}

/// A monitor in this process with this database that ends at once, or why it does not start.
fn start(database: &Path) -> Result<(), procession_monitor::RunError> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let database = database.to_owned();
    let config = procession_monitor::Config { database, ..procession_monitor::Config::default() };
    tokio::runtime::Runtime::new().unwrap().block_on(procession_monitor::run(
        config,
        listener,
        async {},
    ))
}

#[test]
fn a_database_has_one_monitor_whatever_name_leads_to_it() {
    use procession_monitor::RunError;
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let [database, link, other] =
        ["monitor.db", "link.db", "other.db"].map(|name| directory.path().join(name));
    let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
    assert_eq!(monitor.get("/readyz").0, 200);
    std::os::unix::fs::symlink("monitor.db", &link).unwrap();
    std::fs::hard_link(&database, &other).unwrap();
    // No file beside the database has the lock.
    for file in std::fs::read_dir(directory.path()).unwrap() {
        let path = file.unwrap().path();
        if !path.to_str().unwrap().contains(".db") || path.extension() == Some("lock".as_ref()) {
            std::fs::remove_file(path).unwrap();
        }
    }
    for name in [&database, &link, &other] {
        let ended = start(name);
        assert!(matches!(ended, Err(RunError::InUse(_))), "{}: {ended:?}", name.display());
    }
    drop(monitor);
    let ended = start(&other);
    assert!(matches!(ended, Err(RunError::Links(_, 2))), "{ended:?}");
    std::fs::remove_file(other).unwrap();
    start(&link).expect("a symbolic link leads to it");
}

#[test]
fn a_database_that_is_deleted_or_replaced_is_told_of_and_one_put_back_is_written() {
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let [database, log, away] =
        ["monitor.db", "monitor.db-wal", "away"].map(|name| directory.path().join(name));
    let monitor = Process::start(&database, &told.url, "127.0.0.1:0");
    let client = Client::new(&monitor.url, None);
    let send = |seq| client.send(&beat("speaks", seq, Kind::Alive), PATIENCE).unwrap();
    assert!(send(1).durable);
    let mut seq = 1;
    for file in [&database, &log] {
        std::fs::rename(file, &away).unwrap();
        seq += 1;
        assert!(!send(seq).durable, "{} is gone", file.display());
        std::fs::copy(&away, file).unwrap();
        seq += 1;
        assert!(!send(seq).durable, "{} is another file", file.display());
        let (status, why) = monitor.get("/readyz");
        assert!(status == 503 && why.contains("deleted or replaced"), "{status} {why}");
        assert!(why.contains(file.to_str().unwrap()), "{why}");
        let words = format!("its file {} was deleted", file.display());
        until(&words, || summaries(&told).iter().any(|summary| summary.contains(&words)));
        std::fs::rename(&away, file).unwrap();
        let over = |(_, letter): &(String, serde_json::Value)| letter["status"] == "resolved";
        until("the end of its alarm", || told.letters(0).last().is_some_and(over));
        assert_eq!(monitor.get("/readyz").0, 200);
        seq += 1;
        assert!(send(seq).durable);
    }
    assert!(monitor.stop().success());
    let database = rusqlite::Connection::open(&database).unwrap();
    let beats = "SELECT json_extract(standing, '$.pings') FROM check_ WHERE host = 'speaks'";
    let beats: u64 = database.query_row(beats, [], |row| row.get(0)).unwrap();
    assert_eq!(beats, seq, "what came meanwhile is written");
}

#[test]
fn only_its_owner_can_read_the_database_and_what_lies_beside_it() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let told = Told::start(&[]);
    let files = ["monitor.db", "monitor.db-wal", "monitor.db-shm"];
    let files = files.map(|name| directory.path().join(name));
    let modes = || {
        let mode = |file| std::fs::metadata(file).unwrap().permissions().mode() & 0o777;
        files.each_ref().map(mode)
    };
    let monitor = Process::start(&files[0], &told.url, "127.0.0.1:0");
    assert_eq!(monitor.get("/readyz").0, 200);
    assert_eq!(modes(), [0o600; 3], "new files");
    drop(monitor);
    for file in &files {
        std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o644)).unwrap();
    }
    let monitor = Process::start(&files[0], &told.url, "127.0.0.1:0");
    assert_eq!(monitor.get("/readyz").0, 200);
    assert_eq!(modes(), [0o600; 3], "files of an older monitor");
}

#[test]
fn a_place_where_no_database_can_be_is_named() {
    let why = start(Path::new("/nowhere/monitor.db")).unwrap_err();
    assert!(why.to_string().contains("/nowhere/monitor.db"), "{why}");
}
