//! The command `procession`.
//!
//! In: arguments, the environment, a file of options. Out: one subcommand, and its exit code. What
//! always holds: an error is one line that says what to do; nothing of the monitor's logic is here.
//!
//! | room | what is in it |
//! |---|---|
//! | `cli` | which subcommands and shared options there are |
//! | `config` | options from a file, under those of the environment and the command line |
//! | `reach` | asking a monitor something |
//! | `output` | writing to standard output and standard error |
//! | `token_file` | tokens in files |
//! | `text` | what others wrote, safe for a terminal |
//! | `times` | times for people |
//! | `monitor` `status` `checks` `tokens` `doctor` `demo` `pages` | a subcommand each |
//! | `run` | any program, with liveness |

// They panic where the output takes nothing.
#![deny(clippy::print_stdout, clippy::print_stderr)]

mod checks;
mod cli;
mod config;
mod demo;
mod doctor;
mod monitor;
mod output;
mod pages;
mod reach;
mod run;
mod status;
mod text;
mod times;
mod token_file;
mod tokens;

use cli::{Cli, Command};
use output::complain;
use procession::Failure;
use std::error::Error;
use std::process::ExitCode;

/// What a command that could not do its work exits with, as for wrong arguments.
const COULD_NOT: u8 = 2;

fn main() -> ExitCode {
    if let Some(code) = run::program::become_program(std::env::args_os()) {
        return code;
    }
    let done = config::parse().and_then(|cli| act(cli).map_err(config::Stop::Failed));
    match done {
        Ok(code) => code,
        // clap words its own: help and versions go to standard output and are no failure.
        Err(config::Stop::Arguments(error)) => match output::print_clap(&error) {
            Ok(()) => ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(COULD_NOT)),
            Err(error) => fail(&error),
        },
        Err(config::Stop::Failed(error)) => fail(&*error),
    }
}

fn fail(error: &(dyn Error + 'static)) -> ExitCode {
    complain!("procession: {:#}", Failure::of(error));
    ExitCode::from(COULD_NOT)
}

fn act(cli: Cli) -> Result<ExitCode, Box<dyn Error>> {
    match cli.command {
        Command::Monitor(options) => monitor::serve(&options),
        Command::Run(options) => run::run(&options),
        Command::Status(options) => status::show(&options),
        Command::Checks(options) => checks::act(&options),
        Command::Tokens(options) => tokens::act(&options),
        Command::Doctor(options) => doctor::examine(&options),
        Command::Demo(options) => demo::show(&options),
        Command::Completions(options) => pages::completions(&options, cli::command()),
        Command::Man(options) => pages::man(&options, cli::command()),
    }
}
