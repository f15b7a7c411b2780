//! The rules of the judge, each as a story with a stated end.

mod court;

use court::{Court, FIVE_MINUTES, HOUR, MINUTE, SECOND, dead};
use procession_beat::Instance;
use procession_monitor::judge::{
    CheckId, Config, Judge, Message, Problem, Signal, Source, Spec, Stamp, State, Subject, Time,
    Timing,
};
use procession_monitor::sim::Receiver;
use proptest::prelude::*;
use std::collections::BTreeMap;

#[test]
fn silence_is_late_after_the_period_and_down_after_the_grace_and_not_a_second_earlier() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    assert_eq!(court.state(1), State::New);
    assert_eq!(court.hear(1, &Signal::Alive), State::Up);
    court.pass(5 * MINUTE - SECOND);
    assert_eq!(court.state(1), State::Up);
    court.pass(SECOND);
    assert_eq!(court.state(1), State::Late);
    court.pass(MINUTE - SECOND);
    assert_eq!(court.state(1), State::Late);
    court.pass(SECOND);
    assert_eq!(court.state(1), State::Down);
    court.pass(10 * SECOND);
    assert_eq!(court.told(), ["host-1 firing"]);
}

#[test]
fn a_new_check_is_never_blamed_for_silence() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.pass(2 * HOUR);
    assert_eq!((court.state(1), court.told()), (State::New, vec![]));
}

#[test]
fn r2_a_repeated_or_old_count_proves_nothing() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.stamped(1, "a", 1, 7, &Signal::Alive);
    for replay in 1..=7 {
        court.pass(MINUTE);
        court.stamped(1, "a", 1, replay, &Signal::Alive);
    }
    assert_eq!(court.state(1), State::Down);
}

#[test]
fn r2_a_run_that_was_followed_cannot_report_its_death_any_more() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.stamped(1, "a", 1, 7, &Signal::Alive);
    court.stamped(1, "a", 2, 1, &Signal::Alive);
    assert_eq!(court.stamped(1, "a", 1, 8, &dead()), State::Up);
}

/// A beat received just before its deadline, and read three seconds long; what is said of the check
/// meanwhile, if deadlines are judged up to `applied`.
fn slow_reading(applied: impl Fn(Time, Time) -> Time) -> State {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &Signal::Alive);
    court.pass(5 * MINUTE + 59 * SECOND);
    let received = Time(court.now + 500);
    for late in 1..=2 {
        let now = Time(court.now + late * SECOND);
        court.judge.advance(now, applied(now, received));
    }
    court.state(1)
}

#[test]
fn r3_a_deadline_is_judged_only_when_everything_received_before_it_is_applied() {
    assert_eq!(slow_reading(|_, received| received), State::Late);
    assert_eq!(slow_reading(|now, _| now), State::Down, "without the rule");
}

#[test]
fn r4_a_sleep_of_the_monitor_blames_nobody_and_still_finds_the_dead_in_time() {
    for sleep in [4 * SECOND, 10 * MINUTE, 30 * 24 * HOUR] {
        let mut court = Court::new().with(1, FIVE_MINUTES).with(2, FIVE_MINUTES);
        court.hear(1, &Signal::Alive);
        court.hear(2, &Signal::Alive);
        court.pass(5 * MINUTE + 58 * SECOND);
        court.sleep(sleep);
        assert_eq!(court.state(2), State::Unknown);
        court.pass(30 * SECOND);
        assert_eq!(court.hear(1, &Signal::Alive), State::Up);
        court.pass(69 * SECOND);
        assert_eq!((court.state(1), court.state(2)), (State::Up, State::Unknown));
        court.pass(SECOND);
        assert_eq!((court.state(1), court.state(2)), (State::Up, State::Down), "ready + 40 s + G");
    }
}

#[test]
fn r4_what_was_down_stays_down_without_another_message() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &dead());
    court.pass(MINUTE);
    assert_eq!(court.told(), ["host-1 firing"]);
    court.sleep(2 * MINUTE);
    court.pass(HOUR);
    assert_eq!((court.state(1), court.told()), (State::Down, vec![]));
}

#[test]
fn r4_a_ping_that_is_sent_once_gets_a_whole_period_after_blindness() {
    let timing = Timing { source: Source::Ping, ..FIVE_MINUTES };
    let mut court = Court::new().with(1, timing);
    court.hear(1, &Signal::Alive);
    court.pass(4 * MINUTE);
    court.sleep(2 * MINUTE);
    court.pass(6 * MINUTE - SECOND);
    assert_eq!(court.state(1), State::Unknown);
    court.pass(SECOND);
    assert_eq!(court.state(1), State::Down);
}

