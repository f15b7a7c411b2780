//! The monitor's own series.

use super::exposition::{Exposition, Kind};
use crate::alerts::sender::trouble_of;
use crate::intake::app::App;
use crate::intake::check_json::unique_key;
use crate::judge::Ms;
use crate::registry::View;
use crate::store::commits::{BOUNDS, CommitTimes};
use std::sync::atomic::Ordering;

/// A time of each check that has one, in milliseconds, told in seconds.
type Time = (&'static str, &'static str, fn(&View) -> Option<Ms>);

const TIMES: [Time; 3] = [
    (
        "procession_check_last_seen_timestamp_seconds",
        "When the check was last heard of, in Unix time.",
        |view| view.standing.last_ping,
    ),
    (
        "procession_check_run_started_timestamp_seconds",
        "When the run under way began, in Unix time.",
        |view| view.run,
    ),
    (
        "procession_check_last_run_duration_seconds",
        "How long the last run of the check took.",
        |view| view.last_duration,
    ),
];

pub(super) fn write(out: &mut Exposition, app: &App, views: &[View]) {
    checks(out, views);
    receivers(out, app);
    let health = app.registry.health();
    commits(out, &health.commits);
    out.single(
        "procession_database_failing",
        Kind::Gauge,
        "Whether the last commit failed.",
        u8::from(health.problem.is_some()),
    );
    out.single(
        "procession_history_dropped_rows_total",
        Kind::Counter,
        "Rows of history given up since the start.",
        health.dropped,
    );
    out.single(
        "procession_beats_taken_total",
        Kind::Counter,
        "Beats and pings taken since the start.",
        app.taken.load(Ordering::Relaxed),
    );
    out.single(
        "procession_incidents_open",
        Kind::Gauge,
        "Incidents that are open.",
        app.registry.incidents().len(),
    );
    out.single(
        "procession_connections_open",
        Kind::Gauge,
        "Connections that are open.",
        app.connections.open(),
    );
    out.single(
        "procession_connections_refused_total",
        Kind::Counter,
        "Connections closed at once since the start, since there was no room.",
        app.connections.refused(),
    );
    if let Some(certificate) = &app.certificate {
        out.single(
            "procession_certificate_expiry_timestamp_seconds",
            Kind::Gauge,
            "When the certificate ends, in Unix time.",
            certificate.ends(),
        );
    }
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.family("procession_build_info", Kind::Gauge, "The version of the monitor.");
    out.sample("procession_build_info", &version, 1);
}

fn checks(out: &mut Exposition, views: &[View]) {
    let name = "procession_check_state";
    out.family(name, Kind::Gauge, "The state in which the check is, with the value 1.");
    for view in views {
        labelled(view, |labels| {
            out.sample(name, &[labels, &[("state", view.state.word())]].concat(), 1);
        });
    }
    for (name, help, of) in TIMES {
        out.family(name, Kind::Gauge, help);
        for view in views {
            if let Some(ms) = of(view) {
                labelled(view, |labels| out.sample(name, labels, seconds(ms)));
            }
        }
    }
}

/// Gives the labels of a check. One that is pinged has no host of its own.
fn labelled(view: &View, mut with: impl FnMut(&[(&str, &str)])) {
    let (record, key) = (&view.record, unique_key(view.record.uuid));
    let host = if record.heartbeat { record.host.as_str() } else { "" };
    let group = record.group.as_str();
    with(&[("host", host), ("name", &record.name), ("group", group), ("unique_key", &key)]);
}

fn receivers(out: &mut Exposition, app: &App) {
    let name = "procession_receiver_failing";
    out.family(name, Kind::Gauge, "Whether the receiver takes no messages.");
    for (receiver, kind) in &app.receivers {
        let failing = app.registry.has_problem(&trouble_of(receiver));
        out.sample(name, &[("receiver", receiver), ("kind", kind)], u8::from(failing));
    }
    let name = "procession_receiver_queue_messages";
    out.family(name, Kind::Gauge, "Messages that wait for the receiver.");
    for (receiver, tally) in &app.tallies {
        out.sample(name, &[("receiver", receiver)], tally.waiting());
    }
    let name = "procession_receiver_attempts_total";
    out.family(name, Kind::Counter, "Attempts to deliver a message to the receiver.");
    for (receiver, tally) in &app.tallies {
        let outcomes = [("delivered", tally.delivered()), ("failed", tally.failed())];
        for (outcome, count) in outcomes {
            out.sample(name, &[("receiver", receiver), ("outcome", outcome)], count);
        }
    }
}

fn commits(out: &mut Exposition, times: &CommitTimes) {
    let name = "procession_commit_duration_seconds";
    out.family(name, Kind::Histogram, "How long commits of the database took.");
    let bucket = format!("{name}_bucket");
    for (bound, count) in BOUNDS.iter().zip(times.cumulative()) {
        out.sample(&bucket, &[("le", &bound.as_secs_f64().to_string())], count);
    }
    out.sample(&bucket, &[("le", "+Inf")], times.count());
    out.sample(&format!("{name}_sum"), &[], times.sum().as_secs_f64());
    out.sample(&format!("{name}_count"), &[], times.count());
}

fn seconds(ms: Ms) -> String {
    format!("{}.{:03}", ms / 1_000, ms % 1_000)
}
