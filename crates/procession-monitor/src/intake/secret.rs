//! Who asks.
//!
//! In: a request's headers. Out: what its secret opens. Always: a secret is taken from
//! `Authorization: Bearer`, from the password of `Basic` (so that a browser can ask for it) or from
//! `X-Api-Key`, never from the query; nothing here is logged.

use super::App;
use super::check_json::Eye;
use crate::registry::Scope;
use axum::Json;
use axum::extract::State;
use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::sync::Arc;

/// The secret a request shows.
pub fn shown(headers: &HeaderMap) -> Option<String> {
    if let Some(key) = headers.get("x-api-key") {
        return Some(key.to_str().ok()?.to_owned());
    }
    let value = headers.get(AUTHORIZATION)?.to_str().ok()?;
    let (scheme, secret) = value.split_once(' ')?;
    if scheme.eq_ignore_ascii_case("bearer") {
        return Some(secret.trim().to_owned());
    }
    let decoded = scheme.eq_ignore_ascii_case("basic").then(|| base64(secret.trim()))??;
    let (_, password) = decoded.split_once(':')?;
    Some(password.to_owned())
}

/// `GET /api/token`: what the token of this request opens.
pub async fn token(State(app): State<Arc<App>>, headers: HeaderMap) -> Response {
    let opens = if app.open {
        Some((Scope::Admin, None))
    } else {
        shown(&headers).and_then(|secret| app.registry.scope_of(&secret))
    };
    match opens {
        Some((scope, host)) => Json(json!({ "scope": scope.word(), "host": host })).into_response(),
        None => {
            (StatusCode::UNAUTHORIZED, Json(json!({ "error": "unknown token" }))).into_response()
        }
    }
}

impl App {
    /// What this request may see; `None`: nothing.
    pub fn sees(&self, headers: &HeaderMap) -> Option<Eye> {
        if self.open {
            return Some(Eye::Full);
        }
        match self.registry.scope_of(&shown(headers)?)? {
            (Scope::Admin, _) => Some(Eye::Full),
            (Scope::Read, _) => Some(Eye::ReadOnly),
            (Scope::Beat | Scope::Ping, _) => None,
        }
    }

    /// Whether this request may read.
    pub fn may_read(&self, headers: &HeaderMap) -> bool {
        self.sees(headers).is_some()
    }

    /// Whether this request may beat for `host`; `None`: its secret is unknown.
    pub fn may_beat(&self, headers: &HeaderMap, host: &str) -> Option<bool> {
        if self.open {
            return Some(true);
        }
        match self.registry.scope_of(&shown(headers)?)? {
            (Scope::Beat, bound) => Some(bound.is_none_or(|bound| bound == host)),
            (Scope::Admin, _) => Some(true),
            (Scope::Ping | Scope::Read, _) => None,
        }
    }
}

/// Base64 of the standard alphabet to text.
fn base64(text: &str) -> Option<String> {
    let value = |byte: u8| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    };
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0);
    for byte in text.trim_end_matches('=').bytes() {
        bits = bits << 6 | u32::from(value(byte)?);
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from(bits >> held & 0xff).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_secret_is_found_in_each_of_its_three_places() {
        let of = |name: &'static str, value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert(name, value.parse().unwrap());
            shown(&headers)
        };
        assert_eq!(of("x-api-key", "s3cret").as_deref(), Some("s3cret"));
        assert_eq!(of("authorization", "Bearer s3cret").as_deref(), Some("s3cret"));
        assert_eq!(of("authorization", "Basic OnMzY3JldA==").as_deref(), Some("s3cret"));
        assert_eq!(of("authorization", "Basic !!"), None);
        assert_eq!(of("authorization", "Digest x"), None);
    }
}
