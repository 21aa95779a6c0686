//! A small HTTP/1.1 client: blocking, keep-alive, one request at a time. It costs the measured side as little of
//! the machine as a client can: one write for a request, no task between the socket and the caller.

mod message;

use std::{
    io::{self, BufReader, Read, Write},
    net::{SocketAddr, TcpStream, ToSocketAddrs},
    os::{
        fd::{AsFd, BorrowedFd},
        unix::net::UnixStream,
    },
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};

pub(crate) use self::message::{Head, request};

/// Longer than any answer that is still worth measuring.
const PATIENCE: Duration = Duration::from_secs(120);

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// `host:port`.
    Tcp(String),
    /// A socket in the file system.
    Unix(PathBuf),
}

trait Stream: Read + Write + AsFd + Send {}
impl<T: Read + Write + AsFd + Send> Stream for T {}

/// One open connection.
pub(crate) struct Connection {
    reader: BufReader<Box<dyn Stream>>,
    body: Vec<u8>,
}

/// What a server said; the body lives until the next exchange.
#[derive(Debug)]
pub(crate) struct Response<'a> {
    /// Status and headers.
    pub(crate) head: Head,
    /// The body, without transfer coding.
    pub(crate) body: &'a [u8],
}

impl Connection {
    /// Connects.
    pub(crate) fn open(address: &Address) -> io::Result<Self> {
        let stream: Box<dyn Stream> = match address {
            Address::Tcp(name) => {
                let stream = TcpStream::connect_timeout(&resolve(name)?, PATIENCE)?;
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
            Address::Unix(path) => {
                let stream = UnixStream::connect(path)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_write_timeout(Some(PATIENCE))?;
                Box::new(stream)
            }
        };
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, stream), body: Vec::new() })
    }

    /// Sends one whole request, as [`request`] made it, and reads the answer.
    pub(crate) fn exchange(&mut self, request: &[u8]) -> io::Result<Response<'_>> {
        self.send(request)?;
        self.receive()
    }

    /// Sends one whole request; its answer has to be read before the next.
    pub(crate) fn send(&mut self, request: &[u8]) -> io::Result<()> {
        self.reader.get_mut().write_all(request)
    }

    /// Reads the answer.
    pub(crate) fn receive(&mut self) -> io::Result<Response<'_>> {
        let head = message::read_response(&mut self.reader, &mut self.body)?;
        Ok(Response { head, body: &self.body })
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reader.get_ref().as_fd()
    }
}

impl Response<'_> {
    /// Whether the server closes the connection after it.
    pub(crate) fn closes(&self) -> bool {
        self.head.header("connection").is_some_and(|value| value.eq_ignore_ascii_case("close"))
    }

    /// The body, where the status is one of success.
    pub(crate) fn success(&self, what: &str) -> Result<&[u8]> {
        if (200..300).contains(&self.head.status) {
            return Ok(self.body);
        }
        let body = String::from_utf8_lossy(self.body);
        Err(anyhow!("{what}: status {}: {}", self.head.status, body.trim_end()))
    }
}

/// One request on a connection of its own.
pub(crate) fn once<T>(
    address: &Address,
    request: &[u8],
    read: impl FnOnce(Response<'_>) -> Result<T>,
) -> Result<T> {
    let mut connection = Connection::open(address).with_context(|| format!("connect to {address:?}"))?;
    read(connection.exchange(request).with_context(|| format!("talk to {address:?}"))?)
}

fn resolve(name: &str) -> io::Result<SocketAddr> {
    let nothing = || io::Error::new(io::ErrorKind::NotFound, format!("no address for {name}"));
    name.to_socket_addrs()?.next().ok_or_else(nothing)
}
