//! A check's state as a picture or a line, for a README or a dashboard.
//!
//! In: a badge's key, which opens nothing else. Out: SVG, JSON, or the JSON of shields.io. Always:
//! whoever has the key needs no other secret; with two states, late is up.

use super::app::App;
use super::check_json::{badge_key, status};
use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;
use std::fmt::Write;
use std::sync::Arc;

/// Width of a letter of the picture's font, and the space around a word, in pixels.
const LETTER: usize = 7;
const SPACE: usize = 10;

/// `GET /b/<2 or 3>/<badge key>.<svg, json or shields>`
pub async fn badge(
    State(app): State<Arc<App>>,
    Path((states, file)): Path<(String, String)>,
) -> Response {
    let not_found = || (StatusCode::NOT_FOUND, "not found").into_response();
    let Some((key, format)) = file.rsplit_once('.') else { return not_found() };
    if !matches!(states.as_str(), "2" | "3") {
        return not_found();
    }
    let views = app.registry.views();
    let Some(view) = views.iter().find(|view| badge_key(view.record.uuid).to_string() == key)
    else {
        return not_found();
    };
    let known = status(view);
    let shown = match known {
        "down" => "down",
        "grace" if states == "3" => "late",
        _ => "up",
    };
    let name = if view.record.name.is_empty() { &view.record.slug } else { &view.record.name };
    let body = match format {
        "svg" => ([("content-type", "image/svg+xml")], svg(name, shown)).into_response(),
        "json" => Json(json!({
            "status": shown, "total": 1, "grace": u8::from(known == "grace"),
            "down": u8::from(known == "down"),
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
