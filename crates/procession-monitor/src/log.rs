//! What the monitor says on standard error: one line an event, at a level.
//!
//! # Invariants
//! - An event is one line, whatever its text holds.
//! - Nobody waits for standard error: a thread of its own writes. If that falls behind by [`MOST`]
//!   events, further ones are counted and left out.
//! - No write panics. `eprintln!` would if standard error is closed, and end the thread that judges or
//!   delivers; then there is no place left to say so.

use crate::clock::{iso, wall};
use crate::judge::Ms;
use std::collections::VecDeque;
use std::fmt;
use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

/// Most events that wait to be written.
const MOST: usize = 1_024;
/// How long the end of the monitor waits for the last of them.
const LAST: Duration = Duration::from_secs(1);

/// How much an event matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// The monitor cannot do its work.
    Error,
    /// A part of its work fails, or did.
    Warning,
    /// What it does: it starts and ends, a check changes its state, a message is delivered.
    Info,
}

/// The events that wait for the thread that writes them.
struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    waiting: VecDeque<String>,
    left_out: u64,
    is_writing: bool,
}

static QUEUE: Queue = Queue {
    state: Mutex::new(State { waiting: VecDeque::new(), left_out: 0, is_writing: false }),
    changed: Condvar::new(),
};
static THREAD: Once = Once::new();

/// Has an event written soon.
pub(crate) fn event(level: Level, text: fmt::Arguments<'_>) {
    THREAD.call_once(|| {
        // Without a thread nothing can be said, and the monitor goes on.
        let _ = std::thread::Builder::new().name("log".into()).spawn(|| QUEUE.write_all());
    });
    QUEUE.lock().push(line(level, wall(), &text.to_string()));
    QUEUE.changed.notify_all();
}

/// Waits until everything is written, a second at most.
pub(crate) fn flush() {
    let state = QUEUE.lock();
    let is_behind = |state: &mut State| state.is_writing || !state.waiting.is_empty();
    // Whoever holds standard error up has had a second.
    let _ = QUEUE.changed.wait_timeout_while(state, LAST, is_behind);
}

impl State {
    fn push(&mut self, line: String) {
        if self.waiting.len() < MOST {
            self.waiting.push_back(line);
        } else {
            self.left_out += 1;
        }
    }

    /// What is to be written next.
    fn take(&mut self) -> Option<String> {
        let line = self.waiting.pop_front();
        if line.is_none() && self.left_out > 0 {
            let count = std::mem::take(&mut self.left_out);
            let text = format!("{count} events are left out: standard error was too slow");
            return Some(self::line(Level::Warning, wall(), &text));
        }
        line
    }
}

impl Queue {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write_all(&self) -> ! {
        let mut state = self.lock();
        loop {
            let Some(line) = state.take() else {
                self.changed.notify_all();
                let idle = |state: &mut State| state.waiting.is_empty();
                let waited = self.changed.wait_while(state, idle);
                state = waited.unwrap_or_else(PoisonError::into_inner);
                continue;
            };
            state.is_writing = true;
            drop(state);
            let _ = std::io::stderr().write_all(line.as_bytes());
            state = self.lock();
            state.is_writing = false;
        }
    }
}

fn line(level: Level, at: Ms, text: &str) -> String {
    let level = match level {
        Level::Error => "error",
        Level::Warning => "warning",
        Level::Info => "info",
    };
    let text = text.replace(char::is_control, " ");
    format!("procession: {} {level}: {text}\n", iso(at))
}

/// Writes an event, with a format.
macro_rules! log {
    ($level:ident, $($text:tt)*) => {
        $crate::log::event($crate::log::Level::$level, format_args!($($text)*))
    };
}
pub(crate) use log;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_beyond_the_queue_are_counted_and_left_out() {
        let mut state = State { waiting: VecDeque::new(), left_out: 0, is_writing: false };
        for number in 0..MOST + 3 {
            state.push(number.to_string());
        }
        let written: Vec<String> = std::iter::from_fn(|| state.take()).collect();
        assert_eq!(written.len(), MOST + 1);
        assert_eq!(written[MOST - 1], (MOST - 1).to_string());
        assert!(written[MOST].contains("3 events are left out"), "{}", written[MOST]);
    }

    #[test]
    fn an_event_is_one_line_with_its_time_and_level() {
        let line = line(Level::Warning, 1_700_000_000_999, "HTTP 500:\r\n\u{1b}[2Joops");
        let expected = "procession: 2023-11-14T22:13:20+00:00 warning: HTTP 500:   [2Joops\n";
        assert_eq!(line, expected);
    }
}