#[test]
fn r7_a_goodbye_for_good_is_never_blamed_and_one_with_a_return_is_held_to_it() {
    let mut court = Court::new().with(1, FIVE_MINUTES).with(2, FIVE_MINUTES);
    assert_eq!(court.hear(1, &Signal::Goodbye(None)), State::Stopped);
    court.hear(2, &Signal::Goodbye(Some(20 * MINUTE)));
    court.pass(21 * MINUTE - SECOND);
    assert_eq!((court.state(1), court.state(2)), (State::Stopped, State::Stopped));
    court.pass(MINUTE);
    assert_eq!(court.state(2), State::Down);
    assert_eq!(court.told(), ["host-2 firing"]);
    assert_eq!(court.hear(2, &Signal::Alive), State::Up);
    court.pass(HOUR / 12);
    assert_eq!((court.state(1), court.told()), (State::Stopped, vec!["host-2 resolved".into()]));
}

#[test]
fn r7_a_new_run_without_a_goodbye_is_a_restart_and_no_alarm() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    let stamp =
        |boot: &str| Stamp { instance: Instance { boot: boot.into(), pid: 1, started: 1 }, seq: 1 };
    let first = court.judge.hear(CheckId(1), Some(&stamp("a")), &Signal::Alive, Time(0)).unwrap();
    let second = court.judge.hear(CheckId(1), Some(&stamp("b")), &Signal::Alive, Time(9)).unwrap();
    assert_eq!((first.restarted, second.restarted), (false, true));
    court.pass(MINUTE);
    assert!(court.told().is_empty());
}

#[test]
fn r8_r9_dead_stuck_and_silent_are_told_apart() {
    let stuck = Signal::Degraded(Problem::Stuck("no progress for 90 s".into()));
    let mut court = Court::new().with(1, FIVE_MINUTES).with(2, FIVE_MINUTES).with(3, FIVE_MINUTES);
    court.hear(3, &Signal::Alive);
    court.pass(6 * MINUTE);
    assert_eq!(court.hear(1, &dead()), State::Down);
    assert_eq!(court.hear(2, &stuck), State::Degraded);
    let problem = |id| court.judge.check(CheckId(id)).unwrap().problem.clone().unwrap();
    assert_eq!(problem(1), Problem::Dead("signal 9".into()));
    assert!(matches!(problem(2), Problem::Stuck(_)));
    assert_eq!(problem(3), Problem::Silent);
    court.hear(2, &Signal::Alive);
    court.pass(HOUR / 60);
    assert_eq!(court.told(), ["host-1 firing", "host-3 firing"], "2 was well before it was told");
}

/// What is reported and the state after it: the run, its count, the signal.
type Row = (u64, u64, Signal, State);

#[test]
fn the_failure_of_a_run_that_named_itself_lasts_until_one_ends_well() {
    let (name, other) = (|| Some("r".to_owned()), || Some("other".to_owned()));
    let failed = |run| Signal::Fail(run, Problem::Failed("exit status 5".into()));
    let stuck = Signal::Degraded(Problem::Stuck("no progress".into()));
    let rows: [&[Row]; 7] = [
        // A newer run that goes on makes up for nothing; its end does.
        &[
            (1, 1, Signal::Start(name()), State::New),
            (2, 1, Signal::Start(other()), State::New),
            (1, 2, failed(name()), State::Down),
            (2, 2, Signal::Alive, State::Down),
            (2, 3, stuck.clone(), State::Degraded),
            (2, 4, Signal::Alive, State::Down),
            (2, 5, Signal::Success(other()), State::Up),
            (2, 6, Signal::Alive, State::Up),
        ],
        // So does the end of an older one.
        &[
            (1, 1, Signal::Start(name()), State::New),
            (2, 1, failed(other()), State::Down),
            (1, 2, Signal::Success(name()), State::Up),
        ],
        // What is no piece of work is well when it lives.
        &[
            (1, 1, failed(name()), State::Down),
            (2, 1, Signal::Start(None), State::Down),
            (2, 2, Signal::Alive, State::Up),
        ],
        &[(1, 1, failed(name()), State::Down), (2, 1, Signal::Alive, State::Up)],
        &[(1, 1, failed(None), State::Down), (1, 2, Signal::Alive, State::Up)],
        // A stop is a new beginning.
        &[
            (1, 1, failed(name()), State::Down),
            (1, 2, Signal::Goodbye(None), State::Stopped),
            (1, 3, Signal::Alive, State::Up),
        ],
        // The end that no longer counts.
        &[
            (1, 1, Signal::Start(name()), State::New),
            (2, 1, Signal::Alive, State::Up),
            (1, 2, failed(None), State::Up),
            (1, 2, failed(name()), State::Up),
            (1, 3, failed(name()), State::Down),
            (1, 3, failed(name()), State::Down),
        ],
    ];
    for (number, rows) in rows.iter().enumerate() {
        let mut court = Court::new().with(1, FIVE_MINUTES);
        for (step, (started, seq, signal, state)) in rows.iter().enumerate() {
            let found = court.stamped(1, "a", *started, *seq, signal);
            assert_eq!(found, *state, "row {number}, step {step}: {signal:?}");
        }
    }
}

