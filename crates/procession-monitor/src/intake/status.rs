//! The page, its data, and whether the monitor is well.
//!
//! In: a look at the registry. Out: `/`, `/api/status`, `/livez`, `/readyz`. Always: the page loads
//! nothing from elsewhere; problems come first; everything it shows is in its JSON.

use super::app::App;
use super::check_json::{Eye, key, unique_key};
use crate::clock::iso;
use crate::judge::{CheckId, Incident, State as Standing, Subject, Time};
use crate::registry::{Matching, View};
use crate::store::Record;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

const POLICY: &str = "default-src 'self'; frame-ancestors 'none'; base-uri 'none'";

/// `GET /`
pub async fn page() -> Response {
    file("text/html; charset=utf-8", include_str!("../page/index.html"))
}

/// `GET /page.js`
pub async fn script() -> Response {
    file("text/javascript; charset=utf-8", include_str!("../page/page.js"))
}

/// `GET /page.css`
pub async fn style() -> Response {
    file("text/css; charset=utf-8", include_str!("../page/page.css"))
}

/// `GET /favicon.ico`: browsers ask for it and take any kind of picture.
pub async fn icon() -> Response {
    file("image/svg+xml", include_str!("../page/icon.svg"))
}

/// `GET /livez`: the process answers.
pub async fn livez() -> &'static str {
    "ok"
}

/// `GET /readyz`: the judge is at work and what is decided is written. A receiver that takes no
/// messages is told of in the answer; beats are taken all the same, so it is no reason to send them
/// elsewhere.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    if !app.judging.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the judge is not at work").into_response();
    }
    if let Some(why) = app.registry.health().problem {
        let text = format!("the database cannot be written: {why}");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    }
    match app.registry.problems() {
        Some(problems) => format!("ok, but {problems}").into_response(),
        None => "ok".into_response(),
    }
}

/// How far a sender's clock may be off before it is worth a word, milliseconds.
const SKEW: u64 = 5_000;

/// Checks in one answer, if no other `limit` is asked for: what a page can show, within 200 kB.
const ROWS: usize = 500;
/// And their bytes: with the rest of the answer, 200 kB.
const BYTES: usize = 180_000;
/// Lines of the body of a ping that reported a failure.
const BODY_LINES: usize = 10;
/// Most incidents in an answer, and most hosts of one.
const MOST: usize = 20;

/// What is asked of [`status`].
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Most checks in the answer.
    limit: Option<usize>,
    /// A part of the host, the name, the tags or the state.
    filter: String,
    /// What whoever asks has seen, by its version.
    pub(super) since: Option<u64>,
}

/// `GET /api/status?filter=&limit=`: counts, open incidents, and the checks, those with a problem
/// first. `counts_meant` and `checks_meant` count what the filter means, beyond the limit too; with
/// a filter only the incidents of such checks and the monitor's own are listed.
pub async fn status(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Some(eye) = app.sees(&headers) else { return forbidden() };
    let (version, _) = app.registry.changed(None);
    Json(answer(&app, &asked, eye, version, None)).into_response()
}

/// What is shown at this version: all that is meant, or of that `only` some; those that are not
/// meant any more are `gone`.
pub(super) fn answer(
    app: &App,
    asked: &Asked,
    eye: Eye,
    version: u64,
    only: Option<&BTreeSet<CheckId>>,
) -> Value {
    let registry = &app.registry;
    let wanted = asked.filter.to_lowercase();
    let is_shown = |view: &View| is_meant(&view.record, view.state, &wanted);
    let views = match only {
        None => registry.views(),
        Some(ids) => ids.iter().filter_map(|id| registry.view(*id)).collect(),
    };
    let (mut shown, gone): (Vec<View>, Vec<View>) = views.into_iter().partition(is_shown);
    let counts = registry.counts();
    let meant = (!wanted.is_empty())
        .then(|| registry.matching(|record, state| is_meant(record, state, &wanted)));
    let counts_meant = meant.as_ref().map_or_else(|| counts.clone(), |meant| meant.counts.clone());
    shown.sort_by_cached_key(|view| (rank(view), view.record.host_name().to_owned()));
    let gone: Vec<String> = gone.iter().map(|view| key(view.record.uuid, eye).1).collect();
    let mut open = registry.incidents();
    open.retain(|incident| meant.as_ref().is_none_or(|meant| concerns(incident, meant)));
    json!({
        "version": version,
        "now": iso(crate::clock::wall()),
        "counts": counts,
        "counts_meant": counts_meant,
        "incidents": incidents(app, &open),
        "incidents_open": open.len(),
        "database": registry.health().problem,
        "blind": registry.blind().map(|(from, to)| json!({ "from": iso(from), "to": iso(to) })),
        "checks_meant": counts_meant.values().sum::<usize>(),
        "checks": rows(&shown, eye, asked.limit),
        "gone": if only.is_some() { gone } else { Vec::new() },
    })
}

/// So many checks as were asked for; else as many as a page can show and [`BYTES`] hold.
fn rows(shown: &[View], eye: Eye, limit: Option<usize>) -> Vec<Value> {
    let mut left = if limit.is_some() { usize::MAX } else { BYTES };
    let mut rows = Vec::new();
    for view in shown.iter().take(limit.unwrap_or(ROWS)) {
        let row = row(view, eye);
        let Some(rest) = left.checked_sub(row.to_string().len()) else { break };
        left = rest;
        rows.push(row);
    }
    rows
}

