//! Pure: the end of an invocation's log.

use bytes::Bytes;
use lambdock_protocol::{Log, LogSource};

/// Bytes that `LogResult` holds at most. [AWS: Invoke, `LogResult`]
const TAIL_BYTES: usize = 4096;

/// Bytes of a JSON event before its type: the time.
const EVENT_HEAD_BYTES: usize = 64;

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

    /// Adds lines that were written outside of invocations: the next one tells them with its own, above all those of
    /// the init phase, but not that it began. [AWS: recorded answers to the first Invoke of functions that write, or
    /// fail, in the init phase]
    pub(crate) fn push_early(&mut self, log: &Log, lines: &[u8]) {
        let begins =
            |with: &[u8]| lines.windows(with.len()).take(EVENT_HEAD_BYTES).any(|window| window == with);
        let is_init_start = log.source == LogSource::Platform
            && (lines.starts_with(b"INIT_START ") || begins(br#","type":"platform.initStart","#));
        if !is_init_start {
            self.push(lines);
        }
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
