//! As much of HTTP/1.1 as the Runtime API and the emulator need: one connection, one exchange at a time.

use std::{
    io::{self, BufRead, BufReader, Read, Write},
    net::TcpStream,
};

/// An open connection.
pub struct Connection {
    reader: BufReader<TcpStream>,
}

/// The head of a successful response.
pub struct Head {
    headers: Vec<(String, String)>,
}

impl Head {
    /// The value of a header; `name` in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

impl Connection {
    /// Connects to `host:port`.
    pub fn open(host: &str) -> io::Result<Self> {
        Self::over(TcpStream::connect(host)?)
    }

    /// Goes over a stream that is connected already.
    pub fn over(stream: TcpStream) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        Ok(Self { reader: BufReader::with_capacity(64 * 1024, stream) })
    }

    /// Sends a whole request, as [`request`] made it, and reads the answer; its body replaces what is in `body`.
    pub fn exchange(&mut self, request: &[u8], body: &mut Vec<u8>) -> io::Result<Head> {
        self.reader.get_mut().write_all(request)?;
        let status_line = self.line()?;
        if !status_line.split(' ').nth(1).is_some_and(|status| status.starts_with('2')) {
            return Err(malformed(&format!("no success but {status_line:?}")));
        }
        let mut head = Head { headers: Vec::new() };
        loop {
            let line = self.line()?;
            let Some((name, value)) = line.split_once(':') else { break };
            head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
        body.clear();
        match head.header("content-length") {
            Some(length) => self.bytes(length, 10, body)?,
            None => self.chunks(body)?,
        }
        Ok(head)
    }

    fn chunks(&mut self, body: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let size = self.line()?;
            let before = body.len();
            self.bytes(&size, 16, body)?;
            self.line()?;
            if body.len() == before {
                return Ok(());
            }
        }
    }

    fn bytes(&mut self, length: &str, radix: u32, body: &mut Vec<u8>) -> io::Result<()> {
        let length = u64::from_str_radix(length, radix).map_err(|_| malformed("a length is no number"))?;
        let read = self.reader.by_ref().take(length).read_to_end(body)?;
        if read as u64 == length { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        Ok(line.trim_end().to_owned())
    }
}

/// A whole request as one piece of memory.
pub fn request(method: &str, path: &str, host: &str, body: &[u8]) -> Vec<u8> {
    let kind = "Content-Type: application/json";
    let length = body.len();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{kind}\r\nContent-Length: {length}\r\n\r\n");
    [head.as_bytes(), body].concat()
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}
