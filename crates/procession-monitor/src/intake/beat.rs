//! Our own beats: `POST /api/beat`.
//!
//! Input: a beat as JSON, and a token that may beat for its host. Output, after the commit:
//! `{"check": uuid, "fresh": bool, "durable": bool, "overtaken": bool}`.
//!
//! # Invariants
//! - A token opens writing only, and only for its host.
//! - A beat whose commit takes too long is judged all the same, and the answer says so.

use super::app::App;
use super::ping::{COMMIT_TIME, read};
use crate::registry::Schedule;
use axum::Json;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use procession_beat::Beat;
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Takes a beat.
pub async fn beat(State(app): State<Arc<App>>, request: Request) -> Response {
    take(&app, request).await.unwrap_or_else(|(status, why)| refusal(status, &why))
}

async fn take(app: &App, request: Request) -> Result<Response, (StatusCode, String)> {
    let hand = app.registry.receive();
    let (parts, body) = request.into_parts();
    let body = read(body).await.map_err(|(status, why)| (status, why.to_owned()))?;
    let beat = Beat::decode(&body).map_err(|why| (StatusCode::BAD_REQUEST, why.to_string()))?;
    if let Some(schedule) = &beat.schedule {
        let wrong = |(field, why)| (StatusCode::BAD_REQUEST, format!("schedule: {field} {why}"));
        Schedule::read(&schedule.expression, &schedule.zone).map_err(wrong)?;
    }
    match app.may_beat(&parts.headers, &beat.host) {
        None => return Err((StatusCode::UNAUTHORIZED, "a token for beats is needed".into())),
        Some(false) => {
            let why = format!("this token does not beat for the host {}", beat.host);
            return Err((StatusCode::FORBIDDEN, why));
        }
        Some(true) => {}
    }
    if app.registry.is_full_for(&beat) {
        let why = "check limit reached: beats make no more checks; delete some".to_owned();
        return Err((StatusCode::FORBIDDEN, why));
    }
    let Some(beaten) = app.registry.beat(&beat, hand.at()) else {
        return Err((StatusCode::TOO_MANY_REQUESTS, "too many beats of this program".into()));
    };
    drop(hand);
    app.taken.fetch_add(1, Ordering::Relaxed);
    let committed = tokio::time::timeout(COMMIT_TIME, beaten.committed).await;
    let durable = matches!(committed, Ok(Ok(true)));
    let answer = json!({ "check": beaten.check, "fresh": beaten.fresh, "durable": durable,
        "overtaken": beaten.overtaken });
    Ok(Json(answer).into_response())
}

fn refusal(status: StatusCode, why: &str) -> Response {
    let mut response = (status, Json(json!({ "error": why }))).into_response();
    if status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
    }
    response
}
