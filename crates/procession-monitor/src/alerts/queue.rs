//! Which letter is next, and what becomes of it.
//!
//! In: letters of one receiver, the outcome of each attempt, the time. Out: the letter to try now,
//! or when to look again. Always: pure; within an incident letters keep their order, incidents do
//! not wait for each other; a letter that waits for too long behind a failing one is folded into
//! the newest, which tells the whole story.

use super::super::judge::Ms;
use crate::store::Letter;
use crate::store::rows::Delivery;
use std::collections::{BTreeMap, VecDeque};

/// The first wait after a failure, and the longest: 1 s and 5 min.
const WAIT: (Ms, Ms) = (1_000, 300_000);
/// How long a letter is tried: a day.
const GIVE_UP: Ms = 24 * 3_600_000;
/// When a letter that has failed is old news, if a newer one waits behind it: 5 min.
const STALE: Ms = 300_000;

/// Letters of one receiver. Times are any one clock's milliseconds.
#[derive(Debug, Default)]
pub struct Queue {
    incidents: BTreeMap<u64, Line>,
}

#[derive(Debug, Default)]
struct Line {
    letters: VecDeque<(Letter, Ms)>,
    tries: u32,
    next: Ms,
}

impl Queue {
    /// A letter has come; whether it was not there before.
    pub fn push(&mut self, letter: Letter, now: Ms) -> bool {
        let line = self.incidents.entry(letter.message.incident).or_default();
        let is_new = !line.letters.iter().any(|(waiting, _)| waiting.key == letter.key);
        if is_new {
            line.letters.push_back((letter, now));
        }
        is_new
    }

    /// The letter to try now, after what has to be folded first.
    pub fn due(&mut self, now: Ms) -> (Option<Letter>, Vec<Delivery>) {
        let mut folded = Vec::new();
        for line in self.incidents.values_mut() {
            if line.next > now {
                continue;
            }
            let old = |line: &Line| line.letters.front().is_some_and(|(_, at)| now - at >= STALE);
            while line.tries > 0 && line.letters.len() > 1 && old(line) {
                folded.extend(line.finish("folded", None));
            }
            if let Some((letter, _)) = line.letters.front() {
                return (Some(letter.clone()), folded);
            }
        }
        (None, folded)
    }

    /// When there is something to do next.
    pub fn next(&self) -> Option<Ms> {
        self.incidents.values().map(|line| line.next).min()
    }

    /// The letter that was due is delivered.
    pub fn delivered(&mut self, incident: u64) -> Option<Delivery> {
        self.finish(incident, "done", None)
    }

    /// The letter that was due could not be delivered. `random` is in `0.0..1.0`. Returns the
    /// delivery if the letter is given up.
    pub fn failed(&mut self, incident: u64, error: &str, now: Ms, random: f64) -> Option<Delivery> {
        let line = self.incidents.get_mut(&incident)?;
        line.tries += 1;
        let (_, since) = line.letters.front()?;
        if now - since >= GIVE_UP {
            return self.finish(incident, "dead", Some(error.to_owned()));
        }
        let doubled = WAIT.0.saturating_mul(1 << (line.tries - 1).min(20)).min(WAIT.1);
        // Between half of it and all of it, so that receivers are not met in step.
        line.next = now + doubled / 2 + scale(doubled / 2, random);
        None
    }

    fn finish(
        &mut self,
        incident: u64,
        state: &'static str,
        error: Option<String>,
    ) -> Option<Delivery> {
        let line = self.incidents.get_mut(&incident)?;
        let delivery = line.finish(state, error);
        line.tries = 0;
        line.next = 0;
        if line.letters.is_empty() {
            self.incidents.remove(&incident);
        }
        delivery
    }
}

