//! Which path is answered where.
//!
//! In: the registry. Out: a router. Always: the ping API is answered under both of its roots, and
//! the management API with and without the slash at the end and without HEAD.

use super::app::App;
use super::{badge, beat, manage, metrics, ping, status};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::{any, get, post};
use std::sync::Arc;

/// Every path of the monitor.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/", get(status::page))
        .route("/page.js", get(status::script))
        .route("/page.css", get(status::style))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/status", get(status::status))
        .route("/api/beat", post(beat::beat))
        .route("/api/tokens", post(manage::new_token))
        .route("/ping/{*path}", any(ping::under_ping))
        .route("/b/{states}/{file}", get(badge::badge))
        .fallback(ping::at_root);
    for slash in ["", "/"] {
        let path = |path: &str| format!("/api/{{version}}/{path}{slash}");
        let management = [
            ("checks", get(manage::list).post(manage::make)),
            ("checks/{name}", get(manage::one).post(manage::change).delete(manage::delete)),
            ("checks/{name}/pause", post(manage::pause)),
            ("checks/{name}/resume", post(manage::resume)),
            ("checks/{name}/pings", get(manage::pings)),
            ("checks/{name}/pings/{n}/body", get(manage::body)),
            ("checks/{name}/flips", get(manage::flips)),
            ("channels", get(manage::channels)),
            ("metrics", get(metrics::metrics)),
            ("status", get(manage::well)),
        ];
        for (route, methods) in management {
            let no_head = async || StatusCode::METHOD_NOT_ALLOWED;
            router = router.route(&path(route), methods.head(no_head));
        }
    }
    router.with_state(app)
}
