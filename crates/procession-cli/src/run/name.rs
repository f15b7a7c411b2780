//! The name of a program that was given none.
//!
//! Input: a command line. Output: the name under which it is reported. Pure.
//!
//! # Invariants
//! - One command line always has the same name.
//! - A script that an interpreter runs has its own name, not the interpreter's. Two different codes
//!   that stand in the command line (`sh -c CODE`) have two names.
//! - No word of such a code but a command's file name is in the name: the others may be secret.

use procession_beat::beat::NAME_LIMIT;
use std::ffi::OsString;
use std::path::Path;

/// How programs of one family read their command line.
struct Interpreter {
    /// What their file names begin with.
    names: &'static [&'static str],
    /// The letters of options that are followed by code.
    code: &'static str,
    /// The letters of options that are followed by another value.
    values: &'static str,
    /// The letter of an option that is followed by a module's name.
    module: Option<char>,
    /// Whether their code is that of a shell.
    is_shell: bool,
}

const INTERPRETERS: [Interpreter; 6] = [
    Interpreter {
        names: &["sh", "bash", "dash", "zsh", "ksh", "ash"],
        code: "c",
        values: "oO",
        module: None,
        is_shell: true,
    },
    Interpreter {
        names: &["python", "pypy"],
        code: "c",
        values: "WX",
        module: Some('m'),
        is_shell: false,
    },
    Interpreter { names: &["perl"], code: "eE", values: "", module: None, is_shell: false },
    Interpreter { names: &["ruby"], code: "e", values: "CEIr", module: None, is_shell: false },
    Interpreter { names: &["node"], code: "ep", values: "r", module: None, is_shell: false },
    Interpreter { names: &["php"], code: "r", values: "cdz", module: None, is_shell: false },
];

/// Commands of a shell that prepare for the one that a script is about.
const PREPARING: [&str; 15] = [
    ".", ":", "[", "cd", "done", "export", "fi", "set", "sleep", "source", "test", "trap", "true",
    "ulimit", "umask",
];

/// Words of a shell that stand before a command.
const BEFORE: [&str; 8] = ["!", "do", "else", "exec", "if", "then", "until", "while"];

/// The name of this command line; `None` if it has none that is text.
pub(crate) fn name(command: &[OsString]) -> Option<String> {
    let program = file_name(command.first()?.to_str()?)?;
    let words: Option<Vec<&str>> = command[1..].iter().map(|word| word.to_str()).collect();
    let interpreter = INTERPRETERS.iter().find(|one| one.has(program));
    let script = interpreter.zip(words).and_then(|(interpreter, words)| interpreter.script(&words));
    let name = match script {
        None => program.to_owned(),
        Some(Script::File(path)) => file_name(path).unwrap_or(program).to_owned(),
        Some(Script::Module(name)) => name.to_owned(),
        Some(Script::Code { code, is_shell }) => {
            let first = if is_shell { first_command(code) } else { None };
            format!("{}-{:08x}", first.unwrap_or(program), hash(&command[1..]))
        }
    };
    Some(reportable(&name)).filter(|name| !name.is_empty())
}

/// As much of a name as a beat can have.
fn reportable(name: &str) -> String {
    let mut name: String = name.chars().filter(|c| !c.is_control()).collect();
    while name.len() > NAME_LIMIT {
        name.pop();
    }
    name
}

/// What an interpreter runs.
enum Script<'a> {
    File(&'a str),
    Module(&'a str),
    Code { code: &'a str, is_shell: bool },
}

impl Interpreter {
    /// Whether a program of this name is one, with or without a version behind it (`python3.11`).
    fn has(&self, program: &str) -> bool {
        let bare = program.trim_end_matches(|c: char| c.is_ascii_digit() || c == '.');
        self.names.contains(&bare)
    }

    fn script<'a>(&self, words: &[&'a str]) -> Option<Script<'a>> {
        let mut words = words.iter();
        let mut has_code = false;
        while let Some(&word) = words.next().filter(|word| **word != "-") {
            let Some(letters) = word.strip_prefix(['-', '+']).filter(|rest| !rest.is_empty())
            else {
                let is_shell = self.is_shell;
                let code = Script::Code { code: word, is_shell };
                return Some(if has_code { code } else { Script::File(word) });
            };
            if letters.starts_with('-') {
                continue;
            }
            // In a cluster of letters (`-ec`) the value of the last is the next word.
            let last = letters.chars().last()?;
            let is_cluster = letters.chars().all(|c| c.is_ascii_alphabetic());
            let is = |letters: &str| is_cluster && letters.contains(last);
            if is(self.code) {
                has_code = true;
                // A shell's code follows its other options, others' comes at once.
                if !self.is_shell {
                    let code = words.next()?;
                    return Some(Script::Code { code, is_shell: false });
                }
            } else if self.module == Some(last) && letters.len() == 1 {
                return words.next().map(|name| Script::Module(name));
            } else if is(self.values) {
                words.next();
            }
        }
        None
    }
}