impl Line {
    fn finish(&mut self, state: &'static str, error: Option<String>) -> Option<Delivery> {
        let (letter, _) = self.letters.pop_front()?;
        Some(Delivery { key: letter.key, state, tries: self.tries, error })
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a wait of minutes, times a share"
)]
fn scale(span: Ms, share: f64) -> Ms {
    (span as f64 * share.clamp(0.0, 1.0)) as Ms
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::judge::{Message, Subject, Transition};

    fn letter(incident: u64, seq: u32, transition: Transition) -> Letter {
        let message = Message::bare(incident, seq, transition, Subject::Monitor);
        Letter::bare(format!("{}:r", message.key()), "r", message, 0)
    }

    fn key(due: (Option<Letter>, Vec<Delivery>)) -> Option<String> {
        due.0.map(|letter| letter.key)
    }

    #[test]
    fn letters_of_one_incident_keep_their_order_and_others_go_ahead() {
        let mut queue = Queue::default();
        queue.push(letter(1, 1, Transition::Firing), 0);
        queue.push(letter(1, 2, Transition::Resolved), 0);
        queue.push(letter(2, 1, Transition::Firing), 0);
        assert_eq!(key(queue.due(0)).as_deref(), Some("1:1:firing:r"));
        queue.failed(1, "no", 0, 0.5);
        assert_eq!(key(queue.due(0)).as_deref(), Some("2:1:firing:r"));
        queue.delivered(2);
        assert_eq!(key(queue.due(0)), None);
        assert_eq!(key(queue.due(2_000)).as_deref(), Some("1:1:firing:r"));
        queue.delivered(1);
        assert_eq!(key(queue.due(2_000)).as_deref(), Some("1:2:resolved:r"));
    }

    #[test]
    fn waits_double_from_a_second_to_five_minutes_and_end_after_a_day() {
        let mut queue = Queue::default();
        queue.push(letter(1, 1, Transition::Firing), 0);
        let (mut now, mut waits) = (0, Vec::new());
        let dead = loop {
            if let Some(dead) = queue.failed(1, "500", now, 1.0) {
                break dead;
            }
            waits.push(queue.next().unwrap() - now);
            now = queue.next().unwrap();
        };
        assert_eq!(waits[..4], [1_000, 2_000, 4_000, 8_000]);
        assert_eq!(waits.iter().max(), Some(&300_000));
        assert_eq!((dead.state, dead.error.as_deref()), ("dead", Some("500")));
        assert!((GIVE_UP..GIVE_UP + 300_000).contains(&now));
    }

    #[test]
    fn a_stale_firing_is_folded_into_the_resolution_that_tells_of_it() {
        let mut queue = Queue::default();
        queue.push(letter(1, 1, Transition::Firing), 0);
        queue.failed(1, "no", 0, 0.5);
        queue.push(letter(1, 2, Transition::Resolved), 10_000);
        let (fresh, folded) = queue.due(20_000);
        assert_eq!((fresh.unwrap().message.seq, folded.len()), (1, 0));
        queue.failed(1, "no", 20_000, 0.5);
        let (due, folded) = queue.due(400_000);
        assert_eq!(due.unwrap().message.transition, Transition::Resolved);
        assert_eq!(folded[0].state, "folded");
    }

    #[test]
    fn an_hour_without_the_receiver_loses_no_ending_and_turns_no_order() {
        const HOUR: Ms = 3_600_000;
        let mut dice = fastrand::Rng::with_seed(7);
        let mut coming = Vec::new();
        for incident in 1..=50 {
            let mut at = dice.u64(0..HOUR / 2);
            let last = dice.u32(1..6);
            for seq in 1..=last {
                let transition = match seq {
                    1 => Transition::Firing,
                    _ if seq == last => Transition::Resolved,
                    _ => Transition::Worse,
                };
                coming.push((at, letter(incident, seq, transition)));
                at += dice.u64(1..HOUR / 8);
            }
        }
        coming.sort_by_key(|(at, letter)| (*at, letter.message.incident, letter.message.seq));
        let (mut queue, mut delivered, mut folded) = (Queue::default(), Vec::new(), Vec::new());
        let mut waiting = coming.clone().into_iter().peekable();
        for now in (0..2 * HOUR).step_by(250) {
            while let Some((_, letter)) = waiting.next_if(|(at, _)| *at <= now) {
                queue.push(letter, now);
            }
            let (due, old) = queue.due(now);
            folded.extend(old.into_iter().map(|delivery| delivery.key));
            let Some(letter) = due else { continue };
            let (incident, seq) = (letter.message.incident, letter.message.seq);
            if now < HOUR {
                assert_eq!(queue.failed(incident, "HTTP 500", now, dice.f64()), None);
            } else {
                delivered.push((incident, seq, letter.key));
                queue.delivered(incident);
            }
        }
        assert_eq!(delivered.len() + folded.len(), coming.len(), "each ends in one way");
        for incident in 1..=50 {
            let of = |found: &[(u64, u32, String)]| -> Vec<u32> {
                found.iter().filter(|(i, _, _)| *i == incident).map(|(_, seq, _)| *seq).collect()
            };
            let told = of(&delivered);
            assert!(told.is_sorted(), "{incident}: {told:?}");
            let last = coming.iter().map(|(_, letter)| &letter.message);
            let last = last.filter(|message| message.incident == incident).map(|m| m.seq).max();
            assert_eq!(told.last().copied(), last, "{incident}: its ending is told");
        }
    }

    #[test]
    fn a_letter_that_is_waiting_is_not_taken_twice() {
        let mut queue = Queue::default();
        queue.push(letter(1, 1, Transition::Firing), 0);
        queue.push(letter(1, 1, Transition::Firing), 0);
        queue.delivered(1);
        assert_eq!(key(queue.due(0)), None);
    }
}
