//! One report: who speaks, how its main process is, what happened.
//!
//! In: what a heartbeat knows. Out: JSON of a stated version, and back. Always: a decoded beat is
//! within the limits below, so a monitor may keep it; an unknown field is ignored (fields may be
//! added), an unknown version or kind is refused (meaning may not be guessed).

use crate::Instance;
use crate::report::{Kind, Main, Sample};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;

/// The version this crate speaks.
pub const VERSION: u32 = 1;
/// Longest name of a program, a host, a label or a label's value, in bytes.
pub const NAME_LIMIT: usize = 200;
/// Most labels on one beat.
pub const LABEL_LIMIT: usize = 32;
/// Most children described in one sample: what a page can show and a body can carry.
pub const CHILD_LIMIT: usize = 256;
/// Shortest and longest period and grace, in milliseconds: 100 ms to 365 days.
pub const SPAN_LIMIT: (u64, u64) = (100, 365 * 24 * 3_600_000);
/// The period of a beat that names none: five minutes.
pub const DEFAULT_PERIOD_MS: u64 = 300_000;

/// The grace that goes with a period when none is named: a fifth of it, but a minute at least.
///
/// ```
/// assert_eq!(procession_beat::beat::default_grace_ms(300_000), 60_000);
/// ```
pub fn default_grace_ms(period_ms: u64) -> u64 {
    (period_ms / 5).max(60_000)
}

/// One report from a heartbeat to a monitor.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beat {
    /// The version of this format; see [`VERSION`].
    pub version: u32,
    /// The program, as its operator names it. With the host it names the check.
    pub program: String,
    /// The machine that speaks.
    pub host: String,
    /// Which run of the program speaks.
    pub instance: Instance,
    /// Grows from beat to beat of this run, by any step. A number that is not above those seen
    /// before changes nothing.
    pub seq: u64,
    /// The next beat follows within this many milliseconds.
    pub period_ms: u64,
    /// How much longer than the period silence is forgiven, in milliseconds.
    pub grace_ms: u64,
    /// Free labels; `group` names the group of machines for mass silence.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Words to find it by at the monitor.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// When its runs are due; without one, the period says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schedule: Option<Schedule>,
    /// What happened.
    pub kind: Kind,
    /// How the main process is, if the speaker knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub main: Option<Main>,
    /// What the machine and the process use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sample: Option<Sample>,
    /// The sender's clock, Unix milliseconds: shown, never judged by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sent_at_ms: Option<u64>,
    /// Kept while the monitor was out of reach: history, never proof of life.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub spooled: bool,
}

/// When the runs of a program are due.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// A cron expression of five fields, or a calendar expression of systemd.
    pub expression: String,
    /// The time zone that it is read in, as `Europe/Berlin`.
    pub zone: String,
}

impl Beat {
    /// A beat of the default period and grace, with nothing but its kind.
    pub fn new(program: &str, host: &str, instance: Instance, seq: u64, kind: Kind) -> Beat {
        Beat {
            version: VERSION,
            program: program.into(),
            host: host.into(),
            instance,
            seq,
            period_ms: DEFAULT_PERIOD_MS,
            grace_ms: default_grace_ms(DEFAULT_PERIOD_MS),
            labels: BTreeMap::new(),
            tags: Vec::new(),
            schedule: None,
            kind,
            main: None,
            sample: None,
            sent_at_ms: None,
            spooled: false,
        }
    }

    /// The beat as JSON.
    ///
    /// # Panics
    /// Never: every field has a JSON form.
    pub fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("every field of a beat has a JSON form")
    }

    /// A beat from JSON, within the limits of this module.
    ///
    /// # Errors
    /// [`BeatError`] says what is wrong with it.
    pub fn decode(json: &[u8]) -> Result<Beat, BeatError> {
        #[derive(Deserialize)]
        struct Versioned {
            version: u32,
        }
        let unreadable = |e: serde_json::Error| BeatError::Unreadable(e.to_string());
        let Versioned { version } = serde_json::from_slice(json).map_err(unreadable)?;
        if version != VERSION {
            return Err(BeatError::Version(version));
        }
        let beat: Beat = serde_json::from_slice(json).map_err(unreadable)?;
        beat.within_limits()?;
        Ok(beat)
    }

    /// Whether a monitor takes it; [`decode`](Beat::decode) asks the same.
    ///
    /// # Errors
    /// [`BeatError::Limit`] says which field is out of its limits.
    pub fn within_limits(&self) -> Result<(), BeatError> {
        let name = |what, name: &str| match name.len() {
            1..=NAME_LIMIT if !name.chars().any(char::is_control) => Ok(()),
            _ => Err(BeatError::Limit(what)),
        };
        let span = |what, ms: u64| match ms {
            _ if (SPAN_LIMIT.0..=SPAN_LIMIT.1).contains(&ms) => Ok(()),
            _ => Err(BeatError::Limit(what)),
        };
        name("program: 1 to 200 bytes without control characters", &self.program)?;
        name("host: 1 to 200 bytes without control characters", &self.host)?;
        name("instance.boot: 1 to 200 bytes", &self.instance.boot)?;
        span("period_ms: 100 ms to 365 days", self.period_ms)?;
        span("grace_ms: 100 ms to 365 days", self.grace_ms)?;
        if let Kind::Goodbye { back_in_ms: Some(back_in) } = self.kind {
            span("back_in_ms: 100 ms to 365 days", back_in)?;
        }
        if self.labels.len() > LABEL_LIMIT {
            return Err(BeatError::Limit("labels: 32 at most"));
        }
        for (key, value) in &self.labels {
            name("a label's name: 1 to 200 bytes", key)?;
            name("a label's value: 1 to 200 bytes", value)?;
        }
        if self.tags.len() > LABEL_LIMIT {
            return Err(BeatError::Limit("tags: 32 at most"));
        }
        for tag in &self.tags {
            name("a tag: 1 to 200 bytes without blanks", tag)?;
            if tag.contains(char::is_whitespace) {
                return Err(BeatError::Limit("a tag: 1 to 200 bytes without blanks"));
            }
        }
        if let Some(Schedule { expression, zone }) = &self.schedule {
            name("schedule.expression: 1 to 200 bytes", expression)?;
            name("schedule.zone: 1 to 200 bytes", zone)?;
        }
        match &self.sample {
            Some(sample) if sample.children.len() > CHILD_LIMIT => {
                Err(BeatError::Limit("sample.children: 256 at most"))
            }
            _ => Ok(()),
        }
    }
}

