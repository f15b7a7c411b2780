//! The healthchecks ping API.
//!
//! In: any method on `/ping/...` or `/<uuid>...`. Out: `OK` after the commit. Always: what
//! healthchecks answers, ours answers, status for status; the body is taken raw, its beginning is
//! kept, and its limit is named in `Ping-Body-Limit`.

use super::app::App;
use super::path::{self, Refused, What, Whom};
use crate::judge::CheckId;
use crate::registry::{Change, PingIn, Pinged, Scope, Wish};
use crate::store::PingKind;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
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
/// How much of the user agent is kept, in characters.
const AGENT_KEPT: usize = 200;

/// `/ping/...`
pub async fn under_ping(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().path().strip_prefix("/ping/").unwrap_or_default().to_owned();
    answer(take(&app, from, request, path::parse(&path)).await)
}

/// `/<uuid>...` and `/<ping key>/<slug>...`; anything else at the root is not found.
pub async fn at_root(
    State(app): State<Arc<App>>,
    ConnectInfo(from): ConnectInfo<SocketAddr>,
    request: Request,
) -> Response {
    let path = request.uri().path().trim_start_matches('/').to_owned();
    let first = path.split('/').next().unwrap_or_default();
    let opens = || matches!(app.registry.scope_of(first), Some((Scope::Ping, _)));
    let is_ping = Uuid::parse_str(first).is_ok() || opens();
    let parsed = if is_ping { path::parse(&path) } else { Err(Refused::NotFound) };
    answer(take(&app, from, request, parsed).await)
}

type Answer = (StatusCode, &'static str);

async fn take(
    app: &App,
    from: SocketAddr,
    request: Request,
    parsed: Result<(Whom, What), Refused>,
) -> Result<Answer, Answer> {
    let hand = app.registry.receive();
    let (whom, what) = parsed.map_err(|refused| match refused {
        Refused::NotFound => (StatusCode::NOT_FOUND, "not found"),
        Refused::BadFormat => (StatusCode::BAD_REQUEST, "invalid url format"),
    })?;
    let (parts, body) = request.into_parts();
    let query = parts.uri.query().unwrap_or_default();
    let rid = match value_of(query, "rid") {
        Some(rid) => Some(run_id(rid).ok_or((StatusCode::BAD_REQUEST, "invalid uuid format"))?),
        None => None,
    };
    let body = read(body).await?;
    let (id, made) = find(app, whom, value_of(query, "create") == Some("1"))?;
    let ping = PingIn {
        kind: kind(what),
        exit: if let What::Exit(status) = what { Some(status) } else { None },
        rid,
        scheme: app.scheme,
        address: address(&parts.headers, from),
        method: parts.method.to_string(),
        agent: text(&parts.headers, header::USER_AGENT.as_str()).chars().take(AGENT_KEPT).collect(),
        body: body.to_vec(),
    };
    let pinged = app.registry.ping(id, ping, hand.at());
    drop(hand);
    match pinged {
        Pinged::Unknown => Err((StatusCode::NOT_FOUND, "not found")),
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

fn find(app: &App, whom: Whom, create: bool) -> Result<(CheckId, bool), Answer> {
    let not_found = (StatusCode::NOT_FOUND, "not found");
    match whom {
        Whom::Uuid(uuid) => Ok((app.registry.by_uuid(uuid).ok_or(not_found)?, false)),
        Whom::Slug(key, slug) => {
            let opens = matches!(app.registry.scope_of(&key), Some((Scope::Ping, _)));
            if !opens {
                return Err(not_found);
            }
            match app.registry.by_slug(&slug)[..] {
                [id] => Ok((id, false)),
                [] if create => {
                    let wish = Wish {
                        name: Some(slug.clone()),
                        slug: Some(slug),
                        unique: vec!["slug".into()],
                        ..Wish::default()
                    };
                    // The ping that follows is committed after it.
                    match app.registry.make(&wish).0 {
                        Change::Made(id) => Ok((id, true)),
                        Change::Changed(id) => Ok((id, false)),
                    }
                }
                [] => Err(not_found),
                _ => Err((StatusCode::CONFLICT, "ambiguous slug")),
            }
        }
    }
}

fn answer(result: Result<Answer, Answer>) -> Response {
    let (status, text) = result.unwrap_or_else(|refusal| refusal);
    let headers = [
        ("content-type", "text/html; charset=utf-8"),
        ("ping-body-limit", "10000"),
        ("access-control-allow-origin", "*"),
    ];
    (status, headers, text).into_response()
}

fn kind(what: What) -> PingKind {
    match what {
        What::Success | What::Exit(0) => PingKind::Success,
        What::Fail | What::Exit(_) => PingKind::Fail,
        What::Start => PingKind::Start,
        What::Log => PingKind::Log,
    }
}

/// The value of the first `name=value` in a query, as it stands there.
fn value_of<'a>(query: &'a str, name: &str) -> Option<&'a str> {
    query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name)
        .map(|(_, value)| value)
}

/// A run's name: a UUID with its dashes, in any case.
fn run_id(text: &str) -> Option<String> {
    let uuid = Uuid::parse_str(text).ok()?.to_string();
    (uuid == text.to_ascii_lowercase()).then_some(uuid)
}

/// The sender, as the proxy before us names it or as we see it.
fn address(headers: &HeaderMap, from: SocketAddr) -> String {
    let forwarded = text(headers, "x-forwarded-for");
    let first = forwarded.split(',').next().unwrap_or_default().trim();
    match first.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => from.ip().to_string(),
    }
}

fn text(headers: &HeaderMap, name: &str) -> String {
    headers
        .get(name)
        .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        .unwrap_or_default()
}
