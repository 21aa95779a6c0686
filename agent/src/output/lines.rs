//! Pure: a stream of bytes as whole lines.

use bytes::{Bytes, BytesMut};

/// Longest line, in bytes; a longer one is cut.
const LONGEST: usize = 256 * 1024;

/// Holds back the line that is not finished yet.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    rest: BytesMut,
}

impl Lines {
    /// Adds what was written; gives the whole lines, each with its newline.
    pub(crate) fn push(&mut self, mut written: Bytes) -> Bytes {
        let Some(last) = written.iter().rposition(|byte| *byte == b'\n') else {
            self.rest.extend_from_slice(&written);
            return if self.rest.len() >= LONGEST { self.finish() } else { Bytes::new() };
        };
        let whole = written.split_to(last + 1);
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&written);
            return whole;
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(&whole);
        self.rest.extend_from_slice(&written);
        joined.freeze()
    }

    /// Gives the line that is not finished, with a newline.
    pub(crate) fn finish(&mut self) -> Bytes {
        if self.rest.is_empty() {
            return Bytes::new();
        }
        let mut line = std::mem::take(&mut self.rest);
        line.extend_from_slice(b"\n");
        line.freeze()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_endless_line_is_cut() {
        let mut lines = Lines::default();
        let mut cuts = 0;
        for _ in 0..100 {
            cuts += usize::from(!lines.push(Bytes::from(vec![b'x'; 10_000])).is_empty());
        }
        assert_eq!(cuts, 3);
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_only_whole_lines_leave(
            pieces in proptest::collection::vec(proptest::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..20), 0..20),
        ) {
            let mut lines = Lines::default();
            let mut out = Vec::new();
            for piece in &pieces {
                let whole = lines.push(Bytes::from(piece.clone()));
                prop_assert!(whole.is_empty() || whole.ends_with(b"\n"));
                out.extend_from_slice(&whole);
            }
            out.extend_from_slice(&lines.finish());
            let mut expected = pieces.concat();
            if !expected.is_empty() && !expected.ends_with(b"\n") {
                expected.push(b'\n');
            }
            prop_assert_eq!(out, expected);
        }
    }
}
