//! Options from a file, under those of the environment and the command line.
//!
//! In: the file that `--config` names, or the first default one that exists. Out: the parsed
//! command. What always holds: a flag beats a variable, a variable beats the file, the file beats
//! the default; a key that is no option, and a value that the option would refuse, is an error
//! that names the file and the key. `run` goes on without what is wrong outside the command line.
//!
//! The keys are the long names of the options: those that all subcommands share at the top, those
//! of a subcommand in a table of its name.

use crate::cli::{self, Cli, SHARED};
use crate::run::LeftOut;
use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, Command, FromArgMatches};
use std::error::Error;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use toml::{Table, Value};

/// Why there is no command to carry out.
#[derive(Debug)]
pub(crate) enum Stop {
    /// The arguments are wrong, or ask for help.
    Arguments(clap::Error),
    /// Something failed.
    Failed(Box<dyn Error>),
}

/// What is wrong with a file of options.
#[derive(Debug)]
pub(crate) enum ConfigError {
    /// It cannot be read.
    Unreadable(PathBuf, std::io::Error),
    /// It is no TOML; the parser's words.
    Malformed(PathBuf, String),
    /// A key names no option.
    UnknownKey(PathBuf, String),
    /// The option refuses the value; its words.
    BadValue(PathBuf, String, String),
    /// The option refuses the value of its variable; its words.
    BadVariable(String, String),
}

impl ConfigError {
    /// Whether it may have hidden where the monitor is.
    fn has_address(&self) -> bool {
        match self {
            ConfigError::Unreadable(..) | ConfigError::Malformed(..) => true,
            ConfigError::BadValue(_, key, _) | ConfigError::UnknownKey(_, key) => {
                SHARED.contains(&key.trim_start_matches("run."))
            }
            ConfigError::BadVariable(..) => false,
        }
    }
}

/// The command that this process was asked for.
pub(crate) fn parse() -> Result<Cli, Stop> {
    parse_from(std::env::args_os().collect(), default_file())
}

fn parse_from(arguments: Vec<OsString>, default: Option<PathBuf>) -> Result<Cli, Stop> {
    let mut command = cli::command();
    let mut wrong = Vec::new();
    if let Some(path) = named_file(&arguments).or(default) {
        let mut table = read(&path).unwrap_or_else(|error| {
            wrong.push(error);
            Table::new()
        });
        sort_out(&command, &mut table, &path, "", &mut wrong);
        command = layer(command, &table, true);
    }
    let is_run = is_run(&arguments);
    if !is_run && !wrong.is_empty() {
        return Err(Stop::Failed(wrong.remove(0).into()));
    }
    if is_run {
        command = without_wrong_variables(command, &arguments, &mut wrong);
    }
    let matches = command.try_get_matches_from(arguments).map_err(Stop::Arguments)?;
    let mut cli = Cli::from_arg_matches(&matches).map_err(Stop::Arguments)?;
    if let cli::Command::Run(options) = &mut cli.command {
        options.left_out = LeftOut {
            why: wrong.iter().map(ToString::to_string).collect(),
            has_address: wrong.iter().any(ConfigError::has_address),
        };
    }
    Ok(cli)
}

/// Whether the arguments are those of `procession run`.
fn is_run(arguments: &[OsString]) -> bool {
    let matches = cli::command().ignore_errors(true).try_get_matches_from(arguments);
    matches.is_ok_and(|matches| matches.subcommand_name() == Some("run"))
}

/// Takes from each option of `procession run` its variable, where the option would refuse the value
/// of that and is not on the command line.
fn without_wrong_variables(
    mut command: Command,
    arguments: &[OsString],
    wrong: &mut Vec<ConfigError>,
) -> Command {
    let matches = cli::command().ignore_errors(true).try_get_matches_from(arguments);
    let given = |id: &str| {
        let run = matches.as_ref().ok()?.subcommand_matches("run")?;
        run.value_source(id).filter(|source| *source == ValueSource::CommandLine)
    };
    let run = command.find_subcommand("run").into_iter().flat_map(Command::get_arguments);
    let all: Vec<Arg> = command.get_arguments().chain(run).cloned().collect();
    for arg in all.into_iter().filter(|arg| given(arg.get_id().as_str()).is_none()) {
        let Some(variable) = arg.get_env().map(std::ffi::OsStr::to_owned) else { continue };
        let id = arg.get_id().clone();
        let alone = Command::new("variable").no_binary_name(true).arg(arg.required(false));
        if let Err(error) = alone.try_get_matches_from([""; 0]) {
            let is_empty = std::env::var_os(&variable).is_some_and(|value| value.is_empty());
            let why = if is_empty { "it is empty".into() } else { first_line(&error) };
            wrong.push(ConfigError::BadVariable(variable.to_string_lossy().into_owned(), why));
            let forget = |command: Command| {
                let is_there = command.get_arguments().any(|arg| *arg.get_id() == id);
                if is_there {
                    command.mut_arg(&id, |arg| arg.env(Resettable::Reset))
                } else {
                    command
                }
            };
            command = forget(command).mut_subcommand("run", forget);
        }
    }
    command
}

