//! A connection of the runtime that is read in small pieces.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::BufMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use super::traffic::Traffic;

/// Most that one read gives, in bytes. The HTTP library doubles its buffer as long as reads fill it, up to what heads
/// may take, which is more than a megabyte; pieces that fit the processor's cache are also passed on faster.
const PIECE: usize = 64 * 1024;

/// A stream whose reads are limited to pieces; writes are not.
#[derive(Debug)]
pub(super) struct InPieces {
    stream: TcpStream,
    traffic: Rc<Traffic>,
}

impl InPieces {
    /// Reads from `stream`, and says so.
    pub(super) fn new(stream: TcpStream, traffic: Rc<Traffic>) -> Self {
        Self { stream, traffic }
    }
}

impl AsyncRead for InPieces {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            ready!(self.stream.poll_read_ready(context))?;
            match self.stream.try_read_buf(&mut buffer.limit(PIECE)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => {
                    self.traffic.moves();
                    return Poll::Ready(read.map(|_| ()));
                }
            }
        }
    }
}

impl AsyncWrite for InPieces {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, bytes)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test(flavor = "current_thread")]
    async fn everything_arrives_in_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut runtime = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (stream, _) = listener.accept().await.unwrap();
        let sent: Vec<u8> = (0..=255).cycle().take(10 * PIECE + 7).collect();
        let expected = sent.clone();
        tokio::spawn(async move { runtime.write_all(&sent).await.unwrap() });
        let mut stream = InPieces::new(stream, Rc::default());
        let (mut received, mut largest) = (Vec::with_capacity(expected.len()), 0);
        loop {
            let read = stream.read_buf(&mut received).await.unwrap();
            if read == 0 {
                break;
            }
            largest = largest.max(read);
        }
        assert_eq!(received, expected);
        assert!(largest <= PIECE, "{largest}");
    }
}
