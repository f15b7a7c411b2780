//! What the judge tells, when, and how often.

mod court;

use court::{Court, FIVE_MINUTES, HOUR, MINUTE, SECOND, dead};
use procession_monitor::judge::{
    Check, CheckId, Config, How, Judge, Message, Problem, Signal, Source, Spec, State, Subject,
    Time, Timing, Transition,
};
use std::collections::BTreeMap;

#[test]
fn one_message_a_host_however_many_checks_it_has() {
    let mut court = Court::new();
    for id in 0..7 {
        court.watch(id, "web-3", FIVE_MINUTES);
        court.hear(id, &Signal::Alive);
        court.pass(SECOND);
    }
    court.pass(7 * MINUTE);
    let message = court.told.remove(0);
    assert_eq!(
        (message.transition, message.troubles.len(), message.of),
        (Transition::Firing, 7, 7)
    );
    assert!(court.told().is_empty());
    for id in 0..7 {
        court.hear(id, &Signal::Alive);
    }
    assert_eq!(court.told(), ["web-3 resolved"]);
}

/// What the last message says is firing, and what it says has ended, by check.
fn firing_and_ended(message: &Message) -> (Vec<u64>, Vec<(u64, How)>) {
    let firing = message.troubles.keys().map(|check| check.0).collect();
    (firing, message.ended.iter().map(|ended| (ended.check.0, ended.how)).collect())
}

/// A host with these checks, which have all been heard of.
fn host_with(checks: impl Iterator<Item = u64>) -> Court {
    let mut court = Court::new();
    for check in checks {
        court.watch(check, "web-3", FIVE_MINUTES);
        court.hear(check, &Signal::Alive);
    }
    court
}

#[test]
fn a_new_check_joins_an_incident_after_the_group_wait() {
    let mut court = host_with(1..3);
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.hear(2, &dead());
    court.pass(9 * SECOND);
    assert_eq!(court.told(), ["web-3 firing"]);
    court.pass(2 * SECOND);
    assert_eq!(court.told(), ["web-3 worse"]);
}

#[test]
fn another_problem_of_a_check_that_was_told_waits_for_the_group_interval() {
    let mut court = host_with(1..2);
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.hear(1, &Signal::Degraded(Problem::Stuck("no ticks".into())));
    court.pass(3 * MINUTE);
    assert_eq!(court.told(), ["web-3 firing"]);
    court.pass(2 * MINUTE);
    court.collect();
    let message = court.told.pop().expect("a message");
    assert_eq!(message.transition, Transition::Worse);
    assert_eq!(firing_and_ended(&message), (vec![1], vec![(1, How::Changed)]));
}

#[test]
fn a_check_that_recovers_leaves_its_incident_with_a_message_and_fails_again_as_news() {
    let mut court = host_with(1..3);
    court.hear(1, &dead());
    court.hear(2, &dead());
    court.pass(MINUTE);
    assert_eq!(court.told(), ["web-3 firing"]);
    let recovered = court.now;
    court.hear(2, &Signal::Alive);
    court.pass(5 * MINUTE);
    court.collect();
    let better = court.told.pop().expect("a message");
    assert_eq!(better.transition, Transition::Better);
    assert_eq!(firing_and_ended(&better), (vec![1], vec![(2, How::Recovered)]));
    assert_eq!(better.ended[0].at, Time(recovered));
    court.hear(2, &dead());
    court.pass(11 * SECOND);
    court.collect();
    let worse = court.told.pop().expect("a message");
    assert_eq!(
        (worse.transition, firing_and_ended(&worse)),
        (Transition::Worse, (vec![1, 2], vec![]))
    );
}

#[test]
fn a_check_that_fails_again_before_its_recovery_was_told_is_a_newer_problem() {
    let mut court = host_with(1..3);
    court.hear(1, &dead());
    court.hear(2, &dead());
    court.pass(MINUTE);
    court.hear(2, &Signal::Alive);
    court.pass(MINUTE);
    court.hear(2, &dead());
    assert_eq!(court.told(), ["web-3 firing"]);
    court.pass(5 * MINUTE);
    assert_eq!(court.told(), ["web-3 worse"]);
}

