//! What pages of other sites may do with a monitor that is open.
//!
//! An open monitor asks nobody for a key, so a browser on its machine would let any page that it shows
//! read and delete checks. In: the headers of a request. Out: whether it comes from the monitor's own
//! page or from no browser. Always: pure; a monitor that asks for keys needs none of this, since a page
//! has no key.

use super::App;
use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::net::IpAddr;
use std::sync::Arc;

/// Refuses what pages of other sites ask of an open monitor, and lets none of them read an answer.
pub(super) async fn own_pages_only(
    State(app): State<Arc<App>>,
    request: Request,
    next: Next,
) -> Response {
    if !app.open {
        return next.run(request).await;
    }
    if let Err(why) = check(request.method(), request.uri().path(), request.headers(), &app.url) {
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for name in ["allow-origin", "allow-headers", "allow-methods", "max-age"] {
        headers.remove(format!("access-control-{name}"));
    }
    response
}

/// Whether a request may come to an open monitor that is reached at `url`.
fn check(method: &Method, path: &str, headers: &HeaderMap, url: &str) -> Result<(), &'static str> {
    let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or_default());
    // Without this header it is no browser.
    let Some(host) = text("host") else { return Ok(()) };
    let hosts = headers.get_all("host").iter();
    if !hosts.map(|host| host.to_str().unwrap_or_default()).all(|host| is_own(host, url)) {
        return Err("an open monitor is reached by an address, as localhost or by its own URL\n");
    }
    // A proxy may put its own name for the monitor into `Host`.
    let is_foreign = |origin: &str| {
        let origin = authority(origin);
        origin.as_deref() != Some(host) && (origin.is_none() || origin != authority(url))
    };
    if text("origin").is_some_and(is_foreign) {
        return Err("a page of another site may ask nothing of an open monitor\n");
    }
    // A link on another site may lead to the page; nothing else of another site may come.
    let to_page =
        method == Method::GET && path == "/" && text("sec-fetch-mode") == Some("navigate");
    match text("sec-fetch-site") {
        Some("cross-site" | "same-site") if !to_page => {
            Err("a page of another site may ask nothing of an open monitor\n")
        }
        _ => Ok(()),
    }
}

/// Whether a `Host` is no name that somebody else could have given to this machine's address.
fn is_own(host: &str, url: &str) -> bool {
    if authority(url).is_some_and(|own| own.eq_ignore_ascii_case(host)) {
        return true;
    }
    let Ok(authority) = host.parse::<Authority>() else { return false };
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    name.eq_ignore_ascii_case("localhost") || name.parse::<IpAddr>().is_ok()
}

/// The host and port of a URL.
fn authority(url: &str) -> Option<String> {
    Some(url.parse::<Uri>().ok()?.authority()?.as_str().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(method: &Method, path: &str, headers: &[(&'static str, &str)]) -> bool {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        check(method, path, &map, "https://monitor.example.org").is_ok()
    }

    #[test]
    fn only_own_pages_and_programs_may_ask_an_open_monitor() {
        let host = ("host", "127.0.0.1:8420");
        let get =
            |headers: &[(&'static str, &str)]| allowed(&Method::GET, "/api/v3/checks/", headers);
        assert!(get(&[host]), "a program");
        assert!(get(&[]), "a program that names no host");
        assert!(get(&[("host", "localhost:8420")]) && get(&[("host", "[::1]:8420")]));
        assert!(get(&[("host", "monitor.example.org")]), "its own URL");
        assert!(get(&[
            host,
            ("origin", "http://127.0.0.1:8420"),
            ("sec-fetch-site", "same-origin")
        ]));
        assert!(!get(&[("host", "rebound.example.com:8420")]));
        assert!(get(&[host, ("origin", "https://monitor.example.org")]), "through a proxy");
        for origin in ["http://evil.example", "http://127.0.0.1:3000", "null", "http://127.0.0.1"] {
            assert!(!get(&[host, ("origin", origin)]), "{origin}");
        }
        assert!(!get(&[host, ("sec-fetch-site", "cross-site")]), "an image on another site");
        assert!(!get(&[host, ("sec-fetch-site", "same-site")]), "another port of this machine");
        let link = [host, ("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate")];
        assert!(allowed(&Method::GET, "/", &link), "a link to the page");
        assert!(!allowed(&Method::GET, "/ping/key/slug", &link), "a link to a ping");
        assert!(!allowed(&Method::POST, "/", &link), "a form");
    }
}
