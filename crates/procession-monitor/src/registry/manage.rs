//! What an operator does.
//!
//! In: wishes. Out: what came of them. Always: a wish is checked before anything is changed, so
//! that it is done whole or not at all.

use super::desk::{Desk, Registry, spec};
use super::schedule::Schedule;
use crate::clock::wall;
use crate::judge::{CheckId, Ms, Source, Timing};
use crate::store::{Batch, Record, Slots, Standing, Words};
use procession_beat::Beat;
use unicode_normalization::UnicodeNormalization;
use uuid::Uuid;

/// The period and the grace of a ping check that names none: a day and an hour.
const DEFAULT: (Ms, Ms) = (24 * 3_600_000, 3_600_000);

/// How many checks there may be beside those of heartbeats before pings make no more.
const MOST_PINGED: usize = 10_000;
/// How many checks of heartbeats there may be before beats make no more.
const MOST_BEATING: usize = 100_000;

/// What a check shall be; `None` leaves it as it is, or at its default.
#[derive(Clone, Debug, Default)]
pub struct Wish {
    /// For a person.
    pub name: Option<String>,
    /// For a URL.
    pub slug: Option<String>,
    /// Without a slug, another name makes another slug.
    pub slug_follows: bool,
    /// Words separated by blanks.
    pub tags: Option<String>,
    /// For a person.
    pub desc: Option<String>,
    /// Milliseconds.
    pub period: Option<Ms>,
    /// Milliseconds.
    pub grace: Option<Ms>,
    /// Only an operator ends a pause.
    pub manual_resume: Option<bool>,
    /// `POST` or empty.
    pub methods: Option<String>,
    /// A cron expression, or calendar expressions of systemd, one a line.
    pub schedule: Option<String>,
    /// Its time zone.
    pub zone: Option<String>,
    /// Whether bodies are looked at for words.
    pub look: Option<bool>,
    /// Words for a start, for success and for failure, between commas.
    pub words: [Option<String>; 3],
    /// A body without any of them is a failure.
    pub else_fail: Option<bool>,
    /// Which of `name`, `slug`, `tags`, `timeout`, `grace` say that a check is the one meant.
    pub unique: Vec<String>,
}

/// Tells when a change is committed: `true`, or `false` if it is in memory only.
pub type Committed = tokio::sync::oneshot::Receiver<bool>;

/// What came of a wish.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// A check was made.
    Made(CheckId),
    /// A check was changed.
    Changed(CheckId),
}

impl Registry {
    /// Returns true if pings may make no more checks. An operator may, by the management API.
    pub fn is_full_for_pings(&self) -> bool {
        let desk = self.lock();
        desk.by_uuid.len() - desk.by_program.len() >= MOST_PINGED
    }

    /// Returns true if this beat would make a check and beats may make no more.
    pub fn is_full_for(&self, beat: &Beat) -> bool {
        let desk = self.lock();
        desk.by_program.len() >= MOST_BEATING
            && !desk.by_program.contains_key(&(beat.host.clone(), beat.program.clone()))
    }

    /// Makes a ping check, or changes the one that `unique` describes.
    pub fn make(&self, wish: &Wish) -> (Change, Committed) {
        let mut guard = self.lock();
        let desk = &mut *guard;
        if let Some(id) = desk.described(wish) {
            return (Change::Changed(id), self.alter(desk, id, wish));
        }
        desk.last_check += 1;
        let id = CheckId(desk.last_check);
        let uuid = Uuid::new_v4();
        let record = Record {
            id,
            uuid,
            name: String::new(),
            slug: String::new(),
            tags: String::new(),
            desc: String::new(),
            host: uuid.to_string(),
            group: "pings".into(),
            labels: std::collections::BTreeMap::new(),
            methods: String::new(),
            manual_resume: false,
            heartbeat: false,
            schedule: Slots { zone: "UTC".into(), ..Slots::default() },
            words: Words::default(),
        };
        let now = self.clock.now();
        let timing = Timing {
            period: DEFAULT.0,
            grace: DEFAULT.1,
            max_runtime: Some(DEFAULT.1),
            source: Source::Ping,
        };
        desk.judge.watch(id, &spec(&record, timing));
        desk.file(record, Standing::default(), now);
        (Change::Made(id), self.alter(desk, id, wish))
    }

    /// Changes a check.
    pub fn change(&self, id: CheckId, wish: &Wish) -> Committed {
        self.alter(&mut self.lock(), id, wish)
    }

    /// Stops judging a check until it is resumed.
    pub fn pause(&self, id: CheckId) -> Committed {
        let mut desk = self.lock();
        desk.judge.pause(id, self.clock.now());
        let states = desk.state_of(id).into_iter().collect();
        self.commit(&mut desk, Batch { states, ..Batch::default() })
    }

    /// Judges a paused check again; `None` if it was not paused.
    pub fn resume(&self, id: CheckId) -> Option<Committed> {
        let mut desk = self.lock();
        if desk.judge.state(id) != Some(crate::judge::State::Paused) {
            return None;
        }
        desk.judge.resume(id, self.clock.now());
        if let Some(entry) = desk.entries.get_mut(&id) {
            entry.standing.last_ping = None;
        }
        let states = desk.state_of(id).into_iter().collect();
        Some(self.commit(&mut desk, Batch { states, ..Batch::default() }))
    }