#[test]
fn each_check_that_was_told_is_among_those_that_ended_once_all_is_well() {
    let mut court = host_with(1..4);
    court.hear(1, &dead());
    court.hear(2, &dead());
    court.pass(MINUTE);
    court.hear(2, &Signal::Alive);
    court.hear(3, &dead());
    court.pass(MINUTE);
    court.hear(1, &Signal::Alive);
    court.hear(3, &Signal::Alive);
    court.collect();
    let resolved = court.told.pop().expect("a message");
    assert_eq!(resolved.transition, Transition::Resolved);
    let (_, mut ended) = firing_and_ended(&resolved);
    ended.sort_by_key(|(check, _)| *check);
    assert_eq!(ended, [1, 2, 3].map(|check| (check, How::Recovered)));
}

#[test]
fn a_pause_ends_an_incident_as_a_pause() {
    let mut court = host_with(1..3);
    court.hear(1, &dead());
    court.hear(2, &dead());
    court.pass(MINUTE);
    court.told();
    court.judge.pause(CheckId(1), Time(court.now));
    court.pass(5 * MINUTE);
    court.collect();
    let better = court.told.pop().expect("a message");
    assert_eq!(firing_and_ended(&better), (vec![2], vec![(1, How::Paused)]));
    court.judge.retire(CheckId(2), Time(court.now));
    court.collect();
    let over = court.told.pop().expect("a message");
    assert_eq!(over.transition, Transition::Resolved);
    assert_eq!(firing_and_ended(&over).1, [(1, How::Paused), (2, How::Removed)]);
}

#[test]
fn hosts_with_incidents_of_their_own_belong_to_a_mass_silence_and_are_not_well() {
    let mut court = Court::new();
    let stuck = Signal::Degraded(Problem::Stuck("no ticks".into()));
    for id in 0..12 {
        court.watch(id, &format!("host-{id}"), FIVE_MINUTES);
        court.hear(id, &stuck);
    }
    court.pass(MINUTE);
    assert_eq!(court.told().len(), 12, "one for each");
    court.pass(9 * MINUTE);
    court.collect();
    let mass = court.told.pop().expect("a message");
    assert_eq!((mass.subject, mass.transition), (Subject::Mass("eu".into()), Transition::Firing));
    assert_eq!((mass.hosts.len(), mass.of), (12, 12));
    assert!(court.told().is_empty(), "nobody is said to be well");
    for id in 0..12 {
        court.hear(id, &Signal::Alive);
    }
    court.collect();
    let (masses, hosts): (Vec<Message>, Vec<Message>) =
        court.told.drain(..).partition(|message| matches!(message.subject, Subject::Mass(_)));
    assert!(hosts.iter().all(|message| message.transition == Transition::Resolved));
    assert_eq!((masses.len(), hosts.len()), (1, 12));
    assert_eq!((masses[0].transition, masses[0].left.len()), (Transition::Resolved, 12));
}

#[test]
fn an_incident_that_lasts_is_told_again_every_four_hours() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &dead());
    court.pass(9 * HOUR);
    assert_eq!(court.told(), ["host-1 firing", "host-1 again", "host-1 again"]);
}

#[test]
fn a_problem_that_ends_within_the_group_wait_is_not_told() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &dead());
    court.pass(9 * SECOND);
    court.hear(1, &Signal::Alive);
    court.pass(MINUTE);
    assert!(court.told().is_empty());
}

#[test]
fn one_good_beat_ends_an_incident_and_two_are_asked_of_a_host_that_flaps() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.hear(1, &Signal::Alive);
    assert_eq!(court.told(), ["host-1 firing", "host-1 resolved"]);
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.hear(1, &Signal::Alive);
    assert_eq!((court.state(1), court.told()), (State::Up, vec!["host-1 firing".into()]));
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.hear(1, &Signal::Alive);
    court.pass(MINUTE);
    assert!(court.told().is_empty(), "it flaps within one incident");
    court.hear(1, &Signal::Alive);
    assert_eq!(court.told(), ["host-1 resolved"]);
}

