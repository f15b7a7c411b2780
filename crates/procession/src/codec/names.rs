//! The names in a message that is being written: lists of fields and variants.
//!
//! A list is what one struct, or one variant with its fields, is written with. It stands once in a
//! message, behind the value, and the value refers to it by number. A thread keeps the lists that it
//! has written, so the next message with the same type takes them as they are.
//!
//! # Invariants
//! - A value refers to a list whose names are those that were written with it, in their order.
//! - A list with names of a library is looked at once a message, since another library may lie at the
//!   same addresses by now.
//! - Names that are equal at different addresses make two lists, which is right as well.

use super::error::Error;
use super::list::{Entry, Kind, List, Owner, are_same, begins_with, same};
use std::cell::Cell;

/// How many groups the lists are kept in, by a hash of their subject's address.
const GROUPS: usize = 64;

/// How many bytes of lists a thread keeps from one message to the next: 1 MiB.
const KEPT: usize = 1 << 20;

/// The entry that is the end of no list: the names of a struct there are in [`Names::new`].
const UNKNOWN: usize = 0;

/// A struct or variant whose names are those of no list so far.
#[derive(Debug)]
struct New {
    /// Where its tag stands.
    at: usize,
    owner: Owner,
    names: Vec<&'static str>,
}

/// The list of its group that was used last.
#[derive(Clone, Copy, Debug)]
struct Last {
    owner: Owner,
    /// The entry with its first field's name.
    start: usize,
    list: usize,
}

/// The lists that a thread has written, and which of them the message refers to.
#[derive(Debug)]
pub(super) struct Names {
    /// The names of each list and its end, one list behind the other.
    entries: Vec<Entry>,
    lists: Vec<List>,
    /// For each group of lists the one that was used last.
    last: [Option<Last>; GROUPS],
    /// For each group the list that was added last.
    newest: [Option<usize>; GROUPS],
    /// How many bytes the lists have.
    size: usize,
    new: Vec<New>,
    /// The number of the message, so that lists of earlier ones are told from its own.
    message: u64,
    /// How many lists the message refers to.
    used: usize,
    /// The lists behind the message and their length: those of the thread's last message, as long as
    /// they are equal.
    text: Vec<u8>,
    /// Which lists these are, and where each ends.
    order: Vec<(usize, usize)>,
    /// Whether the length stands behind the lists.
    is_whole: bool,
    /// The message refers to a list that is too long to be written, with this subject.
    too_long: Option<&'static str>,
}

thread_local! {
    /// The lists of the thread's earlier messages, while none is being written.
    static KNOWN: Cell<Option<Box<Names>>> = const { Cell::new(None) };
}

impl Names {
    /// Those of the thread, for a message without lists yet.
    #[inline]
    pub(super) fn of_thread() -> Box<Self> {
        // In the destructors of a thread's own variables this one may be gone.
        let known = KNOWN.try_with(Cell::take).unwrap_or_default();
        known.unwrap_or_else(|| Box::new(Self::new()))
    }

    #[cold]
    fn new() -> Self {
        Self {
            entries: vec![Entry::End(usize::MAX)],
            lists: Vec::new(),
            last: [None; GROUPS],
            newest: [None; GROUPS],
            size: 0,
            new: Vec::new(),
            message: 1,
            used: 0,
            text: Vec::new(),
            order: Vec::new(),
            is_whole: false,
            too_long: None,
        }
    }

    /// Leaves the lists to the next message of this thread.
    #[inline]
    pub(super) fn keep(mut self: Box<Self>) {
        self.used = 0;
        self.message += 1;
        if self.size > KEPT || self.too_long.is_some() {
            *self = Self::new();
        }
        self.new.clear();
        let _ = KNOWN.try_with(|known| known.set(Some(self)));
    }

    /// Begins a struct or variant whose tag stands at `at`; gives the entry of the name that is
    /// expected next.
    #[inline]
    pub(super) fn open(&mut self, kind: Kind, subject: &'static str, at: usize) -> usize {
        let owner = Owner { kind, subject };
        match &self.last[owner.group(GROUPS)] {
            Some(last) if last.owner.is(&owner) => last.start,
            _ => self.open_other(owner, at),
        }
    }

    /// Begins a struct or variant that was not the last one of its group.
    #[cold]
    #[inline(never)]
    fn open_other(&mut self, owner: Owner, at: usize) -> usize {
        if let Some(list) = self.find(owner, |_| true) {
            return self.lists[list].start + owner.before_fields();
        }
        let names = if owner.kind == Kind::Struct { Vec::new() } else { vec![owner.subject] };
        self.new.push(New { at, owner, names });
        UNKNOWN
    }