#[test]
fn a_run_that_lasts_too_long_is_down_and_its_end_is_still_timed() {
    let timing = Timing { max_runtime: Some(10 * MINUTE), source: Source::Ping, ..FIVE_MINUTES };
    let mut court = Court::new().with(1, Timing { period: 24 * HOUR, ..timing });
    assert_eq!(court.hear(1, &Signal::Start(Some("r".into()))), State::New);
    court.pass(10 * MINUTE);
    assert_eq!(court.state(1), State::Down);
    assert!(court.judge.check(CheckId(1)).unwrap().run.is_some());
    court.pass(MINUTE);
    assert_eq!(court.hear(1, &Signal::Success(Some("r".into()))), State::Up);
    assert_eq!(court.judge.check(CheckId(1)).unwrap().last_duration, Some(11 * MINUTE));
}

#[test]
fn a_run_of_a_heartbeat_is_down_once_it_has_been_silent_for_its_grace() {
    let timing = Timing { period: 24 * HOUR, grace: HOUR, ..FIVE_MINUTES };
    let timing = Timing { max_runtime: Some(timing.grace), ..timing };
    let start = |id: Option<&str>| Signal::Start(id.map(Into::into));
    let mut court = Court::new().with(1, timing).with(2, timing).with(3, timing);
    court.hear(1, &start(Some("r")));
    court.hear(2, &start(None));
    court.hear(3, &start(Some("r")));
    court.pass(HOUR - SECOND);
    court.hear(1, &Signal::Alive);
    assert_eq!(court.state(3), State::New);
    court.pass(SECOND);
    assert_eq!((court.state(1), court.state(3)), (State::Up, State::Down), "1 has spoken since");
    court.pass(HOUR);
    assert_eq!((court.state(1), court.state(2)), (State::Down, State::New), "2 names no run");
    assert_eq!(court.judge.check(CheckId(1)).unwrap().problem, Some(Problem::Silent));
    assert_eq!(court.hear(1, &Signal::Success(Some("r".into()))), State::Up);
    court.pass(24 * HOUR);
    assert_eq!(court.state(1), State::Late, "its run is over");
}

#[test]
fn a_run_of_a_heartbeat_that_may_have_ended_while_the_monitor_was_blind_is_not_down() {
    let timing = Timing { period: 24 * HOUR, grace: HOUR, ..FIVE_MINUTES };
    let timing = Timing { max_runtime: Some(timing.grace), ..timing };
    let mut court = Court::new().with(1, timing).with(2, timing);
    court.hear(1, &Signal::Success(None));
    court.hear(1, &Signal::Start(Some("r".into())));
    court.hear(2, &Signal::Start(Some("r".into())));
    court.sleep(10 * MINUTE);
    court.pass(2 * HOUR);
    // Of the second nothing else was ever heard that could be missed.
    assert_eq!((court.state(1), court.state(2)), (State::Up, State::Down));
}

#[test]
fn only_the_named_run_is_ended_and_timed() {
    let success = |id: Option<&str>| Signal::Success(id.map(Into::into));
    // (how the run ends, is it over, is it timed)
    let cases = [
        (success(Some("r")), true, true),
        (success(Some("other")), false, false),
        (success(None), true, false),
        (Signal::Fail(Some("other".into()), Problem::Failed("1".into())), true, false),
        (Signal::Log, false, false),
        (Signal::Alive, false, false),
    ];
    for (signal, over, timed) in cases {
        let mut court = Court::new().with(1, FIVE_MINUTES);
        court.hear(1, &Signal::Start(Some("r".into())));
        court.pass(SECOND);
        court.hear(1, &signal);
        let check = court.judge.check(CheckId(1)).unwrap();
        let found = (check.run.is_none(), check.last_duration.is_some());
        assert_eq!(found, (over, timed), "{signal:?}");
    }
}

