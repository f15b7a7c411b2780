//! What a ping's path means.
//!
//! Input: what follows `/ping/`, or `/` before a UUID or a ping key. Output: which check is meant
//! and what is reported of it.
//!
//! # Invariants
//! - Pure.
//! - The path is decoded as a whole before it is split, as Django does, so that `%2F` is a slash.
//! - The forms and refusals are those of the healthchecks ping API, trailing slashes and capitals
//!   included.

use percent_encoding::percent_decode_str;
use std::borrow::Cow;
use uuid::Uuid;

/// Whom a ping is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whom {
    /// The check of this public name.
    Uuid(Uuid),
    /// The check of this slug, in the project that the key opens.
    Slug(String, String),
}

/// What a ping says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// Success.
    Success,
    /// A run began.
    Start,
    /// Failure.
    Fail,
    /// For the record.
    Log,
    /// It ended with this status.
    Exit(u8),
    /// It ended with a status above 255: 400 if there is such a check.
    Beyond,
}

/// Why a path is no ping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// 404.
    NotFound,
    /// 400: a capital where a slug stands.
    BadFormat,
}

/// The path of a request, decoded as a whole; `None` if it is no text then.
pub fn decode(path: &str) -> Option<Cow<'_, str>> {
    percent_decode_str(path).decode_utf8().ok()
}

/// Reads a decoded path.
///
/// ```
/// use procession_monitor::intake::path::{What, parse};
///
/// let (_, what) = parse("5f0c1a52-6a6c-4e29-8b8e-0f1d9d3c7a11/start").unwrap();
/// assert_eq!(what, What::Start);
/// ```
pub fn parse(path: &str) -> Result<(Whom, What), Refused> {
    let segments: Vec<&str> = path.split('/').collect();
    match segments[..] {
        [uuid] | [uuid, ""] => Ok((Whom::Uuid(canonical(uuid)?), What::Success)),
        [uuid, what] if canonical(uuid).is_ok() && is_word(what) => {
            Ok((Whom::Uuid(canonical(uuid)?), word(what)))
        }
        [key, name] => Ok((slug(key, name)?, What::Success)),
        [key, name, what] if is_word(what) => Ok((slug(key, name)?, word(what))),
        _ => Err(Refused::NotFound),
    }
}

/// A UUID in its one canonical form; any other is not found.
pub(super) fn canonical(text: &str) -> Result<Uuid, Refused> {
    let uuid = Uuid::parse_str(text).map_err(|_| Refused::NotFound)?;
    if uuid.to_string() == text { Ok(uuid) } else { Err(Refused::NotFound) }
}

fn is_word(what: &str) -> bool {
    let digits = !what.is_empty() && what.bytes().all(|byte| byte.is_ascii_digit());
    digits || matches!(what, "start" | "fail" | "log")
}

fn word(what: &str) -> What {
    match what {
        "start" => What::Start,
        "fail" => What::Fail,
        "log" => What::Log,
        digits => {
            let significant = digits.trim_start_matches('0');
            let status = if significant.is_empty() { "0" } else { significant };
            status.parse().map_or(What::Beyond, What::Exit)
        }
    }
}

fn slug(key: &str, name: &str) -> Result<Whom, Refused> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    match name {
        _ if key.is_empty() || name.is_empty() || !name.chars().all(allowed) => {
            Err(Refused::NotFound)
        }
        _ if name.chars().any(|c| c.is_ascii_uppercase()) => Err(Refused::BadFormat),
        _ => Ok(Whom::Slug(key.into(), name.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UUID: &str = "5f0c1a52-6a6c-4e29-8b8e-0f1d9d3c7a11";

    #[test]
    fn each_form_of_the_ping_api_is_read_as_healthchecks_reads_it() {
        let ours = || Whom::Uuid(Uuid::parse_str(UUID).unwrap());
        let slug = || Whom::Slug("KEY".into(), "my-job".into());
        let not_found = Err(Refused::NotFound);
        let bad = Err(Refused::BadFormat);
        let cases = [
            (UUID.to_owned(), Ok((ours(), What::Success))),
            (format!("{UUID}/"), Ok((ours(), What::Success))),
            (format!("{UUID}/start"), Ok((ours(), What::Start))),
            (format!("{UUID}/fail"), Ok((ours(), What::Fail))),
            (format!("{UUID}/log"), Ok((ours(), What::Log))),
            (format!("{UUID}/0"), Ok((ours(), What::Exit(0)))),
            (format!("{UUID}/00"), Ok((ours(), What::Exit(0)))),
            (format!("{UUID}/007"), Ok((ours(), What::Exit(7)))),
            (format!("{UUID}/255"), Ok((ours(), What::Exit(255)))),
            (format!("{UUID}/256"), Ok((ours(), What::Beyond))),
            (format!("{UUID}/99999999999999999999"), Ok((ours(), What::Beyond))),
            (format!("{UUID}/FAIL"), bad.clone()),
            (format!("{UUID}/start/"), not_found.clone()),
            (format!("{UUID}/0/"), not_found.clone()),
            (UUID.to_uppercase(), not_found.clone()),
            (UUID.replace('-', ""), not_found.clone()),
            ("KEY/my-job".into(), Ok((slug(), What::Success))),
            ("KEY/my-job/start".into(), Ok((slug(), What::Start))),
            ("KEY/my-job/3".into(), Ok((slug(), What::Exit(3)))),
            ("KEY/my%2Djob".into(), Ok((slug(), What::Success))),
            ("KEY%2Fmy-job/st%61rt".into(), Ok((slug(), What::Start))),
            (UUID.replace('-', "%2d"), Ok((ours(), What::Success))),
            ("KEY/my%20job".into(), not_found.clone()),
            ("KEY/my-job%0A".into(), not_found.clone()),
            ("KEY/my-job%".into(), not_found.clone()),
            ("KEY/my-job%zz".into(), not_found.clone()),
            ("KEY/my%C3%AFjob".into(), not_found.clone()),
            ("KEY/my%FFjob".into(), not_found.clone()),
            ("KEY/My%2Djob".into(), bad.clone()),
            ("KEY/my-job/".into(), not_found.clone()),
            ("KEY/my-job/nonsense".into(), not_found.clone()),
            ("KEY/My-Job".into(), bad),
            ("KEY/my.job".into(), not_found.clone()),
            (String::new(), not_found.clone()),
            ("//".into(), not_found),
        ];
        for (path, expected) in cases {
            let found = decode(&path).ok_or(Refused::NotFound).and_then(|path| parse(&path));
            assert_eq!(found, expected, "{path}");
        }
        // Not an exit status and not a word: the slug of a key that nobody has.
        assert!(matches!(parse(&format!("{UUID}/-1")), Ok((Whom::Slug(..), _))));
    }
}
