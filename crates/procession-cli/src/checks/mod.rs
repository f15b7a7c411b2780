//! `procession checks`: list, show, add, edit, pause, resume and delete checks, and forget a host.
//!
//! # Invariants
//! - A name that several checks have changes none of them.
//! - No check gets an empty name, or a name that another one is called by.
//!
//! | module | what is in it |
//! |---|---|
//! | `fields` | the fields of a check that options give |
//! | `picture` | checks as text |

mod fields;
mod picture;

use crate::output::{print, say};
use crate::reach::{Reach, ReachError};
use crate::status::encoded;
use crate::text::plain;
use clap::{Args, Subcommand};
use fields::Fields;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

/// What to do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List checks
    List(List),
    /// Show one check, and its last pings
    Show(One),
    /// Add a check that is pinged, and print where
    Add(Add),
    /// Change a check
    Edit(Edit),
    /// Stop judging a check until it is resumed
    Pause(One),
    /// Judge a paused check again
    Resume(One),
    /// Delete a check and its history
    Delete(One),
    /// Delete all programs of a host that is no more; one that still reports comes back
    Forget(Forget),
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
    #[command(flatten)]
    fields: Fields,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Edit {
    #[command(flatten)]
    reach: Reach,
    /// Its UUID, its name or its slug
    check: String,
    /// Another name
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    #[command(flatten)]
    fields: Fields,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Forget {
    #[command(flatten)]
    reach: Reach,
    /// The host, as `procession status` shows it
    host: String,
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

/// Why nothing was changed.
#[derive(Debug)]
enum Unclear {
    /// There is no such check.
    None(String),
    /// There are several; their UUIDs.
    Several(String, Vec<String>),
    /// A check has a name.
    NoName,
    /// A check is called so already; its UUID.
    Taken(String, String),
    /// No option says what to change.
    NoChange,
    /// The monitor knows no program of this host.
    NoHost(String),
}

const CHECKS: &str = "/api/v3/checks/";

/// Carries the subcommand out.
pub(crate) fn act(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    match &options.action {
        Action::List(list) => {
            let checks = all(&list.reach, &list.tag)?;
            if list.json {
                say!("{:#}", Value::Array(checks))?;
            } else {
                print(&picture::list(&checks, Timestamp::now()))?;
            }
        }
        Action::Show(one) => show(one)?,
        Action::Add(add) => {
            refuse_name(&add.name, &all(&add.reach, &[])?, None)?;
            let mut fields = add.fields.json();
            fields.insert("name".into(), json!(add.name));
            let check = write(&add.reach, CHECKS, &Value::Object(fields))?;
            say_one(&check, add.json, check["ping_url"].as_str().unwrap_or_default())?;
        }
        Action::Edit(edit) => change_fields(edit)?,
        Action::Pause(one) => change(one, "POST", "/pause")?,
        Action::Resume(one) => change(one, "POST", "/resume")?,
        Action::Delete(one) => change(one, "DELETE", "")?,
        Action::Forget(forget) => forget_host(forget)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn say_one(check: &Value, json: bool, line: &str) -> Result<(), Box<dyn Error>> {
    Ok(if json { say!("{check:#}") } else { say!("{}", plain(line)) }?)
}

fn show(one: &One) -> Result<(), Box<dyn Error>> {
    let uuid = find(&all(&one.reach, &[])?, &one.check)?;
    let mut check = one.reach.json("GET", &format!("{CHECKS}{uuid}"), None)?;
    let mut pings = one.reach.json("GET", &format!("{CHECKS}{uuid}/pings/"), None)?;
    check["pings"] = pings["pings"].take();
    if one.json {
        return Ok(say!("{check:#}")?);
    }
    Ok(print(&picture::one(&check, Timestamp::now()))?)
}

fn change_fields(edit: &Edit) -> Result<(), Box<dyn Error>> {
    let checks = all(&edit.reach, &[])?;
    let uuid = find(&checks, &edit.check)?;
    let mut fields = edit.fields.json();
    if let Some(name) = &edit.name {
        refuse_name(name, &checks, Some(&uuid))?;
        fields.insert("name".into(), json!(name));
    }
    if fields.is_empty() {
        return Err(Unclear::NoChange.into());
    }
    let check = write(&edit.reach, &format!("{CHECKS}{uuid}"), &Value::Object(fields))?;
    if edit.json {
        return Ok(say!("{check:#}")?);
    }
    Ok(print(&picture::one(&check, Timestamp::now()))?)
}

/// Sends the fields of a check; a refusal names the option.
fn write(reach: &Reach, path: &str, fields: &Value) -> Result<Value, Box<dyn Error>> {
    reach.json("POST", path, Some(fields)).map_err(|error| match &error {
        ReachError::Refused(_, 400, words) => match fields::in_options(words) {
            Some(words) => words.into(),
            None => error.into(),
        },
        _ => error.into(),
    })
}

fn change(one: &One, method: &str, what: &str) -> Result<(), Box<dyn Error>> {
    let uuid = find(&all(&one.reach, &[])?, &one.check)?;
    let check = one.reach.json(method, &format!("{CHECKS}{uuid}{what}"), None)?;
    let state = if method == "DELETE" { "deleted" } else { check["status"].as_str().unwrap_or("") };
    let name = check["name"].as_str().unwrap_or_default();
    say_one(&check, one.json, &format!("{name}: {state}"))
}

fn forget_host(forget: &Forget) -> Result<(), Box<dyn Error>> {
    let host = &forget.host;
    // The filter means every check with this in its host or name.
    let path = format!("/api/status?limit={}&filter={}", u32::MAX, encoded(host));
    let status = forget.reach.json("GET", &path, None)?;
    let checks = status["checks"].as_array().into_iter().flatten();
    let is_there = |check: &&Value| check["host"] == host.as_str() && check["heartbeat"] == true;
    let programs: Vec<&Value> = checks.filter(is_there).collect();
    if programs.is_empty() {
        return Err(Unclear::NoHost(host.clone()).into());
    }
    for program in programs {
        let uuid = program["uuid"].as_str().unwrap_or_default();
        forget.reach.json("DELETE", &format!("{CHECKS}{uuid}"), None)?;
        say!("{}: deleted", plain(program["name"].as_str().unwrap_or_default()))?;
    }
    Ok(())
}

/// Refuses a name that is none, or by which another check than `own` is called.
fn refuse_name(name: &str, checks: &[Value], own: Option<&str>) -> Result<(), Unclear> {
    if name.trim().is_empty() {
        return Err(Unclear::NoName);
    }
    let mut others = called(checks, name).filter(|uuid| Some(*uuid) != own);
    match others.next() {
        None => Ok(()),
        Some(uuid) => Err(Unclear::Taken(name.into(), uuid.into())),
    }
}

fn all(reach: &Reach, tags: &[String]) -> Result<Vec<Value>, ReachError> {
    let tags: Vec<String> = tags.iter().map(|tag| format!("tag={}", encoded(tag))).collect();
    let answer = reach.json("GET", &format!("{CHECKS}?{}", tags.join("&")), None)?;
    Ok(answer["checks"].as_array().cloned().unwrap_or_default())
}

/// The UUIDs of the checks that have this UUID, name or slug.
fn called<'c>(checks: &'c [Value], wanted: &str) -> impl Iterator<Item = &'c str> {
    let is = move |check: &&Value| {
        ["uuid", "name", "slug"].iter().any(|field| check[*field].as_str() == Some(wanted))
    };
    checks.iter().filter(is).filter_map(|check| check["uuid"].as_str())
}

fn find(checks: &[Value], wanted: &str) -> Result<String, Unclear> {
    let mut uuids: Vec<String> = called(checks, wanted).map(str::to_owned).collect();
    match uuids.len() {
        1 => Ok(uuids.remove(0)),
        0 => Err(Unclear::None(wanted.into())),
        _ => Err(Unclear::Several(wanted.into(), uuids)),
    }
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
            Unclear::NoName => f.write_str("a check has a name: give one"),
            Unclear::Taken(name, uuid) => write!(
                f,
                "a check is called `{name}` already, {uuid}: choose another name, or change that \
                 one with `procession checks edit`"
            ),
            Unclear::NoChange => {
                f.write_str("nothing says what to change: `procession checks edit --help`")
            }
            Unclear::NoHost(host) => write!(
                f,
                "no program of the host `{host}` is known: `procession status` shows the hosts"
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

    #[test]
    fn a_name_that_is_empty_or_taken_is_refused_and_a_check_keeps_its_own() {
        let check = |uuid: &str, name: &str| json!({ "uuid": uuid, "name": name, "slug": name });
        let checks = [check("1", "a"), check("2", "b")];
        let refuse = |name, own| refuse_name(name, &checks, own);
        assert!(matches!(refuse("", None), Err(Unclear::NoName)));
        assert!(matches!(refuse(" \t", None), Err(Unclear::NoName)));
        assert!(matches!(refuse("b", None), Err(Unclear::Taken(_, uuid)) if uuid == "2"));
        assert!(matches!(refuse("b", Some("1")), Err(Unclear::Taken(..))));
        assert!(refuse("b", Some("2")).is_ok() && refuse("c", None).is_ok());
    }
}
