//! The port where LocalStack invokes the function.

use std::cell::Cell;
use std::collections::VecDeque;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use lambdock_protocol::Invoke;
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

use super::apart::{Apart, ENVELOPE};
use super::invocation::{Rejection, parse};
use crate::clock;
use crate::log::{debug, info};

/// Connections at a time. LocalStack opens one for each invocation. The function can open any number and say nothing:
/// those that have been silent longest make room.
const CONNECTIONS: usize = 64;

/// Bodies that are read at a time; others wait, so that they take little memory.
const BODIES: usize = 4;

/// Invocations that wait for the one that runs. LocalStack sends one at a time.
pub(super) const WAITING: usize = 8;

/// Time that a client has for the head of a request.
const HEAD_WITHIN: Duration = Duration::from_secs(5);

/// Time that it has for the body.
const SENT_WITHIN: Duration = Duration::from_secs(60);

/// Bytes of headers that are read.
const HEADERS: usize = 64 * 1024;

/// Bytes of JSON that one byte of a payload takes at most: `\u0000`.
const JSON_PER_BYTE: u64 = 6;

type Answer = Response<Full<Bytes>>;

/// Where invocations go.
#[derive(Debug)]
pub(super) struct Control {
    invocations: mpsc::Sender<(Invoke, Bytes)>,
    payload_limit: u64,
    /// Places of bodies that are read.
    bodies: Semaphore,
}

/// Connections, the oldest first.
#[derive(Debug, Default)]
struct Connections(VecDeque<Connection>);

#[derive(Debug)]
struct Connection {
    /// A request of it is being answered.
    works: Rc<Cell<bool>>,
    task: AbortHandle,
}

impl Connections {
    /// Ends the oldest one that has nothing to do.
    fn make_room(&mut self) {
        if let Some(index) = self.0.iter().position(|connection| !connection.works.get())
            && let Some(idle) = self.0.remove(index)
        {
            idle.task.abort();
        }
    }
}

impl Control {
    /// Invocations with payloads of up to `payload_limit` bytes go to `invocations`.
    pub(super) fn new(invocations: mpsc::Sender<(Invoke, Bytes)>, payload_limit: u64) -> Self {
        Self { invocations, payload_limit, bodies: Semaphore::new(BODIES) }
    }

    /// Serves connections for ever.
    pub(super) async fn serve(self, listener: TcpListener) {
        let room = Arc::new(Semaphore::new(CONNECTIONS));
        let control = Rc::new(self);
        let mut connections = Connections::default();
        loop {
            let Ok((stream, _)) = listener.accept().await else {
                // Out of file descriptors: connections that end make room.
                sleep(Duration::from_millis(20)).await;
                continue;
            };
            connections.0.retain(|connection| !connection.task.is_finished());
            if room.available_permits() == 0 {
                connections.make_room();
            }
            let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
            let control = Rc::clone(&control);
            let works = Rc::new(Cell::new(false));
            let working = Rc::clone(&works);
            let task = tokio::task::spawn_local(async move {
                control.converse(stream, &working).await;
                drop(place);
            });
            connections.0.push_back(Connection { works, task: task.abort_handle() });
        }
    }

    async fn converse(&self, stream: TcpStream, works: &Cell<bool>) {
        // LocalStack waits for the answer.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| async move {
            works.set(true);
            let answer = self.answer(request).await;
            works.set(false);
            Ok::<_, Infallible>(answer)
        });
        let served = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_WITHIN)
            .max_buf_size(HEADERS)
            .serve_connection(TokioIo::new(stream), service)
            .await;
        if let Err(error) = served {
            debug!("a connection of LocalStack ended: {error}");
        }
    }

    async fn answer(&self, request: Request<Incoming>) -> Answer {
        match (request.method(), request.uri().path()) {
            (&Method::POST, "/invoke") => self.invoke(request.into_body()).await,
            (_, "/invoke") => text(StatusCode::METHOD_NOT_ALLOWED, ""),
            _ => text(StatusCode::NOT_FOUND, "404 page not found\n"),
        }
    }

    /// Answers as soon as the invocation is understood; its result has a call of its own.
    async fn invoke(&self, body: Incoming) -> Answer {
        let limit = self.payload_limit.saturating_mul(JSON_PER_BYTE).saturating_add(ENVELOPE as u64);
        if body.size_hint().lower() > limit {
            return too_large(self.payload_limit);
        }
        let Ok(_place) = self.bodies.acquire().await else {
            return refused(StatusCode::TOO_MANY_REQUESTS, "too many invocations are being sent");
        };
        let mut apart = Apart::new(self.payload_limit, body.size_hint().exact());
        let mut limited = Limited::new(body, usize::try_from(limit).unwrap_or(usize::MAX));
        let taken = async {
            while let Some(frame) = limited.frame().await.transpose()? {
                frame.data_ref().into_iter().for_each(|data| apart.take(data));
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        match timeout(SENT_WITHIN, taken).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) if error.is::<LengthLimitError>() => return too_large(self.payload_limit),
            Ok(Err(_)) | Err(_) => return refused(StatusCode::BAD_REQUEST, "the request has no end"),
        }
        match apart.finish().and_then(|parts| parse(parts, self.payload_limit, clock::now_ms())) {
            Ok(invocation) => {
                let id = invocation.0.request_id.clone();
                if self.invocations.try_send(invocation).is_err() {
                    return refused(StatusCode::TOO_MANY_REQUESTS, "too many invocations wait already");
                }
                debug!("LocalStack invokes {id}");
                text(StatusCode::OK, "OK")
            }
            Err(Rejection::TooLarge(limit)) => too_large(limit),
            Err(rejection @ Rejection::Invalid(_)) => {
                refused(StatusCode::BAD_REQUEST, &rejection.to_string())
            }
        }
    }
}

fn too_large(limit: u64) -> Answer {
    refused(StatusCode::PAYLOAD_TOO_LARGE, &Rejection::TooLarge(limit).to_string())
}

fn refused(status: StatusCode, message: &str) -> Answer {
    info!("an invocation is refused: {message}");
    let error_type = match status {
        StatusCode::PAYLOAD_TOO_LARGE => "RequestEntityTooLarge",
        StatusCode::TOO_MANY_REQUESTS => "TooManyRequests",
        _ => "InvalidRequest",
    };
    let body = json!({ "errorMessage": message, "errorType": error_type });
    answer(status, "application/json", format!("{body}\n").into())
}

fn text(status: StatusCode, body: &'static str) -> Answer {
    answer(status, "text/plain; charset=utf-8", Bytes::from_static(body.as_bytes()))
}

fn answer(status: StatusCode, content_type: &'static str, body: Bytes) -> Answer {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}
