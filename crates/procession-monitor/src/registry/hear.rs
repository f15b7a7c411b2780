//! What a beat or a ping does.
//!
//! In: a decoded beat, or a ping's parts, and when it was received. Out: what to answer, and a
//! promise of the commit. Always: what is judged and what is written of it are decided under one
//! lock; a ping that is not counted is still history.

use super::desk::{Registry, spec};
use super::schedule::Schedule;
use crate::clock::wall;
use crate::judge::fresh::Freshness;
use crate::judge::{Check, CheckId, Problem, Signal, Source, Stamp, State, Time, Timing};
use crate::store::{Batch, Ping, PingKind, Record, Slots, Standing, Words};
use procession_beat::{Beat, Kind, MainState};
use tokio::sync::oneshot;
use uuid::Uuid;

/// Pings and beats a check may send at once, and per second for long.
const RATE: (f64, f64) = (60.0, 10.0);
/// How much of the body of a ping that reports a failure is told to receivers.
const BODY_TOLD: usize = 1_000;
/// How much of a ping's body is kept: 10 000 bytes, healthchecks' own default.
const BODY_KEPT: usize = 10_000;
/// Runs under way whose starts are remembered for the pings' durations.
const RUNS: usize = 16;
/// A row of equal beats is closed after a day, so that history has a grain.
const ROW: u64 = 24 * 3_600_000;

/// A ping, as its request says.
#[derive(Debug)]
pub struct PingIn {
    /// What it was.
    pub kind: PingKind,
    /// The exit status in its path.
    pub exit: Option<u8>,
    /// The run it names.
    pub rid: Option<String>,
    /// `http` or `https`.
    pub scheme: &'static str,
    /// Where it came from.
    pub address: String,
    /// The HTTP method.
    pub method: String,
    /// The user agent.
    pub agent: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What came of a ping.
#[derive(Debug)]
pub enum Pinged {
    /// It is applied; the receiver tells when it is committed.
    Applied(oneshot::Receiver<bool>),
    /// Too many: nothing was done.
    RateLimited,
    /// There is no such check.
    Unknown,
    /// Its program reports it by beats. A ping would say that a dead program lives.
    Heartbeat,
    /// Its words are looked for, and it is no text.
    Unreadable,
}

/// What came of a beat.
#[derive(Debug)]
pub struct Beaten {
    /// It was news.
    pub fresh: bool,
    /// It changed nothing, because a newer run of the program has reported since.
    pub overtaken: bool,
    /// The check it counts for.
    pub check: Uuid,
    /// Tells when it is committed.
    pub committed: oneshot::Receiver<bool>,
}

impl Registry {
    /// Applies a ping received at `at`.
    pub fn ping(&self, id: CheckId, mut ping: PingIn, at: Time) -> Pinged {
        let mut guard = self.lock();
        let desk = &mut *guard;
        let (Some(entry), Some(state)) = (desk.entries.get_mut(&id), desk.judge.state(id)) else {
            return Pinged::Unknown;
        };
        if entry.record.heartbeat {
            return Pinged::Heartbeat;
        }
        if !allow(&mut entry.allowance, at) {
            return Pinged::RateLimited;
        }
        let owed = desk.judge.expected(id).is_none_or(|expected| expected <= at);
        let wrong_method = !entry.record.methods.is_empty() && entry.record.methods != ping.method;
        if wrong_method || (state == State::Paused && entry.record.manual_resume) {
            ping.kind = PingKind::Ignored;
        } else if entry.record.words.look {
            let Ok(body) = std::str::from_utf8(&ping.body) else { return Pinged::Unreadable };
            ping.kind = entry.record.words.kind(body);
        }
        let proves = matches!(ping.kind, PingKind::Success | PingKind::Fail);
        if proves {
            let slot = slot(&entry.record, desk.judge.check(id), self.clock.wall(at), owed);
            if let Some(timing) = slot {
                desk.judge.watch(id, &spec(&entry.record, timing));
            }
        }
        ping.body.truncate(BODY_KEPT);
        let rid = ping.rid.clone();
        let signal = match ping.kind {
            PingKind::Success => Signal::Success(rid.clone()),
            PingKind::Start => Signal::Start(rid.clone()),
            PingKind::Fail => Signal::Fail(rid.clone(), failure(ping.exit)),
            PingKind::Log | PingKind::Ignored => Signal::Log,
        };
        entry.standing.pings += 1;
        if proves {
            entry.standing.last_ping = Some(wall());
            let told = ping.kind == PingKind::Fail && !ping.body.is_empty();
            let beginning = &ping.body[..ping.body.len().min(BODY_TOLD)];
            entry.standing.failure_body =
                told.then(|| String::from_utf8_lossy(beginning).into_owned());
        }
        let duration = match ping.kind {
            PingKind::Start => {
                if entry.runs.len() == RUNS {
                    entry.runs.remove(0);
                }
                entry.runs.push((rid.clone(), at));
                None
            }
            PingKind::Success | PingKind::Fail => {
                let run = entry.runs.iter().rposition(|(run, _)| *run == rid);
                run.map(|run| at - entry.runs.remove(run).1)
            }
            PingKind::Log | PingKind::Ignored => None,
        };
        let row = Ping {
            check: id,
            n: entry.standing.pings,
            at: wall(),
            kind: ping.kind,
            rid,
            scheme: ping.scheme,
            address: ping.address,
            method: ping.method,
            agent: ping.agent,
            exit: ping.exit,
            duration,
            body: ping.body,
        };
        desk.judge.hear(id, None, &signal, at);
        let states = desk.state_of(id).into_iter().collect();
        let batch = Batch { states, pings: vec![row], ..Batch::default() };
        Pinged::Applied(self.commit(desk, batch))
    }

