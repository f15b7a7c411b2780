//! Which connections are open, and which one ends when there is no room for another: pure.
//!
//! A connection *waits* as long as its peer owes something: a request, or the rest of one. It
//! *answers* while a request that came whole is worked on.
//!
//! # Invariants
//! - There are at most `total` connections, and `per_address` of one address; loopback addresses
//!   and trusted proxies, which may stand for everybody, have no limit of their own.
//! - Where there is no room, the connection that has waited longest makes it. So a beat, which comes
//!   at once, is taken however many connections wait for nothing.
//! - A connection that answers is not ended for another.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

/// How many connections that were told to end may not have ended yet.
const ENDING: usize = 16;

/// How many connections there is room for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Capacity {
    /// All together.
    pub(crate) total: usize,
    /// Of one address.
    pub(crate) per_address: usize,
    /// Streams of events, which stay as long as a page is open.
    pub(crate) streams: usize,
}

impl Capacity {
    /// For a process that may have so many descriptors: the database, receivers and history keep at
    /// least an eighth and 64 of them, or half where there are few.
    pub(crate) fn of(descriptors: u64) -> Capacity {
        const MOST: u64 = 16_384;
        let kept = (descriptors / 8).max(64).min(descriptors / 2);
        let total = usize::try_from((descriptors - kept).min(MOST)).unwrap_or(usize::MAX);
        Capacity { total, per_address: (total / 4).max(8), streams: total / 2 }
    }
}

/// What counts as one address: one of IPv4, or the 2^64 of a network of IPv6.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Source {
    V4(Ipv4Addr),
    V6(u128),
}

/// The open connections. `E` ends a connection that has to make room.
#[derive(Debug)]
pub(super) struct Table<E> {
    capacity: Capacity,
    /// Those that have not ended, told to or not.
    open: usize,
    next: u64,
    entries: HashMap<u64, Entry<E>>,
    /// Those that wait, by the moment at which they began to: a number that grows.
    waiting: BTreeMap<u64, u64>,
    sources: HashMap<Source, usize>,
}

#[derive(Debug)]
struct Entry<E> {
    source: Option<Source>,
    end: E,
    /// Requests that are answered.
    answering: usize,
    /// When it began to wait, if it does.
    since: Option<u64>,
}

/// A connection that was taken in.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Admitted<E> {
    pub(super) id: u64,
    /// Ends the connection that makes room for it.
    pub(super) instead_of: Option<E>,
}

impl<E> Table<E> {
    pub(super) fn new(capacity: Capacity) -> Table<E> {
        Table {
            capacity,
            open: 0,
            next: 0,
            entries: HashMap::new(),
            waiting: BTreeMap::new(),
            sources: HashMap::new(),
        }
    }

    /// Takes a connection in, if there is room or another one makes it. `address` is `None` for that of
    /// a proxy.
    pub(super) fn admit(&mut self, address: Option<IpAddr>, end: E) -> Option<Admitted<E>> {
        if self.is_ending() {
            return None;
        }
        let source = address.and_then(source);
        let of_source = source.and_then(|source| self.sources.get(&source)).copied().unwrap_or(0);
        let instead_of = if of_source >= self.capacity.per_address {
            Some(self.end_oldest(|entry| entry.source == source)?)
        } else if self.entries.len() >= self.capacity.total {
            Some(self.end_oldest(|_| true)?)
        } else {
            None
        };
        let (id, since) = (self.number(), self.number());
        self.open += 1;
        self.waiting.insert(since, id);
        if let Some(source) = source {
            *self.sources.entry(source).or_default() += 1;
        }
        self.entries.insert(id, Entry { source, end, answering: 0, since: Some(since) });
        Some(Admitted { id, instead_of })
    }

