//! Pure: the end of an invocation's log.

use bytes::Bytes;

/// Bytes that `LogResult` holds at most. [AWS: Invoke, `LogResult`]
const TAIL_BYTES: usize = 4096;

/// Keeps the last bytes of what it is given.
#[derive(Debug, Default)]
pub(crate) struct Tail {
    bytes: Vec<u8>,
}

impl Tail {
    pub(crate) fn push(&mut self, lines: &[u8]) {
        let new = lines.get(lines.len().saturating_sub(TAIL_BYTES)..).unwrap_or(lines);
        let surplus = (self.bytes.len() + new.len()).saturating_sub(TAIL_BYTES);
        self.bytes.drain(..surplus.min(self.bytes.len()));
        self.bytes.extend_from_slice(new);
    }

    pub(crate) fn into_bytes(self) -> Bytes {
        self.bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_tail_is_the_end_of_everything_written(
            pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..6000), 0..6),
        ) {
            let mut tail = Tail::default();
            for piece in &pieces {
                tail.push(piece);
            }
            let all = pieces.concat();
            prop_assert_eq!(tail.into_bytes(), all[all.len().saturating_sub(TAIL_BYTES)..].to_vec());
        }
    }
}
