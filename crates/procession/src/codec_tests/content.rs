//! Types whose serde code is written by hand.

use super::{crossed, same, try_read, try_written, written};
use serde::de::{self, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// Reads itself without looking at what was written.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Unread;

impl Serialize for Unread {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit_struct("Unread")
    }
}

impl<'de> Deserialize<'de> for Unread {
    fn deserialize<D: Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
        Ok(Self)
    }
}

#[test]
fn a_part_that_is_not_read_is_passed_over() {
    same(Unread);
    same((Unread, 1_u8, vec![Unread; 3], Some(Unread), 2_u8));
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Around {
        unread: Unread,
        read: u8,
    }
    same(Around { unread: Unread, read: 7 });
}

/// Knows its fields by name only.
#[derive(Clone, Debug, PartialEq, Serialize)]
struct ByName {
    a: u8,
    b: Option<String>,
}

impl<'de> Deserialize<'de> for ByName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Fields;
        impl<'de> Visitor<'de> for Fields {
            type Value = ByName;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a struct by name")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ByName, A::Error> {
                let (mut a, mut b) = (0, None);
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "a" => a = map.next_value()?,
                        "b" => b = map.next_value()?,
                        _ => {}
                    }
                }
                Ok(ByName { a, b })
            }
        }
        deserializer.deserialize_struct("ByName", &["a", "b"], Fields)
    }
}

#[test]
fn a_visitor_that_knows_names_only_gets_names() {
    same(ByName { a: 1, b: Some("text".into()) });
    same(vec![ByName { a: 1, b: None }; 3]);
}

/// Takes the first element and no more.
#[derive(Debug)]
struct First;

impl<'de> Deserialize<'de> for First {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct One;
        impl<'de> Visitor<'de> for One {
            type Value = First;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a sequence")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<First, A::Error> {
                seq.next_element::<String>().map(|_| First)
            }
        }
        deserializer.deserialize_seq(One)
    }
}

#[test]
fn elements_that_nobody_takes_are_an_error() {
    let error = try_read::<First>(&written(&["a", "b", "c"])).expect_err("two are left");
    assert!(error.to_string().contains("2 elements are left over"), "{error}");
    try_read::<First>(&written(&["a"])).expect("all was taken");
}

/// Drops an error of what it reads.
#[derive(Debug)]
#[expect(dead_code, reason = "it is not read")]
struct Lenient(u8);

impl<'de> Deserialize<'de> for Lenient {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self(<(u8, u8)>::deserialize(deserializer).map_or(0, |(a, _)| a)))
    }
}

#[test]
fn an_error_that_a_value_drops_is_not_lost() {
    let message = written(&(("text", 1_u8), 2_u8));
    let error = try_read::<(Lenient, u8)>(&message).expect_err("the place is lost");
    assert!(error.to_string().contains("text"), "{error}");
}

#[test]
fn an_error_that_a_value_drops_while_it_is_written_is_not_lost() {
    struct Never;
    impl Serialize for Never {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeTuple;
            // Part of it is written.
            let mut pair = serializer.serialize_tuple(2)?;
            pair.serialize_element(&1_u8)?;
            Err(serde::ser::Error::custom("the second is missing"))
        }
    }
    struct Lenient;
    impl Serialize for Lenient {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeSeq;
            let mut list = serializer.serialize_seq(None)?;
            let _ = list.serialize_element(&Never);
            list.serialize_element(&2_u8)?;
            list.end()
        }
    }
    let error = try_written(&Lenient).expect_err("half a tuple").to_string();
    assert!(error.contains("the second is missing"), "{error}");
}

#[test]
fn anything_can_be_ignored() {
    #[derive(Serialize)]
    enum Kind {
        Unit,
        Newtype(u8),
        Tuple(u8, u8),
        Struct { a: u8, b: Vec<u16> },
    }
    let kinds =
        [Kind::Unit, Kind::Newtype(1), Kind::Tuple(1, 2), Kind::Struct { a: 1, b: vec![1, 2] }];
    let map = std::collections::BTreeMap::from([("key", Some('c'))]);
    let value = (kinds, map, [1_u64; 9], "text", ByName { a: 1, b: None }, Some(()), -0.5_f32);
    let message = written(&(1_u8, value, 2_u8));
    assert_eq!(try_read::<(u8, IgnoredAny, u8)>(&message).expect("around it"), (1, IgnoredAny, 2));
    let _: Vec<IgnoredAny> = try_read(&written(&[1_u8, 2, 3])).expect("a run");
}

