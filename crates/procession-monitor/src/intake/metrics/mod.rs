//! Prometheus: `GET /metrics`, in the text exposition format, version 0.0.4.
//!
//! The `hc_*` series are those of healthchecks, so that its dashboards work. All others begin with
//! `procession_`.
//!
//! | module | what is in it |
//! |---|---|
//! | `exposition` | the text format |
//! | `healthchecks` | the series of healthchecks |
//! | `own` | the monitor's own series |

mod exposition;
mod healthchecks;
mod own;

use super::app::App;
use super::path::canonical;
use super::status::forbidden;
use crate::registry::Scope;
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use exposition::Exposition;
use std::sync::Arc;

/// `GET /metrics`
pub async fn metrics(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    if !app.may_read(&headers) {
        return forbidden();
    }
    exposition(&app)
}

/// `GET /projects/<uuid>/metrics/<key>`: where healthchecks has them. The key is one that may read;
/// a monitor is one project, under any name.
pub async fn by_key(
    State(app): State<Arc<App>>,
    Path((project, key)): Path<(String, String)>,
) -> Response {
    if canonical(&project).is_err() {
        return StatusCode::NOT_FOUND.into_response();
    }
    let scope = app.registry.scope_of(&key);
    if !app.open && !matches!(scope, Some((Scope::Read | Scope::Admin, _))) {
        return StatusCode::FORBIDDEN.into_response();
    }
    exposition(&app)
}

fn exposition(app: &App) -> Response {
    let headers = [("content-type", "text/plain; version=0.0.4; charset=utf-8")];
    let views = app.registry.views();
    let mut out = Exposition::default();
    healthchecks::write(&mut out, &views);
    own::write(&mut out, app, &views);
    (headers, out.text()).into_response()
}
