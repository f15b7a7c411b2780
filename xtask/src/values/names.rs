//! Names of fields and variants, and texts for attributes; each occurs once in a corpus.

use super::dice::Dice;

/// Names that occur once in a corpus, so that flattened types share none.
#[derive(Default)]
pub(super) struct Names(usize);

impl Names {
    fn next(&mut self) -> usize {
        self.0 += 1;
        self.0
    }

    pub(super) fn field(&mut self, dice: &mut Dice) -> String {
        let words = ["alpha", "beta_two", "gamma", "id", "delta_of_it", "r"];
        format!("{}_{}", dice.pick(&words), self.next())
    }

    pub(super) fn variant(&mut self, dice: &mut Dice) -> String {
        let words = ["Keep", "Delete", "ArchiveIt", "Hidden", "X"];
        format!("{}{}", dice.pick(&words), self.next())
    }

    /// A text for an attribute: a name, or something that is no name in Rust.
    pub(super) fn text(&mut self, dice: &mut Dice) -> String {
        let words = ["type", "with space ", "größe", "", "0", "$ref-", "\u{1f980}", "a.b.", "\\\""];
        format!("{}{}", dice.pick(&words), self.next())
    }
}

/// Serde's cases for `rename_all`.
const CASES: &[&str] = &[
    "lowercase",
    "UPPERCASE",
    "PascalCase",
    "camelCase",
    "snake_case",
    "SCREAMING_SNAKE_CASE",
    "kebab-case",
    "SCREAMING-KEBAB-CASE",
];

/// One of serde's cases.
pub(super) fn cased(dice: &mut Dice) -> &'static str {
    CASES[dice.below(CASES.len())]
}