#[test]
fn a_cut_of_most_of_a_group_is_one_message_that_names_what_they_share() {
    let mut court = Court::new();
    for id in 0..40 {
        court.watch(id, &format!("host-{id}"), FIVE_MINUTES);
    }
    court.beat_for(0..40, 10 * MINUTE);
    court.beat_for((0..40).filter(|id| id % 2 == 1), 10 * MINUTE);
    let firing: Vec<Message> = std::mem::take(&mut court.told);
    assert_eq!(firing.len(), 1, "{firing:?}");
    assert_eq!(firing[0].subject, Subject::Mass("eu".into()));
    assert_eq!((firing[0].hosts.len() >= 5, firing[0].of), (true, 40));
    assert_eq!(firing[0].common, Some(("rack".into(), "7".into())));
    court.beat_for((0..40).filter(|id| id % 2 == 1), 10 * MINUTE);
    let released: Vec<Message> = std::mem::take(&mut court.told);
    assert_eq!(released.len(), 1, "{released:?}");
    assert_eq!((released[0].transition, released[0].hosts.len()), (Transition::Released, 20));
    court.beat_for(0..40, 10 * MINUTE);
    assert_eq!(court.told(), ["eu resolved"]);
}

/// Hosts in racks of ten or more, each rack a group of its own, that have all been heard of.
fn racks(hosts: u64, rack: u64) -> Court {
    let mut court = Court::new();
    for id in 0..hosts {
        court.watch_in(&format!("rack-{}", id / rack), id, &format!("host-{id}"), FIVE_MINUTES);
    }
    court.beat_for(0..hosts, 10 * MINUTE);
    court
}

#[test]
fn a_silence_of_everything_is_one_message_that_asks_for_the_monitors_network() {
    let mut court = racks(40, 10);
    court.beat_for(0..0, 10 * MINUTE);
    let firing = std::mem::take(&mut court.told);
    assert_eq!(firing.len(), 1, "{firing:?}");
    assert_eq!(firing[0].subject, Subject::Everything);
    assert_eq!((firing[0].hosts.len() >= 5, firing[0].of), (true, 40));
    assert!(firing[0].note.as_ref().is_some_and(|note| note.contains("network of the monitor")));
    court.beat_for(0..0, 10 * MINUTE);
    let released = std::mem::take(&mut court.told);
    assert_eq!((released.len(), released[0].hosts.len()), (1, 40), "{released:?}");
    court.beat_for(0..40, 10 * MINUTE);
    assert_eq!(court.told(), ["everything resolved"]);
}

#[test]
fn a_silence_of_one_rack_of_many_is_that_racks() {
    let mut court = racks(80, 40);
    court.beat_for(40..80, 10 * MINUTE);
    let firing = std::mem::take(&mut court.told);
    assert_eq!(firing.len(), 1, "{firing:?}");
    assert_eq!((&firing[0].subject, &firing[0].note), (&Subject::Mass("rack-0".into()), &None));
}

#[test]
fn a_silence_of_the_only_group_asks_for_the_monitors_network_too() {
    let mut court = Court::new();
    for id in 0..40 {
        court.watch(id, &format!("host-{id}"), FIVE_MINUTES);
    }
    court.beat_for(0..40, 10 * MINUTE);
    court.beat_for(0..0, 10 * MINUTE);
    let firing = std::mem::take(&mut court.told);
    assert_eq!((firing.len(), &firing[0].subject), (1, &Subject::Mass("eu".into())));
    assert!(firing[0].note.is_some());
}

