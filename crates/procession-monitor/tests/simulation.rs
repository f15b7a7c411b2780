//! The judge in a seeded world: no false alarm, every death within its bound; and for each rule
//! that is left out, what the world notices.

use procession_monitor::sim::{Flaw, Plan, Report, simulate};

fn world(flaw: Option<Flaw>) -> Report {
    simulate(&Plan { servers: 200, hours: 72, seed: 7, loss_per_mille: 10, flaw })
}

#[test]
fn three_days_of_two_hundred_servers_bring_no_false_alarm_and_no_missed_death() {
    let report = world(None);
    println!("{report}");
    assert_eq!(report.false_alarms, []);
    assert_eq!(report.missed, []);
    assert!(report.deaths > 50 && report.absences > 3 && report.cuts > 3, "{report}");
    assert_eq!(report.single_messages_in_a_cut, 0);
    assert!(report.mass_messages <= report.cuts, "{report}");
    // Seen all along: the period, the grace, a tick and the longest reading.
    assert!(report.slowest <= 363_000, "{report}");
}

#[test]
fn the_same_seed_is_the_same_world() {
    assert_eq!(world(None), world(None));
}

#[test]
fn r1_by_the_senders_clocks_the_living_are_buried_or_the_dead_live_on() {
    let report = world(Some(Flaw::SendersClock));
    assert!(report.false_alarms.len() + report.missed.len() > 10, "{report}");
}

#[test]
fn r2_without_freshness_a_repeated_beat_keeps_the_dead_alive() {
    assert!(!world(Some(Flaw::NoFreshness)).missed.is_empty());
}

#[test]
fn r4_without_the_blind_window_a_stalled_monitor_cries_wolf() {
    assert!(world(Some(Flaw::NoBlindWindow)).false_alarms.len() > 100);
}

#[test]
fn r6_with_one_try_every_lost_packet_is_an_alarm() {
    assert!(world(Some(Flaw::OneTry)).false_alarms.len() > 100);
}

#[test]
fn r7_without_a_goodbye_a_planned_stop_is_an_alarm() {
    assert!(!world(Some(Flaw::NoGoodbye)).false_alarms.is_empty());
}

#[test]
fn without_mass_silence_a_cut_is_a_flood() {
    assert!(world(Some(Flaw::NoMass)).single_messages_in_a_cut > 100);
}
