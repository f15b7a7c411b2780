//! Schedules: any text is refused, or has a slot that comes after the moment it is asked for.
#![no_main]

use procession_monitor::registry::Schedule;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // What the API lets through.
    if text.chars().count() > 100 {
        return;
    }
    if let Ok(schedule) = Schedule::read(text, "Europe/Berlin") {
        let mut at = 1_790_000_000_000;
        for _ in 0..3 {
            let Some(next) = schedule.after(at) else { break };
            assert!(next > at);
            at = next;
        }
    }
});