#[test]
fn a_silence_of_everything_goes_on_over_a_restart() {
    let mut court = racks(40, 10);
    court.beat_for(0..0, 5 * MINUTE);
    let open: Vec<_> = court.judge.incidents().cloned().collect();
    assert_eq!(open.len(), 1, "{open:?}");
    let labels = BTreeMap::new();
    let checks = (0..40).map(|id| {
        let check = court.judge.check(CheckId(id)).expect("watched").clone();
        let (host, group) = (format!("host-{id}"), format!("rack-{}", id / 10));
        let spec = Spec { host, group, labels: labels.clone(), timing: FIVE_MINUTES };
        (CheckId(id), spec, check)
    });
    let now = Time(court.now);
    court.judge = Judge::restore(Config::default(), checks, open, 1, now, now);
    court.told.clear();
    court.beat_for(0..0, 10 * MINUTE);
    let told = court.told();
    assert_eq!(told, ["everything released"], "those that fall silent later belong to it");
}

#[test]
fn a_few_silent_hosts_of_many_are_told_one_by_one() {
    let mut court = Court::new();
    for id in 0..40 {
        court.watch(id, &format!("host-{id}"), FIVE_MINUTES);
    }
    court.beat_for(0..40, 10 * MINUTE);
    court.beat_for(4..40, 10 * MINUTE);
    let mut told = court.told();
    told.sort();
    assert_eq!(told, ["host-0 firing", "host-1 firing", "host-2 firing", "host-3 firing"]);
}

#[test]
fn a_long_blindness_is_told_once_and_a_short_one_not_at_all() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &Signal::Alive);
    court.sleep(4 * MINUTE);
    assert!(court.told().is_empty());
    court.sleep(12 * MINUTE);
    assert_eq!(court.told(), ["monitor firing"]);
}

#[test]
fn a_check_that_is_retired_takes_its_incident_with_it() {
    let mut court = Court::new().with(1, FIVE_MINUTES);
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.judge.retire(CheckId(1), Time(court.now));
    assert_eq!(court.told(), ["host-1 firing", "host-1 resolved"]);
    court.pass(9 * HOUR);
    assert!(court.told().is_empty());
}

#[test]
fn what_is_known_within_counts_from_the_last_sign_of_life() {
    let (period, grace, tick) = (86_400_000, 7_200_000, 1_000);
    let timing = Timing { period, grace, max_runtime: Some(3_600_000), source: Source::Ping };
    let mut check = Check::new(timing, Time(0));
    assert_eq!(check.bound(tick), None, "nothing is expected of it yet");
    check.hear(&Signal::Success(None), Time(1_000));
    assert_eq!(check.bound(tick), Some(period + grace + tick));
    check.hear(&Signal::Start(None), Time(50_000_000));
    assert_eq!(check.bound(tick), Some(3_600_000 + tick), "from the start of the run");
    // Its silence would be judged before the end of its run.
    check.hear(&Signal::Start(None), Time(93_000_000));
    assert_eq!(check.bound(tick), Some(1_000 + period + grace - 93_000_000 + tick));
    check.hear(&Signal::Fail(None, Problem::Failed("disk full".into())), Time(93_000_001));
    assert_eq!(check.bound(tick), None, "it is down");
}

#[test]
fn each_part_of_the_monitor_that_is_in_trouble_is_told_once() {
    let mut court = Court::new();
    let mut problems = BTreeMap::new();
    let mut tell = |part: &str, words: Option<&str>| {
        match words {
            Some(words) => problems.insert(format!("{part}:"), format!("{part}: {words}")),
            None => problems.remove(&format!("{part}:")),
        };
        court.judge.own_problems(&problems, Time(court.now));
        court.told()
    };
    assert_eq!(tell("receiver ops", Some("HTTP 500")), ["monitor firing"]);
    assert!(tell("receiver ops", Some("HTTP 502")).is_empty(), "it is the same trouble");
    assert_eq!(tell("the database", Some("deleted")), ["monitor worse"]);
    assert_eq!(tell("receiver op", Some("HTTP 500")), ["monitor worse"]);
    assert!(tell("receiver op", None).is_empty());
    assert!(tell("receiver ops", None).is_empty());
    assert_eq!(tell("the database", None), ["monitor resolved"]);
}
