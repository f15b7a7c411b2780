//! Runs the steps that the command line names, or all, and reports every one of them.

use std::error::Error;
use std::path::Path;
use std::time::{Duration, Instant};

use super::report::{self, Outcome, Verdict};
use super::table::{STEPS, Setting, Step};
use super::toolchain::Missing;
use crate::machine;

/// What the command line asks for.
#[derive(Debug, PartialEq, Eq)]
struct Request {
    list: bool,
    seconds: Option<u32>,
    /// Names of steps; all when empty.
    steps: Vec<String>,
}

/// Runs the steps and appends their results to `target/deep/report.md`.
///
/// # Errors
///
/// When the words cannot be read, when this machine cannot be made ready, or after all steps ran,
/// if one of them is not green.
pub(crate) fn run(root: &Path, words: &[&str]) -> Result<(), Box<dyn Error>> {
    let request = parse(words)?;
    if request.list {
        for step in STEPS {
            println!("{:<12} {}", step.name, step.about);
        }
        return Ok(());
    }
    machine::make_ready(root)?;
    let setting = Setting { root, seconds: request.seconds };
    let asked = |step: &&Step| {
        request.steps.is_empty() || request.steps.iter().any(|name| name == step.name)
    };
    let mut bad = Vec::new();
    for step in STEPS.iter().filter(asked) {
        let outcome = run_step(step, &setting);
        println!("deep: {}: {}", outcome.step, outcome.result);
        report::append(root, &outcome)?;
        if outcome.result != Verdict::Green {
            bad.push(outcome.step);
        }
    }
    match bad.as_slice() {
        [] => Ok(()),
        bad => Err(format!("deep: not green: {}", bad.join(", ")).into()),
    }
}

fn parse(words: &[&str]) -> Result<Request, String> {
    let mut request = Request { list: false, seconds: None, steps: Vec::new() };
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match *word {
            "--list" => request.list = true,
            "--seconds" => {
                let number = words.next().and_then(|word| word.parse().ok());
                request.seconds = Some(number.ok_or("--seconds wants a whole number of seconds")?);
            }
            name if STEPS.iter().any(|step| step.name == name) => {
                request.steps.push(name.to_owned());
            }
            other => {
                return Err(format!("there is no step `{other}`; see cargo xtask deep --list"));
            }
        }
    }
    Ok(request)
}

fn run_step(step: &Step, setting: &Setting) -> Outcome {
    let outcome = |result, took, command| Outcome { step: step.name, result, took, command };
    let lines = match (step.lines)(setting) {
        Ok(lines) => lines,
        Err(Missing(what)) => {
            let command = format!("cargo xtask deep {}", step.name);
            return outcome(Verdict::NotRun(what), Duration::ZERO, command);
        }
    };
    let began = Instant::now();
    for line in &lines {
        if let Err(error) = line.run(setting.root) {
            return outcome(Verdict::Red(error.to_string()), began.elapsed(), line.to_string());
        }
    }
    let commands: Vec<_> = lines.iter().map(ToString::to_string).collect();
    outcome(Verdict::Green, began.elapsed(), commands.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_say_which_steps_and_for_how_long() {
        let request = parse(&["fuzz", "--seconds", "5", "musl"]).unwrap();
        let steps = vec!["fuzz".to_owned(), "musl".to_owned()];
        assert_eq!(request, Request { list: false, seconds: Some(5), steps });
        assert!(parse(&["--list"]).unwrap().list);
    }

    #[test]
    fn unknown_words_are_refused() {
        assert!(parse(&["no-such-step"]).is_err());
        assert!(parse(&["--seconds"]).is_err());
        assert!(parse(&["--seconds", "long"]).is_err());
    }

    #[test]
    fn a_step_is_green_red_or_not_run() {
        let setting = Setting { root: Path::new("/"), seconds: Some(1) };
        let result = |lines| run_step(&Step { name: "x", about: "", lines }, &setting).result;
        assert_eq!(result(|_| Ok(vec![crate::line::Line::of("true")])), Verdict::Green);
        let red = result(|_| Ok(["true", "false"].map(crate::line::Line::of).into()));
        assert!(matches!(red, Verdict::Red(_)));
        let missing = result(|_| Err(Missing("none".to_owned())));
        assert_eq!(missing, Verdict::NotRun("none".to_owned()));
    }
}
