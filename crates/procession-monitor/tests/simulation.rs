//! The judge in a seeded world: no false alarm, every death within its bound; and for each rule
//! that is left out, what the world notices.

use procession_monitor::judge::check::CATCH_UP;
use procession_monitor::sim::{Flaw, Plan, Report, simulate};

fn world(servers: usize, hours: u64, flaw: Option<Flaw>) -> Report {
    simulate(&Plan { servers, hours, seed: 7, loss_per_mille: 10, flaw })
}

/// A day and a half of two groups: enough to be harmed by what is left out.
fn without(flaw: Flaw) -> Report {
    world(80, 36, Some(flaw))
}

#[test]
fn three_days_of_two_hundred_servers_bring_no_false_alarm_and_no_missed_death() {
    let report = world(200, 72, None);
    println!("{report}");
    assert_eq!(report.false_alarms, []);
    assert_eq!(report.missed, []);
    assert!(report.deaths > 50 && report.absences > 3 && report.cuts > 3, "{report}");
    assert!(report.job_failures > 100 && report.pauses > 50 && report.changes > 5, "{report}");
    assert_eq!((&report.untold[..], &report.broken[..]), (&[][..], &[][..]));
    assert_eq!(report.single_messages_in_a_cut, 0);
    assert!(report.mass_messages <= report.cuts, "{report}");
    // Seen all along: the period, the grace, a tick and the longest reading.
    assert!(report.slowest <= 363_000, "{report}");
}

#[test]
fn the_small_world_without_a_flaw_is_well() {
    let report = world(80, 36, None);
    assert_eq!((&report.false_alarms[..], &report.missed[..]), (&[][..], &[][..]), "{report}");
    assert_eq!(report.single_messages_in_a_cut, 0);
}

#[test]
fn the_same_seed_is_the_same_world() {
    assert_eq!(world(80, 36, None), world(80, 36, None));
}

#[test]
fn r1_by_the_senders_clocks_the_living_are_buried_or_the_dead_live_on() {
    let report = without(Flaw::SendersClock);
    assert!(report.false_alarms.len() + report.missed.len() > 10, "{report}");
}

#[test]
fn r2_without_freshness_a_repeated_beat_keeps_the_dead_alive() {
    assert!(!world(200, 72, Some(Flaw::NoFreshness)).missed.is_empty());
}

#[test]
fn r4_without_the_blind_window_a_stalled_monitor_cries_wolf() {
    assert!(without(Flaw::NoBlindWindow).false_alarms.len() > 20);
}

#[test]
fn r5_a_monitor_that_returns_has_heard_of_everybody_within_the_catch_up() {
    let without_loss =
        |flaw| simulate(&Plan { servers: 200, hours: 72, seed: 7, loss_per_mille: 0, flaw });
    let report = without_loss(None);
    // What a beat takes on its way, and to be read.
    let way = 300 + 2_000;
    assert!(report.absences > 3 && report.catch_up > 1_000, "{report}");
    assert!(report.catch_up <= CATCH_UP + way, "{report}");
    // Whoever does not repeat is heard of with his next beat only.
    let once = without_loss(Some(Flaw::OneTry));
    assert!(once.catch_up > 200_000, "{once}");
}

#[test]
fn r6_with_one_try_every_lost_packet_is_an_alarm() {
    assert!(without(Flaw::OneTry).false_alarms.len() > 20);
}

#[test]
fn r7_without_a_goodbye_a_planned_stop_is_an_alarm() {
    assert!(!without(Flaw::NoGoodbye).false_alarms.is_empty());
}

#[test]
fn without_the_messages_in_between_failures_are_untold_and_a_receiver_knows_what_is_not() {
    let report = world(200, 72, Some(Flaw::OnlyFirstAndLast));
    assert!(!report.untold.is_empty() && !report.broken.is_empty(), "{report}");
}

#[test]
fn without_mass_silence_a_cut_is_a_flood() {
    assert!(without(Flaw::NoMass).single_messages_in_a_cut > 20);
}
