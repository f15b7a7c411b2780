//! Which subcommands and shared options there are.
//!
//! In: nothing. Out: clap's picture of the command, and the type it is read into. What always
//! holds: every option that is shown can also be given as a variable, named after the subcommand
//! and the option (`PROCESSION_RUN_EVERY`), or after the option alone where subcommands share it.

use crate::{checks, demo, doctor, monitor, pages, run, status, tokens};
use clap::builder::BoolishValueParser;
use clap::{Arg, ArgAction, CommandFactory, Parser, Subcommand};
use std::path::PathBuf;

/// Options that mean the same in every subcommand.
pub(crate) const SHARED: [&str; 5] = ["config", "url", "token", "token-file", "ca"];

/// Know what is alive: a monitor, and any program with liveness.
#[derive(Debug, Parser)]
#[command(name = "procession", version, arg_required_else_help = true)]
pub(crate) struct Cli {
    /// Take options from this file; else from ~/.config/procession/config.toml or /etc/procession.toml
    #[arg(long, value_name = "FILE", global = true)]
    pub(crate) config: Option<PathBuf>,
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the monitor: take heartbeats and pings, judge who is alive, tell receivers
    Monitor(Box<monitor::Options>),
    /// Run any program, and report its life to a monitor
    Run(run::Options),
    /// Show what the monitor sees
    Status(status::Options),
    /// List, show, add, edit, pause, resume and delete checks, and forget hosts
    Checks(checks::Options),
    /// List, make and revoke the tokens of a monitor
    Tokens(tokens::Options),
    /// Say what this machine supports, and what it costs to lack the rest
    Doctor(doctor::Options),
    /// Watch a monitor notice the deaths of a worker and of its program
    Demo(demo::Options),
    /// Print the completions of a shell
    Completions(pages::Shell),
    /// Write the manual pages
    Man(pages::Directory),
}

/// The command with the names of its variables.
pub(crate) fn command() -> clap::Command {
    with_variables(Cli::command(), "PROCESSION")
}

fn with_variables(command: clap::Command, prefix: &str) -> clap::Command {
    let command = command.mut_args(|arg| with_variable(arg, prefix));
    command.mut_subcommands(|sub| {
        let prefix = format!("{prefix}_{}", upper(sub.get_name()));
        with_variables(sub, &prefix)
    })
}

fn with_variable(arg: Arg, prefix: &str) -> Arg {
    let Some(long) = arg.get_long().map(str::to_owned) else { return arg };
    let prefix = if SHARED.contains(&long.as_str()) { "PROCESSION" } else { prefix };
    let arg = arg.env(format!("{prefix}_{}", upper(&long)));
    match arg.get_action() {
        ArgAction::SetTrue => arg.value_parser(BoolishValueParser::new()),
        _ => arg,
    }
}

fn upper(name: &str) -> String {
    name.replace('-', "_").to_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_is_sound_and_every_option_has_a_variable_of_its_own() {
        let mut command = command();
        command.build();
        command.clone().debug_assert();
        let run = command.find_subcommand("run").expect("it is there");
        let variable = |id: &str| {
            let arg = run.get_arguments().find(|arg| arg.get_id() == id).expect(id);
            arg.get_env().expect("a variable").to_str().expect("text").to_owned()
        };
        assert_eq!(variable("every"), "PROCESSION_RUN_EVERY");
        assert_eq!(variable("max_runtime"), "PROCESSION_RUN_MAX_RUNTIME");
        assert_eq!(variable("url"), "PROCESSION_URL");
    }
}
