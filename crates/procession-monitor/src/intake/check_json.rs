//! A check as the management API shows it.
//!
//! In: a view. Out: JSON with the field names of the healthchecks API, versions 1 to 3. Always:
//! times are ISO 8601 with seconds and `+00:00`, durations are whole seconds; whoever may only
//! read sees no name that could be pinged or changed.

use super::App;
use crate::clock::iso;
use crate::judge::{Ms, Problem, State};
use crate::registry::View;
use crate::registry::schedule::NEVER;
use jiff::Timestamp;
use serde_json::{Value, json};
use uuid::Uuid;

/// What somebody may see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Eye {
    /// Names and links that change things, too.
    Full,
    /// Only what stands there.
    ReadOnly,
}

/// The versions of the API.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Version {
    /// `started` is a status.
    V1,
    /// `started` is a field.
    V2,
    /// Slugs can be chosen.
    V3,
}

impl Version {
    /// The version of a path's segment.
    pub fn of(segment: &str) -> Option<Version> {
        match segment {
            "v1" => Some(Version::V1),
            "v2" => Some(Version::V2),
            "v3" => Some(Version::V3),
            _ => None,
        }
    }
}

/// The same with the fraction of the second.
pub fn iso_exact(at: Ms) -> String {
    let at = i64::try_from(at).ok().and_then(|at| Timestamp::from_millisecond(at).ok());
    let at = at.unwrap_or(Timestamp::MAX).to_zoned(jiff::tz::TimeZone::UTC);
    at.strftime("%Y-%m-%dT%H:%M:%S%.6f+00:00").to_string()
}

/// The name under which a reader may know a check: it opens nothing.
pub fn unique_key(uuid: Uuid) -> String {
    let half: String = uuid.simple().to_string().chars().take(16).collect();
    sha1_smol::Sha1::from(half).digest().to_string()
}

/// The field that names a check, and its text: its UUID, or for a reader the name that opens nothing.
pub fn key(uuid: Uuid, eye: Eye) -> (&'static str, String) {
    match eye {
        Eye::Full => ("uuid", uuid.to_string()),
        Eye::ReadOnly => ("unique_key", unique_key(uuid)),
    }
}

/// A state in the words of the API. A problem is `down`; a planned stop is a pause; while the
/// monitor has not heard of a check since it was blind, it is what it was.
pub fn status(view: &View) -> &'static str {
    match if view.state == State::Unknown { view.known } else { view.state } {
        State::New => "new",
        State::Up | State::Unknown => "up",
        State::Late => "grace",
        State::Down | State::Degraded => "down",
        State::Stopped | State::Paused => "paused",
    }
}

/// A check.
pub fn check(app: &App, view: &View, version: Version, eye: Eye) -> Value {
    let record = &view.record;
    let status = status(view);
    let started = view.run.is_some();
    let overran = view.problem == Some(Problem::Overran);
    let shown = if version == Version::V1 && started && !overran { "started" } else { status };
    let mut json = json!({
        "name": record.name, "slug": record.slug, "tags": record.tags, "desc": record.desc,
        "grace": view.timing.grace / 1_000, "n_pings": view.standing.pings, "status": shown,
        "started": started, "last_ping": view.standing.last_ping.map(iso),
        "next_ping": next_ping(view).map(iso), "manual_resume": record.manual_resume,
        "methods": record.methods, "subject": "", "subject_fail": "", "start_kw": record.words.start,
        "success_kw": record.words.success, "failure_kw": record.words.failure,
        "filter_subject": false, "filter_body": false, "filter_http_body": record.words.look,
        "filter_default_fail": record.words.else_fail,
        "badge_url": format!("{}/b/2/{}.svg", app.url, badge_key(record.uuid)),
    });
    let add = |json: &mut Value, key: &str, value: Value| json[key] = value;
    if record.schedule.cron.is_empty() {
        add(&mut json, "timeout", (view.timing.period / 1_000).into());
    } else {
        add(&mut json, "schedule", record.schedule.cron.as_str().into());
        add(&mut json, "tz", record.schedule.zone.as_str().into());
    }
    if let Some(duration) = view.last_duration {
        add(&mut json, "last_duration", (duration / 1_000).into());
    }
    let words = view.standing.last_words();
    if !words.is_empty() {
        add(&mut json, "last_words", words.into());
    }
    let (field, name) = key(record.uuid, eye);
    add(&mut json, field, name.into());
    if eye == Eye::ReadOnly {
        return json;
    }
    let (url, uuid) = (&app.url, record.uuid);
    let v = match version {
        Version::V1 => "v1",
        Version::V2 => "v2",
        Version::V3 => "v3",
    };
    let own = format!("{url}/api/{v}/checks/{uuid}");
    if !record.heartbeat {
        add(&mut json, "ping_url", format!("{url}/ping/{uuid}").into());
    }
    add(&mut json, "update_url", own.clone().into());
    add(&mut json, "pause_url", format!("{own}/pause").into());
    add(&mut json, "resume_url", format!("{own}/resume").into());
    let channels: Vec<String> = app.receivers.iter().map(|(name, _)| channel_id(name)).collect();
    add(&mut json, "channels", channels.join(",").into());
    json
}

/// A receiver's name in the API: a UUID that stays the same.
pub fn channel_id(name: &str) -> String {
    derived(name).to_string()
}

/// The name under which anybody may see a check's badge: it opens nothing else.
pub fn badge_key(uuid: Uuid) -> Uuid {
    derived(&format!("badge of {uuid}"))
}

fn derived(text: &str) -> Uuid {
    let digest = sha1_smol::Sha1::from(text).digest().bytes();
    let mut half = [0; 16];
    half.copy_from_slice(&digest[..16]);
    Uuid::from_bytes(half)
}

/// When a ping is expected: the end of the period or, while a run is under way, its start.
fn next_ping(view: &View) -> Option<Ms> {
    if view.known == State::Down {
        return None;
    }
    let lives = matches!(view.known, State::Up | State::Late);
    let ends = lives && view.timing.period < NEVER;
    let period = view.standing.last_ping.filter(|_| ends).map(|last| last + view.timing.period);
    [period, view.run].into_iter().flatten().min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_the_api_writes_them() {
        assert_eq!(iso(1_700_000_000_999), "2023-11-14T22:13:20+00:00");
        assert_eq!(iso_exact(1_700_000_000_999), "2023-11-14T22:13:20.999000+00:00");
    }
}
