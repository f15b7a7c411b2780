//! Random values of the types of std that are made of others.

use crate::oracle::Oracle;
use crate::random::Random;
use crate::sample::Sample;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet, LinkedList, VecDeque};
use std::hash::Hash;
use std::num::Wrapping;
use std::ops::{Bound, Range};

/// Types around one other.
macro_rules! around {
    ($($type:ident)*) => {$(
        impl<T: Sample> Sample for $type<T> {
            fn sample(random: &mut Random) -> Self {
                $type(T::sample(random))
            }
            fn arrived(&self, oracle: &mut Oracle) -> Self {
                $type(self.0.arrived(oracle))
            }
            fn same(&self, other: &Self) -> bool {
                self.0.same(&other.0)
            }
        }
    )*};
}

around!(Wrapping Reverse);

impl<T: Sample> Sample for Box<T> {
    fn sample(random: &mut Random) -> Self {
        Box::new(random.deeper(T::sample))
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        Box::new((**self).arrived(oracle))
    }
    fn same(&self, other: &Self) -> bool {
        (**self).same(other)
    }
}

impl<T: Sample> Sample for Option<T> {
    fn sample(random: &mut Random) -> Self {
        let some = random.may_grow() && !random.one_in(3);
        some.then(|| random.deeper(T::sample))
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        self.as_ref().map(|value| value.arrived(oracle))
    }
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Some(own), Some(other)) => own.same(other),
            (None, None) => true,
            _ => false,
        }
    }
}

impl<T: Sample, E: Sample> Sample for Result<T, E> {
    fn sample(random: &mut Random) -> Self {
        if random.one_in(2) { Ok(T::sample(random)) } else { Err(E::sample(random)) }
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        match self {
            Ok(value) => Ok(value.arrived(oracle)),
            Err(error) => Err(error.arrived(oracle)),
        }
    }
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Ok(own), Ok(other)) => own.same(other),
            (Err(own), Err(other)) => own.same(other),
            _ => false,
        }
    }
}

impl<T: Sample> Sample for Bound<T> {
    fn sample(random: &mut Random) -> Self {
        match random.below(3) {
            0 => Self::Unbounded,
            1 => Self::Included(T::sample(random)),
            _ => Self::Excluded(T::sample(random)),
        }
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        self.as_ref().map(|value| value.arrived(oracle))
    }
    fn same(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Unbounded, Self::Unbounded) => true,
            (Self::Included(own), Self::Included(other))
            | (Self::Excluded(own), Self::Excluded(other)) => own.same(other),
            _ => false,
        }
    }
}

impl<T: Sample> Sample for Range<T> {
    fn sample(random: &mut Random) -> Self {
        T::sample(random)..T::sample(random)
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        self.start.arrived(oracle)..self.end.arrived(oracle)
    }
    fn same(&self, other: &Self) -> bool {
        self.start.same(&other.start) && self.end.same(&other.end)
    }
}

impl<T: Sample, const N: usize> Sample for [T; N] {
    fn sample(random: &mut Random) -> Self {
        std::array::from_fn(|_| random.deeper(T::sample))
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        std::array::from_fn(|at| self[at].arrived(oracle))
    }
    fn same(&self, other: &Self) -> bool {
        self.iter().zip(other).all(|(own, other)| own.same(other))
    }
}

/// Collections whose order is kept.
macro_rules! sequences {
    ($($type:ty)*) => {$(
        impl<T: Sample> Sample for $type {
            fn sample(random: &mut Random) -> Self {
                (0..random.length()).map(|_| random.deeper(T::sample)).collect()
            }
            fn arrived(&self, oracle: &mut Oracle) -> Self {
                self.iter().map(|value| value.arrived(oracle)).collect()
            }
            fn same(&self, other: &Self) -> bool {
                self.len() == other.len() && self.iter().zip(other).all(|(own, other)| own.same(other))
            }
        }
    )*};
}

sequences!(Vec<T> VecDeque<T> LinkedList<T>);

impl<T: Sample> Sample for Box<[T]> {
    fn sample(random: &mut Random) -> Self {
        Vec::sample(random).into()
    }
    fn arrived(&self, oracle: &mut Oracle) -> Self {
        self.iter().map(|value| value.arrived(oracle)).collect()
    }
    fn same(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().zip(other).all(|(own, other)| own.same(other))
    }
}

/// Sets and maps, whose elements and keys are equal as they are the same.
macro_rules! keyed {
    ($($bound:ident $set:ident $map:ident)*) => {$(
        impl<T: Sample + Eq + $bound> Sample for $set<T> {
            fn sample(random: &mut Random) -> Self {
                (0..random.length()).map(|_| random.deeper(T::sample)).collect()
            }
            fn arrived(&self, oracle: &mut Oracle) -> Self {
                self.iter().map(|value| value.arrived(oracle)).collect()
            }
            fn same(&self, other: &Self) -> bool {
                self == other
            }
        }
        impl<K: Sample + Eq + $bound, T: Sample> Sample for $map<K, T> {
            fn sample(random: &mut Random) -> Self {
                let entry = |random: &mut Random| (K::sample(random), T::sample(random));
                (0..random.length()).map(|_| random.deeper(entry)).collect()
            }
            fn arrived(&self, oracle: &mut Oracle) -> Self {
                self.iter().map(|(key, value)| (key.arrived(oracle), value.arrived(oracle))).collect()
            }
            fn same(&self, other: &Self) -> bool {
                self.len() == other.len()
                    && self.iter().all(|(key, value)| {
                        other.get(key).is_some_and(|other| value.same(other))
                    })
            }
        }
    )*};
}

keyed!(Ord BTreeSet BTreeMap Hash HashSet HashMap);

macro_rules! tuples {
    ($(($($type:ident $at:tt)*))*) => {$(
        impl<$($type: Sample),*> Sample for ($($type,)*) {
            fn sample(random: &mut Random) -> Self {
                ($(random.deeper($type::sample),)*)
            }
            fn arrived(&self, oracle: &mut Oracle) -> Self {
                ($(self.$at.arrived(oracle),)*)
            }
            fn same(&self, other: &Self) -> bool {
                $(self.$at.same(&other.$at))&&*
            }
        }
    )*};
}

tuples!((A 0) (A 0 B 1) (A 0 B 1 C 2) (A 0 B 1 C 2 D 3));
