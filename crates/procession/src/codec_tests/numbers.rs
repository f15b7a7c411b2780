//! Numbers in sequences, alone and mixed.

use super::{same, try_read, written};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use std::collections::VecDeque;
use std::fmt::Debug;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Samples {
    rate: u32,
    samples: Vec<f64>,
    bytes: Vec<u8>,
    wide: Vec<u128>,
    sizes: Vec<usize>,
}

#[test]
fn a_vector_of_numbers_in_a_struct_is_its_bytes() {
    let samples = Samples {
        rate: 48_000,
        samples: vec![0.25; 1000],
        bytes: vec![7; 5000],
        wide: vec![u128::MAX, 0],
        sizes: vec![1],
    };
    let length = written(&samples).len();
    assert!((13_040..13_200).contains(&length), "{length}");
    same(samples);
}

#[test]
fn a_vector_of_numbers_is_the_same_message_as_any_sequence_of_them() {
    fn check<N: Clone + Debug + PartialEq + Serialize + for<'a> Deserialize<'a>>(number: N)
    where
        Vec<N>: 'static,
    {
        for count in [0, 1, 2, 3, 100] {
            let vector = vec![number.clone(); count];
            let deque = VecDeque::from(vector.clone());
            let message = written(&vector);
            assert_eq!(message, written(&deque), "{count} of {number:?}");
            assert_eq!(try_read::<VecDeque<N>>(&message).expect("numbers"), deque);
            assert_eq!(try_read::<Vec<N>>(&message).expect("numbers"), vector);
        }
    }
    check(1_u8);
    check(2_u16);
    check(3_u32);
    check(4_u64);
    check(5_u128);
    check(6_usize);
    check(-1_i8);
    check(-2_i16);
    check(-3_i32);
    check(-4_i64);
    check(-5_i128);
    check(-6_isize);
    check(1.5_f32);
    check(2.5_f64);
}

#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Any {
    U(u8),
    I(i16),
    F(f32),
    S(char),
}

/// Elements that are written as numbers by themselves, with a length that may be wrong.
struct Pieces<'a>(&'a [Any], Option<usize>);

impl Serialize for Pieces<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut sequence = serializer.serialize_seq(self.1)?;
        for piece in self.0 {
            match piece {
                Any::U(number) => sequence.serialize_element(number)?,
                Any::I(number) => sequence.serialize_element(&number)?,
                Any::F(number) => sequence.serialize_element(number)?,
                Any::S(character) => sequence.serialize_element(character)?,
            }
        }
        sequence.end()
    }
}

#[test]
fn runs_of_different_numbers_follow_each_other() {
    let pieces = [Any::U(1), Any::I(-2), Any::F(0.5), Any::S('x')];
    // Each piece up to three times, in every order of up to four pieces.
    for number in 0..12_u32.pow(4) {
        let mut list = Vec::new();
        for place in 0..4 {
            let digit = number / 12_u32.pow(place) % 12;
            let piece = pieces[digit as usize % 4];
            list.extend(std::iter::repeat_n(piece, digit as usize / 4 + 1));
        }
        for length in [None, Some(list.len()), Some(1)] {
            let back: Vec<Any> = try_read(&written(&Pieces(&list, length))).expect("the list");
            assert_eq!(back, list, "{length:?}");
        }
    }
}

#[test]
fn a_run_of_one_number_is_read_as_any_other() {
    let message = written(&Pieces(&[Any::U(7)], Some(2)));
    assert_eq!(try_read::<Vec<u8>>(&message).expect("a vector"), [7]);
    assert_eq!(try_read::<VecDeque<u8>>(&message).expect("a sequence"), [7]);
    assert_eq!(try_read::<&[u8]>(&message).expect("bytes"), [7]);
    assert_eq!(try_read::<(u16,)>(&message).expect("a tuple"), (7,));
    same((1_u8, "a".to_owned(), 2_u8, 'b', 3_u16, 4_u16, 5_u8));
    same([[1.5_f32; 5]; 5]);
}

#[test]
fn runs_of_no_numbers_are_refused() {
    let list = |run: &[u8]| [&[0xe0, 0x09, 2, 0, 0, 0][..], run].concat();
    let empty = list(&[0xa0, 0, 0, 0, 0, 0x20, 1, 0x20, 2]);
    let of_units = list(&[0x81, 2, 0, 0, 0, 0x01, 0x01]);
    let too_long = list(&[0xa0, 3, 0, 0, 0, 1, 2, 3]);
    for message in [empty, of_units, too_long] {
        let error = try_read::<Vec<Option<u8>>>(&message).expect_err("no run").to_string();
        assert!(error.contains("a run of numbers is not as it should be"), "{error}");
        try_read::<VecDeque<u8>>(&message).expect_err("no run");
    }
}

#[test]
fn a_run_is_read_as_numbers_of_another_type() {
    let message = written(&[1_u64, 2, 3, 4, 5]);
    assert_eq!(try_read::<[u8; 5]>(&message).expect("they fit"), [1, 2, 3, 4, 5]);
    let mixed: (u64, u8, f64, i16, u64) = try_read(&message).expect("they fit");
    assert_eq!(mixed, (1, 2, 3.0, 4, 5));
    try_read::<[u64; 4]>(&message).expect_err("one is left over");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Meters(f64);

#[test]
fn newtypes_of_numbers_and_nested_sequences_cross() {
    same(vec![Meters(1.0), Meters(2.0)]);
    same(vec![(1_u8, 2_u8), (3, 4)]);
    same(vec![[1_u8, 2], [3, 4]]);
    same(vec![Some(1_u32), None, Some(2)]);
    same((1_u8, 2_u8, vec![3_u8], 4_u8, (5_u8, 6_u8), 7_u8));
    same((1_u8, 2_u16, 3_u16, 4_u8));
}

#[test]
fn numbers_are_read_as_another_type_only_with_their_value() {
    let message = written(&300_u64);
    assert_eq!(try_read::<u16>(&message).expect("it fits"), 300);
    assert_eq!(try_read::<i64>(&message).expect("it fits"), 300);
    try_read::<u8>(&message).expect_err("it does not fit");
    let exact = |number: u64| try_read::<f64>(&written(&number)).ok();
    assert_eq!(exact(1 << 53), Some(9_007_199_254_740_992.0));
    assert_eq!(exact((1 << 53) + 1), None);
    assert_eq!(try_read::<f32>(&written(&0.5_f64)).expect("the same"), 0.5);
    try_read::<f32>(&written(&0.1_f64)).expect_err("it would be rounded");
    try_read::<Vec<f32>>(&written(&vec![1_u32, 2])).expect("small integers");
    try_read::<f32>(&written(&((1_u32 << 24) + 1))).expect_err("it would be rounded");
    try_read::<u32>(&written(&1.0_f64)).expect_err("not an integer");
}
