//! What may be an argument or a result: any type that serde can write and read.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What can cross to another process and back: any owned type that serde can write and read.
///
/// It is implemented for every such type; there is nothing to implement by hand. A type that derives
/// serde's traits crosses as the same value, or is an error that names the type, the field or variant
/// and the reason. No wrapper is needed for any attribute of serde.
///
/// | type | what arrives |
/// |---|---|
/// | numbers, `bool`, `char`, texts, tuples, arrays, collections, maps with any key | the same value, with every bit of a float |
/// | structs and enums with any attribute: `tag`, `content`, `untagged`, `flatten`, `rename`, `alias`, `default`, `with`, `transparent`, `into`, `try_from`, `remote`, `skip_serializing_if` | the same value |
/// | a field with `skip`, `skip_serializing` or `skip_deserializing` | its default |
/// | an enum's variant with `skip` | an error at the sender |
/// | `Option<Option<T>>`, `Option<()>` | the same value, at every level |
/// | `serde_json::Value`, `toml::Value`, decimal numbers of other crates | the same value |
/// | a `Path` that is not UTF-8 | an error at the sender; an `OsString` crosses |
/// | an error in a type's own `Serialize`, `Deserialize` or `try_from` | an error with its text |
/// | `Rc`, `Arc` (serde's feature `rc`) | a value of its own, no longer shared |
/// | [`Fd`](crate::Fd), ends of channels, shared memory, also in `untagged`, `tag` or `flatten` types | the same file, channel, memory |
/// | `u128`, `i128` inside `untagged`, `tag` or `flatten` types | an error |
/// | a flattened map with keys that are no texts, inside `untagged`, `tag` or `flatten` types | an error |
/// | a tuple struct or variant shortened by skipped fields | an error |
///
/// # Exceptions
///
/// For these types serde itself does not say enough, in any format. They arrive as another value:
///
/// - an `untagged` enum in which an earlier variant takes what a later one wrote, such as `u8` before
///   `u64`, `f64` before `u64`, two unit variants, bytes (not `Vec<u8>`) before an [`Fd`](crate::Fd),
///   or a struct whose fields the later one has too;
/// - a field with `rename(serialize = "a", deserialize = "b")` and `default`, which arrives as its
///   default;
/// - a flattened `Option` of a struct whose fields all have defaults: `None` arrives as `Some`;
/// - a flattened map beside a flattened enum with `tag` or `untagged`, which gets the enum's fields too;
/// - a tuple struct or variant with `skip_serializing` on one field and `skip_deserializing` on another;
/// - a type whose own `Serialize` and `Deserialize` do not belong together, such as `Weak`, which
///   arrives empty, and `SocketAddrV6`, which loses its flow information.
///
/// # Nesting
///
/// A value may lie in 10 000 others (sequences, tuples, maps, structs, variants with content). The stack
/// that is left to the thread is checked as well, when a value is written and when it is read. Beyond
/// either it is an error; it never overflows the stack.
///
/// # Examples
///
/// ```
/// #[derive(serde::Serialize, serde::Deserialize)]
/// struct Report { words: u64, longest: String }
///
/// fn assert_value<T: procession::Value>() {}
/// assert_value::<Report>();
/// assert_value::<Result<Vec<Report>, procession::Failure>>();
/// ```
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot cross to another process",
    label = "the child would have to send this value back",
    note = "derive serde's `Serialize` and `Deserialize` for the type",
    note = "if it has an error of another crate, such as `anyhow::Error`, return \
            `Result<_, procession::Failure>`: `?` converts every error",
    note = "if it has an `Arc` or `Rc`, send the inner value, or enable serde's feature `rc`",
    note = "if it is a future, the function is an `async fn`: pass a function that runs it, with \
            `block_on` of a runtime made in the child",
    note = "if the function never returns, declare it `-> ()`"
)]
pub trait Value: Serialize + DeserializeOwned + 'static {}

// Without the attribute the compiler explains which of serde's implementations is missing, and
// leaves out the notes above.
#[diagnostic::do_not_recommend]
impl<T: Serialize + DeserializeOwned + 'static> Value for T {}
