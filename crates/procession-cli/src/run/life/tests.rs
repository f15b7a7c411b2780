//! What is reported of a program's life.

use super::*;

const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

const PROMISE: Promise =
    Promise { every: s(300), grace: s(60), max_runtime: None, watchdog: None, service: false };

fn life(promise: Promise) -> Life {
    Life::new("r".into(), promise, 0.5)
}

fn words(kinds: &[Kind]) -> Vec<&'static str> {
    let word = |kind: &Kind| match kind {
        Kind::Alive => "alive",
        Kind::Start { .. } => "start",
        Kind::Ok { .. } => "ok",
        Kind::Fail { .. } => "fail",
        Kind::Log { .. } => "log",
        Kind::Stuck { .. } => "stuck",
        Kind::Dead(_) => "dead",
        Kind::Goodbye { .. } => "goodbye",
    };
    kinds.iter().map(word).collect()
}

#[test]
fn a_job_is_well_when_it_has_worked_and_a_service_when_it_runs() {
    assert_eq!(words(&life(PROMISE).begin()), ["start"]);
    assert_eq!(words(&life(Promise { service: true, ..PROMISE }).begin()), ["start", "alive"]);
    let mut announced = life(PROMISE);
    assert_eq!(words(&announced.hear(&Word::Ready, s(2))), ["log", "start", "alive"]);
    assert_eq!(words(&announced.hear(&Word::Ready, s(2))), ["log", "alive"]);
    assert_eq!(announced.end(Exit::Code(0), Vec::new()), Kind::Ok { run: None });
    assert_eq!(announced.next(), s(32));
}

#[test]
fn a_long_job_says_that_it_lives_before_its_silence_could_be_judged() {
    let mut job = life(PROMISE);
    assert_eq!(job.next(), s(30));
    assert_eq!(words(&job.due(s(29))), [""; 0]);
    assert_eq!(words(&job.due(s(30))), ["alive"]);
    assert_eq!(job.next(), s(60));
}

#[test]
fn after_a_suspend_a_beat_is_due_at_once_and_no_limit_has_passed_meanwhile() {
    let promise = Promise { watchdog: Some(s(20)), max_runtime: Some(s(40)), ..PROMISE };
    let mut life = life(Promise { service: true, ..promise });
    life.hear(&Word::Watchdog, s(0));
    assert_eq!(words(&life.due(s(10))), [""; 0]);
    life.woke(s(10));
    assert_eq!(life.next(), s(10));
    assert_eq!(words(&life.due(s(10))), ["alive"]);
    assert_eq!((life.next(), life.main().state), (s(20), MainState::Alive));
}

#[test]
fn each_end_has_its_report() {
    let service = Promise { service: true, ..PROMISE };
    let cases = [
        (PROMISE, false, Exit::Code(0), "ok"),
        (PROMISE, false, Exit::Code(3), "dead"),
        (PROMISE, false, Exit::Signal(15), "dead"),
        (PROMISE, false, Exit::Unknown, "dead"),
        (PROMISE, false, Exit::Orphaned, "fail"),
        (PROMISE, true, Exit::Code(0), "goodbye"),
        (PROMISE, true, Exit::Code(143), "goodbye"),
        (PROMISE, true, Exit::Signal(15), "goodbye"),
        (PROMISE, true, Exit::Signal(9), "dead"),
        (PROMISE, true, Exit::Signal(11), "dead"),
        (PROMISE, true, Exit::Code(3), "dead"),
        (PROMISE, true, Exit::Orphaned, "fail"),
        (service, false, Exit::Code(0), "dead"),
        (service, true, Exit::Code(0), "goodbye"),
    ];
    for (promise, asked, exit, word) in cases {
        let mut life = life(promise);
        if asked {
            life.asked(Asks::Stop);
        }
        assert_eq!(words(&[life.end(exit, Vec::new())]), [word], "{exit:?} asked: {asked}");
    }
}

