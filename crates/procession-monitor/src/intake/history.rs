//! The history of a check, as the management API tells it.
//!
//! In: a check's name and a key. Out: its pings, their bodies, its changes of state, the newest
//! first. Always: pings and bodies are for whoever may do everything, changes of state for readers
//! too; history is read off the threads that answer.

use super::app::App;
use super::asking::{
    Answer, Refusal, Shared, admin, eye, find, find_to_read, not_found, reply, version,
};
use super::check_json::iso_exact;
use super::ping::last;
use super::secret::shown;
use crate::clock::{iso, wall};
use crate::judge::{CheckId, Ms};
use crate::store::Reader;
use crate::store::reader::PingRow;
use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::Arc;

/// Most pings in one answer.
const PINGS: u32 = 100;
/// The longest span of changes of state that is asked for by its length: a year, in seconds.
const YEAR: u64 = 31_536_000;
/// The latest moment that is asked for: in the year 2286, Unix seconds.
const LATEST: u64 = 10_000_000_000;

/// `GET checks/<uuid>/pings/`
pub async fn pings(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    reply(do_pings(&state, &version, &name, &headers).await)
}

async fn do_pings(app: &Arc<App>, version: &str, name: &str, headers: &HeaderMap) -> Answer {
    let id = whole(app, version, name, headers)?;
    let rows = history(app, move |reader| reader.pings(id, PINGS)).await?;
    let own = format!("{}/api/{version}/checks/{name}/pings", app.url);
    let pings: Vec<Value> = rows.iter().map(|row| ping(row, &own)).collect();
    Ok(Json(json!({ "pings": pings })).into_response())
}

fn ping(row: &PingRow, own: &str) -> Value {
    let body_url = row.body.map(|_| format!("{own}/{}/body", row.n));
    let mut ping = json!({
        "type": row.kind, "date": iso_exact(row.at), "n": row.n, "scheme": row.scheme,
        "remote_addr": row.address, "method": row.method, "ua": row.agent,
        "rid": row.rid, "body_url": body_url,
    });
    if let Some(duration) = row.duration {
        ping["duration"] = seconds(duration);
    }
    if let Some(exit) = row.exit {
        ping["exitstatus"] = exit.into();
    }
    ping
}

/// `GET checks/<uuid>/pings/<n>/body`
pub async fn body(
    state: Shared,
    Path((version, name, n)): Path<(String, String, String)>,
    headers: HeaderMap,
) -> Response {
    reply(do_body(&state, &version, &name, &n, &headers).await)
}

async fn do_body(
    app: &Arc<App>,
    version: &str,
    name: &str,
    n: &str,
    headers: &HeaderMap,
) -> Answer {
    let id = whole(app, version, name, headers)?;
    let n = Some(n).filter(|n| n.bytes().all(|byte| byte.is_ascii_digit()));
    let n: i64 = n.and_then(|n| n.parse().ok()).ok_or_else(not_found)?;
    let body = history(app, move |reader| reader.body(id, n.unsigned_abs())).await?;
    // Whatever a program sent: a browser shows it as nothing but text, and runs none of it.
    let headers = [("content-type", "text/plain"), ("content-disposition", "attachment")];
    body.map(|body| (headers, body).into_response()).ok_or_else(not_found)
}

/// `GET checks/<uuid or unique key>/flips/?start=&end=&seconds=`
pub async fn flips(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    reply(do_flips(&state, &version, &name, &uri, &headers).await)
}

async fn do_flips(
    app: &Arc<App>,
    version: &str,
    name: &str,
    uri: &Uri,
    headers: &HeaderMap,
) -> Answer {
    self::version(version)?;
    eye(app, headers)?;
    let span = span(uri.query().unwrap_or_default())?;
    let id = find_to_read(app, name)?;
    let rows = history(app, move |reader| reader.flips(id, span)).await?;
    let flip = |(at, _, to): (Ms, String, String)| json!({ "timestamp": iso(at), "up": u8::from(to == "up") });
    Ok(Json(rows.into_iter().map(flip).collect::<Vec<Value>>()).into_response())
}

/// The check that is asked for by somebody who may do everything.
fn whole(app: &App, version: &str, name: &str, headers: &HeaderMap) -> Result<CheckId, Refusal> {
    self::version(version)?;
    admin(app, shown(headers))?;
    find(app, name)
}

/// The span of history that is asked for: from `start` and not longer than `seconds` ago, up to but
/// without `end`; Unix seconds. No seconds are no limit.
fn span(query: &str) -> Result<std::ops::Range<Ms>, Refusal> {
    let asked = |name: &str, most: u64| {
        let value = last(query, name).filter(|value| !value.is_empty());
        let number = |value: Cow<str>| value.trim().parse().ok().filter(|number| *number <= most);
        let refused = || (StatusCode::BAD_REQUEST, format!("{name} is not within 0 and {most}"));
        value.map(|value| number(value).ok_or_else(refused)).transpose()
    };
    let ms = |seconds: u64| seconds * 1_000;
    let seconds = asked("seconds", YEAR)?.filter(|seconds| *seconds > 0);
    let recent = seconds.map(|seconds| wall().saturating_sub(ms(seconds)));
    let start = asked("start", LATEST)?.map(ms).max(recent).unwrap_or(0);
    // SQLite's numbers have a sign.
    Ok(start..asked("end", LATEST)?.map_or(i64::MAX as Ms, ms))
}

/// Reads history off the threads that answer.
async fn history<T: Send + 'static>(
    app: &Arc<App>,
    read: impl FnOnce(&Reader) -> Result<T, rusqlite::Error> + Send + 'static,
) -> Result<T, Refusal> {
    let failed = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why);
    let app = app.clone();
    let task = tokio::task::spawn_blocking(move || app.registry.reader().and_then(|r| read(&r)));
    let done = task.await.map_err(|error| failed(error.to_string()))?;
    done.map_err(|error| failed(format!("history cannot be read: {error}")))
}

fn seconds(span: Ms) -> Value {
    json!(f64::from(u32::try_from(span).unwrap_or(u32::MAX)) / 1_000.0)
}
