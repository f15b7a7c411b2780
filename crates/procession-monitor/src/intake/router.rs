//! Which path is answered where.
//!
//! In: the registry. Out: a router. Always: the ping API is answered under both of its roots, and
//! the management API with and without the slash at the end and without HEAD.

use super::app::App;
use super::asking::{name_methods, no_head, preflight};
use super::browser::own_pages_only;
use super::proxy::{behind_proxy, path_of};
use super::{badge, beat, events, history, manage, metrics, ping, secret, status};
use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{from_fn_with_state, map_response};
use axum::response::Response;
use axum::routing::{any, delete, get, post};
use std::sync::Arc;

/// Every path of the monitor.
pub fn router(app: Arc<App>) -> Router {
    let mut router = Router::new()
        .route("/", get(status::page))
        .route("/page.js", get(status::script))
        .route("/page.css", get(status::style))
        .route("/favicon.ico", get(status::icon))
        .route("/livez", get(status::livez))
        .route("/readyz", get(status::readyz))
        .route("/metrics", get(metrics::metrics))
        .route("/api/status", get(status::status))
        .route("/api/events", get(events::events))
        .route("/api/beat", post(beat::beat))
        .route("/api/tokens", get(manage::tokens).post(manage::new_token))
        .route("/api/tokens/{id}", delete(manage::revoke))
        .route("/api/token", get(secret::token))
        .route("/ping/{*path}", any(ping::ping))
        .route("/b/{states}/{file}", get(badge::badge))
        .route("/badge/{key}/{*rest}", get(badge::tag))
        .route("/projects/{project}/metrics/{key}", get(metrics::by_key))
        .fallback(ping::ping);
    for slash in ["", "/"] {
        let path = |path: &str| format!("/api/{{version}}/{path}{slash}");
        let one = get(manage::one).post(manage::change).delete(manage::delete);
        let management = [
            ("checks", "GET, POST, OPTIONS", get(manage::list).post(manage::make)),
            ("checks/{name}", "GET, POST, DELETE, OPTIONS", one),
            ("checks/{name}/pause", "POST, OPTIONS", post(manage::pause)),
            ("checks/{name}/resume", "POST, OPTIONS", post(manage::resume)),
            ("checks/{name}/pings", "GET, OPTIONS", get(history::pings)),
            ("checks/{name}/pings/{n}/body", "GET, OPTIONS", get(history::body)),
            ("checks/{name}/flips", "GET, OPTIONS", get(history::flips)),
            ("channels", "GET, OPTIONS", get(manage::channels)),
            ("badges", "GET, OPTIONS", get(manage::badges)),
            ("metrics", "GET, OPTIONS", get(metrics::metrics)),
            ("status", "GET, OPTIONS", get(manage::well)),
        ];
        for (route, allowed, methods) in management {
            let named = move |response| async move { name_methods(response, allowed) };
            let methods = methods.head(no_head).options(preflight).layer(map_response(named));
            router = router.route(&path(route), methods);
        }
    }
    let guard = from_fn_with_state(app.clone(), own_pages_only);
    let router = router.layer(guard).layer(map_response(never_sniffed)).with_state(app.clone());
    if path_of(&app.url).is_empty() && app.trusted_proxies.is_empty() {
        return router;
    }
    // A layer of the inner router would run after the path has chosen a handler.
    Router::new().fallback_service(router).layer(from_fn_with_state(app, behind_proxy))
}

/// Has a browser take every answer for what its type says.
async fn never_sniffed(mut response: Response) -> Response {
    let value = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, value);
    response
}
