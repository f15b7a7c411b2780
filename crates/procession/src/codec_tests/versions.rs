//! Two versions of a type: by name the same value, or an error.

use super::{refused, try_read, written};
use serde::{Deserialize, Serialize};

mod old {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) enum Order {
        Start,
        Stop,
        Move { x: i32, y: i32 },
        Say(String),
    }
}

mod new {
    #[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize)]
    pub(super) enum Order {
        Pause,
        Stop,
        Start,
        Move { y: i32, x: i32, fast: Option<bool> },
        Say(String, u8),
    }
}

#[test]
fn variants_of_another_version_are_the_same_by_name_or_refused() {
    let read = |order: &old::Order| try_read::<new::Order>(&written(order));
    assert_eq!(read(&old::Order::Start).expect("both have it"), new::Order::Start);
    assert_eq!(read(&old::Order::Stop).expect("both have it"), new::Order::Stop);
    let moved = new::Order::Move { x: 1, y: 2, fast: None };
    assert_eq!(read(&old::Order::Move { x: 1, y: 2 }).expect("both have it"), moved);
    let error = read(&old::Order::Say("hello".into())).expect_err("another content").to_string();
    assert!(error.contains("the variant `Say` was written with one unnamed field"), "{error}");
    let error = refused::<old::Order>(&new::Order::Pause);
    assert!(error.contains("unknown variant `Pause`") && error.contains("`Start`"), "{error}");
}

#[test]
fn fields_of_another_version_are_found_by_name_or_missing() {
    #[derive(Serialize)]
    struct Sent {
        b: u8,
        a: u8,
        extra: (u8, String),
    }
    #[derive(Debug, PartialEq, Deserialize)]
    struct Expected {
        a: u8,
        b: u8,
        #[serde(default)]
        c: u8,
    }
    #[derive(Debug, Deserialize)]
    #[expect(dead_code, reason = "it is never read whole")]
    struct Stricter {
        a: u8,
        d: u8,
    }
    let sent = Sent { b: 2, a: 1, extra: (3, "text".into()) };
    assert_eq!(
        try_read::<Expected>(&written(&sent)).expect("by name"),
        Expected { a: 1, b: 2, c: 0 }
    );
    assert!(refused::<Stricter>(&sent).contains("missing field `d`"));
}
