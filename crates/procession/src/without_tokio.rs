//! What the compiler says of a program that awaits a child, channel or connection without the feature
//! `tokio`.

use crate::channel::{Receiver, RecvError, SendError, Sender};
use crate::child::Child;
use crate::connection::{Connection, ConnectionError, Listener, RecvHalf, SendHalf};
use crate::ending::JoinError;
use crate::select::Select;
use crate::value::Value;
use std::future::{Future, IntoFuture, Ready};
use std::io;

/// Implemented by no type, so that the compiler says which feature is missing.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be awaited without procession's feature `tokio`",
    label = "needs the feature `tokio`",
    note = "in Cargo.toml: `procession = {{ version = \"0.1\", features = [\"tokio\"] }}`"
)]
#[doc(hidden)]
pub trait Awaitable {}

impl<R: Value> IntoFuture for Child<R> {
    type Output = Result<R, JoinError>;
    type IntoFuture = Ready<Self::Output>;

    // The compiler has a message of its own for a type without this implementation, which says
    // nothing of the feature.
    fn into_future(self) -> Self::IntoFuture {
        const { panic!("awaiting a child needs procession's feature `tokio`") }
    }
}

impl<R: Value> IntoFuture for &mut Child<R> {
    type Output = Result<R, JoinError>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        const { panic!("awaiting a child needs procession's feature `tokio`") }
    }
}

// Not by a macro, which the compiler would show to the caller.

#[doc(hidden)]
impl<T: Value> Receiver<T> {
    pub fn recv_async(&self) -> impl Future<Output = Result<T, RecvError>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }
}

#[doc(hidden)]
impl<T: Value> Sender<T> {
    pub fn send_async(&self, _value: T) -> impl Future<Output = Result<(), SendError<T>>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }
}

#[doc(hidden)]
impl<K: Clone> Select<'_, K> {
    pub fn wait_async(&self) -> impl Future<Output = io::Result<K>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }
}

#[doc(hidden)]
impl Listener {
    pub fn accept_async<T, U>(&self) -> impl Future<Output = io::Result<Connection<T, U>>>
    where
        Connection<T, U>: Awaitable,
    {
        std::future::pending()
    }
}

#[doc(hidden)]
impl<T: Value, U: Value> Connection<T, U> {
    pub fn recv_async(&self) -> impl Future<Output = Result<U, ConnectionError>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }

    pub fn send_async(&self, _value: &T) -> impl Future<Output = Result<(), ConnectionError>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }
}

#[doc(hidden)]
impl<U: Value> RecvHalf<U> {
    pub fn recv_async(&self) -> impl Future<Output = Result<U, ConnectionError>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }
}

#[doc(hidden)]
impl<T: Value> SendHalf<T> {
    pub fn send_async(&self, _value: &T) -> impl Future<Output = Result<(), ConnectionError>>
    where
        Self: Awaitable,
    {
        std::future::pending()
    }
}
