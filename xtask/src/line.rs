//! One command line: described as data, printed as it could be typed, run with its duration.

use std::fmt;
use std::io;
use std::path::Path;
use std::process::{Command, ExitStatus};
use std::time::{Duration, Instant};

/// A program with its arguments and the environment variables set for it.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    program: String,
    arguments: Vec<String>,
    variables: Vec<(&'static str, String)>,
}

impl Line {
    pub(crate) fn new(program: &str) -> Self {
        Self { program: program.to_owned(), arguments: Vec::new(), variables: Vec::new() }
    }

    /// A line given as words separated by blanks; no word may contain one.
    pub(crate) fn of(words: &str) -> Self {
        let mut words = words.split_whitespace();
        Self::new(words.next().expect("a command line names a program")).args(words)
    }

    pub(crate) fn arg(mut self, argument: impl Into<String>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    pub(crate) fn args<S: Into<String>>(mut self, arguments: impl IntoIterator<Item = S>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    pub(crate) fn env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.variables.push((name, value.into()));
        self
    }

    /// Runs the line in `root` with our own standard streams; prints it and its duration.
    ///
    /// # Errors
    ///
    /// [`LineError`] if the program could not be started or did not end with exit code 0.
    pub(crate) fn run(&self, root: &Path) -> Result<Duration, LineError> {
        println!("==> {self}");
        let began = Instant::now();
        let status = self.command(root).status();
        let took = began.elapsed();
        match status {
            Ok(status) if status.success() => {
                println!("    ok after {:.1} s", took.as_secs_f64());
                Ok(took)
            }
            Ok(status) => Err(LineError::Red { line: self.to_string(), status, took }),
            Err(source) => Err(LineError::NotStarted { line: self.to_string(), source }),
        }
    }

    /// What the line prints on its standard output, or `None` if it cannot be run or is red.
    pub(crate) fn output(&self, root: &Path) -> Option<String> {
        let output = self.command(root).output().ok()?;
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    }

    fn command(&self, root: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).current_dir(root);
        for (name, value) in &self.variables {
            command.env(name, value);
        }
        command
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.variables {
            write!(f, "{name}={} ", quoted(value))?;
        }
        f.write_str(&self.program)?;
        for argument in &self.arguments {
            write!(f, " {}", quoted(argument))?;
        }
        Ok(())
    }
}

fn quoted(word: &str) -> String {
    if word.is_empty() || word.contains(char::is_whitespace) {
        format!("'{word}'")
    } else {
        word.to_owned()
    }
}

/// Why a line is not green.
#[derive(Debug)]
pub(crate) enum LineError {
    /// It ran and did not end with exit code 0.
    Red { line: String, status: ExitStatus, took: Duration },
    /// The program could not be started.
    NotStarted { line: String, source: io::Error },
}

impl fmt::Display for LineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Red { line, status, took } => {
                write!(f, "red after {:.1} s ({status}): {line}", took.as_secs_f64())
            }
            Self::NotStarted { line, source } => write!(f, "cannot start `{line}`: {source}"),
        }
    }
}

impl std::error::Error for LineError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_printed_as_it_could_be_typed() {
        let line = Line::of("cargo doc --no-deps").env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(line.to_string(), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn a_line_that_fails_or_does_not_exist_is_an_error() {
        let root = Path::new("/");
        assert!(Line::of("true").run(root).is_ok());
        assert!(matches!(Line::of("false").run(root), Err(LineError::Red { .. })));
        let absent = Line::of("no-such-program-on-this-machine").run(root);
        assert!(matches!(absent, Err(LineError::NotStarted { .. })));
    }
}
