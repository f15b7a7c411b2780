//! Whether a receiver takes what it is told.
//!
//! In: the outcome of each attempt, and when it was. Out: the receiver's trouble, in words, once it is
//! more than an attempt that failed. Always: pure.

use crate::judge::Ms;

/// So many attempts in a row that failed are a trouble.
const TRIES: u32 = 3;
/// So long without a message taken is one too: 2 min.
const TIME: Ms = 120_000;

/// How the attempts of one receiver go.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// When the first of the attempts that failed in a row was, and how many there are.
    failing: Option<(Ms, u32)>,
}

impl Standing {
    /// Takes in an attempt; gives the trouble that there is now.
    pub(super) fn tried(&mut self, outcome: &Result<(), String>, now: Ms) -> Option<String> {
        let Err(why) = outcome else {
            self.failing = None;
            return None;
        };
        let (since, tries) = self.failing.map_or((now, 1), |(since, tries)| (since, tries + 1));
        self.failing = Some((since, tries));
        let lasts = now.saturating_sub(since);
        (tries >= TRIES || lasts >= TIME).then(|| {
            format!("takes no message since {} s, in {tries} attempts: {why}", lasts / 1000)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Result<(), String> {
        Err("HTTP 500".into())
    }

    #[test]
    fn three_attempts_or_two_minutes_without_success_are_a_trouble_until_one_succeeds() {
        let mut standing = Standing::default();
        assert_eq!(standing.tried(&failed(), 0), None);
        assert_eq!(standing.tried(&failed(), 1_000), None);
        let trouble = standing.tried(&failed(), 3_000).expect("the third");
        assert_eq!(trouble, "takes no message since 3 s, in 3 attempts: HTTP 500");
        assert_eq!(standing.tried(&Ok(()), 4_000), None);
        assert_eq!(standing.tried(&failed(), 5_000), None);
        assert!(standing.tried(&failed(), 125_000).is_some(), "two minutes");
    }
}
