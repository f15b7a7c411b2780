//! The state of a check, of a tag or of all checks as a picture or a line, for a README or a
//! dashboard.
//!
//! In: a badge's address, which opens nothing else: a check's badge key, or a tag and its
//! signature. Out: SVG, JSON, or the JSON of shields.io. Always: whoever has the address needs no
//! other secret and learns no other address from it; with two states, late is up.

use super::app::App;
use super::check_json::{badge_key, status};
use crate::registry::View;
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use hmac::{Hmac, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::sync::Arc;
use uuid::Uuid;

/// Width of a letter of the picture's font, and the space around a word, in pixels.
const LETTER: usize = 7;
const SPACE: usize = 10;

/// Bytes of a signature: as many as healthchecks takes.
const SIGNATURE: usize = 5;
/// The badge of all checks, in place of a tag.
const ALL: &str = "*";

/// `GET /b/<number>/<badge key>.<svg, json or shields>`: with three states late is one of its own,
/// with any other number it is up.
pub async fn badge(
    State(app): State<Arc<App>>,
    Path((states, file)): Path<(String, String)>,
) -> Response {
    let Some((key, format)) = file.rsplit_once('.') else { return not_found() };
    if states.is_empty() || !states.bytes().all(|byte| byte.is_ascii_digit()) {
        return not_found();
    }
    let views = app.registry.views();
    let Some(view) = views.iter().find(|view| badge_key(view.record.uuid).to_string() == key)
    else {
        return not_found();
    };
    let name = if view.record.name.is_empty() { &view.record.slug } else { &view.record.name };
    answer(format, name, &Sum::of([view].into_iter(), states.trim_start_matches('0') == "3"))
}

/// `GET /badge/<badge key>/<signature>[-2][/<tag>].<svg, json or shields>`: of the checks that have
/// the tag, of all without one.
pub async fn tag(
    State(app): State<Arc<App>>,
    Path((key, rest)): Path<(String, String)>,
) -> Response {
    let Some((rest, format)) = rest.rsplit_once('.') else { return not_found() };
    let (signature, tag) = rest.split_once('/').unwrap_or((rest, ALL));
    let (signature, late) = match signature.strip_suffix("-2") {
        Some(signature) => (signature, false),
        None => (signature, true),
    };
    let badges = Badges::of(&app);
    if key != badges.key.to_string() || !badges.has_signed(tag, signature) {
        return not_found();
    }
    let views = app.registry.views();
    let meant = views.iter().filter(|view| tag == ALL || tags(view).any(|own| own == tag));
    answer(format, if tag == ALL { "all checks" } else { tag }, &Sum::of(meant, late))
}

/// The addresses of the badges of each tag, and of all checks as `*`.
pub fn all(app: &App) -> Value {
    let (views, badges) = (app.registry.views(), Badges::of(app));
    let tags: BTreeSet<&str> = views.iter().flat_map(tags).chain([ALL]).collect();
    let address = |tag: &str, more: &str, format: &str| {
        let signature = badges.sign(tag);
        let tag = if tag == ALL { String::new() } else { format!("/{}", encoded(tag)) };
        format!("{}/badge/{}/{signature}{more}{tag}.{format}", app.url, badges.key)
    };
    let forms = |tag: &&str| {
        json!({
            "svg": address(tag, "-2", "svg"), "svg3": address(tag, "", "svg"),
            "json": address(tag, "-2", "json"), "json3": address(tag, "", "json"),
            "shields": address(tag, "-2", "shields"), "shields3": address(tag, "", "shields"),
        })
    };
    tags.iter().map(|tag| ((*tag).to_owned(), forms(tag))).collect::<Map<String, Value>>().into()
}

/// What the badges of tags are known by. Whoever has one address cannot make that of another tag.
struct Badges<'a> {
    secret: &'a [u8],
    key: Uuid,
}

impl Badges<'_> {
    fn of(app: &App) -> Badges<'_> {
        let secret = app.registry.badge_secret();
        let mut key = [0; 16];
        key.copy_from_slice(&mac(secret, "key")[..16]);
        Badges { secret, key: Uuid::from_bytes(key) }
    }

    fn sign(&self, tag: &str) -> String {
        let mut signature = String::new();
        for byte in &mac(self.secret, &format!("tag {tag}"))[..SIGNATURE] {
            // Writing to a string cannot fail.
            let _ = write!(signature, "{byte:02x}");
        }
        signature
    }

    fn has_signed(&self, tag: &str, signature: &str) -> bool {
        // A hash of both takes the same time however good the guess.
        let hidden = |text: &str| mac(self.secret, &format!("guess {text}"));
        hidden(&self.sign(tag)) == hidden(signature)
    }
}

fn mac(secret: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret).expect("any length is a key's");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

/// How many of some checks are what.
struct Sum {
    total: usize,
    grace: usize,
    down: usize,
    late: bool,
}

impl Sum {
    fn of<'a>(views: impl Iterator<Item = &'a View>, late: bool) -> Sum {
        let mut sum = Sum { total: 0, grace: 0, down: 0, late };
        for view in views {
            sum.total += 1;
            sum.grace += usize::from(status(view) == "grace");
            sum.down += usize::from(status(view) == "down");
        }
        sum
    }

    fn word(&self) -> &'static str {
        match () {
            () if self.down > 0 => "down",
            () if self.grace > 0 && self.late => "late",
            () => "up",
        }
    }
}

fn tags(view: &View) -> impl Iterator<Item = &str> {
    view.record.tags.split_whitespace()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, "not found").into_response()
}

fn answer(format: &str, name: &str, sum: &Sum) -> Response {
    let shown = sum.word();
    let body = match format {
        "svg" => ([("content-type", "image/svg+xml")], svg(name, shown)).into_response(),
        "json" => Json(json!({
            "status": shown, "total": sum.total, "grace": sum.grace, "down": sum.down,
        }))
        .into_response(),
        "shields" => Json(json!({
            "schemaVersion": 1, "label": name, "message": shown, "color": color(shown).0,
        }))
        .into_response(),
        _ => return not_found(),
    };
    let headers = [
        ("cache-control", "no-store"),
        ("access-control-allow-origin", "*"),
        ("content-security-policy", "default-src 'none'"),
    ];
    (headers, body).into_response()
}

/// The word that shields.io knows a state's colour by, and the colour.
fn color(state: &str) -> (&'static str, &'static str) {
    match state {
        "up" => ("success", "#4c1"),
        "late" => ("important", "#fe7d37"),
        _ => ("critical", "#e05d44"),
    }
}

fn svg(label: &str, state: &str) -> String {
    let width = |text: &str| text.chars().count() * LETTER + SPACE;
    let (left, right) = (width(label), width(state));
    let (all, fill, label) = (left + right, color(state).1, escape(label));
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{all}\" height=\"20\" role=\"img\" \
         aria-label=\"{label}: {state}\"><rect width=\"{left}\" height=\"20\" fill=\"#555\"/>\
         <rect x=\"{left}\" width=\"{right}\" height=\"20\" fill=\"{fill}\"/>\
         <g fill=\"#fff\" font-family=\"monospace\" font-size=\"11\"><text x=\"5\" y=\"14\">{label}</text>\
         <text x=\"{}\" y=\"14\">{state}</text></g></svg>",
        left + 5
    )
}

/// Text within XML; a control character has no place there.
fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars().filter(|c| !c.is_control()) {
        match c {
            '<' | '>' | '&' | '"' => {
                // Writing to a string cannot fail.
                let _ = write!(out, "&#{};", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// Text as one segment of a URL.
fn encoded(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
