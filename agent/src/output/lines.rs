//! Pure: a stream of bytes as whole lines.

use bytes::{Bytes, BytesMut};

/// Longest line in bytes, its newline not counted; a longer one is cut into several. [AWS: CloudWatch's limit of an
/// event, 256 KiB]
pub(crate) const LONGEST: usize = 256 * 1024;

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
            return self.cut();
        };
        let whole = written.split_to(last + 1);
        if self.rest.is_empty() {
            self.rest.extend_from_slice(&written);
            return cut_lines(whole);
        }
        let mut joined = std::mem::take(&mut self.rest);
        joined.extend_from_slice(&whole);
        self.rest.extend_from_slice(&written);
        cut_lines(joined.freeze())
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

    /// Gives as much of an unfinished line as is too long.
    fn cut(&mut self) -> Bytes {
        if self.rest.len() <= LONGEST {
            return Bytes::new();
        }
        let mut out = BytesMut::with_capacity(self.rest.len() + 2);
        while self.rest.len() > LONGEST {
            let end = cut_point(&self.rest);
            out.extend_from_slice(&self.rest.split_to(end));
            out.extend_from_slice(b"\n");
        }
        // What is left is short; it shall not keep all the room.
        self.rest = BytesMut::from(&self.rest[..]);
        out.freeze()
    }
}

/// Cuts lines that are too long, each of which ends with a newline.
fn cut_lines(whole: Bytes) -> Bytes {
    if whole.split(|byte| *byte == b'\n').all(|line| line.len() <= LONGEST) {
        return whole;
    }
    let mut out = BytesMut::with_capacity(whole.len() + 8);
    for mut line in whole.split_inclusive(|byte| *byte == b'\n') {
        while line.len() > LONGEST + 1 {
            let (first, more) = line.split_at(cut_point(line));
            out.extend_from_slice(first);
            out.extend_from_slice(b"\n");
            line = more;
        }
        out.extend_from_slice(line);
    }
    out.freeze()
}

/// Where to cut a line that is longer than [`LONGEST`]: not within a character of UTF-8.
pub(super) fn cut_point(line: &[u8]) -> usize {
    let continues = |at: &usize| line.get(*at).is_some_and(|byte| byte & 0b1100_0000 == 0b1000_0000);
    (LONGEST - 3..=LONGEST).rev().find(|at| !continues(at)).unwrap_or(LONGEST)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cut(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<Vec<u8>> {
        let mut lines = Lines::default();
        let mut out = Vec::new();
        for piece in pieces {
            out.extend_from_slice(&lines.push(piece.into()));
        }
        out.extend_from_slice(&lines.finish());
        out.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect()
    }

    #[test]
    fn an_endless_line_is_cut_as_it_comes() {
        let mut lines = Lines::default();
        let mut cuts = 0;
        for _ in 0..100 {
            let out = lines.push(vec![b'x'; 10_000].into());
            cuts += usize::from(!out.is_empty());
            assert!(out.is_empty() || out.len() == LONGEST + 1);
        }
        assert_eq!(cuts, 3);
    }

    #[test]
    fn a_long_line_is_cut_between_characters_and_loses_nothing() {
        let mut line = vec![b'x'; LONGEST - 1];
        line.extend_from_slice("€€€".as_bytes());
        line.push(b'\n');
        for pieces in [vec![line.clone()], line.chunks(64 * 1024).map(<[u8]>::to_vec).collect()] {
            let lines = cut(pieces);
            assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST, 10]);
            assert!(lines.iter().all(|line| std::str::from_utf8(line).is_ok()));
        }
    }

    #[test]
    fn binary_output_is_cut_all_the_same() {
        let lines = cut([vec![0x80; 3 * LONGEST]]);
        assert_eq!(lines.iter().map(Vec::len).collect::<Vec<_>>(), [LONGEST + 1; 3]);
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
