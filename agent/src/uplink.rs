//! Our end of the connection to the control plane.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::time::Duration;

use crate::log::{debug, warn};
use bytes::BytesMut;
use lambdock_protocol::{Decoder, Encoded, Hello, Purpose, ToAgent, ToControlPlane, VERSION};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Mutex, mpsc};
use tokio::time::{sleep, timeout};

use crate::config::Config;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody answers at the address.
    #[error("the control plane does not answer at {address}: {source}")]
    Unreachable {
        /// `LAMBDOCK_UPLINK`.
        address: String,
        /// What the system said.
        source: io::Error,
    },
    /// It does not want us.
    #[error("the control plane refused this container: {0}")]
    Refused(String),
    /// It speaks otherwise.
    #[error("the control plane does not speak the protocol: {0}")]
    Protocol(String),
}

/// Time to find the control plane, which may still be about to listen.
const REACHED_WITHIN: Duration = Duration::from_secs(10);

/// Time that it has to answer our greeting.
const WELCOMED_WITHIN: Duration = Duration::from_secs(10);

/// Time between two attempts, at first; it doubles.
const FIRST_PAUSE: Duration = Duration::from_millis(20);

/// Room to read into, in bytes.
const READ_BYTES: usize = 16 * 1024;

/// Connects and is welcomed. Returns the stream and what came after the welcome.
///
/// # Errors
/// There is no connection, or we are not wanted.
pub(crate) async fn dial(config: &Config, purpose: Purpose) -> Result<(TcpStream, BytesMut), Error> {
    let mut stream = reach(&config.uplink).await?;
    let hello = Hello {
        versions: vec![VERSION],
        environment: config.environment.clone(),
        secret: config.secret.clone(),
        purpose,
        agent: env!("CARGO_PKG_VERSION").to_owned(),
    };
    let broken = |error: io::Error| Error::Protocol(error.to_string());
    let Encoded { head, .. } = ToControlPlane::Hello(hello).encode();
    stream.write_all(&head).await.map_err(broken)?;
    let decoder = Decoder::default();
    let mut buffer = BytesMut::new();
    let welcome = async {
        loop {
            match ToAgent::decode(&decoder, &mut buffer) {
                Ok(Some(message)) => return Ok(message),
                Ok(None) => {}
                Err(error) => return Err(Error::Protocol(error.to_string())),
            }
            if stream.read_buf(&mut buffer).await.map_err(broken)? == 0 {
                return Err(Error::Refused("it closed the connection".to_owned()));
            }
        }
    };
    match timeout(WELCOMED_WITHIN, welcome).await {
        Ok(Ok(ToAgent::Welcome { version: VERSION })) => {
            debug!("welcomed, protocol version {VERSION}");
            Ok((stream, buffer))
        }
        Ok(Ok(ToAgent::Welcome { version })) => {
            Err(Error::Protocol(format!("it chose version {version}, which was not offered")))
        }
        Ok(Ok(ToAgent::Refused { reason })) => Err(Error::Refused(reason)),
        Ok(Ok(_)) => Err(Error::Protocol("it did not begin with a welcome".to_owned())),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(Error::Refused("it did not answer".to_owned())),
    }
}

