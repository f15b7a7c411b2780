//! What may be an argument or a result: any type that serde can write and read.

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What can cross to another process and back: any owned type that serde can write and read.
///
/// It is implemented for every such type; there is nothing to implement by hand.
///
/// A value is read on the stack of the thread that asks for it, as deep as its type nests: a list of
/// boxes a million long overflows it, as its destructor would. A `Vec` of a type without bytes takes
/// as long to read as its length says.
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