/// The file that the arguments or the environment name. Whatever else is wrong with them is said
/// when they are parsed in earnest.
fn named_file(arguments: &[OsString]) -> Option<PathBuf> {
    let matches = cli::command().ignore_errors(true).try_get_matches_from(arguments).ok()?;
    let mut level = &matches;
    loop {
        if let Ok(Some(path)) = level.try_get_one::<PathBuf>("config") {
            return Some(path.clone());
        }
        level = level.subcommand()?.1;
    }
}

fn default_file() -> Option<PathBuf> {
    // The specification of XDG ignores a path that is empty or relative.
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || Some(absolute("HOME")?.join(".config"));
    let own = absolute("XDG_CONFIG_HOME").or_else(home);
    let own = own.map(|directory| directory.join("procession/config.toml"));
    let files = [own, Some("/etc/procession.toml".into())];
    files.into_iter().flatten().find(|path| path.exists())
}

fn read(path: &Path) -> Result<Table, ConfigError> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| ConfigError::Unreadable(path.into(), error))?;
    text.parse::<Table>()
        .map_err(|error| ConfigError::Malformed(path.into(), error.to_string().trim().into()))
}

/// Takes from a table what is no option, and what its option would refuse.
fn sort_out(
    command: &Command,
    table: &mut Table,
    path: &Path,
    prefix: &str,
    wrong: &mut Vec<ConfigError>,
) {
    table.retain(|key, value| {
        let full = format!("{prefix}{key}");
        if let (Value::Table(inner), Some(sub)) = (&mut *value, command.find_subcommand(key)) {
            sort_out(sub, inner, path, &format!("{full}."), wrong);
            return true;
        }
        let Some(arg) = option(command, key).or_else(|| shared(command, key, prefix)) else {
            wrong.push(ConfigError::UnknownKey(path.into(), full));
            return false;
        };
        let tried = try_out(arg, value);
        tried.map_err(|why| wrong.push(ConfigError::BadValue(path.into(), full, why))).is_ok()
    });
}

fn option<'c>(command: &'c Command, key: &str) -> Option<&'c Arg> {
    let is_meant =
        |arg: &&Arg| arg.get_long() == Some(key) && !arg.is_hide_set() && key != "config";
    command.get_arguments().find(is_meant)
}

/// An option of all subcommands stands at the top of the file.
fn shared<'c>(command: &'c Command, key: &str, prefix: &str) -> Option<&'c Arg> {
    let at_top = prefix.is_empty() && SHARED.contains(&key);
    at_top.then(|| command.get_subcommands().find_map(|sub| option(sub, key)))?
}

/// Has clap read the value as it would on the command line.
fn try_out(arg: &Arg, value: &Value) -> Result<(), String> {
    let long = arg.get_long().unwrap_or_default();
    if matches!(arg.get_action(), ArgAction::SetTrue) {
        return value.as_bool().map(|_| ()).ok_or_else(|| "is true or false".into());
    }
    let values = texts(value).ok_or("is a text, a number or a list of them")?;
    if values.len() != 1 && !matches!(arg.get_action(), ArgAction::Append) {
        return Err("takes one value".into());
    }
    let line = values.iter().map(|value| format!("--{long}={value}"));
    let alone = Command::new("file").no_binary_name(true).arg(arg.clone().required(false));
    alone.try_get_matches_from(line).map(|_| ()).map_err(|error| first_line(&error))
}

/// What clap says of a value, without its hints.
fn first_line(error: &clap::Error) -> String {
    let words = error.to_string();
    words.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
}

fn texts(value: &Value) -> Option<Vec<String>> {
    let one = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Float(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Array(_) | Value::Table(_) | Value::Datetime(_) => None,
    };
    match value {
        Value::Array(values) => values.iter().map(one).collect(),
        value => one(value).map(|text| vec![text]),
    }
}

