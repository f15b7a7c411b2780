//! Every error into a failure, and a failure into every error.

use super::*;
use std::rc::Rc;

/// An error with a cause; neither `Send` nor `Sync`.
#[derive(Debug)]
struct Outer(Rc<std::num::ParseIntError>);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration is wrong")
    }
}

impl Error for Outer {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&*self.0)
    }
}

/// An error that names itself as its cause.
#[derive(Debug)]
struct Cyclic;

impl fmt::Display for Cyclic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("round")
    }
}

impl Error for Cyclic {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self)
    }
}

fn outer() -> Outer {
    Outer(Rc::new("x".parse::<u8>().unwrap_err()))
}

/// The messages of an error and of its causes.
fn chain(error: &(dyn Error + 'static)) -> Vec<String> {
    let causes = error.source().map(chain).unwrap_or_default();
    [vec![error.to_string()], causes].concat()
}

const CHAIN: [&str; 2] = ["the configuration is wrong", "invalid digit found in string"];

/// What `?` makes of an error, in a function that returns a [`Failure`].
macro_rules! asked {
    ($error:expr) => {
        (|| -> Result<(), Failure> { Err($error)? })().unwrap_err()
    };
}

#[test]
fn the_question_mark_takes_every_kind_of_error_with_its_causes() {
    let boxed: Box<dyn Error> = Box::new(outer());
    assert_eq!(chain(&asked!(outer())), CHAIN);
    assert_eq!(chain(&asked!(boxed)), CHAIN);
    let causes = || "x".parse::<u8>().unwrap_err();
    assert_eq!(chain(&asked!(anyhow::Error::new(causes()).context(CHAIN[0]))), CHAIN);
    assert_eq!(chain(&asked!(eyre::Report::new(causes()).wrap_err(CHAIN[0]))), CHAIN);
    assert_eq!(chain(&asked!(Failure::of(&outer()))), CHAIN);
    assert_eq!(chain(&asked!("a literal")), ["a literal"]);
    assert_eq!(chain(&asked!(String::from("a text"))), ["a text"]);
}

#[test]
fn the_question_mark_converts_a_failure_into_every_kind_of_error() {
    let failing = || -> Result<(), Failure> { Err(outer())? };
    let anyhow = (|| -> anyhow::Result<()> { Ok(failing()?) })().unwrap_err();
    assert_eq!(anyhow.chain().map(ToString::to_string).collect::<Vec<_>>(), CHAIN);
    let eyre = (|| -> eyre::Result<()> { Ok(failing()?) })().unwrap_err();
    assert_eq!(eyre.chain().map(ToString::to_string).collect::<Vec<_>>(), CHAIN);
    let boxed = (|| -> Result<(), Box<dyn Error>> { Ok(failing()?) })().unwrap_err();
    assert_eq!(chain(&*boxed), CHAIN);
    let boxed = (|| -> Result<(), Box<dyn Error + Send + Sync>> { Ok(failing()?) })().unwrap_err();
    assert_eq!(chain(&*boxed), CHAIN);
}

#[test]
fn context_takes_every_kind_of_error_and_none() {
    let parsed = || "x".parse::<u8>();
    let sync: Result<(), Box<dyn Error + Send + Sync>> = Err(parsed().unwrap_err().into());
    let boxed: Result<(), Box<dyn Error>> = Err(parsed().unwrap_err().into());
    let anyhow: Result<(), anyhow::Error> = Err(parsed().unwrap_err().into());
    let failed: Result<(), Failure> = Err(parsed().unwrap_err().into());
    let failures = [
        parsed().context(CHAIN[0]).unwrap_err(),
        sync.context(CHAIN[0]).unwrap_err(),
        boxed.context(CHAIN[0]).unwrap_err(),
        anyhow.context(CHAIN[0]).unwrap_err(),
        failed.with_context(|| CHAIN[0]).unwrap_err(),
    ];
    for failure in failures {
        assert_eq!(chain(&failure), CHAIN);
    }
    assert_eq!(chain(&None::<u8>.context("nothing there").unwrap_err()), ["nothing there"]);
    assert_eq!(Some(3).context("nothing there"), Ok(3));
}

#[test]
fn a_failure_prints_its_causes_where_it_is_asked_for_them() {
    let failure = Failure::from(outer());
    assert_eq!(failure.to_string(), CHAIN[0]);
    assert_eq!(format!("{failure:#}"), CHAIN.join(": "));
    assert_eq!(format!("{failure:?}"), CHAIN.join(": "));
    assert_eq!(failure.causes().collect::<Vec<_>>(), CHAIN[1..]);
}

#[test]
fn a_failure_crosses_with_its_causes() {
    let failure = Failure::from(outer()).context("cannot start");
    let parcel = crate::parcel::encode(Vec::new(), &failure).expect("a parcel");
    let back: Failure = crate::parcel::decode(parcel, 0).expect("a failure");
    assert_eq!(back, failure);
    assert_eq!(back.causes().collect::<Vec<_>>(), CHAIN);
}

#[test]
fn a_chain_without_end_is_cut_and_says_so() {
    let failure = Failure::of(&Cyclic);
    let causes: Vec<&str> = failure.causes().collect();
    assert_eq!(causes.len(), MOST_CAUSES + 1);
    assert_eq!(causes[MOST_CAUSES], "the causes after the first 256 are left out");
    let long = Failure::from(Messages("many".to_owned(), vec!["round".to_owned(); 1_000_000]));
    assert_eq!(long.clone().causes().count(), MOST_CAUSES + 1);
}