#[test]
fn a_watchdog_that_is_not_fed_is_told_once_and_again_with_each_beat_until_it_is() {
    let mut life = life(Promise { watchdog: Some(s(10)), ..PROMISE });
    life.hear(&Word::Watchdog, s(5));
    assert_eq!(life.next(), s(15));
    assert_eq!(words(&life.due(s(15))), ["stuck"]);
    assert_eq!(life.main().state, MainState::Stuck);
    assert_eq!(words(&life.due(s(30))), ["stuck"]);
    assert_eq!(words(&life.hear(&Word::Watchdog, s(31))), ["alive"]);
    assert_eq!((life.main().state, life.main().ticks), (MainState::Alive, 2));
    assert_eq!(words(&life.hear(&Word::Trigger, s(32))), ["stuck"]);
    life.hear(&Word::Watchdog, s(33));
    life.hear(&Word::WatchdogTime(s(100)), s(34));
    assert_eq!(words(&life.due(s(133))), ["alive"]);
    assert_eq!(life.next(), s(134));
}

#[test]
fn a_program_that_never_says_that_it_gets_on_has_no_watchdog() {
    let mut life = life(Promise { watchdog: Some(s(10)), service: true, ..PROMISE });
    life.hear(&Word::Ready, s(1));
    assert_eq!(words(&life.due(s(301))), ["alive"]);
    life.hear(&Word::Watchdog, s(302));
    assert_eq!(words(&life.due(s(312))), ["stuck"]);
}

#[test]
fn a_run_that_lasts_too_long_fails_at_its_limit_and_with_each_beat_and_may_ask_for_more() {
    let mut life = life(Promise { max_runtime: Some(s(20)), ..PROMISE });
    life.hear(&Word::ExtendTimeout(s(15)), s(10));
    assert_eq!(life.next(), s(25));
    assert_eq!(words(&life.due(s(25))), ["fail"]);
    assert_eq!(words(&life.due(s(30))), ["fail"]);
    assert_eq!(words(&[life.end(Exit::Code(0), Vec::new())]), ["ok"]);
}

#[test]
fn a_job_lasts_too_long_after_the_time_to_its_next_run_and_a_service_never_does() {
    let mut job = life(PROMISE);
    assert_eq!(words(&job.due(s(299))), ["alive"]);
    assert_eq!(job.next(), s(300));
    assert_eq!(words(&job.due(s(300))), ["fail"]);
    let named = life(Promise { max_runtime: Some(s(20)), ..PROMISE });
    assert_eq!(named.next(), s(20));
    let mut announced = life(PROMISE);
    announced.hear(&Word::Ready, s(299));
    for mut service in [life(Promise { service: true, ..PROMISE }), announced] {
        assert_eq!(words(&service.due(s(3_000))), ["alive"]);
    }
}

#[test]
fn what_the_program_said_of_itself_is_among_its_last_words() {
    let mut life = life(PROMISE);
    life.hear(&Word::Errno(2), s(1));
    assert_eq!(words(&life.hear(&Word::Status("loading".into()), s(1))), ["log"]);
    assert_eq!(words(&life.hear(&Word::Status("loading".into()), s(1))), [""; 0]);
    let Kind::Dead(death) = life.end(Exit::Code(1), vec!["last line".into()]) else {
        panic!("an exit code is a death")
    };
    assert_eq!(death.last_words[0], "last line");
    assert!(death.last_words[1].starts_with("ERRNO=2: No such file"), "{death:?}");
    assert_eq!(death.last_words[2], "STATUS=loading");
}

#[test]
fn a_flood_of_statuses_is_no_flood_of_beats() {
    let mut life = life(PROMISE);
    let said: usize = (0..1_000).map(|n| life.hear(&Word::Status(n.to_string()), s(1)).len()).sum();
    assert_eq!(said, 4);
    life.due(s(30));
    assert_eq!(life.hear(&Word::Status("after".into()), s(31)).len(), 1);
}
