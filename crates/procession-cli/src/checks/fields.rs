//! The fields of a check that options give.

use clap::Args;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// What `add` and `edit` say of a check.
#[derive(Debug, Args)]
pub(super) struct Fields {
    /// The name in ping URLs with a ping key
    #[arg(long, value_name = "SLUG")]
    slug: Option<String>,
    /// The longest time between two pings
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    every: Option<Duration>,
    /// When it is pinged, as cron or systemd's calendar write it, instead of --every
    #[arg(long, value_name = "SCHEDULE", conflicts_with = "every")]
    schedule: Option<String>,
    /// The schedule's time zone
    #[arg(long, value_name = "ZONE", requires = "schedule")]
    tz: Option<String>,
    /// How much longer silence is forgiven
    #[arg(long, value_name = "TIME", value_parser = whole_seconds)]
    grace: Option<Duration>,
    /// A tag; --tag '' for none
    #[arg(long, value_name = "TAG")]
    tag: Vec<String>,
    /// What it is, in words
    #[arg(long, value_name = "TEXT")]
    desc: Option<String>,
}

/// The options by the names that the management API has for them.
const OPTIONS: [(&str, &str); 7] = [
    ("timeout", "--every"),
    ("grace", "--grace"),
    ("schedule", "--schedule"),
    ("tz", "--tz"),
    ("slug", "--slug"),
    ("tags", "--tag"),
    ("desc", "--desc"),
];

/// What the management API objects to, in the names of the options.
pub(super) fn in_options(words: &str) -> Option<String> {
    let (field, what) = words.strip_prefix("json validation error: ")?.split_once(' ')?;
    let named = OPTIONS.iter().find(|(name, _)| *name == field).map(|(_, option)| *option);
    let is_span = ["timeout", "grace"].contains(&field) && what.starts_with("is too");
    let limits = if is_span { ": give a minute to a year" } else { "" };
    Some(format!("{} {what}{limits}", named.unwrap_or(field)))
}

/// A span in whole seconds, as the management API has them.
fn whole_seconds(text: &str) -> Result<Duration, String> {
    let span = humantime::parse_duration(text).map_err(|why| why.to_string())?;
    if span.subsec_nanos() > 0 { Err("give whole seconds".into()) } else { Ok(span) }
}

impl Fields {
    /// The fields that are given, as the management API names them.
    pub(super) fn json(&self) -> Map<String, Value> {
        let mut fields = Map::new();
        let texts = [
            ("slug", &self.slug),
            ("schedule", &self.schedule),
            ("tz", &self.tz),
            ("desc", &self.desc),
        ];
        for (field, text) in texts {
            if let Some(text) = text {
                fields.insert(field.into(), json!(text));
            }
        }
        for (field, time) in [("timeout", self.every), ("grace", self.grace)] {
            if let Some(time) = time {
                fields.insert(field.into(), json!(time.as_secs()));
            }
        }
        if !self.tag.is_empty() {
            fields.insert("tags".into(), json!(self.tag.join(" ").trim()));
        }
        fields
    }
}
