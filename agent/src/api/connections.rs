//! Connections, and requests on them.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use http::header::CONNECTION;
use http::{HeaderValue, Method, Request};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::Semaphore;

use super::heads::{Bounded, Heads};
use super::render::render;
use super::stream::InPieces;
use super::{Answer, Api, LocalBoxed};
use crate::log::{self, Level, debug};

/// Connections at a time. A runtime has one or a few; more wait in the kernel's queue.
const CONNECTIONS: usize = 512;

/// Length of the kernel's queue.
const WAITING: u32 = 1024;

/// Bytes of headers that are read: a client may send almost 1 MiB of X-Ray's error cause.
const HEADERS: usize = 1_200_000;

/// Headers at most.
const HEADER_COUNT: usize = 200;

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
}