/// Why bytes are not a beat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BeatError {
    /// Not the JSON of a beat; the parser's words.
    Unreadable(String),
    /// A version this crate does not speak.
    Version(u32),
    /// A field out of its limits; which, and what they are.
    Limit(&'static str),
}

impl fmt::Display for BeatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BeatError::Unreadable(why) => write!(f, "not a beat: {why}"),
            BeatError::Version(version) => write!(
                f,
                "a beat of version {version}, but only {VERSION} is spoken here: \
                 use a heartbeat and a monitor of the same release"
            ),
            BeatError::Limit(what) => write!(f, "a beat out of its limits: {what}"),
        }
    }
}

impl std::error::Error for BeatError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::{Cause, Death};
    use proptest::prelude::*;

    fn beat() -> Beat {
        let instance = Instance { boot: "b".into(), pid: 7, started: 9 };
        Beat::new("crawler", "web-3", instance, 1, Kind::Alive)
    }

    fn refused(change: impl FnOnce(&mut Beat)) -> BeatError {
        let mut beat = beat();
        change(&mut beat);
        Beat::decode(&beat.encode()).unwrap_err()
    }

    #[test]
    fn the_wire_form_of_version_1_does_not_drift() {
        let mut dead = beat();
        dead.kind = Kind::Dead(Death {
            run: None,
            cause: Cause::Signal(9),
            panic: None,
            last_words: vec![],
        });
        let wire = concat!(
            r#"{"version":1,"program":"crawler","host":"web-3","#,
            r#""instance":{"boot":"b","pid":7,"started":9},"seq":1,"#,
            r#""period_ms":300000,"grace_ms":60000,"#,
            r#""kind":{"type":"dead","cause":{"signal":9}}}"#
        );
        assert_eq!(String::from_utf8(dead.encode()).unwrap(), wire);
        assert_eq!(Beat::decode(wire.as_bytes()).unwrap(), dead);
    }

    #[test]
    fn another_version_is_refused_by_its_number_even_if_all_else_changed() {
        assert_eq!(Beat::decode(br#"{"version":2,"x":[]}"#), Err(BeatError::Version(2)));
    }

    #[test]
    fn an_unknown_field_is_ignored_and_an_unknown_kind_refused() {
        let json = String::from_utf8(beat().encode()).unwrap();
        let newer = json.replacen('{', r#"{"added_later":true,"#, 1);
        assert_eq!(Beat::decode(newer.as_bytes()).unwrap(), beat());
        let strange = json.replace(r#""alive""#, r#""sleeping""#);
        assert!(matches!(Beat::decode(strange.as_bytes()), Err(BeatError::Unreadable(_))));
    }

    #[test]
    fn each_limit_is_kept_and_named() {
        let long = "x".repeat(NAME_LIMIT + 1);
        let cases = [
            (refused(|b| b.program = String::new()), "program"),
            (refused(|b| b.program = "a\nb".into()), "program"),
            (refused(|b| b.host = long.clone()), "host"),
            (refused(|b| b.period_ms = 99), "period_ms"),
            (refused(|b| b.grace_ms = u64::MAX), "grace_ms"),
            (refused(|b| b.kind = Kind::Goodbye { back_in_ms: Some(u64::MAX) }), "back_in_ms"),
            (refused(|b| b.tags = vec!["two words".into()]), "a tag"),
            (refused(|b| b.tags = vec!["t".into(); 33]), "tags"),
            (
                refused(|b| b.labels = (0..33).map(|n| (n.to_string(), "v".into())).collect()),
                "labels",
            ),
        ];
        for (error, field) in cases {
            assert!(matches!(&error, BeatError::Limit(what) if what.starts_with(field)), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = Beat::decode(&bytes);
        }
    }
}
