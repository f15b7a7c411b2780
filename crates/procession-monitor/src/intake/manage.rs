//! The healthchecks management API, versions 1 to 3.
//!
//! In: requests with an API key. Out: JSON. Always: a wish is read and checked whole before it is
//! done; a key that may only read sees checks and flips, no pings, bodies or channels.

use super::app::App;
use super::check_json::{Eye, Version, channel_id, check, iso, unique_key};
use super::ping::{COMMIT_TIME, read};
use super::secret::shown;
use super::wish;
use crate::clock::wall;
use crate::judge::{CheckId, Ms};
use crate::registry::access::new_secret;
use crate::registry::manage::{Committed, slug};
use crate::registry::{Change, Scope, View, Wish};
use crate::store::Reader;
use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;
use uuid::Uuid;

type Refusal = (StatusCode, String);
type Answer = Result<Response, Refusal>;
type Shared = State<Arc<App>>;

/// Most pings in one answer.
const PINGS: u32 = 100;

/// `GET checks/`
pub async fn list(state: Shared, version: Path<String>, uri: Uri, headers: HeaderMap) -> Response {
    reply(do_list(&state, &version, &uri, &headers))
}

fn do_list(app: &App, version: &str, uri: &Uri, headers: &HeaderMap) -> Answer {
    let (version, eye) = (self::version(version)?, eye(app, headers)?);
    let asked = |name: &str| -> Vec<String> {
        let pairs = uri.query().unwrap_or_default().split('&').filter_map(|p| p.split_once('='));
        pairs.filter(|(key, _)| *key == name).map(|(_, value)| value.to_owned()).collect()
    };
    let (tags, slug) = (asked("tag"), asked("slug"));
    let meant = |view: &&View| {
        let has = |tag: &String| view.record.tags.split_whitespace().any(|own| own == tag);
        tags.iter().all(has) && slug.first().is_none_or(|slug| *slug == view.record.slug)
    };
    let views = app.registry.views();
    let checks: Vec<Value> =
        views.iter().filter(meant).map(|view| check(app, view, version, eye)).collect();
    Ok(Json(json!({ "checks": checks })).into_response())
}

/// `POST checks/`
pub async fn make(state: Shared, version: Path<String>, request: Request) -> Response {
    reply(do_make(&state, &version, request).await)
}

async fn do_make(app: &App, version: &str, request: Request) -> Answer {
    let version = self::version(version)?;
    let fields = authorized_body(app, request).await?;
    let (change, committed) = app.registry.make(&wish(&fields, version)?);
    settled(committed).await;
    let (status, id) = match change {
        Change::Made(id) => (StatusCode::CREATED, id),
        Change::Changed(id) => (StatusCode::OK, id),
    };
    shown_check(app, id, version, status)
}

/// `GET checks/<uuid or unique key>`
pub async fn one(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    reply((|| {
        let (version, eye) = (self::version(&version)?, eye(&state, &headers)?);
        let view = match Uuid::parse_str(&name) {
            Ok(uuid) if name.contains('-') => {
                state.registry.by_uuid(uuid).and_then(|id| state.registry.view(id))
            }
            _ => state.registry.views().into_iter().find(|v| unique_key(v.record.uuid) == name),
        };
        let view = view.ok_or_else(not_found)?;
        Ok(Json(check(&state, &view, version, eye)).into_response())
    })())
}

/// `POST checks/<uuid>`
pub async fn change(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    reply(do_change(&state, &version, &name, request).await)
}

async fn do_change(app: &App, version: &str, name: &str, request: Request) -> Answer {
    let version = self::version(version)?;
    let fields = authorized_body(app, request).await?;
    let id = find(app, name)?;
    settled(app.registry.change(id, &wish(&fields, version)?)).await;
    shown_check(app, id, version, StatusCode::OK)
}

/// `DELETE checks/<uuid>`
pub async fn delete(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    reply(do_delete(&state, &version, &name, &headers).await)
}

async fn do_delete(app: &App, version: &str, name: &str, headers: &HeaderMap) -> Answer {
    let version = self::version(version)?;
    admin(app, shown(headers))?;
    let id = find(app, name)?;
    let answer = shown_check(app, id, version, StatusCode::OK)?;
    settled(app.registry.delete(id)).await;
    Ok(answer)
}

/// `POST checks/<uuid>/pause`
pub async fn pause(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    reply(do_pause(&state, &version, &name, request).await)
}

async fn do_pause(app: &App, version: &str, name: &str, request: Request) -> Answer {
    let version = self::version(version)?;
    authorized_body(app, request).await?;
    let id = find(app, name)?;
    settled(app.registry.pause(id)).await;
    shown_check(app, id, version, StatusCode::OK)
}

