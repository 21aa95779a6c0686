//! Requests and responses as bytes.

use std::io::{self, BufRead, Read};

/// Longest line of a head that is read.
const LONGEST_LINE: u64 = 256 * 1024;

/// Status and headers of a response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// Status code.
    pub(crate) status: u16,
    /// Names in lower case, and values.
    headers: Vec<(String, String)>,
}

impl Head {
    /// The first value of a header; `name` in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A whole request as one piece of memory.
pub(crate) fn request(
    method: &str,
    path: &str,
    host: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Vec<u8> {
    let extra: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let head =
        format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\n{extra}Content-Length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// Reads one response; its body replaces what is in `body`, whose memory is used again.
pub(crate) fn read_response(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<Head> {
    body.clear();
    let head = loop {
        let head = read_head(reader)?;
        if !(100..200).contains(&head.status) {
            break head;
        }
    };
    if matches!(head.status, 204 | 304) {
        return Ok(head);
    }
    let chunked =
        head.header("transfer-encoding").is_some_and(|coding| coding.eq_ignore_ascii_case("chunked"));
    if chunked {
        read_chunks(reader, body)?;
    } else if let Some(length) = head.header("content-length") {
        let length = length.parse().map_err(|_| malformed("content-length is no number"))?;
        read_exactly(reader, length, body)?;
    } else {
        reader.read_to_end(body)?;
    }
    Ok(head)
}

fn read_head(reader: &mut impl BufRead) -> io::Result<Head> {
    let status_line = read_line(reader)?;
    let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
    let status = status.ok_or_else(|| malformed(&format!("no status line: {status_line:?}")))?;
    let mut headers = Vec::with_capacity(12);
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok(Head { status, headers });
        }
        let (name, value) = line.split_once(':').ok_or_else(|| malformed("a header without a colon"))?;
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

fn read_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let line = read_line(reader)?;
        let size = line.split(';').next().unwrap_or_default().trim();
        let size = u64::from_str_radix(size, 16).map_err(|_| malformed("chunk size is no number"))?;
        if size == 0 {
            break;
        }
        read_exactly(reader, size, body)?;
        if !read_line(reader)?.is_empty() {
            return Err(malformed("chunk longer than its size"));
        }
    }
    while !read_line(reader)?.is_empty() {} // trailers
    Ok(())
}

/// Appends `length` bytes to `body`, straight from the stream where they are many.
fn read_exactly(reader: &mut impl BufRead, length: u64, body: &mut Vec<u8>) -> io::Result<()> {
    let read = reader.take(length).read_to_end(body)?;
    if u64::try_from(read) == Ok(length) { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
}

fn read_line(reader: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    reader.take(LONGEST_LINE).read_line(&mut line)?;
    match line.strip_suffix('\n') {
        Some(line) => Ok(line.strip_suffix('\r').unwrap_or(line).to_owned()),
        None => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(mut bytes: &[u8]) -> io::Result<(Head, Vec<u8>)> {
        let mut body = b"left from before".to_vec();
        let head = read_response(&mut bytes, &mut body)?;
        Ok((head, body))
    }

    #[test]
    fn a_body_of_known_length_ends_there() {
        let mut stream: &[u8] =
            b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nX-Amz-Function-Error: Unhandled\r\n\r\nokHTTP";
        let mut body = Vec::new();
        let head = read_response(&mut stream, &mut body).unwrap();
        assert_eq!((head.status, body.as_slice(), stream), (200, &b"ok"[..], &b"HTTP"[..]));
        assert_eq!(head.header("x-amz-function-error"), Some("Unhandled"));
    }

    #[test]
    fn chunks_are_joined_and_trailers_skipped() {
        let (_, body) = read(
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n3;x=1\r\nabc\r\nA\r\n0123456789\r\n0\r\nT: 1\r\n\r\n",
        )
        .unwrap();
        assert_eq!(body, b"abc0123456789");
    }

    #[test]
    fn without_a_length_the_body_ends_with_the_connection() {
        assert_eq!(read(b"HTTP/1.1 200 OK\r\n\r\nall of it").unwrap().1, b"all of it");
    }

    #[test]
    fn no_content_has_no_body() {
        assert_eq!(read(b"HTTP/1.1 204 No Content\r\n\r\nHTTP").unwrap().1, b"");
    }

    #[test]
    fn an_interim_response_is_passed_over() {
        let (head, body) =
            read(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na").unwrap();
        assert_eq!((head.status, body), (200, b"a".to_vec()));
    }

    #[test]
    fn what_breaks_off_is_an_error() {
        for cut in [
            &b""[..],
            b"HTTP/1.1 200",
            b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabcd\r\n0\r\n\r\n",
        ] {
            assert!(read(cut).is_err(), "{:?}", String::from_utf8_lossy(cut));
        }
    }

    #[test]
    fn a_request_is_one_piece() {
        let bytes = request("POST", "/a", "h:1", &[("X-A", "b")], b"{}");
        assert_eq!(bytes, b"POST /a HTTP/1.1\r\nHost: h:1\r\nX-A: b\r\nContent-Length: 2\r\n\r\n{}");
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _either = read(&bytes);
            let _either = read(&[b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", bytes.as_slice()].concat());
        }
    }
}
