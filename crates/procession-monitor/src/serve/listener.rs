//! Accepts connections, and says when it cannot.

use super::stream::{Connections, Place, Stream};
use crate::registry::Registry;
use axum::extract::connect_info::Connected;
use axum_server::{AddrListener, Address};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::{Instant, sleep, timeout_at};

/// How long after a failure the next connection is accepted.
const PAUSE: Duration = Duration::from_millis(50);
/// How long there must have been no failure before all is well again.
const CALM: Duration = Duration::from_secs(10);
/// The name of the monitor's trouble with its connections.
const TROUBLE: &str = "connections";

/// The other side of a connection.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) address: SocketAddr,
    /// `None` for the listener's own address.
    pub(super) place: Option<Place>,
}

impl Address for Caller {
    type Stream = Stream;
    type Listener = Listener;
}

impl Connected<Caller> for Caller {
    fn connect_info(caller: Caller) -> Caller {
        caller
    }
}

/// A socket that listens.
#[derive(Debug)]
pub(super) struct Listener {
    socket: TcpListener,
    connections: Connections,
    registry: Arc<Registry>,
    /// When the last failure was, if that is not long ago.
    failed: Mutex<Option<Instant>>,
}

impl Listener {
    pub(super) fn new(
        socket: std::net::TcpListener,
        connections: Connections,
        registry: Arc<Registry>,
    ) -> io::Result<Listener> {
        socket.set_nonblocking(true)?;
        let socket = TcpListener::from_std(socket)?;
        Ok(Listener { socket, connections, registry, failed: Mutex::default() })
    }

    /// The next connection that there is room for, or why there is none.
    async fn next(&self) -> Result<(Stream, SocketAddr), String> {
        self.connections.settle().await;
        let (io, address) = self.socket.accept().await.map_err(|error| {
            format!("none can be accepted: {error}; raise the limit on open files (LimitNOFILE=)")
        })?;
        let admitted = self.connections.admit(io, address.ip()).ok_or_else(|| {
            let open = self.connections.open();
            format!(
                "{open} are open and busy, and more are refused; raise the limit on open files \
                 (LimitNOFILE=)"
            )
        });
        admitted.map(|stream| (stream, address))
    }

    fn note(&self, failed: Option<Instant>, why: Option<String>) {
        *self.failed.lock().unwrap_or_else(PoisonError::into_inner) = failed;
        self.registry.set_problem(TROUBLE, why);
    }
}

impl AddrListener<Stream, Caller> for Listener {
    async fn bind_to(_: Caller) -> io::Result<Listener> {
        // A server is made of a listener that is there.
        Err(io::ErrorKind::Unsupported.into())
    }

    async fn accept_stream(&self) -> io::Result<(Stream, Caller)> {
        loop {
            let failed = *self.failed.lock().unwrap_or_else(PoisonError::into_inner);
            let next = match failed {
                None => self.next().await,
                Some(failed) => {
                    let Ok(next) = timeout_at(failed + CALM, self.next()).await else {
                        self.note(None, None);
                        continue;
                    };
                    next
                }
            };
            match next {
                Ok((stream, address)) => {
                    let place = Some(stream.place().clone());
                    return Ok((stream, Caller { address, place }));
                }
                Err(why) => {
                    self.note(Some(Instant::now()), Some(why));
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn get_local_addr(&self) -> io::Result<Caller> {
        Ok(Caller { address: self.socket.local_addr()?, place: None })
    }
}
