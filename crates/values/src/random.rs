//! The source of random values: a generator whose numbers follow from its seed on every machine.

/// How deep a random value nests before its collections stay empty.
const DEEPEST: u32 = 6;
/// How many elements all collections of one value have together.
const MOST_ELEMENTS: u32 = 60;

/// The splitmix64 generator, with what bounds the size of one value.
pub(crate) struct Random {
    state: u64,
    depth: u32,
    elements: u32,
}

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self { state: seed, depth: 0, elements: MOST_ELEMENTS }
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("a number below a usize")
    }

    /// True once in `count` times.
    pub(crate) fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// Whether the value may go deeper and grow.
    pub(crate) fn may_grow(&self) -> bool {
        self.depth < DEEPEST && self.elements > 0
    }

    /// The length of a collection, which is 0 where the value may not grow.
    pub(crate) fn length(&mut self) -> usize {
        if !self.may_grow() {
            return 0;
        }
        let length = [0, 1, 1, 2, 2, 3, 5][self.below(7)];
        self.elements = self.elements.saturating_sub(u32::try_from(length).expect("small"));
        length
    }

    /// Which variant of an enum of `count`: the first where the value may not grow.
    pub(crate) fn variant(&mut self, count: usize) -> usize {
        if self.may_grow() { self.below(count) } else { 0 }
    }

    /// Makes a part of a value, one level deeper.
    pub(crate) fn deeper<T>(&mut self, make: impl FnOnce(&mut Self) -> T) -> T {
        self.depth += 1;
        let part = make(self);
        self.depth -= 1;
        part
    }
}
