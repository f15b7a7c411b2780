//! Passing over values that nobody reads, without recursion.

use super::error::Error;
use super::lists::nameless;
use super::reader::{Reader, ended, unknown};
use super::tag;

impl Reader<'_> {
    /// Passes over a value.
    pub(super) fn pass_over(&mut self) -> Result<(), Error> {
        let mut left = 1_usize;
        while left > 0 {
            let (done, parts) = match std::mem::take(&mut self.pending) {
                0 => self.pass_over_one()?,
                number => (1, self.skip(tag::width(number))?),
            };
            let next = left.checked_sub(done).and_then(|left| left.checked_add(parts));
            left = next.ok_or_else(|| self.fail(ended()))?;
        }
        Ok(())
    }

    /// Passes over what stands directly behind a tag; gives for how many values that stands, which
    /// is more than one for a run, and how many values are parts of it.
    fn pass_over_one(&mut self) -> Result<(usize, usize), Error> {
        let parts = match self.tag()? {
            tag::UNIT | tag::NONE | tag::FALSE | tag::TRUE | tag::SKIPPED => 0,
            tag::SOME => 1,
            tag::CHAR | tag::UNIT_VARIANT => self.skip(4)?,
            tag::STR | tag::BYTES => self.bytes().map(|_| 0)?,
            tag::SEQ => self.length()?,
            tag::MAP => self.length()?.saturating_mul(2),
            tag::STRUCT | tag::STRUCT_SKIPPING => self.names()?,
            tag::STRUCT_VARIANT | tag::STRUCT_VARIANT_SKIPPING => self.names()?.saturating_sub(1),
            tag::NEWTYPE_VARIANT => self.skip(4)? + 1,
            tag::TUPLE_VARIANT => self.skip(4).and_then(|_| self.length())?,
            run if run & tag::RUN != 0 && tag::width(run & !tag::RUN) > 0 => {
                let count = self.length()?;
                self.skip(count.saturating_mul(tag::width(run & !tag::RUN)))?;
                return Ok((count, 0));
            }
            number if tag::width(number) > 0 => self.skip(tag::width(number))?,
            other => return Err(self.fail(unknown(other))),
        };
        Ok((1, parts))
    }

    /// Passes over bytes, which have no parts.
    fn skip(&mut self, bytes: usize) -> Result<usize, Error> {
        let rest = self.rest.get(bytes..);
        self.rest = rest.ok_or_else(|| self.fail(ended()))?;
        Ok(0)
    }

    /// How many names the list has whose number comes next.
    fn names(&mut self) -> Result<usize, Error> {
        let list = self.number_u32()?;
        let names = self.lists.names(list);
        names.map(|names| names.count).ok_or_else(|| self.fail(nameless()))
    }
}