#[test]
fn a_dynamic_value_reads_any_other() {
    #[derive(Serialize)]
    enum Kind {
        Unit,
        Newtype(u8),
        Tuple(u8, u8),
        Struct { a: u8 },
    }
    let kinds = [Kind::Unit, Kind::Newtype(1), Kind::Tuple(1, 2), Kind::Struct { a: 1 }];
    let value = (ByName { a: 1, b: None }, kinds, [7_u8; 2]);
    let read: serde_json::Value = try_read(&written(&value)).expect("JSON");
    assert_eq!(read, serde_json::to_value(&value).expect("JSON"));
    let back: (ByName, Vec<Plain>, [u8; 2]) = try_read(&written(&read)).expect("the value");
    assert_eq!(
        back.1,
        [Plain::Unit, Plain::Newtype(1), Plain::Tuple(1, 2), Plain::Struct { a: 1 }]
    );
}

#[derive(Debug, PartialEq, Deserialize)]
enum Plain {
    Unit,
    Newtype(u8),
    Tuple(u8, u8),
    Struct { a: u8 },
}

#[test]
fn the_text_of_an_error_in_serialize_is_the_senders() {
    struct Never;
    impl Serialize for Never {
        fn serialize<S: Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("the pipe has leaked"))
        }
    }
    #[derive(Serialize)]
    enum House {
        Cellar { pipes: Vec<Never> },
    }
    let error = try_written(&House::Cellar { pipes: vec![Never] }).expect_err("never").to_string();
    assert!(error.contains("House") && error.contains("the pipe has leaked"), "{error}");
    assert!(error.contains(".pipes[0]") && error.contains("Never"), "{error}");
}

#[test]
fn the_text_of_an_error_in_deserialize_is_the_receivers() {
    #[derive(Debug)]
    struct Never;
    impl<'de> Deserialize<'de> for Never {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            String::deserialize(deserializer)?;
            Err(de::Error::custom("no such pipe"))
        }
    }
    let map = std::collections::BTreeMap::from([("north", "a"), ("south", "b")]);
    let message = written(&map);
    let error = try_read::<std::collections::BTreeMap<String, Never>>(&message);
    let error = error.expect_err("never").to_string();
    assert!(error.contains("no such pipe") && error.contains("[\"north\"]"), "{error}");
    assert!(error.contains("Never"), "{error}");
}

#[test]
fn many_errors_that_are_dropped_leave_the_last_its_text() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Either {
        Number(u8),
        Text(String),
    }
    let list: Vec<Either> = (0..1000).map(|_| Either::Text("text".into())).collect();
    assert_eq!(crossed(&list), list);
    let error = try_read::<Vec<Either>>(&written(&[Some(1.5)])).expect_err("neither").to_string();
    assert!(error.contains("did not match any variant of untagged enum Either"), "{error}");
}

#[test]
fn a_struct_whose_fields_are_written_by_hand_in_any_order_crosses() {
    #[derive(Clone, Debug, PartialEq, Deserialize)]
    struct Moody {
        #[serde(default)]
        a: u8,
        #[serde(default)]
        b: u8,
        #[serde(default)]
        c: u8,
    }
    impl Serialize for Moody {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            use serde::ser::SerializeStruct;
            // Its length is not told either.
            let mut fields = serializer.serialize_struct("Moody", 0)?;
            if self.c > 0 {
                fields.serialize_field("c", &self.c)?;
            }
            if self.a > 0 {
                fields.serialize_field("a", &self.a)?;
            }
            if self.b > 0 {
                fields.serialize_field("b", &self.b)?;
            }
            fields.end()
        }
    }
    let all: Vec<Moody> =
        (0..64).map(|n| Moody { a: n & 3, b: n >> 2 & 3, c: n >> 4 & 3 }).collect();
    same(all);
}