#[test]
fn a_check_that_was_late_and_spoke_is_up_since_when_it_was() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &Signal::Alive);
    let since = court.judge.check(CheckId(1)).unwrap().since;
    court.pass(5 * MINUTE + SECOND);
    assert_eq!(court.state(1), State::Late);
    assert_eq!(court.hear(1, &Signal::Alive), State::Up);
    assert_eq!(court.judge.check(CheckId(1)).unwrap().since, since);
    court.pass(5 * MINUTE + SECOND);
    court.sleep(HOUR);
    assert_eq!(court.judge.check(CheckId(1)).unwrap().since, since, "blindness changes nothing");
}

#[test]
fn a_check_that_was_not_due_while_the_monitor_was_blind_is_what_it_was() {
    let daily = Timing { period: 24 * HOUR, source: Source::Ping, ..FIVE_MINUTES };
    let mut court = Court::new().with(1, daily).with(2, FIVE_MINUTES);
    court.hear(1, &Signal::Alive);
    court.hear(2, &Signal::Alive);
    court.pass(MINUTE);
    court.sleep(HOUR);
    assert_eq!((court.state(1), court.state(2)), (State::Up, State::Unknown));
    court.pass(23 * HOUR);
    assert_eq!(court.state(1), State::Unknown, "it was due, and may have spoken in that hour");
    court.pass(24 * HOUR);
    assert_eq!(court.state(1), State::Down);
}

#[test]
fn the_monitor_was_blind_since_its_last_pass_and_no_longer() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.pass(20 * SECOND);
    court.judge.take();
    court.now += 4 * SECOND;
    court.judge.advance(Time(court.now), Time(court.now));
    assert_eq!(court.judge.take().blind, Some((Time(20 * SECOND), Time(24 * SECOND))));
}

#[test]
fn a_pause_is_ended_by_a_ping_but_not_by_a_heartbeat() {
    // (who reports, the signal, the state after it)
    let cases = [
        (Source::Ping, Signal::Success(None), State::Up),
        (Source::Ping, dead(), State::Down),
        (Source::Ping, Signal::Log, State::Paused),
        (Source::Ping, Signal::Start(None), State::Paused),
        (Source::Heartbeat, Signal::Alive, State::Paused),
        (Source::Heartbeat, dead(), State::Paused),
    ];
    for (source, signal, after) in cases {
        let mut court = Court::new().with(1, Timing { source, ..FIVE_MINUTES });
        court.hear(1, &Signal::Alive);
        court.judge.pause(CheckId(1), Time(0));
        court.pass(HOUR);
        assert_eq!(court.state(1), State::Paused);
        assert_eq!(court.hear(1, &signal), after, "{source:?} {signal:?}");
    }
}

#[test]
fn a_resumed_heartbeat_must_speak_and_a_resumed_ping_is_waited_for() {
    for (source, after) in [(Source::Heartbeat, State::Down), (Source::Ping, State::New)] {
        let mut court = Court::new().with(1, Timing { source, ..FIVE_MINUTES });
        court.hear(1, &Signal::Alive);
        court.judge.pause(CheckId(1), Time(0));
        court.judge.resume(CheckId(1), Time(0));
        court.pass(6 * MINUTE);
        assert_eq!(court.state(1), after);
    }
}

#[test]
fn one_hour_of_a_million_checks_is_judged_in_less_than_that_hour() {
    let mut judge = Judge::new(Config::default(), Time(0));
    let labels = BTreeMap::new();
    for id in 0..20_000 {
        let spec = Spec {
            host: format!("host-{id}"),
            group: "eu".into(),
            labels: labels.clone(),
            timing: FIVE_MINUTES,
        };
        judge.watch(CheckId(id), &spec);
    }
    for second in 0..3_600_u64 {
        let now = Time(second * 1000);
        for id in (0..20_000).filter(|id| id % 300 == second % 300 && id % 1_000 != 0) {
            judge.hear(CheckId(id), None, &Signal::Alive, now);
        }
        judge.advance(now, now);
        assert!(judge.next().is_none_or(|next| next > now), "fell behind at {second} s");
    }
}

