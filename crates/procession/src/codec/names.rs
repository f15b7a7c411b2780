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
use super::list::{Kind, List, Owner, are_same, same};
use std::cell::Cell;
use std::rc::Rc;

/// How many groups the lists are kept in, by a hash of their subject's address.
const GROUPS: usize = 64;

/// How many bytes of lists a thread keeps from one message to the next: 1 MiB.
const KEPT: usize = 1 << 20;

/// A struct or variant with named fields that is being written.
#[derive(Debug)]
struct Open {
    /// The list whose names it has had so far; none if no list is known that begins with them.
    list: Option<Rc<List>>,
    /// Its names and their owner, without such a list.
    new: (Owner, Vec<&'static str>),
    /// How many names it has had.
    count: usize,
    /// Where its tag stands; the number of its list stands behind that.
    at: usize,
}

/// The lists that a thread has written, and which of them the message refers to.
#[derive(Debug)]
pub(super) struct Names {
    /// The first `depth` are being written, each in the one before it. The others keep their memory.
    open: Vec<Open>,
    depth: usize,
    groups: Vec<Vec<Rc<List>>>,
    /// How many bytes the lists in the groups have.
    size: usize,
    /// The number of the message, so that lists of earlier ones are told from its own.
    message: u64,
    used: Vec<Rc<List>>,
}

thread_local! {
    /// The lists of the thread's earlier messages, while none is being written.
    static KNOWN: Cell<Option<Box<Names>>> = const { Cell::new(None) };
}

impl Names {
    /// Those of the thread, for a message without lists yet.
    #[inline]
    #[expect(
        clippy::unnecessary_box_returns,
        reason = "it is kept in a box, which is moved as it is"
    )]
    pub(super) fn of_thread() -> Box<Self> {
        // In the destructors of a thread's own variables this one may be gone.
        let known = KNOWN.try_with(Cell::take).unwrap_or_default();
        known.unwrap_or_else(|| Box::new(Self::new()))
    }

    #[cold]
    fn new() -> Self {
        Self {
            open: Vec::new(),
            depth: 0,
            groups: vec![Vec::new(); GROUPS],
            size: 0,
            message: 1,
            used: Vec::new(),
        }
    }

    /// Leaves the lists to the next message of this thread.
    #[inline]
    pub(super) fn keep(mut self: Box<Self>) {
        self.depth = 0;
        self.used.clear();
        self.message += 1;
        if self.size > KEPT {
            *self = Self::new();
        }
        let _ = KNOWN.try_with(|known| known.set(Some(self)));
    }

    /// Begins a struct or variant whose tag stands at `at`; gives the number that the other calls for it
    /// take.
    #[inline]
    pub(super) fn open(&mut self, kind: Kind, subject: &'static str, at: usize) -> usize {
        let owner = Owner { kind, subject };
        let number = self.depth;
        self.depth += 1;
        let list = self.last_of(owner);
        let is_known = list.is_some();
        if let Some(open) = self.open.get_mut(number) {
            open.list = list;
            open.count = usize::from(kind == Kind::StructVariant);
            open.at = at;
        }
        if !is_known || self.open.len() <= number {
            self.open_other(owner, number, at);
        }
        number
    }

    /// Begins a struct or variant that was not the last one of its group.
    #[cold]
    #[inline(never)]
    fn open_other(&mut self, owner: Owner, number: usize, at: usize) {
        let list = self.take_first(owner, |list| list.owner.is(&owner));
        let names = if owner.kind == Kind::Struct { Vec::new() } else { vec![owner.subject] };
        let open = Open { list, count: names.len(), new: (owner, names), at };
        self.open.truncate(number);
        self.open.push(open);
    }

    /// The next name of a struct or variant.
    #[inline]
    pub(super) fn name(&mut self, open: usize, name: &'static str) {
        let Open { list: Some(list), count, .. } = &mut self.open[open] else {
            return self.other(open, name);
        };
        match list.names.get(*count) {
            Some(&found) if same(found, name) => *count += 1,
            _ => self.other(open, name),
        }
    }

    /// The next name of a struct or variant, which was not expected.
    #[cold]
    #[inline(never)]
    fn other(&mut self, open: usize, name: &'static str) {
        let Open { list, new, count, .. } = &mut self.open[open];
        let at = *count;
        *count += 1;
        let Some(list) = list.take() else { return new.1.push(name) };
        let (owner, before) = (list.owner, &list.names[..at]);
        let fits = |list: &Rc<List>| {
            let (begin, rest) = list.names.split_at_checked(at).unwrap_or_default();
            rest.first().is_some_and(|&next| same(next, name))
                && list.owner.is(&owner)
                && are_same(begin, before)
        };
        match self.take_first(owner, fits) {
            Some(list) => self.open[open].list = Some(list),
            None => self.open[open].new = (owner, [before, &[name]].concat()),
        }
    }

    /// Where the tag of a struct or variant stands.
    pub(super) fn place(&self, open: usize) -> usize {
        self.open[open].at
    }

    /// Ends a struct or variant, and those in it that were not ended; gives where its tag stands, and
    /// the number of its list.
    #[inline]
    pub(super) fn close(&mut self, open: usize) -> (usize, u32) {
        self.depth = open;
        let Open { list, count, at, .. } = &mut self.open[open];
        let (count, at) = (*count, *at);
        let number = match list.take() {
            Some(list) if list.names.len() == count => self.number_of(list),
            list => self.close_other(open, list),
        };
        (at, number)
    }

    /// The list of a struct or variant that has other names than the list it began with.
    #[cold]
    #[inline(never)]
    fn close_other(&mut self, open: usize, list: Option<Rc<List>>) -> u32 {
        let Open { new, count, .. } = &mut self.open[open];
        let (owner, names) = match list {
            Some(list) => (list.owner, list.names[..*count].to_vec()),
            None => (new.0, std::mem::take(&mut new.1)),
        };
        let fits = |list: &Rc<List>| list.owner.is(&owner) && are_same(&list.names, &names);
        let list = self.take_first(owner, fits);
        let list = list.unwrap_or_else(|| self.add(List::new(owner, names)));
        self.number_of(list)
    }

    /// The number of the list that a variant without named fields refers to.
    #[inline]
    pub(super) fn of_variant(&mut self, subject: &'static str) -> u32 {
        let owner = Owner { kind: Kind::Variant, subject };
        match self.last_of(owner) {
            Some(list) => self.number_of(list),
            None => self.of_other_variant(owner),
        }
    }

    #[cold]
    #[inline(never)]
    fn of_other_variant(&mut self, owner: Owner) -> u32 {
        let list = self.take_first(owner, |list| list.owner.is(&owner));
        let list = list.unwrap_or_else(|| self.add(List::new(owner, vec![owner.subject])));
        self.number_of(list)
    }

    /// The list that a struct or variant was last written with, if it was the last of its group.
    #[inline]
    fn last_of(&self, owner: Owner) -> Option<Rc<List>> {
        let list = self.groups[owner.group(GROUPS)].first();
        list.filter(|list| list.owner.is(&owner)).map(Rc::clone)
    }

    /// The first list of a group that fits; it is the first of the group from now on.
    fn take_first(&mut self, owner: Owner, fits: impl Fn(&Rc<List>) -> bool) -> Option<Rc<List>> {
        let group = &mut self.groups[owner.group(GROUPS)];
        let found = group.iter().position(fits)?;
        group.swap(0, found);
        group.first().map(Rc::clone)
    }

    fn add(&mut self, list: List) -> Rc<List> {
        let list = Rc::new(list);
        self.groups[list.owner.group(GROUPS)].insert(0, Rc::clone(&list));
        self.size += list.text.len() + size_of_val(list.names.as_slice());
        list
    }

    #[inline]
    fn number_of(&mut self, list: Rc<List>) -> u32 {
        match list.place.get() {
            (message, number) if message == self.message => number,
            _ => self.refer(list),
        }
    }

    /// The message refers to a list for the first time.
    #[inline(never)]
    fn refer(&mut self, mut list: Rc<List>) -> u32 {
        if !list.is_lasting && List::text(&list.names) != list.text {
            list = self.renew(&list);
        }
        // There is no memory for more lists.
        let number = u32::try_from(self.used.len()).unwrap_or(u32::MAX);
        list.place.set((self.message, number));
        self.used.push(list);
        number
    }

    /// Replaces a list whose names have other texts than they had.
    #[cold]
    fn renew(&mut self, old: &Rc<List>) -> Rc<List> {
        let list = Rc::new(List::new(old.owner, old.names.clone()));
        for kept in &mut self.groups[list.owner.group(GROUPS)] {
            if Rc::ptr_eq(kept, old) {
                *kept = Rc::clone(&list);
            }
        }
        list
    }

    /// Writes the lists behind a value; the README says how.
    #[inline]
    pub(super) fn write(&self, out: &mut Vec<u8>) -> Result<(), Error> {
        let start = out.len();
        for list in &self.used {
            if list.text.is_empty() {
                return Err(too_long(list.owner.subject));
            }
            out.extend_from_slice(&list.text);
        }
        let length = u32::try_from(out.len() - start).map_err(|_| too_many())?;
        out.extend_from_slice(&length.to_le_bytes());
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
        let open = names.open(Kind::Struct, "Type", 0);
        for field in fields {
            names.name(open, field);
        }
        assert_eq!(names.close(open), (0, 0));
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
        for list in names.groups.iter_mut().flatten() {
            assert!(!list.is_lasting, "they do not lie in the program");
            let list = Rc::get_mut(list).expect("no message refers to it");
            list.text = List::text(&before);
        }
        assert_eq!(written(&mut names, &fields), first);
    }

    #[test]
    fn names_of_the_program_are_compared_by_address_alone() {
        let mut names = Names::of_thread();
        written(&mut names, &["a", "bc"]);
        let mut lists = names.groups.iter().flatten();
        assert!(lists.next().is_some_and(|list| list.is_lasting));
    }

    #[test]
    fn a_thread_keeps_a_bounded_amount_of_lists() {
        let mut names = Names::of_thread();
        let long: &'static str = "n".repeat(KEPT / 3).leak();
        for round in 0..9 {
            let field: &'static str = format!("{round}").leak();
            written(&mut names, &[long, field]);
            let kept = names.groups.iter().flatten().map(|list| list.text.len()).sum::<usize>();
            assert!(kept <= KEPT, "{kept} bytes in round {round}");
        }
    }
}
