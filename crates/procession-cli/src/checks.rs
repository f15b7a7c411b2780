//! `procession checks`: list, add, pause, resume and delete, through the management API.
//!
//! In: a wish, and a key that may do it. Out: the check as the monitor shows it afterwards. Always:
//! a name that several checks have changes none of them.

use crate::output::{print, say};
use crate::reach::{Reach, ReachError};
use crate::status::{encoded, span};
use crate::text::{plain, table};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};
use std::error::Error;
use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

/// What is wished.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    wish: Wish,
}

#[derive(Debug, Subcommand)]
enum Wish {
    /// List checks
    List(List),
    /// Add a check that is pinged, and print where
    Add(Add),
    /// Stop judging a check until it is resumed
    Pause(One),
    /// Judge a paused check again
    Resume(One),
    /// Delete a check and its history
    Delete(One),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    reach: Reach,
    /// Only checks with this tag; more than one: with all of them
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    reach: Reach,
    /// Its name
    name: String,
    /// The name in ping URLs with a ping key
    #[arg(long, value_name = "SLUG")]
    slug: Option<String>,
    /// The longest time between two pings
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    every: Option<Duration>,
    /// When it is pinged, as cron or systemd's calendar write it, instead of --every
    #[arg(long, value_name = "SCHEDULE", conflicts_with = "every")]
    schedule: Option<String>,
    /// The schedule's time zone
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    tz: Option<String>,
    /// How much longer silence is forgiven
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    grace: Option<Duration>,
    /// A tag
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct One {
    #[command(flatten)]
    reach: Reach,
    /// Its UUID, its name or its slug
    check: String,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
}

/// Why no check is meant.
#[derive(Debug)]
enum Unclear {
    /// There is none.
    None(String),
    /// There are several; their UUIDs.
    Several(String, Vec<String>),
}

const CHECKS: &str = "/api/v3/checks/";

/// Does it.
pub(crate) fn act(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    match &options.wish {
        Wish::List(list) => {
            let checks = all(&list.reach, &list.tag)?;
            if list.json {
                say!("{:#}", Value::Array(checks))?;
            } else {
                print(&picture(&checks))?;
            }
        }
        Wish::Add(add) => {
            let check = add.reach.json("POST", CHECKS, Some(&wish(add)))?;
            if add.json {
                say!("{check:#}")?;
            } else {
                say!("{}", plain(check["ping_url"].as_str().unwrap_or_default()))?;
            }
        }
        Wish::Pause(one) => change(one, "POST", "/pause")?,
        Wish::Resume(one) => change(one, "POST", "/resume")?,
        Wish::Delete(one) => change(one, "DELETE", "")?,
    }
    Ok(ExitCode::SUCCESS)
}

fn change(one: &One, method: &str, what: &str) -> Result<(), Box<dyn Error>> {
    let uuid = find(&all(&one.reach, &[])?, &one.check)?;
    let check = one.reach.json(method, &format!("{CHECKS}{uuid}{what}"), None)?;
    if one.json {
        return Ok(say!("{check:#}")?);
    }
    let state = if method == "DELETE" { "deleted" } else { check["status"].as_str().unwrap_or("") };
    let name = plain(check["name"].as_str().unwrap_or_default());
    Ok(say!("{name}: {state}")?)
}

fn all(reach: &Reach, tags: &[String]) -> Result<Vec<Value>, ReachError> {
    let tags: Vec<String> = tags.iter().map(|tag| format!("tag={}", encoded(tag))).collect();
    let answer = reach.json("GET", &format!("{CHECKS}?{}", tags.join("&")), None)?;
    Ok(answer["checks"].as_array().cloned().unwrap_or_default())
}

fn find(checks: &[Value], wanted: &str) -> Result<String, Unclear> {
    let is = |check: &&Value| {
        ["uuid", "name", "slug"].iter().any(|field| check[*field].as_str() == Some(wanted))
    };
    let uuids = checks.iter().filter(is).filter_map(|check| check["uuid"].as_str());
    let mut uuids: Vec<String> = uuids.map(str::to_owned).collect();
    match uuids.len() {
        1 => Ok(uuids.remove(0)),
        0 => Err(Unclear::None(wanted.into())),
        _ => Err(Unclear::Several(wanted.into(), uuids)),
    }
}

fn wish(add: &Add) -> Value {
    let mut fields = Map::new();
    fields.insert("name".into(), json!(add.name));
    let texts = [("slug", &add.slug), ("schedule", &add.schedule), ("tz", &add.tz)];
    for (field, text) in texts {
        if let Some(text) = text {
            fields.insert(field.into(), json!(text));
        }
    }
    for (field, time) in [("timeout", add.every), ("grace", add.grace)] {
        if let Some(time) = time {
            fields.insert(field.into(), json!(time.as_secs()));
        }
    }
    if !add.tag.is_empty() {
        fields.insert("tags".into(), json!(add.tag.join(" ")));
    }
    Value::Object(fields)
}

fn picture(checks: &[Value]) -> String {
    let head = ["STATE", "NAME", "EVERY", "GRACE", "LAST PING", "TAGS", "UUID"];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for check in checks {
        let cell = |name: &str| match &check[name] {
            Value::String(text) if !text.is_empty() => plain(text),
            _ => "-".to_owned(),
        };
        let time = |name: &str| check[name].as_u64().map(|seconds| span(seconds * 1_000));
        let every = time("timeout").unwrap_or_else(|| cell("schedule"));
        let grace = time("grace").unwrap_or_default();
        let name = [cell("status"), cell("name"), every, grace, cell("last_ping"), cell("tags")];
        rows.push(name.into_iter().chain([cell("uuid")]).collect());
    }
    table(&rows)
}

impl fmt::Display for Unclear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unclear::None(name) => {
                write!(f, "no check is called `{name}`: `procession checks list` shows them")
            }
            Unclear::Several(name, uuids) => write!(
                f,
                "{} checks are called `{name}`: name one by its UUID: {}",
                uuids.len(),
                uuids.join(", ")
            ),
        }
    }
}

impl Error for Unclear {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_is_found_by_each_of_its_names_and_an_ambiguous_one_is_not() {
        let check = |uuid: &str, name: &str| json!({ "uuid": uuid, "name": name, "slug": "s" });
        let checks = [check("1", "a"), check("2", "b")];
        assert_eq!(find(&checks, "b").expect("one"), "2");
        assert_eq!(find(&checks, "1").expect("one"), "1");
        assert!(matches!(find(&checks, "s"), Err(Unclear::Several(_, uuids)) if uuids.len() == 2));
        assert!(matches!(find(&checks, "x"), Err(Unclear::None(_))));
    }
}