/// Makes the values of a checked file the defaults of their options.
fn layer(mut command: Command, table: &Table, at_top: bool) -> Command {
    // What all subcommands share first, so that what a subcommand's own table says stays.
    for (key, value) in table.iter().filter(|(_, value)| !value.is_table()) {
        command = if at_top {
            everywhere(command, key, value)
        } else {
            with_default(command, key, value)
        };
    }
    for (key, value) in table {
        if let Value::Table(inner) = value {
            command = command.mut_subcommand(key.clone(), |sub| layer(sub, inner, false));
        }
    }
    command
}

fn everywhere(command: Command, key: &str, value: &Value) -> Command {
    with_default(command, key, value).mut_subcommands(|sub| everywhere(sub, key, value))
}

fn with_default(command: Command, key: &str, value: &Value) -> Command {
    let Some(id) = option(&command, key).map(|arg| arg.get_id().clone()) else { return command };
    let values = match value {
        Value::Boolean(flag) => vec![flag.to_string()],
        value => texts(value).unwrap_or_default(),
    };
    command.mut_arg(id, |arg| arg.default_values(values).required(false))
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConfigError::Unreadable(path, why) => {
                write!(f, "--config: the file {} cannot be read: {why}", path.display())
            }
            ConfigError::Malformed(path, why) => {
                write!(f, "--config: the file {} is no TOML: {why}", path.display())
            }
            ConfigError::UnknownKey(path, key) => write!(
                f,
                "{}: `{key}` is no option: keys are the long names of options, those of a \
                 subcommand in a table of its name (`procession help SUBCOMMAND` lists them)",
                path.display()
            ),
            ConfigError::BadValue(path, key, why) => {
                write!(f, "{}: `{key}`: {why}", path.display())
            }
            ConfigError::BadVariable(name, why) => write!(f, "the variable {name}: {why}"),
        }
    }
}

impl Error for ConfigError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Command as Sub;
    use std::time::Duration;

    fn parsed(file: &str, arguments: &[&str]) -> Result<Cli, String> {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("c.toml");
        std::fs::write(&path, file).expect("written");
        let line = ["procession"].iter().chain(arguments).map(OsString::from).collect();
        parse_from(line, Some(path)).map_err(|stop| match stop {
            Stop::Arguments(error) => error.to_string(),
            Stop::Failed(error) => error.to_string(),
        })
    }

    fn run(file: &str, arguments: &[&str]) -> crate::run::Options {
        match parsed(file, arguments).expect("sound").command {
            Sub::Run(options) => options,
            other => panic!("not a run: {other:?}"),
        }
    }

    #[test]
    fn a_file_beats_the_default_and_a_flag_beats_the_file() {
        let file =
            "url = 'http://m:1'\n[run]\nevery = '7m'\nservice = true\nlabel = ['a=b', 'c=d']";
        let options = run(file, &["run", "--", "true"]);
        assert_eq!(options.reach.url(), "http://m:1");
        assert_eq!(options.every, Duration::from_secs(420));
        assert!(options.service);
        assert_eq!(options.label.len(), 2);
        let options = run(file, &["run", "--every", "1m", "--url", "http://n:2", "--", "true"]);
        assert_eq!((options.reach.url(), options.every.as_secs()), ("http://n:2", 60));
        let own = run("url = 'http://m:1'\n[run]\nurl = 'http://own:3'", &["run", "--", "true"]);
        assert_eq!(own.reach.url(), "http://own:3");
    }

    #[test]
    fn a_key_that_is_no_option_and_a_bad_value_are_named() {
        let cases = [
            ("ulr = 'x'", "`ulr` is no option"),
            ("[run]\nevry = '1m'", "`run.evry` is no option"),
            ("[rum]\nevery = '1m'", "`rum` is no option"),
            ("[run]\ninside = 1", "`run.inside` is no option"),
            ("[run]\nevery = 'soon'", "`run.every`: invalid value 'soon'"),
            ("[run]\nservice = 'yes'", "`run.service`: is true or false"),
            ("[run]\nname = ['a', 'b']", "`run.name`: takes one value"),
            ("[run]\nname = { a = 1 }", "`run.name`: is a text, a number or a list"),
            ("[run", "is no TOML"),
        ];
        for (file, words) in cases {
            let error = parsed(file, &["status"]).expect_err(file);
            assert!(error.contains(words), "{file}: {error}");
            let left_out = run(file, &["run", "--", "true"]).left_out.why.concat();
            assert!(left_out.contains(words), "{file}: {left_out}");
        }
    }
}
