//! Bounded memory for the heads of requests. A head may be larger than a megabyte, and a connection holds what it has
//! read of one until it is whole: hundreds of connections that stop in the middle would hold hundreds of megabytes.
//! Small heads are read as they come; of the others only a few at a time.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// Bytes of a head that are read without asking. Those of real runtimes are far below, but for X-Ray's error causes.
const SMALL: usize = 16 * 1024;

/// Larger heads that are read at a time.
const LARGE_AT_A_TIME: usize = 8;

/// Places for large heads, shared by all connections.
#[derive(Debug, Clone)]
pub(super) struct Heads(Arc<Semaphore>);

impl Heads {
    /// All places, free.
    pub(super) fn new() -> Self {
        Self(Arc::new(Semaphore::new(LARGE_AT_A_TIME)))
    }

    /// The head of a new connection's first request.
    pub(super) fn of_connection(&self) -> Rc<Head> {
        let places = Arc::clone(&self.0);
        Rc::new(Head { places, reading: Cell::new(true), read: Cell::new(0), place: RefCell::new(None) })
    }
}

/// What a connection has read of the head of its current request.
#[derive(Debug)]
pub(super) struct Head {
    places: Arc<Semaphore>,
    reading: Cell<bool>,
    read: Cell<usize>,
    place: RefCell<Option<OwnedSemaphorePermit>>,
}

impl Head {
    /// The head is whole; what is read from now on is a body.
    pub(super) fn is_whole(&self) {
        self.reading.set(false);
    }

    /// The request is answered; what is read from now on is another head.
    pub(super) fn begins(&self) {
        self.read.set(0);
        self.reading.set(true);
    }

    /// Whether a large one has been read on this connection. It should be closed: its buffers stay as large.
    pub(super) fn was_large(&self) -> bool {
        self.place.borrow().is_some()
    }

    fn needs_place(&self) -> bool {
        self.reading.get() && self.read.get() >= SMALL && !self.was_large()
    }
}

type Waiting = Pin<Box<dyn Future<Output = Result<OwnedSemaphorePermit, AcquireError>>>>;

/// A connection that waits for a place before it reads more of a large head.
pub(super) struct Bounded<S> {
    stream: S,
    head: Rc<Head>,
    waiting: Option<Waiting>,
}

impl<S> Bounded<S> {
    /// Reads from `stream` for `head`.
    pub(super) fn new(stream: S, head: Rc<Head>) -> Self {
        Self { stream, head, waiting: None }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.head.needs_place() {
            let places = Arc::clone(&self.head.places);
            let waiting = self.waiting.get_or_insert_with(|| Box::pin(places.acquire_owned()));
            let place = ready!(waiting.as_mut().poll(context)).map_err(io::Error::other)?;
            self.waiting = None;
            *self.head.place.borrow_mut() = Some(place);
        }
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        if self.head.reading.get() {
            self.head.read.set(self.head.read.get() + buffer.filled().len() - before);
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
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
    use tokio::io::AsyncReadExt;

    use super::*;

    fn connection(heads: &Heads) -> (Rc<Head>, Bounded<tokio::io::Repeat>) {
        let head = heads.of_connection();
        (Rc::clone(&head), Bounded::new(tokio::io::repeat(b'x'), head))
    }

    async fn read(connection: &mut Bounded<tokio::io::Repeat>, bytes: usize) {
        connection.read_exact(&mut vec![0; bytes]).await.unwrap();
    }

    fn is_stuck(connection: &mut Bounded<tokio::io::Repeat>) -> bool {
        let mut context = Context::from_waker(std::task::Waker::noop());
        let mut byte = [0];
        Pin::new(connection).poll_read(&mut context, &mut ReadBuf::new(&mut byte)).is_pending()
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_large_head_waits_until_another_connection_that_had_one_is_gone() {
        let heads = Heads::new();
        let mut large = Vec::new();
        for _ in 0..LARGE_AT_A_TIME {
            let (head, mut one) = connection(&heads);
            read(&mut one, SMALL).await;
            assert!(!head.was_large());
            read(&mut one, 1 << 20).await;
            assert!(head.was_large());
            large.push((head, one));
        }
        let (_, mut late) = connection(&heads);
        read(&mut late, SMALL).await;
        assert!(is_stuck(&mut late));
        large.pop();
        assert!(!is_stuck(&mut late));
    }

    #[tokio::test(flavor = "current_thread")]
    async fn bodies_and_many_small_heads_need_no_place() {
        let heads = Heads::new();
        let (head, mut one) = connection(&heads);
        for _ in 0..100 {
            read(&mut one, SMALL / 2).await;
            head.is_whole();
            read(&mut one, SMALL * 10).await;
            head.begins();
        }
        assert!(!head.was_large());
    }
}
