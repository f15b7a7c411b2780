//! What a letter says.
//!
//! In: a letter. Out: a line for a person, and the JSON of Alertmanager's webhook, version 4, so
//! that whatever receives from an Alertmanager receives from us. Always: pure.

use crate::clock::iso;
use crate::judge::{CheckId, Ended, How, Ms, Problem, Subject, Time, Transition, Trouble};
use crate::store::Letter;
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// The end of an alert that has none, as Alertmanager writes it.
const NO_END: &str = "0001-01-01T00:00:00Z";

/// The letter in a line.
pub fn summary(letter: &Letter) -> String {
    let message = &letter.message;
    let head = match message.transition {
        Transition::Firing | Transition::Worse | Transition::Better => String::new(),
        Transition::Again => format!("since {}: ", iso(letter.opened)),
        Transition::Released => "still silent: ".into(),
        Transition::Resolved => {
            let times = (iso(letter.opened), iso(letter.written));
            format!("{}, was {} to {}: ", how_all_ended(letter), times.0, times.1)
        }
    };
    let common = message.common.as_ref().map(|(key, value)| format!(" (all have {key}={value})"));
    let begins = message.transition == Transition::Firing;
    let asked = message.note.as_ref().filter(|_| begins);
    let asked = asked.map(|note| format!("; {note}")).unwrap_or_default();
    let body = match &message.subject {
        Subject::Host(host) => host_line(letter, host),
        Subject::Mass(group) => format!(
            "{} of {} hosts{} stopped reporting{}",
            hosts_of(letter),
            message.of,
            if group.is_empty() { String::new() } else { format!(" in {group}") },
            common.unwrap_or_default() + &asked
        ),
        Subject::Everything => {
            format!("{} of all {} hosts stopped reporting{asked}", hosts_of(letter), message.of)
        }
        Subject::Monitor => {
            format!("the monitor: {}", message.note.as_deref().unwrap_or("in trouble"))
        }
    };
    head + &body
}

/// How many hosts a mass silence has, or had once it is over.
fn hosts_of(letter: &Letter) -> usize {
    let message = &letter.message;
    if message.transition == Transition::Resolved {
        message.left.len()
    } else {
        message.hosts.len()
    }
}

/// The word for the end of an incident.
fn how_all_ended(letter: &Letter) -> &'static str {
    let ended = letter.message.ended.iter().map(|ended| ended.how);
    let mut hows = ended.filter(|how| *how != How::Changed);
    let first = hows.next().unwrap_or(How::Recovered);
    if hows.all(|how| how == first) { word(first) } else { "resolved" }
}

fn word(how: How) -> &'static str {
    match how {
        How::Recovered => "resolved",
        How::Paused => "paused",
        How::Removed => "removed",
        How::Changed => "changed",
    }
}

fn host_line(letter: &Letter, host: &str) -> String {
    let message = &letter.message;
    let troubles = &message.troubles;
    let silent = troubles.values().all(|trouble| trouble.problem == Problem::Silent);
    let better = message.transition == Transition::Better;
    if silent && troubles.len() == message.of && message.of > 1 && !better {
        return format!("{host} silent ({} checks)", message.of);
    }
    let line =
        |(id, trouble): (&CheckId, &Trouble)| format!("{} {}", name(letter, *id), trouble.problem);
    let over = |ended: &Ended| {
        format!("{} {} (was {})", name(letter, ended.check), word(ended.how), ended.trouble.problem)
    };
    let told = |ended: &&Ended| better && ended.how != How::Changed;
    let ended = message.ended.iter().filter(told).map(over);
    let lines: Vec<String> = ended.chain(troubles.iter().map(line)).collect();
    let alone = message.of == 1 && is_ping(host);
    if alone { lines.join("; ") } else { format!("{host}: {}", lines.join("; ")) }
}

/// Whether a host is no machine but a check that is pinged.
fn is_ping(host: &str) -> bool {
    uuid::Uuid::parse_str(host).is_ok()
}

fn name(letter: &Letter, id: CheckId) -> String {
    letter.names.get(&id.0).cloned().unwrap_or_else(|| format!("check {}", id.0))
}

/// The letter as Alertmanager's webhook JSON, version 4.
pub fn webhook(letter: &Letter, url: &str) -> Value {
    let message = &letter.message;
    let group = match &message.subject {
        Subject::Host(host) => json!({ "host": host }),
        Subject::Mass(group) => json!({ "group": group }),
        Subject::Everything | Subject::Monitor => json!({}),
    };
    let identity = group.clone();
    let group = match &message.subject {
        // The host of a check that is pinged is its UUID, which lets everybody ping it.
        Subject::Host(host) if is_ping(host) => {
            letter.names.values().next().map_or(json!({}), |name| json!({ "check": name }))
        }
        _ => group,
    };
    let alerts: Vec<Value> =
        alerts(letter).into_iter().map(|alert| alert.json(&group, &identity, url)).collect();
    let status = if message.transition == Transition::Resolved { "resolved" } else { "firing" };
    json!({
        "version": "4", "groupKey": format!("procession:{}", message.incident),
        "truncatedAlerts": 0, "status": status, "receiver": letter.receiver,
        "groupLabels": group, "commonLabels": common(&alerts),
        "commonAnnotations": { "summary": summary(letter), "key": letter.key },
        "externalURL": url, "alerts": alerts,
    })
}

