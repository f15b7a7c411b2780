//! Which path is answered where.
//!
//! In: the registry. Out: a router. Always: the ping API is answered under both of its roots, and
//! the management API with and without the slash at the end.

use super::app::App;
use super::{beat, manage, metrics, ping, status};
use axum::Router;
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
        .fallback(ping::at_root);
    for slash in ["", "/"] {
        let path = |path: &str| format!("/api/{{version}}/{path}{slash}");
        router = router
            .route(&path("checks"), get(manage::list).post(manage::make))
            .route(
                &path("checks/{name}"),
                get(manage::one).post(manage::change).delete(manage::delete),
            )
            .route(&path("checks/{name}/pause"), post(manage::pause))
            .route(&path("checks/{name}/resume"), post(manage::resume))
            .route(&path("checks/{name}/pings"), get(manage::pings))
            .route(&path("checks/{name}/pings/{n}/body"), get(manage::body))
            .route(&path("checks/{name}/flips"), get(manage::flips))
            .route(&path("channels"), get(manage::channels))
            .route(&path("metrics"), get(metrics::metrics))
            .route(&path("status"), get(manage::well));
    }
    router.with_state(app)
}
