//! What the judge tells, when, and how often.

mod court;

use court::{Court, FIVE_MINUTES, HOUR, MINUTE, SECOND, dead};
use procession_monitor::judge::{CheckId, Message, Signal, State, Subject, Time, Transition};

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

#[test]
fn what_joins_an_incident_waits_for_the_group_interval() {
    let mut court = Court::new();
    court.watch(1, "web-3", FIVE_MINUTES);
    court.watch(2, "web-3", FIVE_MINUTES);
    court.hear(1, &dead());
    court.pass(MINUTE);
    court.hear(2, &dead());
    court.pass(3 * MINUTE);
    assert_eq!(court.told(), ["web-3 firing"]);
    court.pass(2 * MINUTE);
    assert_eq!(court.told(), ["web-3 worse"]);
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
