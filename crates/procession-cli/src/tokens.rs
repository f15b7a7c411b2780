//! `procession tokens`: list, make and revoke the tokens of a monitor.
//!
//! # Invariants
//! - A secret is printed once, when its token is made; a list has ids.

use crate::output::{print, say};
use crate::reach::{Reach, ReachError};
use crate::text::{plain, table};
use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use serde_json::{Value, json};
use std::error::Error;
use std::process::ExitCode;

/// What to do.
#[derive(Debug, Args)]
pub(crate) struct Options {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// List the tokens of the monitor, without their secrets
    List(List),
    /// Make a token and print it, once
    Add(Add),
    /// Take a token away: from then on it opens nothing
    Revoke(Revoke),
}

#[derive(Debug, Args)]
struct List {
    #[command(flatten)]
    reach: Reach,
    /// The monitor's own JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Add {
    #[command(flatten)]
    reach: Reach,
    /// What it opens
    #[arg(long, value_parser = PossibleValuesParser::new(["beat", "ping", "read", "admin"]))]
    scope: String,
    /// The only host for which it may send beats
    #[arg(long, value_name = "HOST")]
    host: Option<String>,
}

#[derive(Debug, Args)]
struct Revoke {
    #[command(flatten)]
    reach: Reach,
    /// Its id, from the list
    id: String,
}

/// Carries the subcommand out.
pub(crate) fn act(options: &Options) -> Result<ExitCode, Box<dyn Error>> {
    match &options.action {
        Action::List(list) => {
            let answer = list.reach.json("GET", "/api/tokens", None)?;
            let tokens = answer["tokens"].as_array().ok_or_else(|| {
                ReachError::Strange(list.reach.url().to_owned(), "no list of tokens".into())
            })?;
            if list.json {
                say!("{answer:#}")?;
            } else {
                print(&picture(tokens))?;
            }
        }
        Action::Add(add) => {
            let body = json!({ "scope": add.scope, "host": add.host });
            let made = add.reach.json("POST", "/api/tokens", Some(&body))?;
            say!("{}", plain(made["token"].as_str().unwrap_or_default()))?;
        }
        Action::Revoke(revoke) => {
            let path = format!("/api/tokens/{}", crate::status::encoded(&revoke.id));
            revoke.reach.ask("DELETE", &path, None)?;
            say!("{}: revoked", plain(&revoke.id))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn picture(tokens: &[Value]) -> String {
    let head = ["ID", "SCOPE", "HOST", "MADE", "LAST USED"].map(str::to_owned).to_vec();
    let text = |value: &Value| plain(value.as_str().unwrap_or("-"));
    let row = |token: &Value| {
        let made = match token["given_as_option"].as_bool() {
            Some(true) => "an option".to_owned(),
            _ => text(&token["created"]),
        };
        vec![
            text(&token["id"]),
            text(&token["scope"]),
            text(&token["host"]),
            made,
            text(&token["last_used"]),
        ]
    };
    let rows: Vec<Vec<String>> = std::iter::once(head).chain(tokens.iter().map(row)).collect();
    table(&rows)
}
