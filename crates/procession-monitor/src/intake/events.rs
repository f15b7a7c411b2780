//! What changes, as it changes.
//!
//! In: what a page has seen. Out: `GET /api/events`, a stream of events whose data are as that of
//! `/api/status`: `status` with everything, `change` with the checks that changed. What always
//! holds: it begins with a `heartbeat`, and so does every silence of five seconds; changes within a quarter of a second are one event; its id is a version, from which a
//! connection that was lost goes on; the stream ends with the monitor; there
//! are no more streams than leave connections for beats.

use super::app::App;
use super::check_json::Eye;
use super::status::{Asked, answer, forbidden};
use crate::registry::{Changed, Follower};
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::{Stream, StreamExt, stream};
use serde_json::Value;
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;

/// How long changes are gathered.
const FOLD: Duration = Duration::from_millis(250);
/// How long nothing is sent at most: the page and proxies can tell a stream that is dead.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// `GET /api/events?filter=&since=`: `since` is the `version` of an answer of `/api/status`.
pub async fn events(
    State(app): State<Arc<App>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response {
    let Some(eye) = app.sees(&headers) else { return forbidden() };
    let Ok(room) = app.streams.clone().try_acquire_owned() else {
        let later = [("retry-after", "30")];
        let why = "as many pages follow this monitor as it has room for beside beats\n";
        return (StatusCode::SERVICE_UNAVAILABLE, later, why).into_response();
    };
    let last = headers.get("last-event-id").and_then(|id| id.to_str().ok()?.parse().ok());
    let seen = last.or(asked.since);
    let page = Page { bell: app.registry.follow(), app, asked, eye, seen, _room: room };
    let stream = stream::iter([Ok(alive())]).chain(follow(page));
    let heartbeat = KeepAlive::new().interval(HEARTBEAT).event(alive());
    // nginx would hold events back until they fill its buffer.
    let unbuffered = [("x-accel-buffering", "no")];
    (unbuffered, Sse::new(stream).keep_alive(heartbeat)).into_response()
}

/// Says that the stream is alive, and nothing else.
fn alive() -> Event {
    Event::default().event("heartbeat").data("{}")
}

/// One page that follows.
struct Page {
    app: Arc<App>,
    asked: Asked,
    eye: Eye,
    seen: Option<u64>,
    bell: Follower,
    _room: OwnedSemaphorePermit,
}

fn follow(page: Page) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold(page, async |mut page| {
        let event = page.next().await?;
        Some((Ok(event), page))
    })
}

impl Page {
    async fn next(&mut self) -> Option<Event> {
        if let Some(seen) = self.seen {
            if !self.bell.after(seen).await {
                return None;
            }
            tokio::time::sleep(FOLD).await;
        }
        let (version, changed) = self.app.registry.changed(self.seen);
        self.seen = Some(version);
        let (name, only) = match &changed {
            Changed::All => ("status", None),
            Changed::Checks(ids) => ("change", Some(ids)),
        };
        let data: Value = answer(&self.app, &self.asked, self.eye, version, only);
        Some(Event::default().event(name).id(version.to_string()).data(data.to_string()))
    }
}