fn incidents(app: &App, open: &[Incident]) -> Vec<Value> {
    let incident = |incident: &Incident| {
        let opened = iso(app.registry.clock().wall(incident.opened));
        let subject = match &incident.subject {
            Subject::Host(host) => Subject::Host(shown_host(app, host)),
            subject => subject.clone(),
        };
        let hosts = incident.hosts.iter().take(MOST).map(|host| shown_host(app, host));
        json!({ "id": incident.id, "subject": subject, "opened": opened,
                "hosts": hosts.collect::<Vec<_>>(),
                "note": incident.note, "words": words(app, incident) })
    };
    let mut open: Vec<&Incident> = open.iter().collect();
    open.sort_by_key(|incident| rank_of_incident(incident));
    open.into_iter().take(MOST).map(incident).collect()
}

/// Whether an incident is about one of these checks. One of the monitor's own is about all.
fn concerns(incident: &Incident, checks: &Matching) -> bool {
    match incident.subject {
        Subject::Monitor => true,
        Subject::Mass(_) | Subject::Everything => {
            incident.hosts.iter().any(|host| checks.hosts.contains(host))
        }
        Subject::Host(_) => checks.ids.iter().any(|id| incident.speaks_of(*id)),
    }
}

/// The worst first: the monitor's own, then the largest, then the oldest.
fn rank_of_incident(incident: &Incident) -> (bool, Reverse<usize>, Time) {
    let size = incident.hosts.len().max(1);
    (incident.subject != Subject::Monitor, Reverse(size), incident.opened)
}

/// What an incident is about, for a person.
fn words(app: &App, incident: &Incident) -> String {
    match &incident.subject {
        Subject::Host(host) => format!("{} is in trouble", shown_host(app, host)),
        Subject::Mass(group) => {
            let group = if group.is_empty() { "one group" } else { group };
            format!("{} hosts of {group} fell silent together", incident.hosts.len())
        }
        Subject::Everything => {
            let note = incident.note.as_deref().unwrap_or_default();
            format!("{} hosts fell silent together; {note}", incident.hosts.len())
        }
        Subject::Monitor => {
            format!("the monitor: {}", incident.note.as_deref().unwrap_or("in trouble"))
        }
    }
}

/// A host, by name. A check that is pinged is its own host and named by its UUID there, which a
/// reader may not see.
fn shown_host(app: &App, host: &str) -> String {
    let check = host.parse().ok().and_then(|uuid| app.registry.by_uuid(uuid));
    match check.and_then(|id| app.registry.view(id)) {
        Some(View { record, .. }) if !record.name.is_empty() => record.name,
        Some(View { record, .. }) => format!("a check named {}", unique_key(record.uuid)),
        None => host.to_owned(),
    }
}

/// 401, in the form that makes a browser ask for the password.
pub(super) fn forbidden() -> Response {
    let ask = [("www-authenticate", "Basic realm=\"procession\", charset=\"UTF-8\"")];
    (StatusCode::UNAUTHORIZED, ask, "a token that may read is needed, as the password")
        .into_response()
}

fn is_meant(record: &Record, state: Standing, wanted: &str) -> bool {
    let texts = [record.host_name(), &record.name, &record.tags, state.word()];
    wanted.is_empty() || texts.into_iter().any(|text| text.to_lowercase().contains(wanted))
}

fn rank(view: &View) -> u8 {
    match view.state {
        Standing::Down => 0,
        Standing::Degraded => 1,
        Standing::Late => 2,
        Standing::Unknown => 3,
        Standing::New => 4,
        Standing::Stopped | Standing::Paused => 5,
        Standing::Up => 6,
    }
}

fn row(view: &View, eye: Eye) -> Value {
    let mut row = json!({
        "name": view.record.name, "host": view.record.host_name(),
        "group": view.record.group, "tags": view.record.tags, "labels": view.record.labels,
        "heartbeat": view.record.heartbeat, "state": view.state.word(), "since": iso(view.since),
        "problem": view.problem.as_ref().map(ToString::to_string),
        "last": view.standing.last_ping.map(iso), "beats": view.standing.pings,
        "running": view.run.map(iso), "period_ms": view.timing.period,
        "grace_ms": view.timing.grace, "known_within_ms": view.bound,
        "beat": if view.state == Standing::Up { None } else { view.standing.last_beat.as_ref() },
    });
    let (field, name) = key(view.record.uuid, eye);
    row[field] = name.into();
    let mut words = view.standing.last_words();
    // Those of a ping are the body that it came with.
    if let Some(body) = &view.standing.failure_body {
        words.extend(body.lines().take(BODY_LINES).map(str::to_owned));
    }
    if !words.is_empty() {
        row["last_words"] = words.into();
    }
    if let Some(skew) = view.standing.skew().filter(|skew| skew.unsigned_abs() > SKEW) {
        row["skew_ms"] = skew.into();
    }
    row
}

fn file(kind: &'static str, text: &'static str) -> Response {
    let headers = [
        ("content-type", kind),
        ("content-security-policy", POLICY),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cache-control", "no-cache"),
    ];
    (headers, text).into_response()
}
