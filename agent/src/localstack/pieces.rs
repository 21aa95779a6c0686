//! Pure: a body in pieces, which are sent as they are.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use hyper::body::{Body, Frame, SizeHint};

/// Smaller pieces are joined, so that there are not too many of them, in bytes.
const SMALL: usize = 4 * 1024;

/// Bytes after which no more is joined.
const JOINED: usize = 64 * 1024;

/// Bytes in their order. Clones share them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Pieces {
    whole: VecDeque<Bytes>,
    last: BytesMut,
    bytes: u64,
}

impl Pieces {
    /// Adds a piece.
    pub(super) fn push(&mut self, piece: Bytes) {
        self.bytes += piece.len() as u64;
        if piece.len() < SMALL {
            self.last.extend_from_slice(&piece);
            if self.last.len() < JOINED {
                return;
            }
            return self.close();
        }
        self.close();
        self.whole.push_back(piece);
    }

    /// Bytes of all pieces.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    fn close(&mut self) {
        if !self.last.is_empty() {
            self.whole.push_back(self.last.split().freeze());
        }
    }

    fn pop(&mut self) -> Option<Bytes> {
        let piece = self.whole.pop_front().or_else(|| {
            let last = self.last.split().freeze();
            (!last.is_empty()).then_some(last)
        })?;
        self.bytes -= piece.len() as u64;
        Some(piece)
    }
}

impl From<Bytes> for Pieces {
    fn from(bytes: Bytes) -> Self {
        let mut pieces = Self::default();
        pieces.push(bytes);
        pieces
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.pop().map(|piece| Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes)
    }
}

#[cfg(test)]
impl Pieces {
    /// All bytes in one.
    pub(super) fn joined(mut self) -> Vec<u8> {
        std::iter::from_fn(|| self.pop()).collect::<Vec<_>>().concat()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn small_pieces_become_few() {
        let mut pieces = Pieces::default();
        for _ in 0..1_000_000 {
            pieces.push(Bytes::from_static(b"x"));
        }
        assert_eq!(pieces.bytes(), 1_000_000);
        assert_eq!(pieces.whole.len(), 1_000_000 / JOINED);
    }

    proptest! {
        #[test]
        fn order_and_number_of_bytes_are_kept(lengths in proptest::collection::vec(0_usize..3 * SMALL, 0..40)) {
            let (mut pieces, mut expected) = (Pieces::default(), Vec::new());
            for (number, length) in (0_u8..).zip(lengths) {
                pieces.push(Bytes::from(vec![number; length]));
                expected.extend(vec![number; length]);
            }
            prop_assert_eq!(pieces.size_hint().exact(), Some(expected.len() as u64));
            prop_assert_eq!(pieces.is_end_stream(), expected.is_empty());
            prop_assert_eq!(pieces.joined(), expected);
        }
    }
}