async fn reach(address: &str) -> Result<TcpStream, Error> {
    let mut pause = FIRST_PAUSE;
    let attempts = async {
        loop {
            match TcpStream::connect(address).await {
                Ok(stream) => return stream,
                Err(error) => {
                    debug!("cannot connect to {address} yet: {error}");
                    sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
            }
        }
    };
    let stream = match timeout(REACHED_WITHIN, attempts).await {
        Ok(stream) => stream,
        Err(_) => match TcpStream::connect(address).await {
            Ok(stream) => stream,
            Err(source) => return Err(Error::Unreachable { address: address.to_owned(), source }),
        },
    };
    // Frames are written whole; waiting for more would only delay them.
    stream.set_nodelay(true).map_err(|source| Error::Unreachable { address: address.to_owned(), source })?;
    Ok(stream)
}

/// Writes messages; clones write to the same connection. A message waits until the connection has room, so nothing
/// piles up here.
#[derive(Clone)]
pub(crate) struct Sender {
    writer: Rc<Mutex<Writer>>,
    /// Messages that go out with the next one, or soon.
    deferred: Rc<RefCell<Vec<ToControlPlane>>>,
    /// Somebody sees to it that they do.
    flushing: Rc<Cell<bool>>,
}

/// Where messages go.
enum Writer {
    /// To the control plane, as frames.
    Stream(OwnedWriteHalf),
    /// To whoever speaks another protocol with another control plane.
    Interpreter(mpsc::Sender<ToControlPlane>),
}

impl Sender {
    /// Sends one message. A lost connection is told to whoever reads from it.
    pub(crate) async fn send(&self, message: ToControlPlane) {
        self.send_all([message]).await;
    }

    /// Sends messages one after the other, with nothing in between, in as few writes as may be.
    pub(crate) async fn send_all(&self, messages: impl IntoIterator<Item = ToControlPlane>) {
        let mut writer = self.writer.lock().await;
        let deferred = self.deferred.take();
        let messages = deferred.into_iter().chain(messages);
        let written = match &mut *writer {
            Writer::Stream(stream) => {
                let mut pieces: VecDeque<bytes::Bytes> = VecDeque::new();
                for message in messages {
                    let Encoded { head, body } = message.encode();
                    pieces.extend([head, body].into_iter().filter(|piece| !piece.is_empty()));
                }
                write_all(stream, pieces).await
            }
            Writer::Interpreter(interpreter) => pass_on(interpreter, messages).await,
        };
        if let Err(error) = written {
            warn!("a message to the control plane is lost: {error}");
        }
    }
}

async fn pass_on(
    interpreter: &mpsc::Sender<ToControlPlane>,
    messages: impl Iterator<Item = ToControlPlane>,
) -> io::Result<()> {
    for message in messages {
        interpreter.send(message).await.map_err(|_| io::Error::from(io::ErrorKind::BrokenPipe))?;
    }
    Ok(())
}

impl Sender {
    /// Puts a message before whatever is sent next, without sending anything now.
    pub(crate) fn defer(&self, message: ToControlPlane) {
        self.deferred.borrow_mut().push(message);
    }

    /// Sends what was deferred, unless something else is sent soon and takes it along.
    pub(crate) fn send_deferred_soon(&self) {
        if !self.deferred.borrow().is_empty() && !self.flushing.replace(true) {
            let sender = self.clone();
            tokio::task::spawn_local(async move {
                sleep(DEFERRED_FOR).await;
                sender.flushing.set(false);
                if !sender.deferred.borrow().is_empty() {
                    sender.send_all([]).await;
                }
            });
        }
    }
}

/// Time that a message may wait for another one. A function that answers within it costs a write less, and whoever
/// looks at its log does not notice.
const DEFERRED_FOR: Duration = Duration::from_millis(2);

/// Pieces that go into one write at most.
const PIECES: usize = 16;

async fn write_all(writer: &mut OwnedWriteHalf, mut pieces: VecDeque<bytes::Bytes>) -> io::Result<()> {
    while !pieces.is_empty() {
        let slices: Vec<IoSlice<'_>> = pieces.iter().take(PIECES).map(|piece| IoSlice::new(piece)).collect();
        let mut written = writer.write_vectored(&slices).await?;
        if written == 0 {
            return Err(io::ErrorKind::WriteZero.into());
        }
        while let Some(first) = pieces.front_mut() {
            if written < first.len() {
                bytes::Buf::advance(first, written);
                break;
            }
            written -= first.len();
            pieces.pop_front();
        }
    }
    Ok(())
}

/// Reads messages.
pub(crate) struct Receiver(Reader);

/// Where messages come from; see [`Writer`].
enum Reader {
    Stream(Frames),
    Interpreter(mpsc::Receiver<ToAgent>),
}

impl Receiver {
    /// The next message; `None`: the connection is gone. May be cancelled and called again.
    pub(crate) async fn receive(&mut self) -> Option<ToAgent> {
        match &mut self.0 {
            Reader::Stream(frames) => frames.receive().await,
            Reader::Interpreter(messages) => messages.recv().await,
        }
    }
}

struct Frames {
    reader: OwnedReadHalf,
    buffer: BytesMut,
    decoder: Decoder,
}

impl Frames {
    async fn receive(&mut self) -> Option<ToAgent> {
        loop {
            match ToAgent::decode(&self.decoder, &mut self.buffer) {
                Ok(Some(message)) => return Some(message),
                Ok(None) => {}
                Err(error) => {
                    warn!("the control plane sent what cannot be understood: {error}");
                    return None;
                }
            }
            if self.buffer.capacity() == self.buffer.len() {
                self.buffer.reserve(READ_BYTES);
            }
            match self.reader.read_buf(&mut self.buffer).await {
                Ok(0) => return None,
                Ok(_) => {}
                Err(error) => {
                    warn!("the connection to the control plane broke: {error}");
                    return None;
                }
            }
        }
    }
}

/// Splits an environment's connection.
pub(crate) fn split(stream: TcpStream, buffer: BytesMut) -> (Sender, Receiver) {
    let (reader, writer) = stream.into_split();
    let frames = Frames { reader, buffer, decoder: Decoder::default() };
    (sender(Writer::Stream(writer)), Receiver(Reader::Stream(frames)))
}

/// Both ends of a connection that is none: what is sent goes to `interpreter`, which speaks with a control plane that
/// does not know our messages; what is received comes from it.
pub(crate) fn interpreted(
    interpreter: mpsc::Sender<ToControlPlane>,
    messages: mpsc::Receiver<ToAgent>,
) -> (Sender, Receiver) {
    (sender(Writer::Interpreter(interpreter)), Receiver(Reader::Interpreter(messages)))
}

fn sender(writer: Writer) -> Sender {
    Sender { writer: Rc::new(Mutex::new(writer)), deferred: Rc::default(), flushing: Rc::default() }
}