/// `POST checks/<uuid>/resume`
pub async fn resume(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    request: Request,
) -> Response {
    reply(do_resume(&state, &version, &name, request).await)
}

async fn do_resume(app: &App, version: &str, name: &str, request: Request) -> Answer {
    let version = self::version(version)?;
    authorized_body(app, request).await?;
    let id = find(app, name)?;
    let Some(committed) = app.registry.resume(id) else {
        return Err((StatusCode::CONFLICT, "check is not paused".into()));
    };
    settled(committed).await;
    shown_check(app, id, version, StatusCode::OK)
}

/// `GET checks/<uuid>/pings/`
pub async fn pings(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response {
    let begin = || {
        self::version(&version)?;
        admin(&state, shown(&headers))?;
        find(&state, &name)
    };
    let id = match begin() {
        Ok(found) => found,
        Err(refusal) => return reply(Err(refusal)),
    };
    let app = state.0.clone();
    reply(history(app.clone(), move |reader| reader.pings(id, PINGS)).await.map(|rows| {
        let own = format!("{}/api/{version}/checks/{name}/pings", app.url);
        let ping = |row: crate::store::reader::PingRow| {
            let body_url = row.body.map(|_| format!("{own}/{}/body", row.n));
            let mut ping = json!({
                "type": row.kind, "date": iso(row.at), "n": row.n, "scheme": row.scheme,
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
        };
        let pings: Vec<Value> = rows.into_iter().map(ping).collect();
        Json(json!({ "pings": pings })).into_response()
    }))
}

/// `GET checks/<uuid>/pings/<n>/body`
pub async fn body(
    state: Shared,
    Path((version, name, n)): Path<(String, String, u64)>,
    headers: HeaderMap,
) -> Response {
    let begin = || {
        self::version(&version)?;
        admin(&state, shown(&headers))?;
        find(&state, &name)
    };
    let id = match begin() {
        Ok(id) => id,
        Err(refusal) => return reply(Err(refusal)),
    };
    let found = history(state.0.clone(), move |reader| reader.body(id, n)).await;
    reply(found.and_then(|body| {
        let headers = [("content-type", "text/plain")];
        body.map(|body| (headers, body).into_response()).ok_or_else(not_found)
    }))
}

/// `GET checks/<uuid>/flips/?start=&end=&seconds=`
pub async fn flips(
    state: Shared,
    Path((version, name)): Path<(String, String)>,
    uri: Uri,
    headers: HeaderMap,
) -> Response {
    let begin = || {
        self::version(&version)?;
        eye(&state, &headers)?;
        let span = span(uri.query().unwrap_or_default())?;
        let id = find(&state, &name).or_else(|_| {
            let views = state.registry.views();
            let found = views.iter().find(|view| unique_key(view.record.uuid) == name);
            found.map(|view| view.record.id).ok_or_else(not_found)
        })?;
        Ok((id, span))
    };
    let (id, span) = match begin() {
        Ok(found) => found,
        Err(refusal) => return reply(Err(refusal)),
    };
    reply(history(state.0.clone(), move |reader| reader.flips(id, span)).await.map(|rows| {
        let flip = |(at, _, to): (Ms, String, String)| {
            json!({ "timestamp": iso(at), "up": u8::from(to == "up") })
        };
        Json(rows.into_iter().map(flip).collect::<Vec<Value>>()).into_response()
    }))
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

/// `GET channels/`
pub async fn channels(state: Shared, version: Path<String>, headers: HeaderMap) -> Response {
    reply((|| {
        self::version(&version)?;
        admin(&state, shown(&headers))?;
        let channel = |(name, kind): &(String, &'static str)| json!({ "id": channel_id(name), "name": name, "kind": kind });
        let channels: Vec<Value> = state.receivers.iter().map(channel).collect();
        Ok(Json(json!({ "channels": channels })).into_response())
    })())
}

/// `GET status/`
pub async fn well(version: Path<String>) -> Response {
    reply(self::version(&version).map(|_| "OK".into_response()))
}

/// `POST /api/tokens` with `{"scope": "beat", "host": "web-3"}`: makes a token and shows it once.
pub async fn new_token(state: Shared, request: Request) -> Response {
    let fields = match authorized_body(&state, request).await {
        Ok(fields) => fields,
        Err(refusal) => return reply(Err(refusal)),
    };
    let scope = fields.get("scope").and_then(Value::as_str).and_then(Scope::of_word);
    let Some(scope) = scope else {
        let why = "scope must be beat, ping, read or admin".to_owned();
        return reply(Err((StatusCode::BAD_REQUEST, why)));
    };
    let host = fields.get("host").and_then(Value::as_str).map(str::to_owned);
    let token = new_secret();
    state.registry.allow(&token, scope, host, true);
    (StatusCode::CREATED, Json(json!({ "token": token }))).into_response()
}

fn reply(answer: Answer) -> Response {
    let mut response = answer
        .unwrap_or_else(|(status, why)| (status, Json(json!({ "error": why }))).into_response());
    let any = axum::http::HeaderValue::from_static("*");
    response.headers_mut().insert("access-control-allow-origin", any);
    response
}

fn version(segment: &str) -> Result<Version, Refusal> {
    Version::of(segment).ok_or_else(not_found)
}

fn not_found() -> Refusal {
    (StatusCode::NOT_FOUND, "not found".into())
}

fn find(app: &App, name: &str) -> Result<CheckId, Refusal> {
    let uuid = Uuid::parse_str(name).map_err(|_| not_found())?;
    app.registry.by_uuid(uuid).ok_or_else(not_found)
}

fn shown_check(app: &App, id: CheckId, version: Version, status: StatusCode) -> Answer {
    let view = app.registry.view(id).ok_or_else(not_found)?;
    Ok((status, Json(check(app, &view, version, Eye::Full))).into_response())
}

fn scope(app: &App, secret: Option<String>) -> Result<Scope, Refusal> {
    if app.open {
        return Ok(Scope::Admin);
    }
    let missing = (StatusCode::UNAUTHORIZED, "missing api key".to_owned());
    let secret = secret.filter(|secret| secret.len() == 32).ok_or(missing)?;
    match app.registry.scope_of(&secret) {
        Some((scope @ (Scope::Read | Scope::Admin), _)) => Ok(scope),
        _ => Err((StatusCode::UNAUTHORIZED, "wrong api key".into())),
    }
}

fn eye(app: &App, headers: &HeaderMap) -> Result<Eye, Refusal> {
    Ok(match scope(app, shown(headers))? {
        Scope::Admin => Eye::Full,
        _ => Eye::ReadOnly,
    })
}

fn admin(app: &App, secret: Option<String>) -> Result<(), Refusal> {
    match scope(app, secret)? {
        Scope::Admin => Ok(()),
        _ => Err((StatusCode::UNAUTHORIZED, "wrong api key".into())),
    }
}

/// The fields of a body whose sender may do everything; the key may be among them.
async fn authorized_body(app: &App, request: Request) -> Result<Map<String, Value>, Refusal> {
    let (parts, body) = request.into_parts();
    let body = read(body).await.map_err(|(status, why)| (status, why.to_owned()))?;
    let fields = if body.is_empty() {
        Map::new()
    } else {
        match serde_json::from_slice(&body) {
            Ok(Value::Object(fields)) => fields,
            Ok(_) => {
                let why = "json validation error: value is not an object".to_owned();
                return Err((StatusCode::BAD_REQUEST, why));
            }
            Err(_) => {
                return Err((StatusCode::BAD_REQUEST, "could not parse request body".into()));
            }
        }
    };
    let in_body = || fields.get("api_key").and_then(Value::as_str).map(str::to_owned);
    admin(app, shown(&parts.headers).or_else(in_body))?;
    Ok(fields)
}

/// Up to version 2 a slug follows its name; since then it is chosen.
fn wish(fields: &Map<String, Value>, version: Version) -> Result<Wish, Refusal> {
    let mut wish = wish::read(fields).map_err(|why| (StatusCode::BAD_REQUEST, why))?;
    if version < Version::V3 {
        wish.slug = wish.name.as_deref().map(slug);
    }
    Ok(wish)
}

/// Waits for a commit. A change whose commit takes too long stands in memory all the same.
async fn settled(committed: Committed) {
    let _ = tokio::time::timeout(COMMIT_TIME, committed).await;
}

/// Reads history off the threads that answer.
async fn history<T: Send + 'static>(
    app: Arc<App>,
    read: impl FnOnce(&Reader) -> Result<T, rusqlite::Error> + Send + 'static,
) -> Result<T, Refusal> {
    let failed = |why: String| (StatusCode::SERVICE_UNAVAILABLE, why);
    let task = tokio::task::spawn_blocking(move || app.registry.reader().and_then(|r| read(&r)));
    let done = task.await.map_err(|error| failed(error.to_string()))?;
    done.map_err(|error| failed(format!("history cannot be read: {error}")))
}

fn seconds(span: Ms) -> Value {
    json!(f64::from(u32::try_from(span).unwrap_or(u32::MAX)) / 1_000.0)
}
