//! The page, its data, and whether the monitor is well.
//!
//! In: a look at the registry. Out: `/`, `/api/status`, `/livez`, `/readyz`. Always: the page loads
//! nothing from elsewhere; problems come first; everything it shows is in its JSON.

use super::app::App;
use super::check_json::iso;
use crate::judge::State as Standing;
use crate::registry::View;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
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

/// `GET /livez`: the process answers.
pub async fn livez() -> &'static str {
    "ok"
}

/// `GET /readyz`: the judge is at work and what is decided is written.
pub async fn readyz(State(app): State<Arc<App>>) -> Response {
    if !app.judging.load(Ordering::Relaxed) {
        return (StatusCode::SERVICE_UNAVAILABLE, "the judge is not at work").into_response();
    }
    match app.registry.health().problem {
        Some(why) => {
            (StatusCode::SERVICE_UNAVAILABLE, format!("the database cannot be written: {why}"))
                .into_response()
        }
        None => "ok".into_response(),
    }
}

/// Checks in one answer, if no other `limit` is asked for: what a page can show, within 200 kB.
const ROWS: usize = 500;

/// What is asked of [`status`].
#[derive(Debug, Default, serde::Deserialize)]
#[serde(default)]
pub struct Asked {
    /// Most checks in the answer.
    limit: Option<usize>,
    /// A part of the host, the name, the tags or the state.
    filter: String,
}

/// `GET /api/status?filter=&limit=`: counts, open incidents, and the checks, those with a problem
/// first; `checks_meant` says how many there are beyond the limit.
pub async fn status(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    if !app.may_read(&headers) {
        return forbidden();
    }
    let mut views = app.registry.views();
    let wanted = asked.filter.to_lowercase();
    views.retain(|view| wanted.is_empty() || is_meant(view, &wanted));
    views.sort_by_cached_key(|view| (rank(view), view.record.host.clone()));
    let limit = asked.limit.unwrap_or(ROWS);
    let checks: Vec<Value> = views.iter().take(limit).map(row).collect();
    let incidents: Vec<Value> = app
        .registry
        .incidents()
        .iter()
        .map(|incident| {
            let opened = iso(app.registry.clock().wall(incident.opened));
            json!({ "id": incident.id, "subject": incident.subject, "opened": opened,
                    "hosts": incident.hosts, "note": incident.note })
        })
        .collect();
    Json(json!({
        "now": iso(crate::clock::wall()),
        "counts": app.registry.counts(),
        "incidents": incidents,
        "database": app.registry.health().problem,
        "checks_meant": views.len(),
        "checks": checks,
    }))
    .into_response()
}

/// 401, in the form that makes a browser ask for the password.
pub(super) fn forbidden() -> Response {
    let ask = [("www-authenticate", "Basic realm=\"procession\", charset=\"UTF-8\"")];
    (StatusCode::UNAUTHORIZED, ask, "a token that may read is needed, as the password")
        .into_response()
}

fn is_meant(view: &View, wanted: &str) -> bool {
    let record = &view.record;
    let texts = [record.host.as_str(), &record.name, &record.tags, view.state.word()];
    texts.into_iter().any(|text| text.to_lowercase().contains(wanted))
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

fn row(view: &View) -> Value {
    json!({
        "uuid": view.record.uuid, "name": view.record.name, "host": view.record.host,
        "group": view.record.group, "tags": view.record.tags, "labels": view.record.labels,
        "heartbeat": view.record.heartbeat, "state": view.state.word(), "since": iso(view.since),
        "problem": view.problem.as_ref().map(ToString::to_string),
        "last": view.standing.last_ping.map(iso), "beats": view.standing.pings,
        "running": view.run.map(iso), "period_ms": view.timing.period,
        "grace_ms": view.timing.grace, "known_within_ms": view.bound,
        "last_words": view.standing.last_words(), "skew_ms": view.standing.skew(),
        "beat": if view.state == Standing::Up { None } else { view.standing.last_beat.as_ref() },
    })
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
