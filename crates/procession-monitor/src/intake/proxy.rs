//! A monitor behind a proxy: the path under which it is reached, and who asks through the proxy.
//!
//! # Invariants
//! - Only a trusted proxy is believed. Its `X-Forwarded-For` is read from the right, up to the first
//!   address that is not a trusted proxy: what stands further left could be invented by the client.
//! - A request reaches the same handler with and without the path of the monitor's own URL, so a
//!   proxy may pass the path on or take it away.

use super::App;
use axum::extract::{ConnectInfo, Request, State};
use axum::http::uri::PathAndQuery;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use ipnet::IpNet;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// The protocol in which the client asked a trusted proxy.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scheme(pub(super) &'static str);

/// The path of a monitor's own URL, without a slash at its end; empty for the root.
pub(super) fn path_of(url: &str) -> String {
    let path = url.parse::<Uri>().map(|uri| uri.path().trim_end_matches('/').to_owned());
    path.unwrap_or_default()
}

/// Takes the path of the monitor's URL away, and puts in what a trusted proxy says of the client.
pub(super) async fn behind_proxy(
    State(app): State<Arc<App>>,
    mut request: Request,
    next: Next,
) -> Response {
    let prefix = path_of(&app.url);
    match inner(request.uri(), &prefix) {
        Inner::Same => {}
        Inner::Stripped(uri) => *request.uri_mut() = uri,
        // The page's links are relative to it.
        Inner::Redirect => {
            let to = [(header::LOCATION, format!("{prefix}/"))];
            return (StatusCode::PERMANENT_REDIRECT, to).into_response();
        }
    }
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0);
    if let Some(peer) = peer.filter(|peer| is_trusted(peer.ip(), &app.trusted_proxies)) {
        let from = client(peer.ip(), request.headers(), &app.trusted_proxies);
        let scheme = match request.headers().get("x-forwarded-proto").map(HeaderValue::as_bytes) {
            Some(b"https") => Some(Scheme("https")),
            Some(b"http") => Some(Scheme("http")),
            _ => None,
        };
        let extensions = request.extensions_mut();
        if from != peer.ip() {
            extensions.insert(ConnectInfo(SocketAddr::new(from, 0)));
        }
        scheme.map(|scheme| extensions.insert(scheme));
    }
    next.run(request).await
}

enum Inner {
    Same,
    Stripped(Uri),
    Redirect,
}

/// What is asked for below the path `prefix`.
fn inner(uri: &Uri, prefix: &str) -> Inner {
    if prefix.is_empty() {
        return Inner::Same;
    }
    let Some(rest) = uri.path_and_query().and_then(|asked| asked.as_str().strip_prefix(prefix))
    else {
        return Inner::Same;
    };
    if rest.is_empty() || rest.starts_with('?') {
        return Inner::Redirect;
    }
    let asked = rest.starts_with('/').then(|| rest.parse::<PathAndQuery>().ok()).flatten();
    match asked {
        Some(asked) => Inner::Stripped(Uri::from(asked)),
        None => Inner::Same,
    }
}

fn is_trusted(address: IpAddr, trusted: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted.iter().any(|network| network.contains(&address))
}

/// The address from which a request came to the first of the trusted proxies.
fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let lines = headers.get_all("x-forwarded-for").iter().map(|line| line.to_str().unwrap_or(""));
    let list = lines.collect::<Vec<_>>().join(",");
    let mut from = peer;
    for entry in list.rsplit(',').map(str::trim) {
        let address = entry.parse::<SocketAddr>().map(|address| address.ip());
        let Ok(address) = address.or_else(|_| entry.trim_matches(['[', ']']).parse()) else {
            break;
        };
        from = address;
        if !is_trusted(address, trusted) {
            break;
        }
    }
    from
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_is_the_last_address_that_is_no_trusted_proxy() {
        let trusted: Vec<IpNet> = vec!["10.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
        for (lines, from) in [
            (vec![], "10.0.0.1"),
            (vec!["192.0.2.7"], "192.0.2.7"),
            (vec!["invented, 192.0.2.7, 10.9.9.9"], "192.0.2.7"),
            (vec!["198.51.100.1, 192.0.2.7:4711"], "192.0.2.7"),
            (vec!["198.51.100.1", "[2001:db8::1]:80, ::1"], "2001:db8::1"),
            (vec!["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
            (vec!["192.0.2.7, unknown"], "10.0.0.1"),
            (vec!["192.0.2.7, unknown, 10.2.2.2"], "10.2.2.2"),
        ] {
            let mut headers = HeaderMap::new();
            for line in &lines {
                headers.append("x-forwarded-for", line.parse().unwrap());
            }
            let found = client("10.0.0.1".parse().unwrap(), &headers, &trusted);
            assert_eq!(found.to_string(), from, "{lines:?}");
        }
    }

    #[test]
    fn the_path_of_the_monitors_url_is_taken_away_and_nothing_else() {
        let stripped = |asked: &str, prefix| match inner(&asked.parse().unwrap(), prefix) {
            Inner::Same => "same".to_owned(),
            Inner::Stripped(uri) => uri.to_string(),
            Inner::Redirect => "redirect".to_owned(),
        };
        for (asked, prefix, result) in [
            ("/monitor/api/beat?a=b", "/monitor", "/api/beat?a=b"),
            ("/monitor/", "/monitor", "/"),
            ("/monitor", "/monitor", "redirect"),
            ("/monitor?a", "/monitor", "redirect"),
            ("/monitors", "/monitor", "same"),
            ("/api/beat", "/monitor", "same"),
            ("/monitor//x", "/monitor", "//x"),
            ("/monitor/", "", "same"),
        ] {
            assert_eq!(stripped(asked, prefix), result, "{asked} below {prefix}");
        }
        assert_eq!(path_of("https://host/a/b/"), "/a/b");
        assert_eq!(path_of("http://host:1"), "");
    }
}
