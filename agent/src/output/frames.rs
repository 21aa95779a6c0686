//! Pure: messages of a runtime's logger, as it writes them into the pipe that `_LAMBDA_TELEMETRY_LOG_FD` names.
//!
//! A frame is four bytes that say what it holds, the length of the message, the time, and the message, which may have
//! several lines. [AWS: runtime interface clients of Python, Node.js, .NET and Java]

use bytes::{Buf, Bytes, BytesMut};

use super::lines::{LONGEST, Lines, cut_point};

/// What was written, as the log is to have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Written {
    /// Whole lines, each with its newline.
    Lines(Bytes),
    /// One message of several lines, with a newline behind the last.
    Message(Bytes),
}

/// Bytes before each message: what it is, its length, and when it was written, in microseconds.
const HEAD: usize = 16;

/// First two bytes of every frame; the others tell format and level.
const MAGIC: [u8; 2] = [0xa5, 0x5a];

/// Holds back the message that is not complete yet.
#[derive(Debug, Default)]
pub(crate) struct Frames {
    held: BytesMut,
    /// Bytes of the message that are still to come, once its head is known.
    left: Option<usize>,
    /// Somebody writes something else.
    garbage: Option<Lines>,
}

impl Frames {
    /// Adds what was written; gives the messages that are complete, those of one line together.
    pub(crate) fn push(&mut self, mut written: Bytes) -> Vec<Written> {
        let mut out = Collected::default();
        while !written.is_empty() {
            if let Some(lines) = &mut self.garbage {
                out.lines(&lines.push(std::mem::take(&mut written)));
                break;
            }
            match self.left {
                None => {
                    let part = written.split_to(written.len().min(HEAD - self.held.len()));
                    self.held.extend_from_slice(&part);
                    self.head();
                    if let Some(lines) = &mut self.garbage {
                        out.lines(&lines.push(std::mem::take(&mut self.held).freeze()));
                    }
                }
                Some(left) => {
                    let part = written.split_to(written.len().min(left));
                    self.left = Some(left - part.len());
                    self.held.extend_from_slice(&part);
                    self.cut(&mut out);
                }
            }
            if self.left == Some(0) {
                out.message(&self.held);
                self.held.clear();
                self.left = None;
            }
        }
        if self.held.is_empty() {
            // It shall not keep the room of the longest message.
            self.held = BytesMut::new();
        }
        out.done()
    }

    /// Gives what there is of a message that will not be completed.
    pub(crate) fn finish(&mut self) -> Option<Written> {
        if let Some(lines) = &mut self.garbage {
            return Some(Written::Lines(lines.finish()))
                .filter(|lines| *lines != Written::Lines(Bytes::new()));
        }
        let held = std::mem::take(&mut self.held);
        self.left.take()?;
        let mut out = Collected::default();
        out.message(&held);
        out.done().pop()
    }

    fn head(&mut self) {
        let magic = self.held.len().min(MAGIC.len());
        if self.held[..magic] != MAGIC[..magic] {
            self.garbage = Some(Lines::default());
        } else if self.held.len() == HEAD {
            let mut head = std::mem::take(&mut self.held);
            head.advance(4);
            self.left = Some(usize::try_from(head.get_u32()).unwrap_or(usize::MAX));
        }
    }

    /// Gives as much of an unfinished message as is too long.
    fn cut(&mut self, out: &mut Collected) {
        while self.held.len() > LONGEST {
            let end = cut_point(&self.held);
            out.message(&self.held.split_to(end));
        }
    }
}

/// Messages, those of one line together.
#[derive(Debug, Default)]
struct Collected {
    all: Vec<Written>,
    lines: BytesMut,
}

impl Collected {
    fn lines(&mut self, lines: &[u8]) {
        self.lines.extend_from_slice(lines);
    }

    fn message(&mut self, text: &[u8]) {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        if text.contains(&b'\n') {
            self.end_lines();
            self.all.push(Written::Message([text, b"\n"].concat().into()));
        } else {
            self.lines(text);
            self.lines(b"\n");
        }
    }

