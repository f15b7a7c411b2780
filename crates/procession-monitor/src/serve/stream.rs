//! One connection: its time limits, and its place among the others.
//!
//! # Invariants
//! - From accept to the head of the first request, TLS included, it has [`HEAD_TIME`].
//! - A peer that takes nothing of an answer for [`STALL_TIME`] is given up.
//! - It counts as open until its descriptor is closed.

use super::connections::{Admitted, Capacity, Table};
use ipnet::IpNet;
use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{Notify, oneshot};
use tokio::time::{Sleep, sleep, timeout};

/// How long a request's head may take, and how long a connection may be idle between two requests.
pub(super) const HEAD_TIME: Duration = Duration::from_secs(10);
/// How long a peer may take nothing of what is written to it.
const STALL_TIME: Duration = Duration::from_secs(30);

/// How long a connection that was told to end may take for it.
const SETTLE_TIME: Duration = Duration::from_secs(1);

/// All connections of a server.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    table: Arc<Mutex<Table<oneshot::Sender<()>>>>,
    /// Where others stand behind one address.
    proxies: Arc<[IpNet]>,
    refused: Arc<AtomicU64>,
    /// One has ended.
    ended: Arc<Notify>,
}

impl Connections {
    pub(crate) fn new(capacity: Capacity, proxies: Vec<IpNet>) -> Connections {
        let table = Arc::new(Mutex::new(Table::new(capacity)));
        let proxies = proxies.into();
        Connections { table, proxies, refused: Arc::default(), ended: Arc::default() }
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        self.lock().open()
    }

    /// How many were closed at once, since there was no room.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// Waits until those that were told to end have ended, for a moment.
    pub(super) async fn settle(&self) {
        while self.lock().is_ending() {
            if timeout(SETTLE_TIME, self.ended.notified()).await.is_err() {
                return;
            }
        }
    }

    /// A connection from this address; `None`, and it is closed, if there is no room for it.
    pub(super) fn admit(&self, io: TcpStream, address: IpAddr) -> Option<Stream> {
        let (end, told_to_end) = oneshot::channel();
        let is_proxy = self.proxies.iter().any(|net| net.contains(&address.to_canonical()));
        let source = (!is_proxy).then_some(address);
        let Some(Admitted { id, instead_of }) = self.lock().admit(source, end) else {
            self.refused.fetch_add(1, Ordering::Relaxed);
            return None;
        };
        // The other side of it is told by its end.
        drop(instead_of);
        let place = Place { id, connections: self.clone(), has_asked: Arc::default() };
        let head = Some(Box::pin(sleep(HEAD_TIME)));
        Some(Stream { io, place, told_to_end: Some(told_to_end), head, stalled: None })
    }

    fn lock(&self) -> MutexGuard<'_, Table<oneshot::Sender<()>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place of a connection among the others.
#[derive(Clone, Debug)]
pub(super) struct Place {
    id: u64,
    connections: Connections,
    /// The head of a request has come.
    has_asked: Arc<AtomicBool>,
}

/// A request that is answered; over when dropped.
#[derive(Debug)]
pub(super) struct Answering(Place);

impl Place {
    /// The head of a request has come.
    pub(super) fn ask(&self) {
        self.has_asked.store(true, Ordering::Relaxed);
    }

    /// A request has come whole.
    pub(super) fn begin(&self) -> Answering {
        self.connections.lock().begin(self.id);
        Answering(self.clone())
    }
}

impl Drop for Answering {
    fn drop(&mut self) {
        self.0.connections.lock().finish(self.0.id);
    }
}

/// A connection.
#[derive(Debug)]
pub(super) struct Stream {
    io: TcpStream,
    place: Place,
    /// `None` once it was told to.
    told_to_end: Option<oneshot::Receiver<()>>,
    /// The end of the time for the first head, until that has come.
    head: Option<Pin<Box<Sleep>>>,
    /// The end of the time for a write that waits.
    stalled: Option<Pin<Box<Sleep>>>,
}

impl Stream {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    fn is_told_to_end(&mut self, context: &mut Context<'_>) -> bool {
        let end = self.told_to_end.as_mut();
        if end.is_some_and(|end| Pin::new(end).poll(context).is_pending()) {
            return false;
        }
        self.told_to_end = None;
        true
    }

    /// Why it ends now, if it does.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Error> {
        if self.is_told_to_end(context) {
            return Poll::Ready(io::ErrorKind::ConnectionAborted.into());
        }
        if self.place.has_asked.load(Ordering::Relaxed) {
            self.head = None;
        }
        match &mut self.head {
            Some(head) => head.as_mut().poll(context).map(|()| io::ErrorKind::TimedOut.into()),
            None => Poll::Pending,
        }
    }

    /// The outcome of a write, or that it waits for too long.
    fn limit<T>(
        &mut self,
        context: &mut Context<'_>,
        written: Poll<io::Result<T>>,
    ) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        if self.is_told_to_end(context) {
            return Poll::Ready(Err(io::ErrorKind::ConnectionAborted.into()));
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALL_TIME)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.place.connections.lock().ended(self.place.id);
        self.place.connections.ended.notify_one();
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Poll::Ready(why) = self.poll_end(context) {
            return Poll::Ready(Err(why));
        }
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write(context, bytes);
        self.limit(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.io).poll_write_vectored(context, pieces);
        self.limit(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
