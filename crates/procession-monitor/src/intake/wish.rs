//! What an operator's JSON wishes for.
//!
//! In: the fields of a request to make or change a check. Out: a [`Wish`], or what is wrong in the
//! words of the healthchecks API. Always: pure; the whole wish is checked before any of it is done;
//! a field that we cannot honour (filters of mail, a choice of receivers) is refused, never ignored.

use super::check_json::channel_id;
use crate::judge::Ms;
use crate::registry::{Schedule, Wish};
use serde_json::{Map, Value};

/// Shortest and longest timeout and grace of the API: a minute and a year, in seconds.
const SPAN: std::ops::RangeInclusive<u64> = 60..=31_536_000;
/// Why a filter of mail is refused.
const NO_MAIL: &str = "is not supported: pings come over HTTP only";
/// What may say which check is meant.
const UNIQUE: [&str; 5] = ["name", "slug", "tags", "timeout", "grace"];

/// Reads a wish.
pub fn read(fields: &Map<String, Value>) -> Result<Wish, String> {
    for field in ["subject", "subject_fail"] {
        if text(fields, field, 200)?.is_some_and(|text| !text.is_empty()) {
            return Err(wrong(field, NO_MAIL));
        }
    }
    for field in ["filter_subject", "filter_body"] {
        if flag(fields, field)? == Some(true) {
            return Err(wrong(field, NO_MAIL));
        }
    }
    let zone = text(fields, "tz", 36)?;
    let schedule = text(fields, "schedule", 100)?;
    if zone.is_some() || schedule.is_some() {
        let zone = zone.as_deref().unwrap_or("UTC");
        Schedule::read(schedule.as_deref().unwrap_or("* * * * *"), zone)
            .map_err(|(field, why)| wrong(field, why))?;
    }
    let slug = text(fields, "slug", 100)?;
    let in_slug = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_';
    if slug.as_ref().is_some_and(|slug| !slug.chars().all(in_slug)) {
        return Err(wrong("slug", "does not match pattern"));
    }
    let methods = match fields.get("methods").map(Value::as_str) {
        None => None,
        Some(Some(methods @ ("" | "POST"))) => Some(methods.to_owned()),
        Some(_) => return Err(wrong("methods", "has unexpected value")),
    };
    Ok(Wish {
        name: text(fields, "name", 100)?,
        slug,
        tags: text(fields, "tags", 500)?,
        desc: text(fields, "desc", 10_000)?,
        period: span(fields, "timeout")?,
        grace: span(fields, "grace")?,
        manual_resume: flag(fields, "manual_resume")?,
        methods,
        schedule,
        zone,
        look: flag(fields, "filter_http_body")?,
        words: [
            text(fields, "start_kw", 200)?,
            text(fields, "success_kw", 200)?,
            text(fields, "failure_kw", 200)?,
        ],
        else_fail: flag(fields, "filter_default_fail")?,
        unique: unique(fields)?,
        slug_follows: false,
    })
}

/// Which receivers are told of a check: here always all of them, so that nothing else may be asked.
/// They are named by their names or their ids, between commas.
pub fn channels(fields: &Map<String, Value>, receivers: &[&str]) -> Result<(), String> {
    let Some(asked) = text(fields, "channels", usize::MAX)? else { return Ok(()) };
    if asked == "*" {
        return Ok(());
    }
    let named = asked.split(',').filter(|_| !asked.is_empty());
    let mut missing: Vec<&str> = receivers.to_vec();
    for identifier in named {
        if identifier.is_empty() {
            return Err("empty channel identifier".into());
        }
        let is = |name: &&str| **name == *identifier || channel_id(name) == identifier;
        if !receivers.iter().any(is) {
            return Err(format!("invalid channel identifier: {identifier}"));
        }
        missing.retain(|name| !is(name));
    }
    if missing.is_empty() {
        return Ok(());
    }
    Err(wrong("channels", "is not supported: every receiver is told of every check"))
}

fn wrong(field: &str, why: &str) -> String {
    format!("json validation error: {field} {why}")
}

fn text(fields: &Map<String, Value>, field: &str, most: usize) -> Result<Option<String>, String> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::String(text)) if text.chars().count() <= most => Ok(Some(text.clone())),
        Some(Value::String(_)) => Err(wrong(field, "is too long")),
        Some(_) => Err(wrong(field, "is not a string")),
    }
}