    /// The next name of the struct or variant at `at`, where the name at `next` is expected; gives
    /// the entry that is expected then.
    #[inline]
    pub(super) fn name(&mut self, next: usize, at: usize, name: &'static str) -> usize {
        match self.entries.get(next) {
            Some(&Entry::Name(found)) if same(found, name) => next + 1,
            _ => self.other(next, at, name),
        }
    }

    /// The next name of a struct or variant, which was not expected.
    #[cold]
    #[inline(never)]
    fn other(&mut self, next: usize, at: usize, name: &'static str) -> usize {
        if next == UNKNOWN {
            if let Some(new) = self.new.iter_mut().rfind(|new| new.at == at) {
                new.names.push(name);
            }
            return UNKNOWN;
        }
        let (owner, mut names) = self.so_far(next);
        names.push(name);
        if let Some(list) = self.find(owner, |entries| begins_with(entries, &names)) {
            return self.lists[list].start + names.len();
        }
        self.new.push(New { at, owner, names });
        UNKNOWN
    }

    /// The struct or variant that a list with the entry `next` belongs to, and its names before that.
    fn so_far(&self, next: usize) -> (Owner, Vec<&'static str>) {
        let ends = self.entries[next..].iter().find_map(|entry| match *entry {
            Entry::End(list) => Some(list),
            Entry::Name(_) => None,
        });
        let list = &self.lists[ends.unwrap_or_default()];
        (list.owner, self.entries[list.start..next].iter().filter_map(Entry::name).collect())
    }

    /// Ends the struct or variant at `at`, where the name at `next` is expected; gives the number of
    /// its list.
    #[inline]
    pub(super) fn close(&mut self, next: usize, at: usize) -> u32 {
        match self.entries.get(next) {
            Some(&Entry::End(list)) if next != UNKNOWN => self.number_of(list),
            _ => self.close_other(next, at),
        }
    }

    /// The list of a struct or variant that has other names than the list it began with.
    #[cold]
    #[inline(never)]
    fn close_other(&mut self, next: usize, at: usize) -> u32 {
        let new = self.new.iter().rposition(|new| next == UNKNOWN && new.at == at);
        let (owner, names) = match new.map(|new| self.new.swap_remove(new)) {
            Some(new) => (new.owner, new.names),
            None => self.so_far(next),
        };
        let list = self.find(owner, |entries| are_same(entries, &names));
        let list = list.unwrap_or_else(|| self.add(owner, &names));
        self.number_of(list)
    }

    /// The number of the list that a variant without named fields refers to.
    #[inline]
    pub(super) fn of_variant(&mut self, subject: &'static str) -> u32 {
        let owner = Owner { kind: Kind::Variant, subject };
        match self.last[owner.group(GROUPS)] {
            Some(last) if last.owner.is(&owner) => self.number_of(last.list),
            _ => self.of_other_variant(owner),
        }
    }

    #[cold]
    #[inline(never)]
    fn of_other_variant(&mut self, owner: Owner) -> u32 {
        let list = self.find(owner, |_| true);
        let list = list.unwrap_or_else(|| self.add(owner, &[owner.subject]));
        self.number_of(list)
    }

    /// A list of `owner` whose entries fit; it is the last one used of its group from now on.
    fn find(&mut self, owner: Owner, fits: impl Fn(&[Entry]) -> bool) -> Option<usize> {
        let mut next = self.newest[owner.group(GROUPS)];
        while let Some(number) = next {
            let list = &self.lists[number];
            if list.owner.is(&owner) && fits(&self.entries[list.start..]) {
                self.use_last(number);
                break;
            }
            next = list.older;
        }
        next
    }

    fn use_last(&mut self, list: usize) {
        let List { owner, start, .. } = self.lists[list];
        let start = start + owner.before_fields();
        self.last[owner.group(GROUPS)] = Some(Last { owner, start, list });
    }

