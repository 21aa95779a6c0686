//! The Runtime API and the Extensions API: HTTP on one side, events on the other.
//!
//! [AWS: Lambda runtime API; runtime interface emulator]

mod body;
mod error_type;
mod extensions;
mod heads;
mod permit;
mod stream;
mod traffic;

use std::cell::Cell;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONNECTION, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use lambdock_protocol::ToControlPlane;
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::clock;
use crate::credentials::Credentials;
use crate::lifecycle::{BodyEnd, CallId, ErrorBody, Event, Point, Reply, ResponseHead, ResponseMode};
use crate::log::{self, Level, debug};
use crate::output::journal::Journal;
use crate::telemetry::subscription as telemetry;
use crate::uplink::Sender;
use body::{Collected, throw_away};
pub(crate) use extensions::About;
use heads::{Bounded, Heads};
pub(crate) use permit::Permit;
use stream::InPieces;
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

/// Connections at a time. A runtime has one or a few; more wait in the kernel's queue.
const CONNECTIONS: usize = 512;

/// Length of the kernel's queue.
const WAITING: u32 = 1024;

/// Bytes of headers that are read: a client may send almost 1 MiB of X-Ray's error cause.
const HEADERS: usize = 1_200_000;

/// Headers at most.
const HEADER_COUNT: usize = 200;

/// Bytes of a response that is read before any of it is passed on.
const SMALL: u64 = 64 * 1024;

/// Bodies of errors and registrations that are collected at a time; others wait, so that they take little memory.
const BODIES: usize = 2;

const REQUEST_ID: &str = "lambda-runtime-aws-request-id";
const DEADLINE: &str = "lambda-runtime-deadline-ms";
const FUNCTION_ARN: &str = "lambda-runtime-invoked-function-arn";
const TRACE_ID: &str = "lambda-runtime-trace-id";
const CLIENT_CONTEXT: &str = "lambda-runtime-client-context";
const COGNITO_IDENTITY: &str = "lambda-runtime-cognito-identity";
const TENANT_ID: &str = "lambda-runtime-aws-tenant-id";
const RESPONSE_MODE: &str = "lambda-runtime-function-response-mode";
const ERROR_TYPE: &str = "lambda-runtime-function-error-type";
const ERROR_BODY: &str = "lambda-runtime-function-error-body";

/// Listens for runtimes.
///
/// # Errors
/// The address is taken.
pub(crate) fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // What an init before us has left behind does not matter.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(WAITING)
}

impl Api {
    /// An API that nobody has called yet.
    pub(crate) fn new(footing: Footing) -> Self {
        Self { footing, calls: Cell::new(0), bodies: Semaphore::new(BODIES) }
    }

    /// Serves connections for ever.
    pub(crate) async fn serve(self: Rc<Self>, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let heads = Heads::new();
        loop {
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors: connections that end make room.
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            self.footing.traffic.moves();
            // A runtime waits for each answer; none should wait for more to send.
            let _ = stream.set_nodelay(true);
            let api = Rc::clone(&self);
            let head = heads.of_connection();
            tokio::task::spawn_local(async move {
                let stream =
                    Bounded::new(InPieces::new(stream, Rc::clone(&api.footing.traffic)), Rc::clone(&head));
                let service = service_fn(|request| {
                    let (api, head) = (Rc::clone(&api), Rc::clone(&head));
                    head.is_whole();
                    let answer = api.take(request);
                    async move {
                        let mut answer = answer.await;
                        if head.was_large() {
                            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                        }
                        head.begins();
                        Ok::<_, Infallible>(answer)
                    }
                });
                // No time limit: it would also end connections that a runtime keeps open while its function works.
                let served = http1::Builder::new()
                    .header_read_timeout(None)
                    .max_buf_size(HEADERS)
                    .max_headers(HEADER_COUNT)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
                if let Err(error) = served {
                    debug!("a connection to the Runtime API ended: {error}");
                }
                drop(place);
            });
        }
    }

