//! The history of a check, as the management API tells it.
//!
//! In: a check's name and a key. Out: its pings, their bodies, its changes of state, the newest
//! first. Always: pings and bodies are for whoever may do everything, changes of state for readers
//! too; history is read off the threads that answer.

use super::app::App;
use super::asking::{Answer, Refusal, Shared, admin, eye, find, not_found, reply, version};
use super::check_json::{iso, iso_exact, unique_key};
use super::secret::shown;
use crate::clock::wall;
use crate::judge::{CheckId, Ms};
use crate::store::Reader;
use crate::store::reader::PingRow;
use axum::Json;
use axum::extract::Path;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use std::sync::Arc;

/// Most pings in one answer.
const PINGS: u32 = 100;

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
    Path((version, name, n)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Response {
    reply(do_body(&state, &version, &name, n, &headers).await)
}

async fn do_body(app: &Arc<App>, version: &str, name: &str, n: u64, headers: &HeaderMap) -> Answer {
    let id = whole(app, version, name, headers)?;
    let body = history(app, move |reader| reader.body(id, n)).await?;
    let headers = [("content-type", "text/plain")];
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
    let id = find(app, name).or_else(|_| {
        let views = app.registry.views();
        let found = views.iter().find(|view| unique_key(view.record.uuid) == name);
        found.map(|view| view.record.id).ok_or_else(not_found)
    })?;
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
/// without `end`; Unix seconds.
fn span(query: &str) -> Result<std::ops::Range<Ms>, Refusal> {
    let asked = |name: &str| {
        let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
        let value = pairs.find(|(key, value)| *key == name && !value.is_empty());
        let number = |(_, value): (&str, &str)| value.parse::<u32>();
        value.map(number).transpose().map_err(|_| (StatusCode::BAD_REQUEST, String::new()))
    };
    let ms = |seconds: u32| Ms::from(seconds) * 1_000;
    let recent = asked("seconds")?.map(|seconds| wall().saturating_sub(ms(seconds)));
    let start = asked("start")?.map(ms).max(recent).unwrap_or(0);
    // SQLite's numbers have a sign.
    Ok(start..asked("end")?.map_or(i64::MAX as Ms, ms))
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
