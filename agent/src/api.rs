//! The Runtime API and the Extensions API: HTTP on one side, events on the other.
//!
//! [AWS: Lambda runtime API; runtime interface emulator]

mod body;
mod connections;
mod error_type;
mod extensions;
mod heads;
mod intake;
mod permit;
mod render;
mod stream;
mod traffic;

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock;
use crate::credentials::Credentials;
use crate::lifecycle::{CallId, Event, Point, Reply};
use crate::output::journal::Journal;
use crate::telemetry::subscription as telemetry;
use crate::uplink::Sender;
pub(crate) use connections::listen;
pub(crate) use extensions::About;
pub(crate) use permit::Permit;
use render::{json_body, not_found, render, status, text};
pub(crate) use traffic::Traffic;

/// Something that happened, and where the answer is waited for.
pub(crate) struct Happened {
    /// What.
    pub event: Event,
    /// For events that are calls.
    pub waiting: Option<(CallId, oneshot::Sender<Reply>)>,
}

/// What an API stands on.
pub(crate) struct Footing {
    /// Where calls are told.
    pub events: mpsc::Sender<Happened>,
    /// Where responses go.
    pub uplink: Sender,
    /// Which of them may.
    pub permit: Permit,
    /// Largest response in bytes.
    pub payload_limit: u64,
    /// What extensions are told; `None`: there are to be none.
    pub extensions: Option<About>,
    /// For functions that fetch theirs.
    pub credentials: Option<Credentials>,
    /// What extensions subscribe to.
    pub journal: Rc<Journal>,
    /// What moves.
    pub traffic: Rc<Traffic>,
}

/// Everything that connections share.
pub(crate) struct Api {
    footing: Footing,
    calls: Cell<u64>,
    /// Places of bodies that are collected.
    bodies: Semaphore,
}

type Answer = Response<Full<Bytes>>;

type LocalBoxed<T> = Pin<Box<dyn Future<Output = T>>>;

/// Bodies of errors and registrations that are collected at a time; others wait, so that they take little memory.
const BODIES: usize = 2;

impl Api {
    /// An API that nobody has called yet.
    pub(crate) fn new(footing: Footing) -> Self {
        Self { footing, calls: Cell::new(0), bodies: Semaphore::new(BODIES) }
    }

    async fn answer(self: Rc<Self>, request: Request<Incoming>) -> Answer {
        if request.uri().path().starts_with("/2020-01-01/extension/") {
            return self.extension(request).await;
        }
        let (parts, body) = request.into_parts();
        let path = parts.uri.path().to_owned();
        let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
        match (&parts.method, segments.as_slice()) {
            (&Method::GET, ["2018-06-01", "ping"]) => text(StatusCode::OK, "pong"),
            (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => self.call(Event::Next).await,
            (&Method::GET, ["2018-06-01", "runtime", "restore", "next"]) => {
                self.call(Event::RestoreNext).await
            }
            (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
                self.response(id, &parts.headers, body).await
            }
            (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
                let request_id = (*id).to_owned();
                self.error(&parts.headers, body, |call, error_type, payload| Event::InvocationError {
                    call,
                    request_id,
                    error_type,
                    payload,
                })
                .await
            }
            (&Method::POST, ["2018-06-01", "runtime", at @ ("init" | "restore"), "error"]) => {
                let at = if *at == "init" { Point::Init } else { Point::Restore };
                self.error(&parts.headers, body, |call, error_type, payload| Event::InitError {
                    call,
                    at,
                    error_type,
                    payload,
                })
                .await
            }
            (&Method::PUT, ["2022-07-01", "telemetry"]) => {
                self.subscribe(telemetry::Api::Telemetry, &parts.headers, body).await
            }
            (&Method::PUT, ["2020-08-15", "logs"]) => {
                self.subscribe(telemetry::Api::Logs, &parts.headers, body).await
            }
            (&Method::GET, ["2021-04-23", "credentials"]) => self.credentials(&parts.headers),
            (_, segments) if is_known(segments) => status(StatusCode::METHOD_NOT_ALLOWED),
            _ => not_found(),
        }
    }

    fn credentials(&self, headers: &HeaderMap) -> Answer {
        let token = headers.get(AUTHORIZATION).map(HeaderValue::as_bytes).unwrap_or_default();
        match self.footing.credentials.as_ref().filter(|credentials| credentials.are_for(token)) {
            Some(credentials) => json_body(StatusCode::OK, &credentials.shown(clock::now_ms(), clock::iso)),
            None => not_found(),
        }
    }

    async fn call(&self, event: impl FnOnce(CallId) -> Event) -> Answer {
        render(self.ask(event).await)
    }

    fn call_id(&self) -> CallId {
        let call = CallId(self.calls.get());
        self.calls.set(call.0 + 1);
        call
    }

    async fn ask(&self, event: impl FnOnce(CallId) -> Event) -> Option<Reply> {
        self.ask_as(self.call_id(), event).await
    }

    async fn ask_as(&self, call: CallId, event: impl FnOnce(CallId) -> Event) -> Option<Reply> {
        let (sender, answer) = oneshot::channel();
        let happened = Happened { event: event(call), waiting: Some((call, sender)) };
        self.footing.events.send(happened).await.ok()?;
        let _waiting = self.footing.traffic.waits();
        answer.await.ok()
    }
}

/// Paths that exist, for other methods.
fn is_known(segments: &[&str]) -> bool {
    matches!(
        segments,
        ["2018-06-01", "ping"]
            | ["2018-06-01", "runtime", "invocation", "next"]
            | ["2018-06-01", "runtime", "invocation", _, "response" | "error"]
            | ["2018-06-01", "runtime", "init" | "restore", "error"]
            | ["2018-06-01", "runtime", "restore", "next"]
            | ["2021-04-23", "credentials"]
            | ["2022-07-01", "telemetry"]
            | ["2020-08-15", "logs"]
    )
}

#[cfg(test)]
mod tests;
