//! What a letter says.
//!
//! In: a letter. Out: a line for a person, and the JSON of Alertmanager's webhook, version 4, so
//! that whatever receives from an Alertmanager receives from us. Always: pure.

use crate::intake::check_json::iso;
use crate::judge::{CheckId, Problem, Subject, Transition, Trouble};
use crate::store::Letter;
use serde_json::{Map, Value, json};

/// The end of an alert that has none, as Alertmanager writes it.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// The letter in a line.
pub fn summary(letter: &Letter) -> String {
    let message = &letter.message;
    let head = match message.transition {
        Transition::Firing | Transition::Worse => String::new(),
        Transition::Again => format!("since {}: ", iso(letter.opened)),
        Transition::Released => "still silent: ".into(),
        Transition::Resolved => {
            format!("resolved, was {} to {}: ", iso(letter.opened), iso(letter.written))
        }
    };
    let common = message.common.as_ref().map(|(key, value)| format!(" (all have {key}={value})"));
    let body = match &message.subject {
        Subject::Host(host) => host_line(letter, host),
        Subject::Mass(group) => format!(
            "{} of {} hosts{} stopped reporting{}",
            message.hosts.len(),
            message.of,
            if group.is_empty() { String::new() } else { format!(" in {group}") },
            common.unwrap_or_default()
        ),
        Subject::Monitor => {
            format!("the monitor: {}", message.note.as_deref().unwrap_or("in trouble"))
        }
    };
    head + &body
}

fn host_line(letter: &Letter, host: &str) -> String {
    let message = &letter.message;
    let troubles = &message.troubles;
    let silent = troubles.values().all(|trouble| trouble.problem == Problem::Silent);
    if silent && troubles.len() == message.of && message.of > 1 {
        return format!("{host} silent ({} checks)", message.of);
    }
    let line =
        |(id, trouble): (&CheckId, &Trouble)| format!("{} {}", name(letter, *id), trouble.problem);
    let lines: Vec<String> = troubles.iter().map(line).collect();
    // A ping's host is the ping itself.
    let alone = message.of == 1 && uuid::Uuid::parse_str(host).is_ok();
    if alone { lines.join("; ") } else { format!("{host}: {}", lines.join("; ")) }
}

fn name(letter: &Letter, id: CheckId) -> String {
    letter.names.get(&id.0).cloned().unwrap_or_else(|| format!("check {}", id.0))
}

/// The letter as Alertmanager's webhook JSON, version 4.
pub fn webhook(letter: &Letter, url: &str) -> Value {
    let message = &letter.message;
    let resolved = message.transition == Transition::Resolved;
    let status = if resolved { "resolved" } else { "firing" };
    let ends = if resolved { iso(letter.written) } else { NO_END.to_owned() };
    let group = match &message.subject {
        Subject::Host(host) => json!({ "host": host }),
        Subject::Mass(group) => json!({ "group": group }),
        Subject::Monitor => json!({}),
    };
    let alert = |labels: Value, annotations: Value| {
        let print = sha1_smol::Sha1::from(labels.to_string()).digest().to_string();
        json!({
            "status": status, "labels": labels, "annotations": annotations,
            "startsAt": iso(letter.opened), "endsAt": ends, "generatorURL": url,
            "fingerprint": &print[..16],
        })
    };
    let named = |name: &str, more: &[(&str, String)]| {
        let mut labels = group.as_object().cloned().unwrap_or_default();
        labels.insert("alertname".into(), name.into());
        labels.extend(more.iter().map(|(key, value)| ((*key).to_owned(), value.clone().into())));
        Value::Object(labels)
    };
    let alerts: Vec<Value> = match &message.subject {
        Subject::Host(_) => {
            let trouble = |(id, trouble): (&CheckId, &Trouble)| {
                let check = ("check", name(letter, *id));
                let mut said = json!({ "summary": trouble.problem.to_string() });
                if let Some(words) = letter.words.get(&id.0) {
                    said["description"] = format!("last words:\n{}", words.join("\n")).into();
                }
                alert(named(alert_name(&trouble.problem), &[check]), said)
            };
            message.troubles.iter().map(trouble).collect()
        }
        Subject::Mass(_) => {
            let silent = |host: &String| {
                let labels = named("MassSilence", &[("host", host.clone())]);
                alert(labels, json!({ "summary": "silent" }))
            };
            message.hosts.iter().map(silent).collect()
        }
        Subject::Monitor => {
            vec![alert(named("MonitorTrouble", &[]), json!({ "summary": summary(letter) }))]
        }
    };
    json!({
        "version": "4", "groupKey": format!("procession:{}", message.incident),
        "truncatedAlerts": 0, "status": status, "receiver": letter.receiver,
        "groupLabels": group, "commonLabels": common(&alerts),
        "commonAnnotations": { "summary": summary(letter), "key": letter.key },
        "externalURL": url, "alerts": alerts,
    })
}

fn alert_name(problem: &Problem) -> &'static str {
    match problem {
        Problem::Silent => "Silent",
        Problem::Failed(_) => "Failed",
        Problem::Dead(_) => "Dead",
        Problem::Stuck(_) => "Stuck",
        Problem::Overran => "Overran",
        Problem::NotBack => "NotBack",
    }
}

/// The labels that all alerts share.
fn common(alerts: &[Value]) -> Value {
    let labels = |alert: &Value| alert["labels"].as_object().cloned().unwrap_or_default();
    let mut shared: Map<String, Value> = alerts.first().map(labels).unwrap_or_default();
    for alert in alerts {
        let own = labels(alert);
        shared.retain(|key, value| own.get(key) == Some(value));
    }
    Value::Object(shared)
}