fn span(fields: &Map<String, Value>, field: &str) -> Result<Option<Ms>, String> {
    match fields.get(field).map(Value::as_u64) {
        None => Ok(None),
        Some(Some(seconds)) if SPAN.contains(&seconds) => Ok(Some(seconds * 1_000)),
        Some(Some(seconds)) if seconds < *SPAN.start() => Err(wrong(field, "is too small")),
        Some(Some(_)) => Err(wrong(field, "is too large")),
        Some(None) if fields[field].as_i64().is_some() => Err(wrong(field, "is too small")),
        Some(None) => Err(wrong(field, "is not a number")),
    }
}

fn flag(fields: &Map<String, Value>, field: &str) -> Result<Option<bool>, String> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Bool(value)) => Ok(Some(*value)),
        Some(_) => Err(wrong(field, "is not a boolean")),
    }
}

fn unique(fields: &Map<String, Value>) -> Result<Vec<String>, String> {
    let names = match fields.get("unique") {
        None => return Ok(Vec::new()),
        Some(Value::Array(names)) => names,
        Some(_) => return Err(wrong("unique", "is not an array")),
    };
    let name = |name: &Value| match name.as_str() {
        Some(name) if UNIQUE.contains(&name) => Ok(name.to_owned()),
        _ => Err(wrong("an item in 'unique'", "has unexpected value")),
    };
    names.iter().map(name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn of(json: &Value) -> Result<Wish, String> {
        read(json.as_object().unwrap())
    }

    #[test]
    fn a_wish_is_read_whole() {
        let wish =
            of(&json!({ "name": "n", "timeout": 60, "grace": 120, "unique": ["name"] })).unwrap();
        assert_eq!((wish.period, wish.grace), (Some(60_000), Some(120_000)));
        assert_eq!(wish.unique, ["name"]);
    }

    #[test]
    fn each_wrong_field_is_refused_by_its_name() {
        let cases = [
            (json!({ "timeout": 59 }), "timeout"),
            (json!({ "timeout": 1e30 }), "timeout"),
            (json!({ "grace": "60" }), "grace"),
            (json!({ "name": 1 }), "name"),
            (json!({ "slug": "Nightly" }), "slug"),
            (json!({ "methods": "GET" }), "methods"),
            (json!({ "methods": null }), "methods"),
            (json!({ "schedule": "" }), "schedule"),
            (json!({ "tz": "europe/berlin" }), "tz"),
            (json!({ "subject": 1 }), "subject"),
            (json!({ "subject_fail": "ERROR" }), "subject_fail"),
            (json!({ "manual_resume": 1 }), "manual_resume"),
            (json!({ "unique": ["desc"] }), "an item in 'unique'"),
            (json!({ "schedule": "* * * *" }), "schedule"),
            (json!({ "schedule": "0 0 31 2 *" }), "schedule"),
            (json!({ "schedule": "*-2-30" }), "schedule"),
            (json!({ "tz": "Moon/Base" }), "tz"),
            (json!({ "success_kw": 1 }), "success_kw"),
            (json!({ "filter_body": true }), "filter_body"),
        ];
        for (json, field) in cases {
            let refused = of(&json).unwrap_err();
            assert!(refused.starts_with(&format!("json validation error: {field} ")), "{refused}");
        }
    }

    #[test]
    fn all_receivers_may_be_asked_for_and_no_choice_of_them() {
        let of = |asked: &str, receivers: &[&str]| {
            channels(json!({ "channels": asked }).as_object().unwrap(), receivers)
        };
        let id = channel_id("b");
        for (asked, receivers) in
            [("*", &["a"][..]), ("", &[]), ("a", &["a"]), (&format!("a,{id}"), &["a", "b"])]
        {
            assert_eq!(of(asked, receivers), Ok(()), "{asked}");
        }
        assert!(of("a", &["a", "b"]).unwrap_err().contains("every receiver"));
        assert!(of("", &["a"]).unwrap_err().contains("every receiver"));
        assert_eq!(of("c", &["a"]).unwrap_err(), "invalid channel identifier: c");
        assert_eq!(of("a,", &["a"]).unwrap_err(), "empty channel identifier");
    }
}
