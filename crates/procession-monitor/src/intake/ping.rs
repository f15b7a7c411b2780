//! The healthchecks ping API.
//!
//! Input: any method on `/ping/...` or `/<uuid>...`. Output: `OK` after the commit.
//!
//! # Invariants
//! - Status, text and headers are those that healthchecks answers with. What is wrong is looked for
//!   in its order: the check, the exit status, the run's name.
//! - The body is taken raw and its beginning is kept; an answer to a ping that was taken names that
//!   limit in `Ping-Body-Limit`.
//! - A request that is refused makes no check.

use super::app::App;
use super::path::{self, Refused, What, Whom};
use super::proxy::Scheme;
use crate::judge::CheckId;
use crate::registry::{Change, PingIn, Pinged, Scope, Wish};
use crate::store::PingKind;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use std::borrow::Cow;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use uuid::Uuid;

/// The largest body that is read: 2.5 MiB, healthchecks' own limit.
pub const BODY_LIMIT: usize = 2_621_440;
/// How long a body may take to arrive: ten seconds.
pub const BODY_TIME: Duration = Duration::from_secs(10);
/// How long an answer waits for its commit before it says that the beat is in memory only.
pub const COMMIT_TIME: Duration = Duration::from_secs(5);
/// The longest slug of a check that is made by its first ping, as of one that is made by the API.
const SLUG: usize = 100;
/// How much of the user agent is kept, in characters.
const AGENT_KEPT: usize = 200;

/// `/ping/...`, `/<uuid>...` and `/<ping key>/<slug>...`; any other path is not found.
pub async fn ping(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let parsed = match path::decode(request.uri().path()) {
        Some(path) => target(&app, &path),
        None => Err(Refused::NotFound),
    };
    answer(take(&app, from, request, parsed).await)
}

fn target(app: &App, path: &str) -> Result<(Whom, What), Refused> {
    if let Some(path) = path.strip_prefix("/ping/") {
        return path::parse(path);
    }
    let path = path.strip_prefix('/').unwrap_or(path);
    let first = path.split('/').next().unwrap_or_default();
    let opens = || matches!(app.registry.scope_of(first), Some((Scope::Ping, _)));
    let is_ping = Uuid::parse_str(first).is_ok() || opens();
    if is_ping { path::parse(path) } else { Err(Refused::NotFound) }
}

