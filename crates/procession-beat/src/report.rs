//! What a beat can report, and how the program is meanwhile.
//!
//! In: what a heartbeat knows of its program. Out: the parts of a beat. Always: the kernel's words
//! or the program's own, never a guess.

use serde::{Deserialize, Serialize};
use std::fmt;

/// What a beat reports.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Kind {
    /// The program lives.
    Alive,
    /// A piece of work began.
    Start {
        /// Tells overlapping pieces of work apart.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
    /// A piece of work ended well.
    Ok {
        /// The run that ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
    },
    /// A piece of work failed.
    Fail {
        /// The run that ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        run: Option<String>,
        /// Why, for a person.
        why: String,
    },
    /// A line for the record; the state stays.
    Log {
        /// The line.
        text: String,
    },
    /// The main process lives, but has not said that it gets on.
    Stuck {
        /// How long its progress counter has stood still, in milliseconds.
        still_ms: u64,
    },
    /// The main process ended without a goodbye.
    Dead(Death),
    /// A planned stop.
    Goodbye {
        /// The program means to be back within this many milliseconds; absent: for good.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        back_in_ms: Option<u64>,
    },
}

impl Kind {
    /// Whether it reports that a program, or a piece of work of it, has ended or failed.
    pub fn is_end(&self) -> bool {
        match self {
            Kind::Ok { .. } | Kind::Fail { .. } | Kind::Dead(_) | Kind::Goodbye { .. } => true,
            Kind::Alive | Kind::Start { .. } | Kind::Log { .. } | Kind::Stuck { .. } => false,
        }
    }
}

/// How the main process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Main {
    /// Alive, stuck or dead.
    pub state: MainState,
    /// Its progress counter.
    pub ticks: u64,
}

/// The three answers to "how is main?".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MainState {
    /// It lives and gets on, or has promised no progress counter.
    Alive,
    /// It lives and its counter stands still.
    Stuck,
    /// It has ended.
    Dead,
}

/// How the main process ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Death {
    /// The run that ended, if each run of the program is a piece of work of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run: Option<String>,
    /// What the kernel or the process itself said; never a guess.
    pub cause: Cause,
    /// The panic it ended by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub panic: Option<Panic>,
    /// Its last notes, oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub last_words: Vec<String>,
}

/// What ended a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It exited with this code.
    Code(i32),
    /// A signal of this number killed it.
    Signal(i32),
    /// It became another program (`exec`), which is not watched.
    Exec,
    /// It ended without a word: a signal, or `_exit`.
    Unknown,
}

/// A panic's message and place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// The message.
    pub message: String,
    /// `file:line:column`.
    pub place: String,
}

/// What the program uses at the time of the beat.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Sample {
    /// Processor time used since the last beat, as a share of one processor (1.0 is one whole).
    pub cpu: f64,
    /// Resident memory, bytes.
    pub memory: u64,
    /// Threads.
    pub threads: u32,
    /// Open file descriptors.
    pub open_files: u32,
    /// The program's children.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Child>,
}

/// A child process, as the kernel describes it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Child {
    /// Its process id.
    pub pid: u32,
    /// Its name.
    pub name: String,
    /// The kernel's letter for its state: `R`, `S`, `D`, `Z`, `T`.
    pub state: char,
}

/// The death in one line, for a person.
///
/// ```
/// use procession_beat::{Cause, Death, Panic};
///
/// let panic = Panic { message: "index out of bounds".into(), place: "src/main.rs:7:5".into() };
/// let death =
///     Death { run: None, cause: Cause::Code(101), panic: Some(panic), last_words: vec![] };
/// assert_eq!(death.to_string(), "exit code 101, panic at src/main.rs:7:5: index out of bounds");
/// ```
impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            Cause::Code(code) => write!(f, "exit code {code}")?,
            Cause::Signal(signal) => write!(f, "signal {signal}")?,
            Cause::Exec => f.write_str("became another program (exec)")?,
            Cause::Unknown => f.write_str("without a word (a signal, or _exit)")?,
        }
        match &self.panic {
            Some(Panic { message, place }) => write!(f, ", panic at {place}: {message}"),
            None => Ok(()),
        }
    }
}
