//! Sends the values of `cases` through eleven formats and prints how many arrive.
//!
//! `cargo run --manifest-path benches/formats/Cargo.toml` prints the table of docs/benchmarks.md;
//! with `-- --cases` each case, too.

mod cases;
mod format;

use format::Format;
use std::fmt::Debug;

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What came of one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Outcome {
    Right,
    Error,
    Panic,
    Other,
}

/// One value, and what must arrive.
struct Case {
    name: &'static str,
    run: fn(Format) -> Outcome,
}

/// A value and what must arrive: another value where a field is skipped, or an error.
struct Sent<T> {
    value: T,
    arrives: Option<T>,
}

fn itself<T: Clone>(value: T) -> Sent<T> {
    Sent { arrives: Some(value.clone()), value }
}

fn becomes<T>(value: T, arrives: T) -> Sent<T> {
    Sent { value, arrives: Some(arrives) }
}

fn fails<T>(value: T) -> Sent<T> {
    Sent { value, arrives: None }
}

fn outcome<T>(format: Format, sent: Sent<T>) -> Outcome
where
    T: Serialize + DeserializeOwned + Debug + Send + 'static,
{
    // By their texts, since NaN is not equal to itself.
    let expected = sent.arrives.map(|value| format!("{value:?}"));
    let cross = std::panic::AssertUnwindSafe(|| format.cross(sent.value));
    match std::panic::catch_unwind(cross) {
        Err(_) => Outcome::Panic,
        Ok(Err(_)) if expected.is_none() => Outcome::Right,
        Ok(Err(_)) => Outcome::Error,
        Ok(Ok(value)) if Some(format!("{value:?}")) == expected => Outcome::Right,
        Ok(Ok(_)) => Outcome::Other,
    }
}

fn main() {
    let each = std::env::args().any(|word| word == "--cases");
    std::panic::set_hook(Box::new(|_| {}));
    let cases: Vec<_> = cases::all().collect();
    println!("{} cases\n", cases.len());
    println!("| format | right | error | panic | another value |\n|---|---:|---:|---:|---:|");
    for format in Format::ALL {
        let outcomes: Vec<Outcome> = cases.iter().map(|case| (case.run)(*format)).collect();
        let count = |which| outcomes.iter().filter(|outcome| **outcome == which).count();
        println!(
            "| {} | {} | {} | {} | {} |",
            format.name(),
            count(Outcome::Right),
            count(Outcome::Error),
            count(Outcome::Panic),
            count(Outcome::Other)
        );
    }
    if each {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        println!("\n| case | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
        for case in &cases {
            let outcomes = Format::ALL.iter().map(|format| match (case.run)(*format) {
                Outcome::Right => "",
                Outcome::Error => "error",
                Outcome::Panic => "panic",
                Outcome::Other => "**other**",
            });
            println!("| {} | {} |", case.name, outcomes.collect::<Vec<_>>().join(" | "));
        }
    }
}
