//! How main ended: a pure rule.
//!
//! In: what the kernel told, what main said itself, what this program does on a panic. Out: a
//! [`Death`]. What always holds: nothing is guessed. The kernel's word goes before main's own; a
//! panic is called the cause only where it must be; every other one is among the last words.

use super::page::{Entry, Exit};
use procession_beat::{Cause, Death, Panic};
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

/// The exit code of std for a `main` that panicked.
const PANICKED: i32 = 101;
const SIGABRT: i32 = 6;

/// What can be known.
#[derive(Clone, Debug, Default)]
pub(super) struct Evidence {
    pub(super) kernel: Option<ExitStatus>,
    pub(super) own: Option<Exit>,
    /// Main lives on as another program.
    pub(super) exec: bool,
    /// Any panic of this program aborts it.
    pub(super) aborts: bool,
    /// What main left, oldest first.
    pub(super) entries: Vec<Entry>,
}

pub(super) fn death(evidence: Evidence) -> Death {
    let Evidence { kernel, own, exec, aborts, mut entries } = evidence;
    let cause = match (exec, kernel, own) {
        (true, ..) => Cause::Exec,
        (_, Some(status), _) => match (status.code(), status.signal()) {
            (Some(code), _) => Cause::Code(code),
            (None, Some(signal)) => Cause::Signal(signal),
            (None, None) => Cause::Unknown,
        },
        (_, None, Some(Exit::Code(code))) => Cause::Code(code),
        (_, None, Some(Exit::Unknown) | None) => Cause::Unknown,
    };
    let fatal = |entry: &Entry| match (entry, cause) {
        (Entry::Panic { main, .. }, Cause::Code(PANICKED)) => *main,
        (Entry::Panic { .. }, Cause::Signal(SIGABRT)) => aborts,
        _ => false,
    };
    let panic = entries.iter().rposition(fatal).map(|place| entries.remove(place));
    let panic = panic.and_then(|entry| match entry {
        Entry::Panic { place, message, .. } => Some(Panic { message, place }),
        Entry::Note(_) => None,
    });
    let said_exit = matches!((cause, own), (Cause::Unknown, Some(Exit::Unknown)));
    let exit = said_exit.then(|| "it exited by itself, with a code it was not told".to_owned());
    Death { run: None, cause, panic, last_words: entries.iter().map(words).chain(exit).collect() }
}

fn words(entry: &Entry) -> String {
    match entry {
        Entry::Note(text) => text.clone(),
        Entry::Panic { place, message, .. } => format!("panicked at {place}: {message}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn panic(main: bool) -> Entry {
        Entry::Panic { main, place: "a.rs:1:2".into(), message: "oh".into() }
    }

    #[test]
    fn each_evidence_has_its_cause_and_the_kernels_goes_first() {
        let code = |code: i32| Some(ExitStatus::from_raw(code << 8));
        let signal = |signal| Some(ExitStatus::from_raw(signal));
        // (kernel, main itself, exec, the cause)
        let table = [
            (code(7), None, false, Cause::Code(7)),
            (code(7), Some(Exit::Code(0)), false, Cause::Code(7)),
            (signal(11), Some(Exit::Code(0)), false, Cause::Signal(11)),
            (signal(0x86), None, false, Cause::Signal(6)),
            (None, Some(Exit::Code(3)), false, Cause::Code(3)),
            (None, Some(Exit::Unknown), false, Cause::Unknown),
            (None, None, false, Cause::Unknown),
            (None, None, true, Cause::Exec),
        ];
        for (kernel, own, exec, cause) in table {
            let evidence = Evidence { kernel, own, exec, ..Evidence::default() };
            assert_eq!(death(evidence.clone()).cause, cause, "{evidence:?}");
        }
    }

    #[test]
    fn a_panic_is_the_cause_only_where_it_must_be() {
        let raw = |kernel: i32, aborts, main| {
            let kernel = Some(ExitStatus::from_raw(kernel));
            let entries = vec![panic(main), Entry::Note("n".into())];
            death(Evidence { kernel, aborts, entries, ..Evidence::default() })
        };
        // (wait status, panics abort, it was the main thread's, it is the cause)
        let table = [
            (101 << 8, false, true, true),
            (101 << 8, false, false, false),
            (3 << 8, false, true, false),
            (6, true, false, true),
            (6, false, true, false),
            (9, true, true, false),
        ];
        for (kernel, aborts, main, is_cause) in table {
            let death = raw(kernel, aborts, main);
            assert_eq!(death.panic.is_some(), is_cause, "{kernel} {aborts} {main}");
            let told = if is_cause { &["n"][..] } else { &["panicked at a.rs:1:2: oh", "n"] };
            assert_eq!(death.last_words, told);
        }
    }

    #[test]
    fn the_last_panic_counts_and_the_ones_before_it_are_words() {
        let early = Entry::Panic { main: true, place: "b.rs:3:4".into(), message: "caught".into() };
        let kernel = Some(ExitStatus::from_raw(101 << 8));
        let entries = vec![early, panic(true), panic(false)];
        let death = death(Evidence { kernel, entries, ..Evidence::default() });
        assert_eq!(death.panic.map(|panic| panic.place).as_deref(), Some("a.rs:1:2"));
        assert_eq!(death.last_words, ["panicked at b.rs:3:4: caught", "panicked at a.rs:1:2: oh"]);
    }
}
