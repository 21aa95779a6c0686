//! Connections: accepts them, speaks HTTP on them, lets them finish.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::to_the_end::ToTheEnd;

/// A body of a response, whole or as it is produced. One that fails midway ends its connection.
pub type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// Answers requests.
pub trait Handler: Send + Sync + 'static {
    /// The answer to one request; there always is one.
    fn handle(&self, request: Request<Incoming>) -> impl Future<Output = Response<Body>> + Send;
}

/// Who sent a request, among its extensions. Requests from inside containers come without.
#[derive(Debug, Clone, Copy)]
pub struct Peer(pub SocketAddr);

/// Time that a client has to send the head of a request. Bodies have their own limit, where they are read.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// Serves HTTP/1.1 on any number of listeners and on streams that arrive some other way.
pub struct Server<H> {
    handler: Arc<H>,
    connections: TaskTracker,
    stop: CancellationToken,
}

impl<H> Clone for Server<H> {
    fn clone(&self) -> Self {
        Self {
            handler: Arc::clone(&self.handler),
            connections: self.connections.clone(),
            stop: self.stop.clone(),
        }
    }
}

impl<H: Handler> Server<H> {
    /// A server without connections yet.
    pub fn new(handler: H) -> Self {
        Self { handler: Arc::new(handler), connections: TaskTracker::new(), stop: CancellationToken::new() }
    }

    /// Accepts connections until the server is told to stop.
    pub async fn accept(&self, listener: TcpListener) {
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.stop.cancelled() => return,
            };
            match accepted {
                Ok((stream, peer)) => self.serve_tcp(stream, peer),
                Err(error) => {
                    // Out of file descriptors, mostly: connections that end make room.
                    warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            }
        }
    }

    fn serve_tcp(&self, stream: TcpStream, peer: SocketAddr) {
        // Answers are written in one piece; waiting for more would only delay them.
        if let Err(error) = stream.set_nodelay(true) {
            debug!(%error, "the connection was gone at once");
        }
        self.serve_from(stream, Some(Peer(peer)));
    }

    /// Serves one connection in the background.
    pub fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S) {
        self.serve_from(stream, None);
    }

    fn serve_from<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(&self, stream: S, peer: Option<Peer>) {
        let handler = Arc::clone(&self.handler);
        let stop = self.stop.clone();
        let requests = self.connections.clone();
        self.connections.spawn(async move {
            let service = service_fn(|mut request: Request<Incoming>| {
                if let Some(peer) = peer {
                    request.extensions_mut().insert(peer);
                }
                let handler = Arc::clone(&handler);
                // What a request has begun is done whole, even if its client hangs up.
                let answer = async move { Ok::<_, Infallible>(handler.handle(request).await) };
                ToTheEnd::new(answer, requests.clone())
            });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                // A client that has said all it wants to say may still listen.
                .half_close(true)
                .serve_connection(TokioIo::new(stream), service);
            tokio::pin!(connection);
            let ended = tokio::select! {
                ended = connection.as_mut() => ended,
                () = stop.cancelled() => {
                    // The request in flight is answered, then the connection closes.
                    connection.as_mut().graceful_shutdown();
                    connection.await
                }
            };
            if let Err(error) = ended {
                debug!(%error, "a client's connection ended early");
            }
        });
    }

    /// Takes no new connections or requests; those being answered go on.
    pub fn stop(&self) {
        self.stop.cancel();
        self.connections.close();
    }

    /// Waits until every connection has ended. Call [`Server::stop`] first.
    pub async fn stopped(&self) {
        self.connections.wait().await;
    }
}

/// Binds all `addresses`.
///
/// # Errors
/// One of them cannot be bound; the message says which and why.
pub async fn bind(addresses: &[SocketAddr]) -> io::Result<Vec<TcpListener>> {
    let mut listeners = Vec::with_capacity(addresses.len());
    for address in addresses {
        let listener = TcpListener::bind(address).await.map_err(|error| {
            let remedy = match error.kind() {
                io::ErrorKind::AddrInUse => "; end what uses it, or set GATEWAY_LISTEN to another address",
                io::ErrorKind::PermissionDenied => "; choose a port above 1023 with GATEWAY_LISTEN",
                io::ErrorKind::AddrNotAvailable => "; GATEWAY_LISTEN must name an address of this machine",
                _ => "",
            };
            io::Error::new(error.kind(), format!("cannot listen on {address}: {error}{remedy}"))
        })?;
        listeners.push(listener);
    }
    Ok(listeners)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use http_body_util::{BodyExt as _, Empty};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, duplex};
    use tokio::time::{Instant, timeout};

    use super::super::body;
    use super::*;

    /// Answers once it has read the request's body.
    struct Reader;

    impl Handler for Reader {
        async fn handle(&self, request: Request<Incoming>) -> Response<Body> {
            let read = body::read(request.into_body(), 1000).await;
            let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
            if read.is_err() {
                *response.status_mut() = StatusCode::BAD_REQUEST;
            }
            response
        }
    }

    // With time that passes as soon as everybody waits for it.
    #[tokio::test(start_paused = true)]
    async fn clients_that_stall_are_hung_up_on() {
        let beginnings: [(&str, &str); 6] = [
            ("", ""),
            ("P", ""),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Le", ""),
            ("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{", "HTTP/1.1 400"),
            ("POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{", "HTTP/1.1 400"),
            // Idle after a request that was answered.
            ("GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200"),
        ];
        for (beginning, answer) in beginnings {
            let server = Server::new(Reader);
            let (mut client, stream) = duplex(4096);
            server.serve(stream);
            client.write_all(beginning.as_bytes()).await.unwrap();
            let started = Instant::now();
            let mut heard = String::new();
            let closed = timeout(Duration::from_secs(120), client.read_to_string(&mut heard)).await;
            closed.unwrap_or_else(|_| panic!("open for ever after {beginning:?}")).unwrap();
            assert!(
                heard.starts_with(answer) && heard.is_empty() == answer.is_empty(),
                "{beginning:?}: {heard}"
            );
            let patience = started.elapsed().as_secs();
            assert!((29..=61).contains(&patience), "{beginning:?}: {patience} s");
        }
    }
}
