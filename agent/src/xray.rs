//! The X-Ray daemon of the environment: takes segments on UDP and passes them on in batches; answers on TCP what SDKs
//! ask about sampling.
//!
//! [AWS: X-Ray daemon; LocalStack: init]

mod batch;
mod datagram;
mod sampling;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::time::{sleep, sleep_until};

use crate::clock;
use crate::log::{debug, warn};
use batch::Batch;
use sampling::Owner;

/// What the daemon is told.
#[derive(Debug, Clone)]
pub(crate) struct Settings {
    /// Where it listens, with UDP and TCP. [AWS: port 2000]
    pub address: SocketAddr,
    /// Region of the function.
    pub region: String,
    /// Account of the function, 12 digits.
    pub account: String,
}

/// A daemon that runs.
#[derive(Debug)]
pub(crate) struct Xray {
    flush: mpsc::Sender<oneshot::Sender<()>>,
}

/// Longest datagram that IP carries, and then some.
const DATAGRAM_BYTES: usize = 64 * 1024;

/// Connections at a time. An SDK has one; more wait in the kernel's queue.
const CONNECTIONS: usize = 16;

/// Time that a client has for the head of a request once it has begun one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// Bytes of a question about sampling that are read.
const QUESTION_LIMIT: usize = 64 * 1024;

/// Bytes of headers that are read.
const HEADERS: usize = 16 * 1024;

impl Xray {
    /// Listens, and gives batches of segment documents to `deliver`, one after the other. While that takes its time,
    /// what the kernel has no room for is lost. An address that is taken is only worth a warning: functions run
    /// without their traces.
    pub(crate) async fn start(settings: Settings, deliver: impl AsyncFn(Vec<Bytes>) + 'static) -> Self {
        let Settings { address, region, account } = settings;
        let (flush, flushes) = mpsc::channel(1);
        match UdpSocket::bind(address).await {
            Ok(socket) => drop(tokio::task::spawn_local(take_in(socket, deliver, flushes))),
            Err(error) => warn!("segments of traces are lost: cannot listen on {address} (UDP): {error}"),
        }
        match TcpListener::bind(address).await {
            Ok(listener) => drop(tokio::task::spawn_local(serve(listener, Owner { region, account }))),
            Err(error) => {
                warn!("sampling rules are not told: cannot listen on {address} (TCP): {error}");
            }
        }
        Self { flush }
    }

    /// Returns when every segment that was sent to the daemon until now has been delivered.
    pub(crate) async fn flush(&self) {
        let (done, flushed) = oneshot::channel();
        if self.flush.send(done).await.is_ok() {
            // Without an answer there is nobody who could have held anything back.
            let _ = flushed.await;
        }
    }
}

async fn take_in(
    socket: UdpSocket,
    deliver: impl AsyncFn(Vec<Bytes>),
    mut flushes: mpsc::Receiver<oneshot::Sender<()>>,
) {
    let mut intake = Intake { batch: Batch::default(), faults: 0 };
    let mut buffer = vec![0; DATAGRAM_BYTES];
    loop {
        let deadline = intake.batch.deadline().map(tokio::time::Instant::from_std);
        tokio::select! {
            readable = socket.readable() => {
                if let Err(error) = readable {
                    return warn!("segments of traces are lost: {error}");
                }
                intake.read(IN_A_ROW, |buffer| socket.try_recv(buffer), &mut buffer, &deliver).await;
            }
            () = async { sleep_until(deadline.unwrap_or_else(tokio::time::Instant::now)).await }, if deadline.is_some() => {
                if let Some(batch) = intake.batch.take() {
                    deliver(batch).await;
                }
            }
            flush = flushes.recv() => {
                let Some(done) = flush else { return };
                // Asked directly: what came a moment ago, tokio has not heard of yet.
                if let Ok(same) = socket.as_fd().try_clone_to_owned().map(std::net::UdpSocket::from) {
                    intake.read(IN_QUEUE, |buffer| same.recv(buffer), &mut buffer, &deliver).await;
                }
                if let Some(batch) = intake.batch.take() {
                    deliver(batch).await;
                }
                // Whoever asked may have gone.
                let _ = done.send(());
            }
        }
    }
}

struct Intake {
    batch: Batch,
    faults: u64,
}

/// Datagrams that are read before anybody else has a turn.
const IN_A_ROW: usize = 64;

/// More datagrams than the kernel holds for us, even small ones.
const IN_QUEUE: usize = 4096;

impl Intake {
    /// Reads until there is nothing more for now, or `most` datagrams.
    async fn read(
        &mut self,
        most: usize,
        mut receive: impl FnMut(&mut [u8]) -> io::Result<usize>,
        buffer: &mut [u8],
        deliver: &impl AsyncFn(Vec<Bytes>),
    ) {
        for _ in 0..most {
            let datagram = match receive(buffer) {
                Ok(length) => buffer.get(..length).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return debug!("a segment was lost: {error}"),
            };
            match datagram::document(datagram) {
                Ok(document) => {
                    let full = self.batch.push(Bytes::copy_from_slice(document), Instant::now());
                    if let Some(batch) = full {
                        deliver(batch).await;
                    }
                }
                Err(fault) => {
                    self.faults += 1;
                    if self.faults == 1 {
                        warn!("a datagram to the X-Ray daemon was dropped, and more may be: {fault}");
                    } else {
                        debug!("a datagram to the X-Ray daemon was dropped: {fault}");
                    }
                }
            }
        }
    }
}

/// Answers questions about sampling for ever.
async fn serve(listener: TcpListener, owner: Owner) {
    let room = Arc::new(Semaphore::new(CONNECTIONS));
    let owner = Rc::new(owner);
    loop {
        let Ok(place) = Arc::clone(&room).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors: connections that end make room.
            sleep(Duration::from_millis(20)).await;
            continue;
        };
        let owner = Rc::clone(&owner);
        tokio::task::spawn_local(async move {
            let service = service_fn(|request| {
                let owner = Rc::clone(&owner);
                async move { Ok::<_, Infallible>(answer(&owner, request).await) }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(HEADERS)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            if let Err(error) = served {
                debug!("a connection to the X-Ray daemon ended: {error}");
            }
            drop(place);
        });
    }
}

async fn answer(owner: &Owner, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (parts, body) = request.into_parts();
    let (status, answer) = match Limited::new(body, QUESTION_LIMIT).collect().await {
        Ok(body) => {
            sampling::answer(owner, &parts.method, parts.uri.path(), &body.to_bytes(), clock::now_ms() / 1000)
        }
        Err(_) => (StatusCode::PAYLOAD_TOO_LARGE, serde_json::Value::Null),
    };
    let mut response = Response::new(Full::new(Bytes::from(answer.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests;
