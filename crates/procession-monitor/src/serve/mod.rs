//! Serving connections: how many, for how long, and until when.
//!
//! # Invariants
//! - Beats are taken however many connections are open and ask nothing: see [`connections`].
//! - Whatever a peer does or leaves undone, its connection ends: from accept to the first head, between
//!   requests and in an answer that it does not take there is a time limit; bodies have theirs where
//!   they are read.
//! - That connections cannot be accepted is a trouble of the monitor's own.

pub(crate) mod certificate;
pub(crate) mod connections;
mod listener;
pub(crate) mod stream;

use crate::intake::{App, router};
use axum::body::{Body, Bytes, HttpBody};
use axum::extract::{ConnectInfo, Request};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use axum_server::{Handle, Server};
use listener::{Caller, Listener};
use std::io;
use std::net::TcpListener;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use stream::{Answering, HEAD_TIME, Place};

/// How long a peer of HTTP/2 may take to answer whether it is there.
const ALIVE_TIME: Duration = Duration::from_secs(30);
/// How long open connections may go on once the server shall end.
const DRAIN: Duration = Duration::from_secs(5);

/// Serves until `shutdown` ends.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<RustlsConfig>,
    app: Arc<App>,
    shutdown: impl Future<Output = ()>,
) -> io::Result<()> {
    let registry = app.registry.clone();
    let listener = Listener::new(listener, app.connections.clone(), registry.clone())?;
    let router = router(app).layer(from_fn(counted));
    let service = router.into_make_service_with_connect_info::<Caller>();
    let handle = Handle::<Caller>::new();
    let stop = handle.clone();
    let mut server = Server::from_listener(listener).handle(handle);
    let timer = hyper_util::rt::TokioTimer::new();
    let builder = server.http_builder();
    builder.http1().timer(timer.clone()).header_read_timeout(HEAD_TIME);
    builder.http2().timer(timer).keep_alive_interval(ALIVE_TIME).keep_alive_timeout(ALIVE_TIME);
    let serving = async {
        match tls {
            None => server.serve(service).await,
            Some(tls) => server.acceptor(RustlsAcceptor::new(tls)).serve(service).await,
        }
    };
    tokio::pin!(serving, shutdown);
    tokio::select! {
        ended = &mut serving => return ended,
        () = &mut shutdown => {
            registry.hush();
            stop.graceful_shutdown(Some(DRAIN));
        }
    }
    serving.await
}

/// Counts a connection as answering from the moment at which a request has come whole until its
/// answer is sent.
async fn counted(mut request: Request, next: Next) -> Response {
    let Some(ConnectInfo(caller)) = request.extensions_mut().remove::<ConnectInfo<Caller>>() else {
        return next.run(request).await;
    };
    request.extensions_mut().insert(ConnectInfo(caller.address));
    let Some(place) = caller.place else { return next.run(request).await };
    place.ask();
    let answering = Shared::default();
    if request.body().is_end_stream() {
        answering.begin(&place);
    } else {
        let (place, answering) = (place.clone(), answering.clone());
        request = request.map(|body| Body::new(Incoming { body, place, answering }));
    }
    let response = next.run(request).await;
    answering.begin(&place);
    response.map(|body| Body::new(Outgoing { body, _answering: answering }))
}

/// That a request is answered, once it is.
#[derive(Clone, Debug, Default)]
struct Shared(Arc<Mutex<Option<Answering>>>);

impl Shared {
    fn begin(&self, place: &Place) {
        self.lock().get_or_insert_with(|| place.begin());
    }

    fn lock(&self) -> MutexGuard<'_, Option<Answering>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The body of a request.
struct Incoming {
    body: Body,
    place: Place,
    answering: Shared,
}

impl HttpBody for Incoming {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        if matches!(frame, Poll::Ready(None)) || self.body.is_end_stream() {
            self.answering.begin(&self.place);
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}

/// The body of an answer.
struct Outgoing {
    body: Body,
    _answering: Shared,
}

impl HttpBody for Outgoing {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<http_body::Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.body.size_hint()
    }
}