#[derive(Clone, Debug)]
enum Step {
    Hear(u64, usize),
    Pass(u64),
    Sleep(u64),
    Pause(u64),
    Resume(u64),
    Restart(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        8 => (0..8_u64, 0..7_usize).prop_map(|(id, signal)| Step::Hear(id, signal)),
        6 => (1..400_u64).prop_map(|seconds| Step::Pass(seconds * SECOND)),
        1 => (1..100_000_u64).prop_map(|seconds| Step::Sleep(seconds * SECOND)),
        1 => (0..8_u64).prop_map(Step::Pause),
        1 => (0..8_u64).prop_map(Step::Resume),
        1 => (0..9_u64).prop_map(|minutes| Step::Restart(minutes * MINUTE)),
    ];
    prop::collection::vec(step, 1..60)
}

/// Eight checks on four hosts, so that hosts have company.
fn spec(id: u64) -> Spec {
    let source = if id % 3 == 0 { Source::Ping } else { Source::Heartbeat };
    let timing = Timing { max_runtime: Some(HOUR), source, ..FIVE_MINUTES };
    Spec { host: format!("h{}", id / 2), group: "g".into(), labels: [].into(), timing }
}

/// Ends the judge and makes another from what a database would have kept.
fn restart(
    judge: &Judge,
    incidents: &[procession_monitor::judge::Incident],
    at: Time,
    back: Time,
) -> Judge {
    let checks: Vec<_> = (0..8)
        .map(|id| (CheckId(id), spec(id), judge.check(CheckId(id)).unwrap().clone()))
        .collect();
    let last = incidents.iter().map(|incident| incident.id).max().unwrap_or(0);
    let mut open = BTreeMap::new();
    for incident in incidents {
        open.insert(incident.id, incident.clone());
    }
    open.retain(|_, incident| incident.closed.is_none());
    Judge::restore(Config::default(), checks, open.into_values(), last, at, back)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    /// Whatever happens, restarts included: an incident fires once and first, is resolved at most
    /// once and last, its messages are numbered without a gap, and one with trouble is not closed.
    #[test]
    fn every_incident_is_told_in_order_and_exactly_once(steps in steps()) {
        let signals = [
            Signal::Alive,
            Signal::Success(None),
            Signal::Start(None),
            dead(),
            Signal::Degraded(Problem::Stuck("s".into())),
            Signal::Goodbye(Some(10 * MINUTE)),
            Signal::Log,
        ];
        let mut court = Court::new();
        (0..8).for_each(|id| court.judge.watch(CheckId(id), &spec(id)));
        let mut incidents = Vec::new();
        let mut messages: Vec<Message> = Vec::new();
        for step in steps {
            match step {
                Step::Hear(id, signal) => { court.hear(id, &signals[signal]); }
                Step::Pass(span) => for now in (court.now..=court.now + span).step_by(1000) {
                    court.judge.advance(Time(now), Time(now));
                    court.now = now;
                },
                Step::Sleep(span) => {
                    court.now += span;
                    court.judge.advance(Time(court.now), Time(court.now));
                }
                Step::Pause(id) => court.judge.pause(CheckId(id), Time(court.now)),
                Step::Resume(id) => court.judge.resume(CheckId(id), Time(court.now)),
                Step::Restart(away) => {
                    let verdicts = court.judge.take();
                    incidents.extend(verdicts.incidents);
                    messages.extend(verdicts.messages);
                    let alive = Time(court.now);
                    court.now += away;
                    court.judge = restart(&court.judge, &incidents, alive, Time(court.now));
                }
            }
            let verdicts = court.judge.take();
            incidents.extend(verdicts.incidents);
            messages.extend(verdicts.messages);
        }
        let mut receiver = Receiver::default();
        for message in &messages {
            let taken = receiver.take(message);
            prop_assert!(taken.is_ok(), "{}", taken.unwrap_err());
        }
        // Left alone, everything that is wrong is told: nothing is lost on the way.
        court.pass(15 * MINUTE);
        for id in 0..8 {
            let check = court.judge.check(CheckId(id)).unwrap();
            let host = Subject::Host(format!("h{}", id / 2));
            let told = court.judge.incidents().any(|incident| match &incident.subject {
                Subject::Mass(_) | Subject::Everything => incident.hosts.contains(&format!("h{}", id / 2)),
                subject => *subject == host,
            });
            prop_assert!(check.problem.is_none() || told, "{id}: {:?} is not told", check.problem);
        }
    }
}