/// The file name of the first command of a shell's code that does more than prepare for another.
fn first_command(code: &str) -> Option<&str> {
    let commands = code.split([';', '&', '|', '\n', '(', ')', '{', '}', '`']);
    let first = commands.filter_map(|command| {
        let is_assignment = |word: &&str| word.contains('=');
        let is_before = |word: &&str| is_assignment(word) || BEFORE.contains(word);
        let word = command.split_whitespace().find(|word| !is_before(word))?;
        Some(word).filter(|word| !PREPARING.contains(word))
    });
    let is_plain = |c: char| c.is_alphanumeric() || "._+-/".contains(c);
    let mut plain = first.filter(|word| word.chars().all(is_plain));
    file_name(plain.next()?)
}

fn file_name(path: &str) -> Option<&str> {
    Path::new(path).file_name()?.to_str()
}

/// FNV-1a of the words, which is the same on every machine.
fn hash(words: &[OsString]) -> u32 {
    let bytes = words.iter().flat_map(|word| word.as_encoded_bytes().iter().chain(&[0]));
    bytes.fold(0x811c_9dc5, |hash: u32, byte| (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_beat::{Beat, Instance, Kind};
    use proptest::prelude::*;

    fn instance() -> Instance {
        Instance { boot: "b".into(), pid: 1, started: 1 }
    }

    fn named(words: &[&str]) -> String {
        let words: Vec<OsString> = words.iter().map(OsString::from).collect();
        name(&words).expect("a name")
    }

    #[test]
    fn a_program_is_called_by_its_file_and_a_script_by_its_own() {
        let cases: [(&[&str], &str); 14] = [
            (&["/usr/local/bin/backup", "--full"], "backup"),
            (&["redis-server", "--port", "0"], "redis-server"),
            (&["sh", "/opt/jobs/nightly.sh", "-c", "x"], "nightly.sh"),
            (&["bash", "-eu", "-o", "pipefail", "nightly.sh"], "nightly.sh"),
            (&["bash", "--norc", "nightly.sh"], "nightly.sh"),
            (&["python3.11", "-W", "ignore", "report.py"], "report.py"),
            (&["python3", "-u", "-m", "shop.reports", "today"], "shop.reports"),
            (&["perl", "-w", "rotate.pl"], "rotate.pl"),
            (&["node", "-r", "dotenv/config", "/srv/app.js"], "app.js"),
            (&["php", "artisan", "schedule:run"], "artisan"),
            (&["ruby", "-I", "lib", "task.rb"], "task.rb"),
            (&["sh"], "sh"),
            (&["python3", "-"], "python3"),
            (&["shred", "-c", "x"], "shred"),
        ];
        for (words, name) in cases {
            assert_eq!(named(words), name, "{words:?}");
        }
    }

    #[test]
    fn code_in_the_command_line_is_called_by_its_first_command_and_differs() {
        let codes: [(&str, &str); 8] = [
            ("mysqldump -psecret shop | gzip >x", "mysqldump-"),
            ("cd /srv && PATH=/x ./backup.sh --full", "backup.sh-"),
            ("set -e; cd /srv; exec nice rsync -a . host:", "nice-"),
            ("echo one", "echo-"),
            ("echo two", "echo-"),
            ("if test -e x; then /usr/bin/sync; fi", "sync-"),
            ("$TOOL --all", "sh-"),
            ("", "sh-"),
        ];
        let mut names = std::collections::BTreeSet::new();
        for (code, beginning) in codes {
            let name = named(&["sh", "-c", code]);
            let hash = name.strip_prefix(beginning).unwrap_or_else(|| panic!("{code}: {name}"));
            assert_eq!(hash.len(), 8, "{name}");
            assert!(!name.contains("secret") && names.insert(name));
        }
        assert!(named(&["bash", "-ec", "sync", "x"]).starts_with("sync-"));
        assert!(named(&["bash", "-c", "-e", "sync"]).starts_with("sync-"));
        assert!(named(&["python3", "-c", "import os"]).starts_with("python3-"));
        assert!(named(&["perl", "-we", "print 1"]).starts_with("perl-"));
        assert_eq!(named(&["sh", "-c", "sync"]), "sync-2f106bec", "names stay over releases");
    }

    proptest! {
        #[test]
        fn any_command_line_has_a_name_that_a_beat_can_have(words in prop::collection::vec(".{0,300}", 1..6)) {
            let words: Vec<OsString> = words.iter().map(OsString::from).collect();
            let name = name(&words);
            let mut beat = Beat::new("x", "h", instance(), 0, Kind::Alive);
            beat.program = name.unwrap_or_else(|| "program".into());
            prop_assert_eq!(beat.within_limits(), Ok(()));
        }
    }
}