    fn add(&mut self, owner: Owner, names: &[&'static str]) -> usize {
        let (number, start) = (self.lists.len(), self.entries.len());
        let older = self.newest[owner.group(GROUPS)].replace(number);
        let list = List::new(owner, names, start, older);
        self.entries.extend(names.iter().copied().map(Entry::Name));
        self.entries.push(Entry::End(number));
        self.size += list.text.len() + size_of::<List>() + size_of_val(names);
        self.lists.push(list);
        self.use_last(number);
        number
    }

    #[inline]
    fn number_of(&mut self, list: usize) -> u32 {
        match self.lists[list].place {
            (message, number) if message == self.message => number,
            _ => self.refer(list),
        }
    }

    /// The message refers to a list for the first time.
    #[inline]
    fn refer(&mut self, list: usize) -> u32 {
        let number = self.used;
        match self.order.get(number) {
            Some(&(found, _)) if found == list && self.lists[list].is_lasting => {}
            _ => self.append(list),
        }
        self.used += 1;
        // There is no memory for more lists.
        let number = u32::try_from(number).unwrap_or(u32::MAX);
        self.lists[list].place = (self.message, number);
        number
    }

    /// Puts a list behind those that the message refers to, in place of the last message's.
    #[inline(never)]
    fn append(&mut self, number: usize) {
        self.cut();
        let list = &mut self.lists[number];
        if !list.is_lasting {
            let names = self.entries[list.start..].iter().map_while(Entry::name);
            list.text = List::text(&names.collect::<Vec<_>>());
        }
        if list.text.is_empty() {
            self.too_long = Some(list.owner.subject);
        }
        self.text.extend_from_slice(&list.text);
        self.order.push((number, self.text.len()));
        self.is_whole = false;
    }

    /// Takes away the lists that the message does not refer to, and the length behind them.
    fn cut(&mut self) {
        self.order.truncate(self.used);
        self.text.truncate(self.order.last().map_or(0, |&(_, end)| end));
    }

    /// Writes the lists behind a value; the README says how.
    #[inline]
    pub(super) fn write(&mut self, out: &mut Vec<u8>) -> Result<(), Error> {
        if self.used != self.order.len() || !self.is_whole {
            self.complete()?;
        }
        out.extend_from_slice(&self.text);
        Ok(())
    }

    /// Puts the length behind the lists.
    #[cold]
    #[inline(never)]
    fn complete(&mut self) -> Result<(), Error> {
        self.cut();
        if let Some(subject) = self.too_long {
            return Err(too_long(subject));
        }
        let length = u32::try_from(self.text.len()).map_err(|_| too_many())?;
        self.text.extend_from_slice(&length.to_le_bytes());
        self.is_whole = true;
        Ok(())
    }
}

#[cold]
fn too_long(subject: &str) -> Error {
    Error::new(format!("the names of `{subject}` are too long"))
}

#[cold]
fn too_many() -> Error {
    Error::new("too many names".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a message says of a struct with these fields.
    fn written(names: &mut Box<Names>, fields: &[&'static str]) -> Vec<u8> {
        let mut next = names.open(Kind::Struct, "Type", 0);
        for field in fields {
            next = names.name(next, 0, field);
        }
        assert_eq!(names.close(next, 0), 0);
        let mut out = Vec::new();
        names.write(&mut out).expect("lists");
        std::mem::replace(names, Box::new(Names::new())).keep();
        *names = Names::of_thread();
        out
    }

    #[test]
    fn names_of_a_library_that_was_replaced_are_written_as_they_are_now() {
        let fields: [&'static str; 2] = [String::from("a").leak(), String::from("bc").leak()];
        let mut names = Names::of_thread();
        let first = written(&mut names, &fields);
        let before = ["z", "yx"];
        assert!(!names.lists.is_empty());
        for list in &mut names.lists {
            assert!(!list.is_lasting, "they do not lie in the program");
            list.text = List::text(&before);
            names.text = list.text.clone();
        }
        assert_eq!(written(&mut names, &fields), first);
    }

    #[test]
    fn names_of_the_program_are_compared_by_address_alone() {
        let mut names = Names::of_thread();
        written(&mut names, &["a", "bc"]);
        assert!(names.lists.first().is_some_and(|list| list.is_lasting));
    }

    #[test]
    fn a_thread_keeps_a_bounded_amount_of_lists() {
        let mut names = Names::of_thread();
        let long: &'static str = "n".repeat(KEPT / 3).leak();
        for round in 0..9 {
            let field: &'static str = format!("{round}").leak();
            written(&mut names, &[long, field]);
            let kept = names.lists.iter().map(|list| list.text.len()).sum::<usize>();
            assert!(kept <= KEPT, "{kept} bytes in round {round}");
        }
    }
}
