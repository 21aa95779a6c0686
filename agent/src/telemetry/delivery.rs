//! Batches on their way to one subscriber: over the loopback, and nowhere else.

use std::io;
use std::net::Ipv4Addr;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::subscription::{Destination, Method};

/// Attempts that a batch is worth, the first included.
const ATTEMPTS: u32 = 6;

/// Time between the first two; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(25);

/// Time that a subscriber has to take a batch.
const TAKEN_WITHIN: Duration = Duration::from_secs(5);

/// Time that a TCP subscriber has to accept our connection.
const CONNECTED_WITHIN: Duration = Duration::from_secs(1);

/// Bytes of an answer that are read; nobody looks at them.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Why a batch did not arrive.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No connection, or it broke.
    #[error(transparent)]
    Connection(#[from] io::Error),
    /// What came back is no HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The subscriber does not want it.
    #[error("the subscriber answered {0}")]
    Refused(StatusCode),
    /// The answer has no end.
    #[error("the subscriber's answer is too long")]
    Endless,
    /// The destination cannot be written as a request.
    #[error(transparent)]
    Request(#[from] http::Error),
    /// It takes too long.
    #[error("the subscriber took too long")]
    Late,
}

/// The way to one subscriber.
#[derive(Debug)]
pub(crate) struct Route {
    destination: Destination,
    connection: Option<Connection>,
}

#[derive(Debug)]
enum Connection {
    Http(http1::SendRequest<Full<Bytes>>, Driving),
    Tcp(TcpStream),
}

/// The task that moves an HTTP connection's bytes, which ends with us.
#[derive(Debug)]
struct Driving(JoinHandle<()>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Route {
    /// A way to `destination`. A TCP one is connected at once [AWS: emulator]; an HTTP one when there is something to
    /// send, so that a listener may come later.
    ///
    /// # Errors
    /// Nobody listens at a TCP destination.
    pub(crate) async fn open(destination: Destination) -> io::Result<Self> {
        let connection = match destination {
            Destination::Http { .. } => None,
            Destination::Tcp { port } => {
                let connected = timeout(CONNECTED_WITHIN, connect(port)).await;
                Some(Connection::Tcp(connected.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))?))
            }
        };
        Ok(Self { destination, connection })
    }

    /// Delivers `events`, in several attempts with pauses that grow. [AWS: "retries the attempt to send the logs
    /// (with backoff)"]
    ///
    /// # Errors
    /// What was wrong with the last attempt.
    pub(crate) async fn deliver(&mut self, events: &[Bytes]) -> Result<(), Error> {
        let body = match self.destination {
            Destination::Http { .. } => joined(events, b"[", b",", b"]"),
            Destination::Tcp { .. } => joined(events, b"", b"\n", b"\n"),
        };
        let mut pause = FIRST_PAUSE;
        let mut attempts = 1;
        loop {
            let sent = timeout(TAKEN_WITHIN, self.send(body.clone())).await.unwrap_or(Err(Error::Late));
            let Err(error) = sent else { return Ok(()) };
            // Half a request or half a line may be on it.
            self.connection = None;
            if attempts == ATTEMPTS {
                return Err(error);
            }
            attempts += 1;
            sleep(pause).await;
            pause *= 2;
        }
    }

    async fn send(&mut self, body: Bytes) -> Result<(), Error> {
        let mut connection = match self.connection.take() {
            // The subscriber may have closed it since.
            Some(Connection::Http(sender, driving)) if sender.is_ready() => Connection::Http(sender, driving),
            Some(connection @ Connection::Tcp(_)) => connection,
            Some(Connection::Http(..)) | None => self.connected().await?,
        };
        match (&mut connection, &self.destination) {
            (Connection::Tcp(stream), _) => stream.write_all(&body).await?,
            (Connection::Http(sender, _), Destination::Http { authority, path, method, .. }) => {
                let method = match method {
                    Method::Post => http::Method::POST,
                    Method::Put => http::Method::PUT,
                };
                let request = Request::builder()
                    .method(method)
                    .uri(path)
                    .header(HOST, authority)
                    .header(CONTENT_TYPE, "application/json")
                    .body(Full::new(body))?;
                let answer = sender.send_request(request).await?;
                let status = answer.status();
                Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await.map_err(|_| Error::Endless)?;
                if status.is_client_error() || status.is_server_error() {
                    return Err(Error::Refused(status));
                }
            }
            // A connection is made for its destination.
            (Connection::Http(..), Destination::Tcp { .. }) => return Ok(()),
        }
        self.connection = Some(connection);
        Ok(())
    }

    async fn connected(&self) -> Result<Connection, Error> {
        match self.destination {
            Destination::Tcp { port } => Ok(Connection::Tcp(connect(port).await?)),
            Destination::Http { port, .. } => {
                let io = TokioIo::new(connect(port).await?);
                let (sender, connection) =
                    http1::Builder::new().max_buf_size(ANSWER_LIMIT).handshake(io).await?;
                let driving = tokio::task::spawn_local(async move {
                    // Whoever sends a request is told.
                    let _ = connection.await;
                });
                Ok(Connection::Http(sender, Driving(driving)))
            }
        }
    }
}

async fn connect(port: u16) -> io::Result<TcpStream> {
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
    // A batch is one write.
    stream.set_nodelay(true)?;
    Ok(stream)
}

fn joined(events: &[Bytes], before: &[u8], between: &[u8], after: &[u8]) -> Bytes {
    let bytes: usize = events.iter().map(|event| event.len() + between.len()).sum();
    let mut joined = Vec::with_capacity(before.len() + bytes + after.len());
    joined.extend_from_slice(before);
    for (index, event) in events.iter().enumerate() {
        if index > 0 {
            joined.extend_from_slice(between);
        }
        joined.extend_from_slice(event);
    }
    joined.extend_from_slice(after);
    joined.into()
}
