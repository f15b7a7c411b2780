//! Who asks the management API, and how every answer of it looks.
//!
//! In: a request's version, key and body. Out: what the key opens, the fields of the body, or a
//! refusal in the words of the healthchecks API. Always: a body that is no JSON is refused before
//! the key is looked at; every answer may be read by any page.

use super::app::App;
use super::check_json::{Eye, Version, unique_key};
use super::path::canonical;
use super::ping::read;
use super::secret::shown;
use crate::judge::CheckId;
use crate::registry::Scope;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, json};
use std::sync::Arc;

pub(super) type Refusal = (StatusCode, String);
pub(super) type Answer = Result<Response, Refusal>;
pub(super) type Shared = State<Arc<App>>;

/// An answer or a refusal, which any page may read.
pub(super) fn reply(answer: Answer) -> Response {
    let mut response = answer
        .unwrap_or_else(|(status, why)| (status, Json(json!({ "error": why }))).into_response());
    let any = HeaderValue::from_static("*");
    response.headers_mut().insert("access-control-allow-origin", any);
    response
}

/// The version in a path.
pub(super) fn version(segment: &str) -> Result<Version, Refusal> {
    Version::of(segment).ok_or_else(not_found)
}

/// 404.
pub(super) fn not_found() -> Refusal {
    (StatusCode::NOT_FOUND, "not found".into())
}

/// The check of a UUID in a path, in its one canonical form.
pub(super) fn find(app: &App, name: &str) -> Result<CheckId, Refusal> {
    let uuid = canonical(name).map_err(|_| not_found())?;
    app.registry.by_uuid(uuid).ok_or_else(not_found)
}

/// The check of a UUID or of a name that opens nothing.
pub(super) fn find_to_read(app: &App, name: &str) -> Result<CheckId, Refusal> {
    find(app, name).or_else(|_| {
        let views = app.registry.views();
        let found = views.iter().find(|view| unique_key(view.record.uuid) == name);
        found.map(|view| view.record.id).ok_or_else(not_found)
    })
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

/// What a reader sees with his key.
pub(super) fn eye(app: &App, headers: &HeaderMap) -> Result<Eye, Refusal> {
    Ok(match scope(app, shown(headers))? {
        Scope::Admin => Eye::Full,
        _ => Eye::ReadOnly,
    })
}

/// Refuses whoever may not do everything.
pub(super) fn admin(app: &App, secret: Option<String>) -> Result<(), Refusal> {
    match scope(app, secret)? {
        Scope::Admin => Ok(()),
        _ => Err((StatusCode::UNAUTHORIZED, "wrong api key".into())),
    }
}

/// The fields of a body whose sender may do everything; the key may be among them.
pub(super) async fn authorized_body(
    app: &App,
    request: Request,
) -> Result<Map<String, Value>, Refusal> {
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

/// Answers what a browser asks before a request from another site.
pub(super) async fn preflight() -> StatusCode {
    StatusCode::NO_CONTENT
}

/// Refuses HEAD, which axum would answer as GET.
pub(super) async fn no_head() -> StatusCode {
    StatusCode::METHOD_NOT_ALLOWED
}

/// Names the methods of a path: to any page of another site, and beside a refusal of another method.
pub(super) fn name_methods(mut response: Response, methods: &'static str) -> Response {
    let mut headers = vec![
        ("access-control-allow-origin", "*"),
        ("access-control-allow-headers", "X-Api-Key"),
        ("access-control-allow-methods", methods),
        ("access-control-max-age", "600"),
    ];
    if response.status() == StatusCode::METHOD_NOT_ALLOWED {
        headers.push(("allow", methods));
    }
    for (name, value) in headers {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