type Answer = (StatusCode, &'static str);

const NOT_FOUND: Answer = (StatusCode::NOT_FOUND, "not found");
const BAD_FORMAT: Answer = (StatusCode::BAD_REQUEST, "invalid url format");

async fn take(
    app: &App,
    from: SocketAddr,
    request: Request,
    parsed: Result<(Whom, What), Refused>,
) -> Result<Answer, Answer> {
    let hand = app.registry.receive();
    let (whom, what) = parsed.map_err(|refused| match refused {
        Refused::NotFound => NOT_FOUND,
        Refused::BadFormat => BAD_FORMAT,
    })?;
    let (parts, body) = request.into_parts();
    let asked = |name: &str| last(parts.uri.query().unwrap_or_default(), name);
    let found = find(app, whom, asked("create").as_deref() == Some("1"))?;
    let (kind, exit) = kind(what).ok_or(BAD_FORMAT)?;
    let body = read(body).await?;
    let rid = match asked("rid") {
        Some(rid) => Some(run_id(&rid).ok_or((StatusCode::BAD_REQUEST, "invalid uuid format"))?),
        None => None,
    };
    let (id, made) = match found {
        Found::Check(id) => (id, false),
        Found::Free(_) if app.registry.is_full_for_pings() => return Err(FULL),
        Found::Free(slug) => make(app, slug),
    };
    let ping = PingIn {
        kind,
        exit,
        rid,
        scheme: parts.extensions.get::<Scheme>().map_or(app.scheme, |scheme| scheme.0),
        address: from.ip().to_string(),
        method: parts.method.to_string(),
        agent: text(&parts.headers, header::USER_AGENT.as_str()).chars().take(AGENT_KEPT).collect(),
        body: body.to_vec(),
    };
    let pinged = app.registry.ping(id, ping, hand.at());
    drop(hand);
    match pinged {
        Pinged::Unknown => Err(NOT_FOUND),
        Pinged::Heartbeat => {
            Err((StatusCode::FORBIDDEN, "a heartbeat reports this check: it takes no pings"))
        }
        Pinged::Unreadable => Err((StatusCode::BAD_REQUEST, "the body is not UTF-8 text")),
        Pinged::RateLimited => Ok((StatusCode::OK, "OK (rate-limited)")),
        Pinged::Applied(committed) => {
            app.taken.fetch_add(1, Ordering::Relaxed);
            // Without a commit it is still judged: the sender need not repeat it.
            let _ = tokio::time::timeout(COMMIT_TIME, committed).await;
            Ok(if made { (StatusCode::CREATED, "Created") } else { (StatusCode::OK, "OK") })
        }
    }
}

/// The body, if it is small enough and arrives in time.
pub(super) async fn read(body: Body) -> Result<Bytes, Answer> {
    match tokio::time::timeout(BODY_TIME, axum::body::to_bytes(body, BODY_LIMIT)).await {
        Ok(Ok(bytes)) => Ok(bytes),
        Ok(Err(_)) => Err((StatusCode::BAD_REQUEST, "body too large or cut off")),
        Err(_) => Err((StatusCode::REQUEST_TIMEOUT, "the body took too long")),
    }
}

/// The check that a ping is for.
enum Found {
    /// It is there.
    Check(CheckId),
    /// A check of this slug is to be made once nothing is wrong with the request.
    Free(String),
}

fn find(app: &App, whom: Whom, create: bool) -> Result<Found, Answer> {
    match whom {
        Whom::Uuid(uuid) => Ok(Found::Check(app.registry.by_uuid(uuid).ok_or(NOT_FOUND)?)),
        Whom::Slug(key, slug) => {
            let opens = matches!(app.registry.scope_of(&key), Some((Scope::Ping, _)));
            match app.registry.by_slug(&slug)[..] {
                _ if !opens => Err(NOT_FOUND),
                [id] => Ok(Found::Check(id)),
                [] if create && slug.len() > SLUG => Err(BAD_FORMAT),
                [] if create => Ok(Found::Free(slug)),
                [] => Err(NOT_FOUND),
                _ => Err((StatusCode::CONFLICT, "ambiguous slug")),
            }
        }
    }
}

/// The answer to a ping that would make a check more than there may be.
const FULL: Answer = (
    StatusCode::FORBIDDEN,
    "check limit reached: pings make no more checks, delete some or add them by the API",
);

/// The check of this slug, and whether it had to be made.
fn make(app: &App, slug: String) -> (CheckId, bool) {
    let wish = Wish {
        name: Some(slug.clone()),
        slug: Some(slug),
        unique: vec!["slug".into()],
        ..Wish::default()
    };
    // The ping that follows is committed after it.
    match app.registry.make(&wish).0 {
        Change::Made(id) => (id, true),
        Change::Changed(id) => (id, false),
    }
}

fn answer(result: Result<Answer, Answer>) -> Response {
    let taken = result.is_ok();
    let mut response = result.unwrap_or_else(|refusal| refusal).into_response();
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("cache-control", "max-age=0, no-cache, no-store, must-revalidate, private"),
        ("ping-body-limit", "10000"),
        ("access-control-allow-origin", "*"),
    ];
    // A refusal has neither of the last two, as there.
    for (name, value) in &headers[..if taken { 4 } else { 2 }] {
        response.headers_mut().insert(*name, HeaderValue::from_static(value));
    }
    response
}

/// What is reported, and the exit status in the path; `None` for one above 255.
fn kind(what: What) -> Option<(PingKind, Option<u8>)> {
    Some(match what {
        What::Success => (PingKind::Success, None),
        What::Exit(0) => (PingKind::Success, Some(0)),
        What::Exit(status) => (PingKind::Fail, Some(status)),
        What::Fail => (PingKind::Fail, None),
        What::Start => (PingKind::Start, None),
        What::Log => (PingKind::Log, None),
        What::Beyond => return None,
    })
}

/// The value of a name in a query, decoded; of several the last counts, as in Django.
pub(super) fn last<'a>(query: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let named = form_urlencoded::parse(query.as_bytes()).filter(|(key, _)| key == name);
    named.last().map(|(_, value)| value)
}

/// A run's name: a UUID with its dashes, in any case.
fn run_id(text: &str) -> Option<String> {
    let uuid = Uuid::parse_str(text).ok()?.to_string();
    (uuid == text.to_ascii_lowercase()).then_some(uuid)
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}