    fn end_lines(&mut self) {
        if !self.lines.is_empty() {
            self.all.push(Written::Lines(self.lines.split().freeze()));
        }
    }

    fn done(mut self) -> Vec<Written> {
        self.end_lines();
        self.all
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0xa5, 0x5a, 0, 3], &length[..], &1_767_323_045_678_000_u64.to_be_bytes(), message].concat()
    }

    fn pushed(pieces: impl IntoIterator<Item = Vec<u8>>) -> Vec<Written> {
        let mut frames = Frames::default();
        let mut all: Vec<_> = pieces.into_iter().flat_map(|piece| frames.push(piece.into())).collect();
        all.extend(frames.finish());
        all
    }

    fn text(all: &[Written]) -> Vec<u8> {
        all.iter()
            .flat_map(|one| match one {
                Written::Lines(bytes) | Written::Message(bytes) => bytes.to_vec(),
            })
            .collect()
    }

    #[test]
    fn messages_of_several_lines_stay_whole() {
        let all =
            [frame(b"one\n"), frame(b"two"), frame(b"[ERROR] x\nTraceback\n"), frame(b""), frame(b"end")]
                .concat();
        let expected = [
            Written::Lines("one\ntwo\n".into()),
            Written::Message("[ERROR] x\nTraceback\n".into()),
            Written::Lines("\nend\n".into()),
        ];
        assert_eq!(pushed([all.clone()]), expected);
        let bytes = pushed(all.iter().map(|byte| vec![*byte]));
        assert_eq!(text(&bytes), b"one\ntwo\n[ERROR] x\nTraceback\n\nend\n");
        assert!(bytes.contains(&expected[1]));
    }

    #[test]
    fn a_message_that_is_not_finished_waits_and_is_not_lost() {
        let whole = frame(b"half and half");
        let mut frames = Frames::default();
        assert_eq!(frames.push(Bytes::copy_from_slice(&whole[..20])), []);
        assert_eq!(frames.finish(), Some(Written::Lines("half\n".into())));
        assert_eq!(frames.push(Bytes::copy_from_slice(&whole[..7])), []);
        assert_eq!(frames.finish(), None);
    }

    #[test]
    fn what_is_no_frame_is_text() {
        assert_eq!(
            pushed([b"no frame\nat all".to_vec(), b"\n".to_vec(), b"end".to_vec()]),
            ["no frame\n", "at all\n", "end\n"].map(|lines| Written::Lines(lines.into()))
        );
        let all = pushed([[frame(b"one"), b"\xa5text\n".to_vec()].concat()]);
        assert_eq!(text(&all), b"one\n\xa5text\n");
    }

    #[test]
    fn an_endless_message_is_cut_as_it_comes() {
        let mut frames = Frames::default();
        let mut written = 0;
        let mut head = frame(b"");
        head[4..8].copy_from_slice(&u32::MAX.to_be_bytes());
        assert_eq!(frames.push(head.into()), []);
        for _ in 0..100 {
            written += text(&frames.push(vec![b'x'; 10_000].into())).len();
            assert!(frames.held.len() <= LONGEST);
        }
        assert_eq!(written, 3 * (LONGEST + 1));
    }

    proptest! {
        #[test]
        fn nothing_is_lost_however_it_is_cut(
            messages in proptest::collection::vec("[ab\n]{0,8}", 0..8),
            cuts in proptest::collection::vec(0..200usize, 0..8),
        ) {
            let all = messages.iter().flat_map(|message| frame(message.as_bytes())).collect::<Vec<_>>();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(all.len())).chain([0, all.len()]).collect();
            cuts.sort_unstable();
            let pieces: Vec<_> = cuts.windows(2).map(|pair| all[pair[0]..pair[1]].to_vec()).collect();
            let expected: String =
                messages.iter().map(|message| format!("{}\n", message.strip_suffix('\n').unwrap_or(message))).collect();
            let all = pushed(pieces);
            prop_assert_eq!(text(&all), expected.into_bytes());
        }

        #[test]
        fn any_bytes_do_no_harm(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..40), 0..8)) {
            pushed(pieces);
        }
    }
}