    /// Applies a beat received at `at`; the first of a program makes its check.
    /// `None`: too many.
    pub fn beat(&self, beat: &Beat, at: Time) -> Option<Beaten> {
        let mut guard = self.lock();
        let desk = &mut *guard;
        let mut batch = Batch::default();
        let program = (beat.host.clone(), beat.program.clone());
        let known = desk.by_program.get(&program).map(|id| {
            let is_owed = desk.judge.expected(*id).is_none_or(|expected| expected <= at);
            (desk.judge.check(*id), is_owed)
        });
        let timing = Timing {
            period: period(beat, known, self.clock.wall(at)),
            grace: beat.grace_ms,
            max_runtime: Some(beat.grace_ms),
            source: Source::Heartbeat,
        };
        let id = if let Some(id) = desk.by_program.get(&program) {
            *id
        } else {
            desk.last_check += 1;
            let record = record(CheckId(desk.last_check), beat);
            desk.judge.watch(record.id, &spec(&record, timing));
            batch.records.push(record.clone());
            let id = record.id;
            desk.file(record, Standing::default(), at);
            id
        };
        let entry = desk.entries.get_mut(&id)?;
        if !allow(&mut entry.allowance, at) {
            return None;
        }
        let check = entry.record.uuid;
        let (slots, tags) = (slots(beat), tags(beat, &entry.record));
        let (labels, old) = (&beat.labels, &entry.record);
        if old.labels != *labels || old.schedule != slots || old.tags != tags {
            entry.record.labels.clone_from(labels);
            entry.record.group = group(beat);
            entry.record.schedule = slots;
            entry.record.tags = tags;
            batch.records.push(entry.record.clone());
            desk.judge.watch(id, &spec(&entry.record, timing));
        } else if desk.judge.check(id).is_some_and(|check| check.timing != timing) {
            desk.judge.watch(id, &spec(&entry.record, timing));
        }
        let stamp = Stamp { instance: beat.instance.clone(), seq: beat.seq };
        let heard =
            if beat.spooled { None } else { desk.judge.hear(id, Some(&stamp), &signal(beat), at) };
        let fresh = heard.as_ref().is_some_and(|heard| heard.taken);
        let overtaken = heard.is_some_and(|h| !h.taken && h.freshness == Freshness::Overtaken);
        if fresh || beat.spooled {
            let entry = desk.entries.get_mut(&id)?;
            entry.standing.note(id, beat, &mut batch);
        }
        batch.states.extend(desk.state_of(id));
        let committed = self.commit(desk, batch);
        Some(Beaten { fresh, overtaken, check, committed })
    }
}

impl Standing {
    /// Folds an equal beat into the row it continues, or closes that row and begins another.
    fn note(&mut self, id: CheckId, beat: &Beat, batch: &mut Batch) {
        let now = wall();
        if beat.spooled {
            let at = beat.sent_at_ms.unwrap_or(now).min(now);
            batch.rows.push((id, at, at, 1));
            return;
        }
        self.pings += 1;
        self.last_ping = Some(now);
        self.last_beat = serde_json::to_value(beat).ok();
        let goes_on = |(first, last, _): &(u64, u64, u64)| {
            beat.kind == Kind::Alive
                && now.saturating_sub(*last) <= beat.period_ms + beat.grace_ms
                && now.saturating_sub(*first) < ROW
        };
        match &mut self.row {
            Some(row) if goes_on(row) => {
                row.1 = now;
                row.2 += 1;
            }
            row => {
                let ended = row.replace((now, now, 1));
                batch.rows.extend(ended.map(|(first, last, count)| (id, first, last, count)));
            }
        }
    }
}

/// What a beat tells the judge. One without word of its main process proves the speaker alive and
/// nothing else.
fn signal(beat: &Beat) -> Signal {
    let stuck = |why: String| Signal::Degraded(Problem::Stuck(why));
    match &beat.kind {
        Kind::Alive => match beat.main.map(|main| main.state) {
            Some(MainState::Alive) => Signal::Alive,
            Some(MainState::Stuck) => stuck("its main process makes no progress".into()),
            Some(MainState::Dead) => {
                Signal::Fail(None, Problem::Dead("its main process has ended".into()))
            }
            None => stuck("its beats say nothing of its main process".into()),
        },
        Kind::Start { run } => Signal::Start(run.clone()),
        Kind::Ok { run } => Signal::Success(run.clone()),
        Kind::Fail { run, why } => Signal::Fail(run.clone(), Problem::Failed(why.clone())),
        Kind::Log { .. } => Signal::Log,
        Kind::Stuck { still_ms } => stuck(format!("no progress for {} s", still_ms / 1_000)),
        Kind::Dead(death) => Signal::Fail(death.run.clone(), Problem::Dead(death.to_string())),
        Kind::Goodbye { back_in_ms } => Signal::Goodbye(*back_in_ms),
    }
}

/// What a check with a schedule promises after a ping at `now`, Unix milliseconds: the slot to come.
fn slot(record: &Record, check: Option<&Check>, now: u64, owed: bool) -> Option<Timing> {
    let schedule = Schedule::read(&record.schedule.cron, &record.schedule.zone).ok()?;
    let timing = check?.timing;
    Some(Timing { period: schedule.wait(now, owed, timing.grace), ..timing })
}

/// How long a program may be silent after this beat, received at `now`, Unix milliseconds. `known` is
/// its check, and whether that is owed a run. With a schedule it is the time to the next slot.
fn period(beat: &Beat, known: Option<(Option<&Check>, bool)>, now: u64) -> u64 {
    let Some(Ok(schedule)) = beat.schedule.as_ref().map(|s| Schedule::read(&s.expression, &s.zone))
    else {
        return beat.period_ms;
    };
    let (check, is_owed) = known.unwrap_or((None, true));
    match check {
        // What proves nothing changes nothing of what is expected.
        Some(check)
            if beat.spooled || matches!(beat.kind, Kind::Start { .. } | Kind::Log { .. }) =>
        {
            check.timing.period
        }
        _ => schedule.wait(now, is_owed, beat.grace_ms),
    }
}

/// The schedule of a beat, as a check has it.
fn slots(beat: &Beat) -> Slots {
    let slots = |schedule: &procession_beat::Schedule| Slots {
        cron: schedule.expression.clone(),
        zone: schedule.zone.clone(),
    };
    beat.schedule.as_ref().map(slots).unwrap_or_default()
}

/// The tags of a check after this beat: one that names none leaves those of an operator.
fn tags(beat: &Beat, record: &Record) -> String {
    if beat.tags.is_empty() { record.tags.clone() } else { beat.tags.join(" ") }
}

fn failure(exit: Option<u8>) -> Problem {
    Problem::Failed(exit.map_or_else(|| "it says so".into(), |code| format!("exit status {code}")))
}

fn group(beat: &Beat) -> String {
    beat.labels.get("group").cloned().unwrap_or_default()
}

fn record(id: CheckId, beat: &Beat) -> Record {
    Record {
        id,
        uuid: Uuid::new_v4(),
        name: beat.program.clone(),
        slug: super::manage::slug(
            &format!("{}-{}", beat.host, beat.program)
                .replace(|c: char| c.is_ascii_punctuation() && c != '_', "-"),
        ),
        tags: beat.tags.join(" "),
        desc: String::new(),
        host: beat.host.clone(),
        group: group(beat),
        labels: beat.labels.clone(),
        methods: String::new(),
        manual_resume: false,
        heartbeat: true,
        schedule: slots(beat),
        words: Words::default(),
    }
}

/// A bucket that holds [`RATE`].0 and fills by [`RATE`].1 a second.
fn allow((left, as_of): &mut (f64, Time), now: Time) -> bool {
    let seconds = f64::from(u32::try_from(now - *as_of).unwrap_or(u32::MAX)) / 1_000.0;
    *left = (*left + seconds * RATE.1).min(RATE.0);
    *as_of = now.max(*as_of);
    let allowed = *left >= 1.0;
    if allowed {
        *left -= 1.0;
    }
    allowed
}
