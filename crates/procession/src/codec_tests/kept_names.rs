//! A thread keeps the names of its messages: what one message had never changes what another means.

use super::{same, try_read, try_written, written};
use serde::ser::{Error as _, SerializeStruct};
use serde::{Deserialize, Serialize, Serializer};

mod first {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) struct Item {
        pub(super) ab: u8,
        pub(super) cd: u8,
        pub(super) inner: Option<Box<super::second::Item>>,
    }
}

mod second {
    #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) struct Item {
        pub(super) cd: u8,
        pub(super) ab: u8,
        pub(super) inner: Option<Box<super::first::Item>>,
    }
}

fn nested(levels: u8) -> first::Item {
    let inner = levels.checked_sub(1).map(|levels| {
        let inner = Some(Box::new(nested(levels)));
        Box::new(second::Item { cd: levels, ab: 7, inner })
    });
    first::Item { ab: levels, cd: 9, inner }
}

#[test]
fn types_of_one_name_take_turns() {
    for levels in [0, 3, 1, 7] {
        same(nested(levels));
        same(second::Item { cd: 1, ab: 2, inner: Some(Box::new(nested(levels))) });
        same(vec![nested(levels), nested(0)]);
    }
}

#[test]
fn names_of_one_length_are_not_taken_for_those_of_the_message_before() {
    #[derive(Debug, Deserialize, PartialEq)]
    struct Flat {
        ab: u8,
        cd: u8,
    }
    #[derive(Serialize)]
    struct Turned {
        cd: u8,
        ab: u8,
    }
    #[derive(Serialize)]
    struct Straight {
        ab: u8,
        cd: u8,
    }
    #[derive(Serialize)]
    struct Foreign {
        ab: u8,
        ce: u8,
    }
    for _ in 0..4 {
        let read = |message: Vec<u8>| try_read::<Flat>(&message);
        let flat = Flat { ab: 1, cd: 2 };
        assert_eq!(read(written(&Straight { ab: 1, cd: 2 })).expect("the same names"), flat);
        assert_eq!(read(written(&Turned { cd: 2, ab: 1 })).expect("in another order"), flat);
        read(written(&Foreign { ab: 1, ce: 2 })).expect_err("another name");
    }
}

/// A struct whose own `Serialize` writes the fields that its bits say, in an order of its choice.
struct Chosen(u8, bool);

const NAMES: [&str; 6] = ["a", "b", "c", "d", "e", "f"];

impl Serialize for Chosen {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Chosen", 6)?;
        let mut chosen: Vec<usize> = (0..6).filter(|bit| self.0 >> bit & 1 == 1).collect();
        if self.1 {
            chosen.reverse();
        }
        for bit in chosen {
            fields.serialize_field(NAMES[bit], &bit)?;
        }
        fields.end()
    }
}

#[derive(Debug, Default, Deserialize, PartialEq)]
#[serde(default)]
struct Read {
    a: Option<usize>,
    b: Option<usize>,
    c: Option<usize>,
    d: Option<usize>,
    e: Option<usize>,
    f: Option<usize>,
}

#[test]
fn a_struct_that_writes_other_fields_each_time_is_read_by_their_names() {
    let expected = |chosen: u8| {
        let field = |bit: usize| (chosen >> bit & 1 == 1).then_some(bit);
        Read { a: field(0), b: field(1), c: field(2), d: field(3), e: field(4), f: field(5) }
    };
    let all: Vec<u8> =
        (0..64).chain((0..64).rev()).chain((0..64_u8).map(|n| n.wrapping_mul(37) % 64)).collect();
    for turned in [false, true] {
        let values: Vec<Chosen> = all.iter().map(|&chosen| Chosen(chosen, turned)).collect();
        let read: Vec<Read> = try_read(&written(&values)).expect("values");
        assert!(read.into_iter().eq(all.iter().map(|&chosen| expected(chosen))));
        for value in &values {
            assert_eq!(try_read::<Read>(&written(value)).expect("a value"), expected(value.0));
        }
    }
}

#[test]
fn a_struct_that_fails_leaves_the_next_message_as_it_is() {
    struct Failing;
    impl Serialize for Failing {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(S::Error::custom("it cannot be written"))
        }
    }
    #[derive(Serialize)]
    struct Around {
        cd: u8,
        ab: Failing,
    }
    for _ in 0..3 {
        try_written(&vec![Around { cd: 1, ab: Failing }]).expect_err("it fails");
        same(nested(4));
    }
}
