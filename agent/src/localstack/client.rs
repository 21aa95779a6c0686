//! Our calls to LocalStack: plain HTTP on one connection that is kept open, past any proxy.

use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use super::endpoint::Endpoint;
use super::pieces::Pieces;
use crate::log::debug;

/// Time that a connection may take.
const CONNECTED_WITHIN: Duration = Duration::from_secs(5);

/// Time that LocalStack has to take a call and answer it.
const ANSWERED_WITHIN: Duration = Duration::from_secs(30);

/// Time in which a call that nobody answers is tried again.
const TRIED_FOR: Duration = Duration::from_secs(5);

/// Time between the first two attempts; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(50);

/// Longest time between two attempts.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Bytes of heads of answers that are read.
const HEAD_BYTES: usize = 64 * 1024;

/// Bytes of an answer that are read; they are only for our log.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Why a call was not answered.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// No connection, or it broke.
    #[error(transparent)]
    Connection(#[from] io::Error),
    /// What came back is no HTTP.
    #[error(transparent)]
    Http(#[from] hyper::Error),
    /// The call cannot be written as a request.
    #[error(transparent)]
    Request(#[from] http::Error),
    /// It takes too long.
    #[error("no answer in time")]
    Late,
    /// The server says that it cannot answer now.
    #[error("it answered {0}")]
    Unavailable(StatusCode),
}

/// Calls to one place, one after the other.
#[derive(Debug)]
pub(super) struct Client {
    endpoint: Endpoint,
    headers: HeaderMap,
    connection: Option<(http1::SendRequest<Pieces>, Driving)>,
}

/// The task that moves a connection's bytes, which ends with us.
#[derive(Debug)]
struct Driving(JoinHandle<()>);

impl Drop for Driving {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Client {
    /// Calls to `endpoint`, each with these headers.
    pub(super) fn new(endpoint: Endpoint, headers: HeaderMap) -> Self {
        Self { endpoint, headers, connection: None }
    }

    /// Posts JSON until somebody answers, and gives the answer's status. A call whose answer is lost with its connection
    /// may be made twice; LocalStack refuses the second, which then is only worth a warning.
    ///
    /// # Errors
    /// Nobody did for [`TRIED_FOR`], or the call cannot be made.
    pub(super) async fn post(&mut self, path: &str, body: &Pieces) -> Result<StatusCode, Error> {
        let target = self.endpoint.below(path);
        let since = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let attempt = timeout(ANSWERED_WITHIN, self.try_post(&target, body.clone()));
            let error = match attempt.await.unwrap_or(Err(Error::Late)) {
                Ok(status) => return Ok(status),
                Err(error @ Error::Request(_)) => return Err(error),
                Err(error) => error,
            };
            // Half a request may be on it.
            self.connection = None;
            if since.elapsed() >= TRIED_FOR {
                return Err(error);
            }
            debug!("{target} was not answered: {error}");
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn try_post(&mut self, target: &str, body: Pieces) -> Result<StatusCode, Error> {
        let mut request =
            Request::builder().method(Method::POST).uri(target).header(HOST, self.endpoint.authority());
        // An empty body has a length too.
        request = request.header(CONTENT_LENGTH, body.bytes());
        // LocalStack reads the body whatever it is, but that of a form. Tools like curl say so of everything they
        // send, so what the runtime has said of its response stays here. [LocalStack, werkzeug: Request.data]
        request = request.header(CONTENT_TYPE, "application/json");
        let mut request = request.body(body)?;
        request.headers_mut().extend(self.headers.clone());
        let (mut sender, driving) = match self.connection.take() {
            // LocalStack may have closed it since.
            Some((sender, driving)) if sender.is_ready() => (sender, driving),
            _ => connect(&self.endpoint).await?,
        };
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        if matches!(status.as_u16(), 502..=504) {
            return Err(Error::Unavailable(status));
        }
        if let Ok(body) = Limited::new(answer.into_body(), ANSWER_LIMIT).collect().await {
            if !status.is_success() {
                debug!("{target} was answered with {status}: {:?}", body.to_bytes());
            }
            self.connection = Some((sender, driving));
        }
        Ok(status)
    }
}

async fn connect(endpoint: &Endpoint) -> Result<(http1::SendRequest<Pieces>, Driving), Error> {
    let connecting = TcpStream::connect((endpoint.host(), endpoint.port()));
    let stream = timeout(CONNECTED_WITHIN, connecting).await.map_err(|_| Error::Late)??;
    // A call should not wait for more to send.
    stream.set_nodelay(true)?;
    let (mut sender, connection) =
        http1::Builder::new().max_buf_size(HEAD_BYTES).handshake(TokioIo::new(stream)).await?;
    let driving = tokio::task::spawn_local(async move {
        // Whoever sends a request is told.
        let _ = connection.await;
    });
    sender.ready().await?;
    Ok((sender, Driving(driving)))
}

/// Something that is being downloaded.
#[derive(Debug)]
pub(super) struct Downloading {
    body: Incoming,
    _driving: Driving,
}

impl Downloading {
    /// Asks for what is at `url`.
    ///
    /// # Errors
    /// Nobody answers. What they answer is in the status.
    pub(super) async fn start(url: &Endpoint) -> Result<(StatusCode, Self), Error> {
        let request = Request::builder()
            .method(Method::GET)
            .uri(url.target())
            .header(HOST, HeaderValue::from_str(url.authority()).map_err(http::Error::from)?)
            .body(Pieces::default())?;
        let (mut sender, driving) = connect(url).await?;
        let answer =
            timeout(ANSWERED_WITHIN, sender.send_request(request)).await.map_err(|_| Error::Late)??;
        Ok((answer.status(), Self { body: answer.into_body(), _driving: driving }))
    }

    /// The next piece; `None`: it is complete.
    ///
    /// # Errors
    /// The connection broke, or nothing more comes.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        loop {
            let frame = timeout(ANSWERED_WITHIN, self.body.frame()).await.map_err(|_| Error::Late)?;
            match frame.transpose()?.map(hyper::body::Frame::into_data) {
                None => return Ok(None),
                Some(Ok(data)) => return Ok(Some(data)),
                Some(Err(_trailers)) => {}
            }
        }
    }
}
