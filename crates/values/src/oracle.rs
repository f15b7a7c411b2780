//! What must arrive for a value that was sent.
//!
//! The oracle is the value itself with skipped fields at their defaults. While a value says what it
//! arrives as, it notes here what else is allowed, and why.

/// Notes about one value.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    buffered: u32,
    must_fail: Vec<String>,
    may_fail: Vec<&'static str>,
    exceptions: Vec<&'static str>,
}

impl Oracle {
    /// For a part that serde itself stores before it is read: inside of `untagged`, `tag`, `flatten`.
    pub(crate) fn buffered<T>(&mut self, arrive: impl FnOnce(&mut Self) -> T) -> T {
        self.buffered += 1;
        let part = arrive(self);
        self.buffered -= 1;
        part
    }

    /// The value must be an error. A `text` that is not empty must be a part of that error, unless
    /// serde, which stores the part first, replaces it.
    pub(crate) fn must_fail(&mut self, text: &str) {
        let text = if self.buffered == 0 { text } else { "" };
        self.must_fail.push(text.to_owned());
    }

    /// The value may be an error, and never another value.
    pub(crate) fn may_fail(&mut self, reason: &'static str) {
        self.may_fail.push(reason);
    }

    /// Serde itself makes another value of it, the one expected, in any format. The value sent or an
    /// error are as good.
    pub(crate) fn exception(&mut self, name: &'static str) {
        self.exceptions.push(name);
    }

    /// A 128-bit integer: serde's storage has none.
    pub(crate) fn wide_integer(&mut self) {
        if self.buffered > 0 {
            self.may_fail("a 128-bit integer that serde stores first");
        }
    }

    /// A flattened map with keys that are no texts: stored once more, serde cannot read them.
    pub(crate) fn odd_key(&mut self, is_there: bool) {
        if self.buffered > 0 && is_there {
            self.may_fail("a key that is no text in a flattened map that serde stores first");
        }
    }
}

/// What came of a value.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It arrived as it must, or as an error that it must be.
    Right,
    /// It is one of the exceptions with this name.
    Excepted(&'static str),
    /// An error where a value should have arrived, or one that does not say what it should.
    Failed(String),
    /// Another value arrived.
    Other,
}

/// How what arrived relates to the value.
pub(crate) enum Arrived {
    Expected,
    Sent,
    Other,
    Error(String),
}

impl Oracle {
    /// Judges what arrived.
    pub(crate) fn judge(&self, arrived: Arrived) -> Verdict {
        let must_fail = !self.must_fail.is_empty();
        match arrived {
            Arrived::Error(text) => self.judge_error(text),
            Arrived::Expected if !must_fail && self.exceptions.is_empty() => Verdict::Right,
            Arrived::Expected | Arrived::Sent if !must_fail && !self.exceptions.is_empty() => {
                Verdict::Excepted(self.exceptions[0])
            }
            _ => Verdict::Other,
        }
    }

    /// Of several reasons to fail, the error tells the one that was met first.
    fn judge_error(&self, text: String) -> Verdict {
        if self.must_fail.iter().any(|part| text.contains(part.as_str())) {
            return Verdict::Right;
        }
        match self.may_fail.iter().chain(&self.exceptions).next() {
            Some(name) => Verdict::Excepted(name),
            None if self.must_fail.is_empty() => Verdict::Failed(text),
            None => Verdict::Failed(format!("without any of {:?}: {text}", self.must_fail)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_value_is_never_right_and_an_error_only_where_it_is_allowed() {
        let mut oracle = Oracle::default();
        let error = || Arrived::Error("the text of an error".to_owned());
        assert_eq!(oracle.judge(Arrived::Expected), Verdict::Right);
        assert_eq!(oracle.judge(Arrived::Other), Verdict::Other);
        assert_eq!(oracle.judge(Arrived::Sent), Verdict::Other);
        assert!(matches!(oracle.judge(error()), Verdict::Failed(_)));
        oracle.wide_integer();
        assert!(matches!(oracle.judge(error()), Verdict::Failed(_)));
        oracle.buffered(Oracle::wide_integer);
        assert!(matches!(oracle.judge(error()), Verdict::Excepted(_)));
        assert_eq!(oracle.judge(Arrived::Other), Verdict::Other);
        oracle.exception("named");
        assert!(matches!(oracle.judge(Arrived::Sent), Verdict::Excepted("named")));
        assert_eq!(oracle.judge(Arrived::Other), Verdict::Other);
    }

    #[test]
    fn a_value_that_must_fail_fails_with_its_text() {
        let mut oracle = Oracle::default();
        oracle.must_fail("the text");
        assert_eq!(oracle.judge(Arrived::Error("with the text".to_owned())), Verdict::Right);
        assert!(matches!(oracle.judge(Arrived::Error(String::new())), Verdict::Failed(_)));
        assert_eq!(oracle.judge(Arrived::Expected), Verdict::Other);
        oracle.must_fail("another");
        assert_eq!(oracle.judge(Arrived::Error("another".to_owned())), Verdict::Right);
    }
}
