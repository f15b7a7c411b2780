//! Prometheus.
//!
//! In: everything the registry shows. Out: the text exposition format, version 0.0.4. Always: the
//! `hc_*` series are those of healthchecks, so its dashboards work; ours begin with `procession_`.

use super::app::App;
use super::check_json::{status, unique_key};
use super::path::canonical;
use super::status::forbidden;
use crate::alerts::sender::trouble_of;
use crate::registry::{Scope, View};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
    (headers, text(app)).into_response()
}

fn text(app: &App) -> String {
    let views = app.registry.views();
    let mut out = String::new();
    series(&mut out, &views, "hc_check_up", "Whether the check is up (1) or down (0).", |view| {
        status(view) != "down"
    });
    series(&mut out, &views, "hc_check_started", "Whether a run is under way.", |view| {
        view.run.is_some()
    });
    series(&mut out, &views, "hc_check_grace", "Whether the check is late.", |view| {
        status(view) == "grace"
    });
    series(&mut out, &views, "hc_check_paused", "Whether the check is paused.", |view| {
        status(view) == "paused"
    });
    let mut tags = BTreeMap::<&str, bool>::new();
    for view in &views {
        for tag in view.record.tags.split_whitespace() {
            *tags.entry(tag).or_insert(true) &= status(view) != "down";
        }
    }
    head(&mut out, "hc_tag_up", "Whether all checks of the tag are up.");
    for (tag, up) in tags {
        line(&mut out, format_args!("hc_tag_up{{tag=\"{}\"}} {}", escape(tag), u8::from(up)));
    }
    let down = views.iter().filter(|view| status(view) == "down").count();
    let health = app.registry.health();
    let gauges = [
        ("hc_checks_total", "The number of checks.", views.len() as u64),
        ("hc_checks_down_total", "The number of checks that are down.", down as u64),
        (
            "procession_database_failing",
            "Whether the last commit failed.",
            u64::from(health.problem.is_some()),
        ),
        ("procession_history_dropped", "Rows of history given up.", health.dropped),
        (
            "procession_beats_taken",
            "Beats and pings taken since the start.",
            app.taken.load(Ordering::Relaxed),
        ),
        (
            "procession_incidents_open",
            "Incidents that are open.",
            app.registry.incidents().len() as u64,
        ),
    ];
    for (name, help, value) in gauges {
        head(&mut out, name, help);
        line(&mut out, format_args!("{name} {value}"));
    }
    let name = "procession_receiver_failing";
    head(&mut out, name, "Whether the receiver takes no messages.");
    for (receiver, _) in &app.receivers {
        let failing = u8::from(app.registry.has_problem(&trouble_of(receiver)));
        line(&mut out, format_args!("{name}{{receiver=\"{}\"}} {failing}", escape(receiver)));
    }
    out
}

fn series(out: &mut String, views: &[View], name: &str, help: &str, is: impl Fn(&View) -> bool) {
    head(out, name, help);
    for view in views {
        let record = &view.record;
        let (label, tags, key) =
            (escape(&record.name), escape(&record.tags), unique_key(record.uuid));
        let value = u8::from(is(view));
        line(
            out,
            format_args!(
                "{name}{{name=\"{label}\", tags=\"{tags}\", unique_key=\"{key}\"}} {value}"
            ),
        );
    }
}

fn head(out: &mut String, name: &str, help: &str) {
    line(out, format_args!("# HELP {name} {help}"));
    line(out, format_args!("# TYPE {name} gauge"));
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{text}");
}

fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