    /// A request of this connection has come whole.
    pub(super) fn begin(&mut self, id: u64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.answering += 1;
            if let Some(since) = entry.since.take() {
                self.waiting.remove(&since);
            }
        }
    }

    /// A request of this connection has been answered.
    pub(super) fn finish(&mut self, id: u64) {
        let since = self.number();
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.answering -= 1;
            if entry.answering == 0 {
                entry.since = Some(since);
                self.waiting.insert(since, id);
            }
        }
    }

    /// This connection has ended.
    pub(super) fn ended(&mut self, id: u64) {
        self.open -= 1;
        self.remove(id);
    }

    /// Whether so many were told to end and have not yet that none can be taken in.
    pub(super) fn is_ending(&self) -> bool {
        self.open >= self.capacity.total + ENDING
    }

    /// How many there are.
    pub(super) fn open(&self) -> usize {
        self.open
    }

    fn end_oldest(&mut self, may: impl Fn(&Entry<E>) -> bool) -> Option<E> {
        let mut ids = self.waiting.values();
        let oldest = *ids.find(|id| self.entries.get(id).is_some_and(&may))?;
        self.remove(oldest).map(|entry| entry.end)
    }

    fn remove(&mut self, id: u64) -> Option<Entry<E>> {
        let entry = self.entries.remove(&id)?;
        if let Some(since) = entry.since {
            self.waiting.remove(&since);
        }
        if let Some(source) = entry.source {
            if let Some(count) = self.sources.get_mut(&source) {
                *count -= 1;
                if *count == 0 {
                    self.sources.remove(&source);
                }
            }
        }
        Some(entry)
    }

    fn number(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

fn source(address: IpAddr) -> Option<Source> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V4(address) => Some(Source::V4(address)),
        IpAddr::V6(address) => Some(Source::V6(u128::from(address) >> 64)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CAPACITY: Capacity = Capacity { total: 6, per_address: 3, streams: 3 };

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    /// Takes a connection in and gives its number and the name of the one that made room.
    fn admit(
        table: &mut Table<&'static str>,
        from: &str,
        name: &'static str,
    ) -> Option<(u64, &'static str)> {
        let admitted = table.admit(Some(address(from)), name)?;
        Some((admitted.id, admitted.instead_of.unwrap_or("")))
    }

    #[test]
    fn the_connection_that_has_waited_longest_makes_room_and_one_that_answers_never() {
        let mut table = Table::new(CAPACITY);
        let names = ["a", "b", "c", "d", "e", "f"];
        let ids = names.map(|name| admit(&mut table, "127.0.0.1", name).unwrap().0);
        table.begin(ids[0]);
        table.begin(ids[1]);
        table.finish(ids[1]);
        let instead = |table: &mut Table<_>| admit(table, "127.0.0.1", "new").unwrap().1;
        assert_eq!(instead(&mut table), "c", "a answers, b began to wait again later");
        let rest = [(); 4].map(|()| instead(&mut table));
        assert_eq!(rest, ["d", "e", "f", "b"]);
        table.ended(ids[0]);
        table.ended(ids[1]);
        assert_eq!(table.open(), 9, "four more were told to end and have not yet");
    }

    #[test]
    fn without_one_that_waits_another_is_refused() {
        let mut table = Table::new(CAPACITY);
        for _ in 0..CAPACITY.total {
            let (id, _) = admit(&mut table, "127.0.0.1", "busy").unwrap();
            table.begin(id);
        }
        assert_eq!(admit(&mut table, "127.0.0.1", "new"), None);
    }

    #[test]
    fn one_address_has_its_share_and_loopback_needs_none() {
        let mut table = Table::new(CAPACITY);
        for name in ["a", "b", "c"] {
            assert_eq!(admit(&mut table, "192.0.2.1", name).unwrap().1, "");
        }
        assert_eq!(admit(&mut table, "192.0.2.1", "d").unwrap().1, "a");
        assert_eq!(admit(&mut table, "::ffff:192.0.2.1", "e").unwrap().1, "b", "the same one");
        assert_eq!(admit(&mut table, "192.0.2.2", "f").unwrap().1, "");
        let mut table = Table::new(CAPACITY);
        for host in ["2001:db8::1", "2001:db8::2", "2001:db8::3"] {
            assert_eq!(admit(&mut table, host, "v6").unwrap().1, "");
        }
        assert_eq!(admit(&mut table, "2001:db8::4", "v6").unwrap().1, "v6", "one network");
        let mut table = Table::new(CAPACITY);
        for from in ["127.0.0.1", "127.0.0.1", "::1", "::1", "127.0.0.2"] {
            assert_eq!(admit(&mut table, from, "proxy").unwrap().1, "");
        }
    }

    #[test]
    fn connections_that_were_told_to_end_and_do_not_are_bounded() {
        let mut table = Table::new(CAPACITY);
        let taken = (0..100).filter(|_| admit(&mut table, "127.0.0.1", "x").is_some()).count();
        assert_eq!(taken, CAPACITY.total + ENDING);
    }

    #[test]
    fn a_share_of_the_descriptors_is_kept() {
        let of = |descriptors| {
            let Capacity { total, per_address, streams } = Capacity::of(descriptors);
            (total, per_address, streams)
        };
        assert_eq!(of(128), (64, 16, 32));
        assert_eq!(of(1_024), (896, 224, 448));
        assert_eq!(of(1 << 20), (16_384, 4_096, 8_192));
    }
}
