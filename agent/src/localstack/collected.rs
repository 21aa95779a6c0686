//! Pure: the log of an invocation, as the JSON that LocalStack takes it in.
//!
//! LocalStack wants the whole log in one piece. It is held as it will be sent, with a bound: of a log that is longer,
//! the beginning and the end are kept, and a line between them says how much is not there. [LocalStack: keeps
//! everything for CloudWatch Logs, answers with the last 4 KiB]

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::pieces::Pieces;

/// Most of the beginning that is held, in bytes of JSON.
const HEAD_BYTES: usize = 4 << 20;

/// Most of the end that is held, in bytes of JSON.
const TAIL_BYTES: usize = 4 << 20;

/// Bytes after which a new piece is begun. Allocators give as much back to the system when it is freed.
const PIECE_BYTES: usize = 256 * 1024;

const BEFORE: &[u8] = br#"{"logs":""#;
const AFTER: &[u8] = br#""}"#;

/// Whole lines, as part of a JSON string.
#[derive(Debug, Default)]
struct Piece {
    json: BytesMut,
    /// Bytes that were written.
    written: u64,
}

/// What has been logged and not been sent yet.
#[derive(Debug, Default)]
pub(super) struct Collected {
    head: VecDeque<Piece>,
    head_bytes: usize,
    tail: VecDeque<Piece>,
    tail_bytes: usize,
    /// Bytes that were written and are not there.
    left_out: u64,
}

impl Collected {
    /// Adds whole lines.
    pub(super) fn push(&mut self, lines: &[u8]) {
        let room = HEAD_BYTES.saturating_sub(self.head_bytes);
        if self.tail.is_empty() && self.left_out == 0 && room > 0 {
            self.head_bytes += append(&mut self.head, lines);
            return;
        }
        self.tail_bytes += append(&mut self.tail, lines);
        while self.tail_bytes > TAIL_BYTES
            && let Some(piece) = self.tail.pop_front()
        {
            self.tail_bytes -= piece.json.len();
            self.left_out += piece.written;
        }
    }

    /// Takes everything, as a JSON object.
    pub(super) fn take(&mut self) -> Pieces {
        let Self { head, tail, left_out, .. } = std::mem::take(self);
        let mut object = Pieces::from(Bytes::from_static(BEFORE));
        head.into_iter().for_each(|piece| object.push(piece.json.freeze()));
        if left_out > 0 {
            let line = format!("[lambdock] The log is too long: {left_out} bytes are left out here.\n");
            let mut json = BytesMut::new();
            escape(&mut json, line.as_bytes());
            object.push(json.freeze());
        }
        tail.into_iter().for_each(|piece| object.push(piece.json.freeze()));
        object.push(Bytes::from_static(AFTER));
        object
    }
}

/// Adds lines to the last piece, or to a new one; how many bytes it has grown by.
fn append(pieces: &mut VecDeque<Piece>, lines: &[u8]) -> usize {
    match pieces.back() {
        // Most logs are short.
        None => pieces.push_back(Piece::default()),
        Some(last) if last.json.len() >= PIECE_BYTES => {
            pieces.push_back(Piece { json: BytesMut::with_capacity(2 * PIECE_BYTES), written: 0 });
        }
        Some(_) => {}
    }
    let Some(piece) = pieces.back_mut() else { return 0 };
    let before = piece.json.len();
    escape(&mut piece.json, lines);
    piece.written += lines.len() as u64;
    piece.json.len() - before
}

/// Adds bytes as the inside of a JSON string. Each byte that is no UTF-8 becomes U+FFFD. [Go: encoding/json]
fn escape(json: &mut BytesMut, bytes: &[u8]) {
    json.reserve(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let text = chunk.valid().as_bytes();
        let mut plain = 0;
        for (index, byte) in text.iter().enumerate() {
            let short = match byte {
                b'"' => br#"\""#,
                b'\\' => br"\\",
                b'\n' => br"\n",
                b'\r' => br"\r",
                b'\t' => br"\t",
                0..0x20 => {
                    json.extend_from_slice(&text[plain..index]);
                    json.extend_from_slice(format!("\\u{byte:04x}").as_bytes());
                    plain = index + 1;
                    continue;
                }
                _ => continue,
            };
            json.extend_from_slice(&text[plain..index]);
            json.extend_from_slice(short);
            plain = index + 1;
        }
        json.extend_from_slice(&text[plain..]);
        for _ in chunk.invalid() {
            json.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(collected: &mut Collected) -> String {
        let json = collected.take().joined();
        let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(value.as_object().unwrap().len(), 1);
        value["logs"].as_str().unwrap().to_owned()
    }

    #[test]
    fn nothing_is_an_empty_log() {
        assert_eq!(Collected::default().take().joined(), br#"{"logs":""}"#);
    }

    #[test]
    fn it_is_taken_once() {
        let mut collected = Collected::default();
        collected.push(b"a\n");
        assert_eq!((text(&mut collected), text(&mut collected)), ("a\n".to_owned(), String::new()));
    }

    #[test]
    fn carriage_returns_stay_and_each_byte_that_is_no_text_is_replaced() {
        let mut collected = Collected::default();
        collected.push(b"Traceback\r  \"File\\\"\t\x1b[0m\xff\xfe\xe2\x82\n");
        assert_eq!(
            text(&mut collected),
            "Traceback\r  \"File\\\"\t\u{1b}[0m\u{fffd}\u{fffd}\u{fffd}\u{fffd}\n"
        );
    }

    #[test]
    fn of_a_flood_the_beginning_and_the_end_are_kept() {
        let mut collected = Collected::default();
        let lines = 400_000_u64;
        for number in 0..lines {
            collected.push(format!("line {number:>40}\n").as_bytes());
            assert!(collected.head_bytes <= HEAD_BYTES + PIECE_BYTES && collected.tail_bytes <= TAIL_BYTES);
        }
        let text = text(&mut collected);
        assert!(text.starts_with(&format!("line {:>40}\n", 0)));
        assert!(text.ends_with(&format!("line {:>40}\n", lines - 1)));
        let (before, after) = text.split_once("[lambdock] The log is too long: ").unwrap();
        let (left_out, after) = after.split_once(" bytes are left out here.\n").unwrap();
        assert_eq!(before.len() + left_out.parse::<usize>().unwrap() + after.len(), 46 * 400_000);
        assert!(before.ends_with('\n') && after.starts_with("line "));
    }

    #[test]
    fn a_log_within_the_bound_is_whole() {
        let mut collected = Collected::default();
        let expected: String = (0..60_000).map(|number| format!("{number:0100}\n")).collect();
        for line in expected.split_inclusive('\n') {
            collected.push(line.as_bytes());
        }
        assert!(expected.len() > HEAD_BYTES);
        assert_eq!(text(&mut collected), expected);
    }

    proptest! {
        #[test]
        fn it_is_json_whatever_was_written(lines in proptest::collection::vec(any::<Vec<u8>>(), 0..8)) {
            let mut collected = Collected::default();
            for line in &lines {
                collected.push(line);
            }
            let expected: String = lines.iter().map(|line| {
                let chunks = line.utf8_chunks();
                chunks.map(|chunk| chunk.valid().to_owned() + &"\u{fffd}".repeat(chunk.invalid().len())).collect::<String>()
            }).collect();
            prop_assert_eq!(text(&mut collected), expected);
        }
    }
}