    /// Forgets a check and its history.
    pub fn delete(&self, id: CheckId) -> Committed {
        let mut desk = self.lock();
        desk.judge.retire(id, self.clock.now());
        if let Some(entry) = desk.unfile(id) {
            // A message may still have to speak of it.
            desk.removed.insert(id, entry.record.name);
        }
        self.commit(&mut desk, Batch { deleted: vec![id], ..Batch::default() })
    }

    fn alter(&self, desk: &mut Desk, id: CheckId, wish: &Wish) -> Committed {
        let timing = desk.judge.check(id).map(|check| check.timing);
        let (Some(mut timing), Some(mut entry)) = (timing, desk.unfile(id)) else {
            return self.commit(desk, Batch::default());
        };
        let record = &mut entry.record;
        if let Some(name) = wish.name.as_ref().filter(|name| **name != record.name) {
            if wish.slug_follows {
                record.slug = slug(name);
            }
            record.name.clone_from(name);
        }
        set(&mut record.slug, wish.slug.as_ref());
        set(&mut record.tags, wish.tags.as_ref());
        set(&mut record.desc, wish.desc.as_ref());
        set(&mut record.manual_resume, wish.manual_resume.as_ref());
        set(&mut record.methods, wish.methods.as_ref());
        set(&mut timing.period, wish.period.as_ref());
        set(&mut timing.grace, wish.grace.as_ref());
        let words = &mut record.words;
        set(&mut words.look, wish.look.as_ref());
        for (field, wish) in
            [&mut words.start, &mut words.success, &mut words.failure].into_iter().zip(&wish.words)
        {
            set(field, wish.as_ref());
        }
        set(&mut words.else_fail, wish.else_fail.as_ref());
        if wish.period.is_some() && wish.schedule.is_none() {
            record.schedule.cron.clear();
        }
        set(&mut record.schedule.cron, wish.schedule.as_ref());
        set(&mut record.schedule.zone, wish.zone.as_ref());
        if let Ok(schedule) = Schedule::read(&record.schedule.cron, &record.schedule.zone) {
            // The slot after the last ping, as if it had been scheduled so then.
            let last = entry.standing.last_ping.unwrap_or_else(wall);
            timing.period = schedule.wait(last, true, timing.grace);
        }
        if timing.source == Source::Ping {
            timing.max_runtime = Some(timing.grace);
        }
        desk.judge.watch(id, &spec(record, timing));
        let records = vec![record.clone()];
        desk.file(entry.record, entry.standing, self.clock.now());
        let states = desk.state_of(id).into_iter().collect();
        self.commit(desk, Batch { records, states, ..Batch::default() })
    }
}

impl Desk {
    /// The check that a wish's `unique` fields describe. It is to be pinged, so no heartbeat's.
    fn described(&self, wish: &Wish) -> Option<CheckId> {
        if wish.unique.is_empty() {
            return None;
        }
        let equal = |id: &CheckId, record: &Record| {
            let timing = self.judge.check(*id).map(|check| check.timing);
            !record.heartbeat
                && wish.unique.iter().all(|field| match field.as_str() {
                    "name" => wish.name.as_ref() == Some(&record.name),
                    "slug" => wish.slug.as_ref() == Some(&record.slug),
                    "tags" => wish.tags.as_ref() == Some(&record.tags),
                    "timeout" if !record.schedule.cron.is_empty() => false,
                    "timeout" => wish.period == timing.map(|timing| timing.period),
                    "grace" => wish.grace == timing.map(|timing| timing.grace),
                    _ => false,
                })
        };
        let found = self.entries.iter().filter(|(id, entry)| equal(id, &entry.record));
        found.map(|(id, _)| *id).min()
    }
}

fn set<T: Clone>(field: &mut T, wish: Option<&T>) {
    if let Some(wish) = wish {
        field.clone_from(wish);
    }
}

/// A name as a URL can hold it, as Django's `slugify` makes it: letters without their accents, and
/// a dash for each gap; other characters are left out.
///
/// ```
/// use procession_monitor::registry::manage::slug;
///
/// assert_eq!(slug("Nightly Backup (db)"), "nightly-backup-db");
/// assert_eq!(slug("Na\u{ef}ve -- 5.5"), "naive-55");
/// ```
pub fn slug(name: &str) -> String {
    // What Python takes for a space.
    let is_gap = |c: char| matches!(c, '-' | ' ' | '\t'..='\r' | '\x1c'..='\x1f');
    let mut slug = String::new();
    for c in name.nfkd().filter(char::is_ascii) {
        match c {
            c if c.is_ascii_alphanumeric() || c == '_' => slug.push(c.to_ascii_lowercase()),
            c if is_gap(c) && !slug.ends_with('-') => slug.push('-'),
            _ => {}
        }
    }
    slug.trim_matches(['-', '_']).to_owned()
}