/// One alert of a letter; times are Unix milliseconds.
struct Alert {
    name: &'static str,
    /// The label beside the group's and the name's.
    label: Option<(&'static str, String)>,
    /// Labels by which it is not recognised: they may change while it lasts.
    more: BTreeMap<String, String>,
    annotations: Value,
    starts: Ms,
    /// None while it lasts.
    ends: Option<Ms>,
}

impl Alert {
    /// `group` are the labels of its group that are shown, `identity` those that tell groups apart.
    fn json(self, group: &Value, identity: &Value, url: &str) -> Value {
        let with = |group: &Value| {
            let mut labels = group.as_object().cloned().unwrap_or_default();
            labels.insert("alertname".into(), self.name.into());
            let own =
                self.label.iter().map(|(key, value)| ((*key).to_owned(), value.as_str().into()));
            labels.extend(own);
            labels
        };
        let print = sha1_smol::Sha1::from(Value::Object(with(identity)).to_string());
        let (print, mut labels) = (print.digest().to_string(), with(group));
        for (name, value) in self.more {
            labels.entry(name).or_insert(value.into());
        }
        let status = if self.ends.is_some() { "resolved" } else { "firing" };
        json!({
            "status": status, "labels": labels, "annotations": self.annotations,
            "startsAt": iso(self.starts), "endsAt": self.ends.map_or(NO_END.to_owned(), iso),
            "generatorURL": url, "fingerprint": &print[..16],
        })
    }
}

/// What is firing, and what was and is over.
fn alerts(letter: &Letter) -> Vec<Alert> {
    let message = &letter.message;
    let over = message.transition == Transition::Resolved;
    let wall = |at: Time| letter.written.saturating_sub(message.at - at);
    match &message.subject {
        Subject::Host(_) => {
            let still = |(id, trouble): (&CheckId, &Trouble)| {
                let mut alert = check_alert(letter, *id, trouble);
                alert.ends = over.then_some(letter.written);
                alert
            };
            let ended = |ended: &Ended| {
                let mut alert = check_alert(letter, ended.check, &ended.trouble);
                alert.ends = Some(wall(ended.at));
                alert.annotations["ended"] = word(ended.how).into();
                alert
            };
            let is_over = |id: &CheckId, trouble: &Trouble| {
                let mut ended = message.ended.iter().filter(|ended| ended.check == *id);
                ended.any(|ended| ended.trouble.is_kind_of(trouble))
            };
            let lasting = message.troubles.iter().filter(|(id, trouble)| !is_over(id, trouble));
            lasting.map(still).chain(message.ended.iter().map(ended)).collect()
        }
        Subject::Mass(_) | Subject::Everything => {
            let silent = |host: &String, ends| Alert {
                name: "MassSilence",
                label: Some(("host", host.clone())),
                more: BTreeMap::new(),
                annotations: json!({ "summary": "silent" }),
                starts: letter.opened,
                ends,
            };
            let lasting = message.hosts.iter().map(|host| silent(host, None));
            let left = message.left.iter().map(|(host, at)| silent(host, Some(wall(*at))));
            lasting.chain(left).collect()
        }
        Subject::Monitor => vec![Alert {
            name: "MonitorTrouble",
            label: None,
            more: BTreeMap::new(),
            annotations: json!({ "summary": summary(letter) }),
            starts: letter.opened,
            ends: over.then_some(letter.written),
        }],
    }
}

fn check_alert(letter: &Letter, id: CheckId, trouble: &Trouble) -> Alert {
    let since = letter.message.at - trouble.since;
    let mut annotations = json!({ "summary": trouble.problem.to_string() });
    let details = letter.details.get(&id.0).cloned().unwrap_or_default();
    if let Some(words) = letter.words.get(&id.0) {
        annotations["description"] = format!("last words:\n{}", words.join("\n")).into();
    } else if let Some(body) = &details.body {
        annotations["description"] = body.as_str().into();
    }
    if !details.tags.is_empty() {
        annotations["tags"] = details.tags.into();
    }
    Alert {
        name: alert_name(&trouble.problem),
        label: Some(("check", name(letter, id))),
        more: details.labels,
        annotations,
        starts: letter.written.saturating_sub(since),
        ends: None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::Message;

    fn letter(subject: Subject, transition: Transition, note: Option<&str>) -> Letter {
        let message = Message {
            hosts: vec!["web-1".into(), "web-2".into()],
            of: 3,
            note: note.map(str::to_owned),
            ..Message::bare(7, 1, transition, subject)
        };
        Letter::bare(message.key(), "ops", message, 0)
    }

    #[test]
    fn a_silence_of_everything_asks_its_question_when_it_begins_and_names_each_host() {
        let note = Some("is it the network?");
        let begins = letter(Subject::Everything, Transition::Firing, note);
        assert_eq!(summary(&begins), "2 of all 3 hosts stopped reporting; is it the network?");
        let lasts = letter(Subject::Everything, Transition::Released, note);
        assert_eq!(summary(&lasts), "still silent: 2 of all 3 hosts stopped reporting");
        let group = letter(Subject::Mass("eu".into()), Transition::Firing, note);
        assert_eq!(summary(&group), "2 of 3 hosts in eu stopped reporting; is it the network?");
        let hosts = webhook(&begins, "http://monitor")["alerts"].clone();
        let host = |number: usize| hosts[number]["labels"]["host"].clone();
        assert_eq!((host(0), host(1)), ("web-1".into(), "web-2".into()));
    }
}
