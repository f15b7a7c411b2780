//! What a year of hosts weighs: a real database, filled as the monitor fills it.
//!
//! `cargo run -p procession-monitor --release --example year -- [hosts] [file]`
//!
//! Each host beats every five minutes, which leaves a row a day, falls silent once a month and
//! dies once a month: each is a change of state, an incident and its two messages to one receiver.
//! The second year is filled and pruned as the monitor prunes, hourly there and daily here: what is
//! pruned makes room for what comes, so that the file stays as it is.

use procession_monitor::judge::{
    Check, CheckId, Flip, Incident, Message, Ms, Problem, Source, State, Subject, Time, Timing,
    Transition, Trouble,
};
use procession_monitor::store::rows::Delivery;
use procession_monitor::store::{
    Batch, DatabaseFile, Letter, Record, Slots, Standing, Words, Writer, schema,
};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

const DAY: Ms = 24 * 3_600_000;
/// The first day, Unix milliseconds: some day in 2026.
const FIRST: Ms = 1_767_225_600_000;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let hosts: u64 = arguments.next().map_or(10_000, |text| text.parse().expect("a number"));
    let file = arguments.next().unwrap_or_else(|| "year.db".into());
    let file = Path::new(&file);
    assert!(!file.exists(), "{} is there already", file.display());
    let locked = Arc::new(DatabaseFile::open(file).expect("a new file"));
    let connection = schema::open(file).expect("a new database");
    let (writer, thread) = Writer::start(connection, locked, |_| {});
    let records = (0..hosts).map(record).collect();
    let states = (0..hosts).map(|id| (CheckId(id), check(), Standing::default())).collect();
    commit(&writer, Batch { records, states, ..Batch::default() });
    let empty = size(file);
    let mut sizes = Vec::new();
    for year in 0..2 {
        for day in 0..365 {
            a_day(&writer, hosts, FIRST + (year * 365 + day) * DAY);
        }
        sizes.push(size(file));
    }
    drop(writer);
    thread.join().expect("the writer");
    let connection = rusqlite::Connection::open(file).expect("the database");
    connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)").expect("room to vacuum");
    println!("{hosts} hosts: {} bytes each before anything happens", empty / hosts);
    for (year, size) in sizes.iter().enumerate() {
        let year = year + 1;
        println!("after year {year}: {} MB, {} bytes a host", size / 1_000_000, size / hosts);
    }
    println!("after VACUUM: {} bytes a host", size(file) / hosts);
}

/// One day of all hosts, and the prune at its end.
fn a_day(writer: &Writer, hosts: u64, day: Ms) {
    let rows =
        (0..hosts).map(|id| (CheckId(id), day + id, day + DAY - 300_000 + id, 288)).collect();
    let mut batch = Batch { rows, ..Batch::default() };
    // One in thirty falls silent, and another dies.
    for (id, problem) in (0..hosts).filter_map(|id| Some((id, trouble((day / DAY + id) % 30)?))) {
        let id = CheckId(id);
        let flip = |from, to, problem| Flip { from, to, at: Time(day), problem };
        batch.flips.push((id, day, flip(State::Up, State::Down, Some(problem.clone()))));
        batch.flips.push((id, day + 600_000, flip(State::Down, State::Up, None)));
        let number = day / DAY * hosts + id.0;
        let incident = incident(number, id, problem);
        for (seq, transition) in [(1, Transition::Firing), (2, Transition::Resolved)] {
            let letter = letter(&incident, seq, transition, day);
            let (key, state) = (letter.key.clone(), "done");
            batch.deliveries.push(Delivery { key, state, tries: 0, error: None });
            batch.letters.push(letter);
        }
        batch.incidents.push(incident);
    }
    batch.prune = Some(day + DAY);
    commit(writer, batch);
}

fn trouble(dice: u64) -> Option<Problem> {
    match dice {
        0 => Some(Problem::Silent),
        15 => Some(Problem::Dead("exit code 101, panic at src/main.rs:7:5: out of bounds".into())),
        _ => None,
    }
}

fn commit(writer: &Writer, batch: Batch) {
    let durable = writer.commit(batch).blocking_recv().expect("the writer lives");
    assert!(durable, "{:?}", writer.health());
}

fn record(id: u64) -> Record {
    Record {
        id: CheckId(id),
        uuid: uuid::Uuid::new_v4(),
        name: "crawler".into(),
        slug: format!("host-{id}-crawler"),
        tags: String::new(),
        desc: String::new(),
        host: format!("host-{id}"),
        group: "eu-1".into(),
        labels: [("rack".to_owned(), "7".to_owned())].into(),
        methods: String::new(),
        manual_resume: false,
        heartbeat: true,
        schedule: Slots::default(),
        words: Words::default(),
    }
}

fn check() -> Check {
    let timing =
        Timing { period: 300_000, grace: 60_000, max_runtime: None, source: Source::Heartbeat };
    Check::new(timing, Time(0))
}

fn incident(number: u64, id: CheckId, problem: Problem) -> Incident {
    Incident {
        id: number,
        subject: Subject::Host(format!("host-{}", id.0)),
        opened: Time(0),
        closed: Some(Time(600_000)),
        seq: 2,
        sent: Time(600_000),
        told: [(id, Trouble { problem, since: Time(0) })].into(),
        ended: Vec::new(),
        hosts: BTreeSet::new(),
        left: BTreeMap::new(),
        hold: None,
        note: None,
    }
}

fn letter(incident: &Incident, seq: u32, transition: Transition, at: Ms) -> Letter {
    let message = Message {
        incident: incident.id,
        seq,
        transition,
        subject: incident.subject.clone(),
        at: Time(0),
        opened: Time(0),
        troubles: incident.told.clone(),
        ended: Vec::new(),
        hosts: Vec::new(),
        left: BTreeMap::new(),
        of: 1,
        common: None,
        note: None,
    };
    Letter {
        key: format!("{}:hook", message.key()),
        receiver: "hook".into(),
        names: message.troubles.keys().map(|id| (id.0, "crawler".to_owned())).collect(),
        words: BTreeMap::new(),
        message,
        written: at,
        opened: at,
        details: BTreeMap::new(),
    }
}

/// The file and its log, in bytes.
fn size(file: &Path) -> u64 {
    let mut log = file.as_os_str().to_owned();
    log.push("-wal");
    let of = |path: &Path| std::fs::metadata(path).map_or(0, |data| data.len());
    of(file) + of(Path::new(&log))
}