    /// Begins to answer. What is posted is dealt with though the connection breaks: the runtime may not care for the
    /// answer, or have ended.
    fn take(self: Rc<Self>, request: Request<Incoming>) -> LocalBoxed<Answer> {
        let taking = self.footing.traffic.takes();
        let posted = request.method() == Method::POST;
        let told =
            log::enabled(Level::Debug).then(|| format!("{} {}", request.method(), request.uri().path()));
        let answer = async move {
            let answer = self.answer(request).await;
            drop(taking);
            if let Some(told) = told {
                debug!("{told}: {}", answer.status());
            }
            answer
        };
        if !posted {
            return Box::pin(answer);
        }
        // At once: a connection that is broken already will not ask for the answer a single time.
        let task = tokio::task::spawn_local(answer);
        Box::pin(async { task.await.unwrap_or_else(|_| render(None)) })
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

    async fn response(&self, id: &str, headers: &HeaderMap, mut body: Incoming) -> Answer {
        let length = body.size_hint().exact();
        let mode = match headers.get(RESPONSE_MODE).map(HeaderValue::as_bytes) {
            None => ResponseMode::Buffered,
            Some(mode) if mode.eq_ignore_ascii_case(b"streaming") => ResponseMode::Streaming,
            Some(_) => ResponseMode::Invalid,
        };
        let content_type = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let head = ResponseHead { request_id: id.to_owned(), mode, content_type, length };
        if mode == ResponseMode::Buffered
            && length.is_some_and(|length| length <= SMALL.min(self.footing.payload_limit))
        {
            // One message instead of three, on every hop.
            let Ok(body) = body.collect().await else { return self.truncated_response(head).await };
            let error = body.trailers().and_then(error_in);
            let body = body.to_bytes();
            return self.call(|call| Event::Response { call, head, body, error }).await;
        }
        let started = |call| Event::ResponseStarted { call, head };
        let posted = self.call_id();
        match self.ask_as(posted, started).await {
            Some(Reply::Permit) => {}
            refusal => {
                throw_away(body).await;
                return render(refusal);
            }
        }
        let end = self.pass_on(posted, &mut body, mode).await;
        let answer = self.call(|call| Event::ResponseEnded { call, posted, end }).await;
        throw_away(body).await;
        answer
    }

    /// Tells of a body that did not arrive.
    async fn truncated_response(&self, head: ResponseHead) -> Answer {
        let posted = self.call_id();
        match self.ask_as(posted, |call| Event::ResponseStarted { call, head }).await {
            Some(Reply::Permit) => {}
            other => return render(other),
        }
        self.call(|call| Event::ResponseEnded { call, posted, end: BodyEnd::Truncated }).await
    }

    /// Sends a body up as it comes. What comes after the permit was revoked, by the deadline, is thrown away.
    async fn pass_on(&self, posted: CallId, body: &mut Incoming, mode: ResponseMode) -> BodyEnd {
        let mut total: u64 = 0;
        let mut trailers = None;
        while let Some(frame) = body.frame().await {
            let Ok(frame) = frame else { return BodyEnd::Truncated };
            match frame.into_data() {
                Ok(data) => {
                    total += data.len() as u64;
                    if mode == ResponseMode::Buffered && total > self.footing.payload_limit {
                        return BodyEnd::TooLarge;
                    }
                    if !data.is_empty() && self.footing.permit.is_for(posted) {
                        self.footing.uplink.send(ToControlPlane::ResponseChunk(data)).await;
                    }
                }
                Err(frame) => trailers = frame.into_trailers().ok().or(trailers),
            }
        }
        BodyEnd::Whole { bytes: total, error: trailers.as_ref().and_then(error_in) }
    }

    /// Tells of an error that the runtime reports. It counts though its body does not arrive, or is too large.
    /// [AWS: runtime interface emulator, which then has an error without a body]
    async fn error(
        &self,
        headers: &HeaderMap,
        mut body: Incoming,
        event: impl FnOnce(CallId, String, ErrorBody) -> Event,
    ) -> Answer {
        let given = headers.get(ERROR_TYPE).and_then(|value| value.to_str().ok());
        let error_type = error_type::sorted_out(given.unwrap_or_default());
        let with_cause = headers.get(CONTENT_TYPE).is_some_and(|kind| kind == ERROR_CAUSE);
        let limit = usize::try_from(self.footing.payload_limit).unwrap_or(usize::MAX);
        let payload = match self.collect(&mut body, limit).await {
            Collected::Whole(body) if with_cause => ErrorBody::Whole(error_type::without_cause(&body)),
            Collected::Whole(body) => ErrorBody::Whole(body),
            Collected::Truncated => ErrorBody::Truncated,
            Collected::TooLarge => ErrorBody::TooLarge,
        };
        let answer = self.call(|call| event(call, error_type, payload)).await;
        throw_away(body).await;
        answer
    }

    /// A body of `limit` bytes at most.
    async fn collect(&self, body: &mut Incoming, limit: usize) -> Collected {
        match self.bodies.acquire().await {
            Ok(_place) => body::collect(body, limit).await,
            Err(_closed) => Collected::Truncated,
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

/// What trailers say went wrong.
fn error_in(trailers: &HeaderMap) -> Option<(String, Bytes)> {
    error_type::in_trailers(trailers, ERROR_TYPE, ERROR_BODY)
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

/// An error body that also carries the cause for X-Ray, which is not for the caller.
const ERROR_CAUSE: &str = "application/vnd.aws.lambda.error.cause+json";

fn truncated() -> Answer {
    let message = "HTTP request detected as truncated".to_owned();
    render(Some(Reply::Refused { status: 400, error_type: "TruncatedHTTPRequest", message }))
}

fn render(reply: Option<Reply>) -> Answer {
    match reply {
        Some(Reply::Event { invoke, payload, deadline }) => {
            let mut response = Response::new(Full::new(payload));
            let headers = response.headers_mut();
            let kind = invoke.content_type.as_deref().unwrap_or("application/json");
            let deadline = clock::at_ms(deadline).to_string();
            let mut set = |name: &'static str, value: Option<&str>| {
                // What is no header value, such as a line break in a context, is left out rather than refused.
                if let Some(value) = value.and_then(|value| HeaderValue::from_bytes(value.as_bytes()).ok()) {
                    headers.insert(name, value);
                }
            };
            set("content-type", Some(kind));
            set(REQUEST_ID, Some(&invoke.request_id));
            set(DEADLINE, Some(&deadline));
            set(FUNCTION_ARN, Some(&invoke.invoked_function_arn));
            set(TRACE_ID, invoke.trace_id.as_deref());
            set(CLIENT_CONTEXT, invoke.client_context.as_deref());
            set(COGNITO_IDENTITY, invoke.cognito_identity.as_deref());
            set(TENANT_ID, invoke.tenant_id.as_deref());
            response
        }
        Some(Reply::Accepted) => json_body(StatusCode::ACCEPTED, &json!({ "status": "OK" })),
        Some(Reply::Restored | Reply::Permit) => status(StatusCode::OK),
        Some(reply @ (Reply::ExtensionInvoke { .. } | Reply::ExtensionShutdown { .. })) => {
            extensions::event(&reply).unwrap_or_else(|| status(StatusCode::INTERNAL_SERVER_ERROR))
        }
        Some(Reply::Refused { status, error_type, message }) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            json_body(status, &json!({ "errorMessage": message, "errorType": error_type }))
        }
        Some(Reply::Registered { .. } | Reply::Identified { .. }) | None => {
            let body = json!({ "errorMessage": "Internal Server Error", "errorType": "InternalServerError" });
            json_body(StatusCode::INTERNAL_SERVER_ERROR, &body)
        }
    }
}

fn not_found() -> Answer {
    text(StatusCode::NOT_FOUND, "404 page not found\n")
}

fn json_body(status: StatusCode, body: &Value) -> Answer {
    json_text(status, body.to_string())
}

fn json_text(status: StatusCode, mut body: String) -> Answer {
    body.push('\n');
    let mut response = Response::new(Full::new(body.into()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::from_static(body.as_bytes())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn status(status: StatusCode) -> Answer {
    let mut response = Response::new(Full::new(Bytes::new()));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests;
