//! The healthchecks management API, versions 1 to 3.
//!
//! In: requests with an API key. Out: JSON. Always: a wish is read and checked whole before it is
//! done; a key that may only read sees checks and flips, no pings, bodies or channels.

use super::app::App;
use super::asking::{
    Answer, Refusal, Shared, admin, authorized_body, eye, find, find_to_read, not_found, reply,
    version,
};
use super::check_json::{Eye, Version, channel_id, check};
use super::ping::COMMIT_TIME;
use super::secret::shown;
use super::wish;
use crate::clock::iso;
use crate::judge::CheckId;
use crate::registry::access::new_secret;
use crate::registry::manage::Committed;
use crate::registry::{Change, NotRevoked, Scope, TokenView, View, Wish};
use axum::Json;
use axum::extract::{Path, Query, Request};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};

/// Filters, each name as often as it is asked for.
type Asked = Query<Vec<(String, String)>>;

/// `GET checks/`
pub async fn list(
    state: Shared,
    version: Path<String>,
    asked: Asked,
    headers: HeaderMap,
) -> Response {
    reply(do_list(&state, &version, &asked, &headers))
}

fn do_list(app: &App, version: &str, asked: &[(String, String)], headers: &HeaderMap) -> Answer {
    let (version, eye) = (self::version(version)?, eye(app, headers)?);
    let tags: Vec<&str> = values(asked, "tag").collect();
    let slug = values(asked, "slug").last().filter(|slug| !slug.is_empty());
    let meant = |view: &&View| {
        let has = |tag: &&str| view.record.tags.split_whitespace().any(|own| own == *tag);
        tags.iter().all(has) && slug.is_none_or(|slug| slug == view.record.slug)
    };
    let views = app.registry.views();
    let checks: Vec<Value> =
        views.iter().filter(meant).map(|view| check(app, view, version, eye)).collect();
    Ok(Json(json!({ "checks": checks })).into_response())
}

/// The values of a filter: each tag counts, and of the slugs the last.
fn values<'a>(asked: &'a [(String, String)], name: &str) -> impl Iterator<Item = &'a str> {
    asked.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
}

/// `POST checks/`
pub async fn make(state: Shared, version: Path<String>, request: Request) -> Response {
    reply(do_make(&state, &version, request).await)
}

async fn do_make(app: &App, version: &str, request: Request) -> Answer {
    let version = self::version(version)?;
    let fields = authorized_body(app, request).await?;
    let (change, committed) = app.registry.make(&wish(app, &fields, version)?);
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
        let id = find_to_read(&state, &name)?;
        let view = state.registry.view(id).ok_or_else(not_found)?;
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
    settled(app.registry.change(id, &wish(app, &fields, version)?)).await;
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
        return Ok((StatusCode::CONFLICT, "check is not paused").into_response());
    };
    settled(committed).await;
    shown_check(app, id, version, StatusCode::OK)
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

/// `GET badges/`: of each tag, and of all checks as `*`.
pub async fn badges(state: Shared, version: Path<String>, headers: HeaderMap) -> Response {
    reply((|| {
        self::version(&version)?;
        eye(&state, &headers)?;
        Ok(Json(json!({ "badges": super::badge::all(&state) })).into_response())
    })())
}

/// `GET status/`
pub async fn well(version: Path<String>) -> Response {
    reply(self::version(&version).map(|_| "OK".into_response()))
}

/// `POST /api/tokens` with `{"scope": "beat", "host": "web-3"}`: makes a token and shows it once. A
/// monitor that asks for no keys makes none, since they would go on to be valid once it does.
pub async fn new_token(state: Shared, request: Request) -> Response {
    let fields = match authorized_body(&state, request).await {
        Ok(fields) => fields,
        Err(refusal) => return reply(Err(refusal)),
    };
    if state.open {
        let why = "an open monitor makes no tokens: start it with --api-key".to_owned();
        return reply(Err((StatusCode::FORBIDDEN, why)));
    }
    let scope = fields.get("scope").and_then(Value::as_str).and_then(Scope::of_word);
    let Some(scope) = scope else {
        let why = "scope must be beat, ping, read or admin".to_owned();
        return reply(Err((StatusCode::BAD_REQUEST, why)));
    };
    let host = fields.get("host").and_then(Value::as_str).map(str::to_owned);
    let token = new_secret();
    state.registry.make_token(&token, scope, host);
    (StatusCode::CREATED, Json(json!({ "token": token }))).into_response()
}

/// `GET /api/tokens`: all tokens, without their secrets.
pub async fn tokens(state: Shared, headers: HeaderMap) -> Response {
    reply(admin(&state, shown(&headers)).map(|()| {
        let row = |token: TokenView| {
            json!({ "id": token.id, "scope": token.scope.word(), "host": token.host,
                    "given_as_option": !token.is_kept, "created": token.created.map(iso),
                    "last_used": token.used.map(iso) })
        };
        let tokens: Vec<Value> = state.registry.tokens().into_iter().map(row).collect();
        Json(json!({ "tokens": tokens })).into_response()
    }))
}

/// `DELETE /api/tokens/<id>`: from now on it opens nothing.
pub async fn revoke(state: Shared, Path(id): Path<String>, headers: HeaderMap) -> Response {
    reply((|| {
        admin(&state, shown(&headers))?;
        state.registry.revoke_token(&id).map_err(|why| match why {
            NotRevoked::Unknown => not_found(),
            NotRevoked::Given => {
                let why = "this token is an option of the monitor: take it away there and start \
                           the monitor again";
                (StatusCode::CONFLICT, why.to_owned())
            }
        })?;
        Ok(StatusCode::NO_CONTENT.into_response())
    })())
}

fn shown_check(app: &App, id: CheckId, version: Version, status: StatusCode) -> Answer {
    let view = app.registry.view(id).ok_or_else(not_found)?;
    Ok((status, Json(check(app, &view, version, Eye::Full))).into_response())
}

/// Up to version 2 a slug that is not chosen follows its name.
fn wish(app: &App, fields: &Map<String, Value>, version: Version) -> Result<Wish, Refusal> {
    let refused = |why| (StatusCode::BAD_REQUEST, why);
    let receivers: Vec<&str> = app.receivers.iter().map(|(name, _)| name.as_str()).collect();
    wish::channels(fields, &receivers).map_err(refused)?;
    let mut wish = wish::read(fields).map_err(refused)?;
    wish.slug_follows = version < Version::V3;
    Ok(wish)
}

/// Waits for a commit. A change whose commit takes too long stands in memory all the same.
async fn settled(committed: Committed) {
    let _ = tokio::time::timeout(COMMIT_TIME, committed).await;
}
