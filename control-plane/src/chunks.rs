//! Pure: bytes that arrive in pieces.

use bytes::{Bytes, BytesMut};

/// Pieces so far. One piece, the common case, is passed on as it is; only more are joined.
#[derive(Debug)]
pub struct Chunks {
    /// Bytes to make room for when pieces have to be joined.
    room: usize,
    pieces: Pieces,
}

#[derive(Debug)]
enum Pieces {
    None,
    One(Bytes),
    Joined(BytesMut),
}

/// Announced lengths are believed up to here, in bytes; more room is made as bytes arrive.
const MOST_ROOM: u64 = 8 << 20;

impl Chunks {
    /// No bytes yet; `announced` have been promised.
    pub fn expecting(announced: Option<u64>) -> Self {
        let room = usize::try_from(announced.unwrap_or(0).min(MOST_ROOM)).unwrap_or(0);
        Self { room, pieces: Pieces::None }
    }

    /// Adds a piece.
    pub fn push(&mut self, piece: Bytes) {
        if piece.is_empty() {
            return;
        }
        match &mut self.pieces {
            Pieces::None => self.pieces = Pieces::One(piece),
            Pieces::One(first) => {
                let mut joined = BytesMut::with_capacity(self.room.max(first.len() + piece.len()));
                joined.extend_from_slice(first);
                joined.extend_from_slice(&piece);
                self.pieces = Pieces::Joined(joined);
            }
            Pieces::Joined(joined) => joined.extend_from_slice(&piece),
        }
    }

    /// Makes room for this many in all, at once: growing by halves would take twice as many in the end.
    pub fn make_room(&mut self, total: usize) {
        self.room = total;
        if let Pieces::Joined(joined) = &mut self.pieces {
            joined.reserve(total.saturating_sub(joined.len()));
        }
    }

    /// Forgets them, for bytes that nobody wants any more.
    pub fn clear(&mut self) {
        self.pieces = Pieces::None;
    }

    /// Bytes so far.
    pub fn len(&self) -> usize {
        match &self.pieces {
            Pieces::None => 0,
            Pieces::One(bytes) => bytes.len(),
            Pieces::Joined(bytes) => bytes.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them, in one piece.
    pub fn into_bytes(self) -> Bytes {
        match self.pieces {
            Pieces::None => Bytes::new(),
            Pieces::One(bytes) => bytes,
            Pieces::Joined(bytes) => bytes.freeze(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(pieces: &[&'static [u8]], announced: Option<u64>) -> Bytes {
        let mut chunks = Chunks::expecting(announced);
        pieces.iter().for_each(|piece| chunks.push(Bytes::from_static(piece)));
        assert_eq!(chunks.len(), pieces.iter().map(|piece| piece.len()).sum::<usize>());
        chunks.into_bytes()
    }

    #[test]
    fn pieces_are_joined_in_order() {
        assert_eq!(joined(&[], None), "");
        assert_eq!(joined(&[b"ab", b"", b"c", b"def"], Some(6)), "abcdef");
    }

    #[test]
    fn one_piece_is_not_copied() {
        const PIECE: &[u8] = b"the only one";
        assert_eq!(joined(&[PIECE], Some(12)).as_ptr(), PIECE.as_ptr());
    }

    #[test]
    fn a_lie_about_the_length_costs_no_memory() {
        let mut chunks = Chunks::expecting(Some(u64::MAX));
        chunks.push(Bytes::from_static(b"a"));
        chunks.push(Bytes::from_static(b"b"));
        assert_eq!(chunks.into_bytes(), "ab");
    }

    #[test]
    fn what_is_cleared_is_gone() {
        let mut chunks = Chunks::expecting(None);
        chunks.push(Bytes::from_static(b"a"));
        chunks.clear();
        chunks.push(Bytes::from_static(b"b"));
        assert_eq!(chunks.into_bytes(), "b");
    }
}
