//! How long commits take.

use std::time::Duration;

/// The upper bounds of the classes in which commits are counted.
pub const BOUNDS: [Duration; 9] = [
    Duration::from_micros(500),
    Duration::from_millis(1),
    Duration::from_micros(2_500),
    Duration::from_millis(5),
    Duration::from_millis(10),
    Duration::from_millis(50),
    Duration::from_millis(250),
    Duration::from_secs(1),
    Duration::from_secs(5),
];

/// Commits since the start, by how long they took.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CommitTimes {
    classes: [u64; BOUNDS.len()],
    count: u64,
    sum: Duration,
}

impl CommitTimes {
    /// Takes in one commit.
    pub fn add(&mut self, time: Duration) {
        if let Some(class) = BOUNDS.iter().position(|bound| time <= *bound) {
            self.classes[class] += 1;
        }
        self.count += 1;
        self.sum = self.sum.saturating_add(time);
    }

    /// How many took no longer than each of [`BOUNDS`].
    pub fn cumulative(&self) -> impl Iterator<Item = u64> {
        self.classes.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        })
    }

    /// How many there were.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// How long all of them took.
    pub fn sum(&self) -> Duration {
        self.sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_commit_is_counted_under_every_bound_that_it_kept() {
        let mut times = CommitTimes::default();
        for ms in [1, 4, 60_000] {
            times.add(Duration::from_millis(ms));
        }
        let counts: Vec<u64> = times.cumulative().collect();
        assert_eq!(counts, [0, 1, 1, 2, 2, 2, 2, 2, 2]);
        assert_eq!((times.count(), times.sum()), (3, Duration::from_millis(60_005)));
    }
}
