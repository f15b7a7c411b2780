//! serde's attributes: a value with them crosses as it is, with skipped fields at their defaults.

use super::{crossed, refused, same};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Item {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    discount: Option<u8>,
    price: u8,
}

#[test]
fn a_field_that_is_skipped_where_it_is_empty_does_not_shift_the_others() {
    let items = [Item { discount: None, price: 0 }, Item { discount: Some(0), price: 9 }];
    same(items.to_vec());
    let items: Vec<Item> = items.iter().rev().chain(&items).cloned().collect();
    same(items);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
enum Action {
    #[serde(skip)]
    Hidden,
    Keep,
    Delete,
    Archive,
}

#[test]
fn a_skipped_variant_does_not_shift_the_others() {
    for action in [Action::Keep, Action::Delete, Action::Archive] {
        same(action);
        same(BTreeMap::from([(action, 1)]));
    }
    super::try_written(&Action::Hidden).expect_err("it has no name");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
enum Untagged {
    Nothing,
    Number(i64),
    Float(f64),
    Text(String),
    Pair(u8, String),
    Fields { deep: Option<Box<Untagged>>, action: Action },
    Others(Vec<Untagged>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
enum Internal {
    NoContent,
    WithFields { price: u64, note: Option<Option<char>> },
    Newtype(Item),
    Map(BTreeMap<String, Action>),
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", content = "content")]
enum Adjacent {
    NoContent,
    WithFields { price: u128, note: Option<Option<char>> },
    Newtype(Item),
    Tuple(i128, Action),
}

#[test]
fn every_representation_of_an_enum_crosses() {
    let fields = Untagged::Fields { deep: None, action: Action::Archive };
    let deep = Untagged::Fields { deep: Some(Box::new(fields.clone())), action: Action::Keep };
    for value in [
        Untagged::Nothing,
        Untagged::Number(-3),
        Untagged::Float(-0.0),
        Untagged::Text("text".into()),
        Untagged::Pair(7, "seven".into()),
        deep.clone(),
        Untagged::Others(vec![
            Untagged::Number(1),
            Untagged::Number(2),
            deep,
            Untagged::Float(0.5),
        ]),
    ] {
        same(value);
    }
    for note in [None, Some(None), Some(Some('\u{1f980}'))] {
        same(Internal::WithFields { price: u64::MAX, note });
        same(Adjacent::WithFields { price: u128::MAX, note });
    }
    let item = Item { discount: None, price: 3 };
    same(Internal::NoContent);
    same(vec![
        Internal::Newtype(item.clone()),
        Internal::Newtype(Item { discount: Some(1), price: 2 }),
    ]);
    same(Internal::Map(BTreeMap::from([("one".into(), Action::Keep)])));
    same(vec![
        Adjacent::NoContent,
        Adjacent::Newtype(item),
        Adjacent::Tuple(i128::MIN, Action::Delete),
    ]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Flat {
    before: u8,
    #[serde(flatten)]
    size: Size,
    #[serde(flatten)]
    kind: Internal,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Open {
    #[serde(flatten)]
    size: Size,
    #[serde(flatten)]
    rest: BTreeMap<String, serde_json::Value>,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Size {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    width: Option<u8>,
    height: Option<Option<u8>>,
}

#[test]
fn flattened_fields_cross() {
    let rest = BTreeMap::from([
        ("list".to_owned(), serde_json::json!([1, -2, 0.5, null, "text", { "deep": [] }])),
        ("large".to_owned(), serde_json::json!(u64::MAX)),
    ]);
    let size = Size { width: None, height: Some(None) };
    let kind = Internal::WithFields { price: 1, note: Some(None) };
    let flat = Flat { before: 1, size: size.clone(), kind };
    let other = Size { width: Some(0), height: None };
    same(vec![flat.clone(), Flat { size: other.clone(), ..flat }]);
    same(vec![Open { size, rest: rest.clone() }, Open { size: other, rest }]);
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Skipping {
    #[serde(skip)]
    never: u8,
    #[serde(skip_serializing, default)]
    not_written: u8,
    first: u8,
    #[serde(skip_deserializing)]
    not_read: u8,
    second: u8,
}

#[test]
fn fields_that_are_skipped_one_way_are_at_their_defaults() {
    let sent = Skipping { never: 1, not_written: 2, first: 3, not_read: 4, second: 5 };
    let expected = Skipping { first: 3, second: 5, ..Skipping::default() };
    assert_eq!(crossed(&vec![sent.clone(), sent]), [expected.clone(), expected]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Named {
    #[serde(rename = "a-name", alias = "old-name")]
    first: u8,
    #[serde(alias = "older")]
    second: u8,
    #[serde(default = "three")]
    third: u8,
    #[serde(with = "hexadecimal")]
    fourth: u32,
}

fn three() -> u8 {
    3
}

mod hexadecimal {
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(number: &u32, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{number:x}"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
        let text = String::deserialize(deserializer)?;
        u32::from_str_radix(&text, 16).map_err(serde::de::Error::custom)
    }
}

#[test]
fn renamed_fields_aliases_defaults_and_hand_written_fields_cross() {
    same(vec![Named { first: 1, second: 2, third: 4, fourth: 0xdead_beef }; 3]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
struct Transparent {
    item: Item,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
struct Even(u8);

impl From<Even> for String {
    fn from(even: Even) -> Self {
        even.0.to_string()
    }
}

impl TryFrom<String> for Even {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text.parse().map_err(|error| format!("{text:?} is no number: {error}"))?;
        if number % 2 == 0 { Ok(Self(number)) } else { Err(format!("{number} is odd")) }
    }
}

#[test]
fn transparent_and_converted_types_cross() {
    same(Transparent { item: Item::default() });
    same(vec![Even(2), Even(4)]);
}

#[test]
fn the_text_of_a_conversion_that_fails_arrives_with_the_place() {
    #[derive(Serialize)]
    struct Sent {
        numbers: Vec<Even>,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never read whole")]
    struct Expected {
        numbers: Vec<Even>,
    }
    let error = refused::<Expected>(&Sent { numbers: vec![Even(2), Even(7)] });
    assert!(error.contains("7 is odd"), "{error}");
    assert!(error.contains(".numbers[1]") && error.contains("Even"), "{error}");
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Unit;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Nothing {}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Newtype(Option<Option<Unit>>);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Tuple(u8, Unit, Nothing, String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Plain {
    Unit,
    Newtype(Newtype),
    Tuple(u8, Tuple),
    Empty(),
    Struct {
        a: u8,
        deep: Option<Box<Plain>>,
    },
    #[serde(other)]
    Other,
}

#[test]
fn every_shape_of_struct_and_variant_crosses() {
    let tuple = Tuple(1, Unit, Nothing {}, "text".into());
    for newtype in [None, Some(None), Some(Some(Unit))].map(Newtype) {
        same(newtype.clone());
        same(Plain::Newtype(newtype));
    }
    let inner = Plain::Struct { a: 1, deep: Some(Box::new(Plain::Tuple(3, tuple.clone()))) };
    same(tuple);
    same(Plain::Struct { a: 2, deep: Some(Box::new(inner)) });
    same(vec![Plain::Unit, Plain::Empty(), Plain::Other, Plain::Struct { a: 0, deep: None }]);
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Node {
    value: u8,
    next: Option<Box<Node>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<Node>,
}

#[test]
fn recursive_structs_cross() {
    let leaf = Node { value: 1, next: None, others: Vec::new() };
    let inner = Node { value: 2, next: Some(Box::new(leaf.clone())), others: vec![leaf; 3] };
    same(Node {
        value: 3,
        next: Some(Box::new(inner.clone())),
        others: vec![inner.clone(), inner],
    });
}

#[test]
fn two_structs_of_one_name_cross_in_one_message() {
    mod other {
        #[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
        pub(super) struct Item {
            pub(super) price: u8,
            pub(super) discount: Option<u8>,
        }
    }
    let ours = Item { discount: Some(1), price: 2 };
    let other = other::Item { discount: Some(3), price: 4 };
    same(vec![(ours.clone(), other.clone()), (ours, other)]);
}
