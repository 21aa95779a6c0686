//! Pure: whether bytes are JSON, told in AWS's words.
//!
//! AWS parses events with Jackson and passes its message on, with the place of the first wrong byte. Nothing is turned
//! into values here: one pass over the bytes, no allocation but for one bit per level of nesting.
//! [AWS: recorded for Invoke with undecoded base64, the two texts marked below; the others follow Jackson 2.15's
//! `UTF8StreamJsonParser`]

mod malformed;

pub use malformed::Malformed;
use malformed::{MAX_DEPTH, Problem};

const A_VALUE: &str =
    "expected a valid value (JSON String, Number, Array, Object or token 'null', 'true' or 'false')";

/// Checks that `document` is one JSON value in UTF-8.
///
/// # Errors
/// It is not; the error's text is Jackson's.
pub fn check(document: &[u8]) -> Result<(), Malformed> {
    Scanner { bytes: document, position: 0, line: 1, line_start: 0 }.document()
}

/// How many bytes at the beginning need no second look inside of a string. Nearly all bytes of large events are such, so
/// blocks are looked at as a whole, in a form that compilers make vector instructions of (bench: 1 MB rows).
fn plain(bytes: &[u8]) -> usize {
    const BLOCK: usize = 64;
    let special =
        |byte: u8| u8::from(!matches!(byte, 0x20..=0x7f)) | u8::from(byte == b'"') | u8::from(byte == b'\\');
    let (blocks, _) = bytes.as_chunks::<BLOCK>();
    let whole = blocks.iter().take_while(|block| block.iter().fold(0, |any, byte| any | special(*byte)) == 0);
    let whole = whole.count() * BLOCK;
    whole + bytes[whole..].iter().take_while(|byte| special(**byte) == 0).count()
}

struct Scanner<'a> {
    bytes: &'a [u8],
    position: usize,
    line: usize,
    line_start: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Container {
    Array,
    Object,
}

type Scanned<T = ()> = Result<T, Malformed>;

impl Scanner<'_> {
    fn document(mut self) -> Scanned {
        let mut open: Vec<Container> = Vec::new();
        loop {
            let Some(first) = self.next_token() else { return Err(self.end(&open)) };
            let opened = match first {
                b'{' => Some(Container::Object),
                b'[' => Some(Container::Array),
                _ => None,
            };
            if let Some(container) = opened {
                self.position += 1;
                if open.len() == MAX_DEPTH {
                    return Err(self.at(self.position, Problem::TooDeep));
                }
                open.push(container);
                let Some(next) = self.next_token() else { return Err(self.end(&open)) };
                let empty = match container {
                    Container::Object => next == b'}',
                    Container::Array => next == b']',
                };
                if !empty {
                    if container == Container::Object {
                        self.name(&open)?;
                    }
                    continue;
                }
                self.position += 1;
                open.pop();
            } else {
                self.scalar(first)?;
            }
            if !self.after_value(&mut open)? {
                return Ok(());
            }
        }
    }

    /// Closes what ends here. `true`: another value follows.
    fn after_value(&mut self, open: &mut Vec<Container>) -> Scanned<bool> {
        loop {
            let next = self.next_token();
            let Some(container) = open.last() else {
                return match next {
                    None => Ok(false),
                    Some(_) => Err(self.unexpected(A_VALUE)),
                };
            };
            match (container, next) {
                (_, None) => return Err(self.end(open)),
                (Container::Array, Some(b',')) => {
                    self.position += 1;
                    return Ok(true);
                }
                (Container::Object, Some(b',')) => {
                    self.position += 1;
                    if self.next_token().is_none() {
                        return Err(self.end(open));
                    }
                    self.name(open)?;
                    return Ok(true);
                }
                (Container::Array, Some(b']')) | (Container::Object, Some(b'}')) => {
                    self.position += 1;
                    open.pop();
                }
                (Container::Array, Some(_)) => {
                    return Err(self.unexpected("was expecting comma to separate Array entries"));
                }
                (Container::Object, Some(_)) => {
                    return Err(self.unexpected("was expecting comma to separate Object entries"));
                }
            }
        }
    }

    /// A member's name and the colon after it.
    fn name(&mut self, open: &[Container]) -> Scanned {
        if self.peek() != Some(b'"') {
            return Err(self.unexpected("was expecting double-quote to start field name"));
        }
        self.string()?;
        match self.next_token() {
            None => Err(self.end(open)),
            Some(b':') => {
                self.position += 1;
                Ok(())
            }
            Some(_) => Err(self.unexpected("was expecting a colon to separate field name and value")),
        }
    }

    fn scalar(&mut self, first: u8) -> Scanned {
        match first {
            b'"' => self.string(),
            b'-' | b'0'..=b'9' => self.number(),
            b'n' => self.literal(b"null"),
            b't' => self.literal(b"true"),
            b'f' => self.literal(b"false"),
            _ if first.is_ascii_alphabetic() || matches!(first, b'_' | b'$') => {
                Err(self.unrecognized_token(self.position))
            }
            _ => Err(self.unexpected(A_VALUE)),
        }
    }

    fn literal(&mut self, word: &[u8]) -> Scanned {
        let start = self.position;
        if !self.bytes[start..].starts_with(word) {
            return Err(self.unrecognized_token(start));
        }
        self.position += word.len();
        match self.peek() {
            Some(byte) if is_word(byte) || byte >= 0x80 => Err(self.unrecognized_token(start)),
            _ => Ok(()),
        }
    }

    fn unrecognized_token(&self, start: usize) -> Malformed {
        let mut token = String::new();
        let mut position = start;
        while let Some(&byte) = self.bytes.get(position) {
            if byte < 0x80 {
                if !is_word(byte) {
                    break;
                }
                token.push(char::from(byte));
                position += 1;
                continue;
            }
            match decode(&self.bytes[position..]) {
                Ok(character) if character.is_alphanumeric() => {
                    token.push(character);
                    position += character.len_utf8();
                }
                Ok(_) => break,
                // Jackson has read past the byte when it complains.
                Err((problem, ahead)) => return self.at(position + ahead + 1, problem),
            }
        }
        self.at(position, Problem::UnrecognizedToken(token))
    }

    fn number(&mut self) -> Scanned {
        if self.peek() == Some(b'-') {
            self.position += 1;
        }
        match self.peek() {
            Some(b'0') => {
                self.position += 1;
                if self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
                    return Err(self.unexpected("Leading zeroes not allowed"));
                }
            }
            Some(b'1'..=b'9') => self.digits(),
            None => return Err(self.at(self.position, Problem::EndOfInput(""))),
            Some(_) => {
                return Err(
                    self.unexpected("expected digit (0-9) to follow minus sign, for valid numeric value")
                );
            }
        }
        if self.peek() == Some(b'.') {
            self.position += 1;
            self.required_digits("Decimal point not followed by a digit")?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.position += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.position += 1;
            }
            self.required_digits("Exponent indicator not followed by a digit")?;
        }
        match self.peek() {
            Some(byte) if is_word(byte) || byte >= 0x80 => {
                Err(self.unexpected("Expected space separating root-level values"))
            }
            _ => Ok(()),
        }
    }

    fn required_digits(&mut self, expected: &'static str) -> Scanned {
        match self.peek() {
            Some(byte) if byte.is_ascii_digit() => {
                self.digits();
                Ok(())
            }
            Some(_) => Err(self.unexpected(expected)),
            None => Err(self.at(self.position, Problem::EndOfInput(""))),
        }
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.position += 1;
        }
    }

    fn string(&mut self) -> Scanned {
        self.position += 1;
        loop {
            self.position += plain(&self.bytes[self.position..]);
            match self.peek() {
                None => {
                    return Err(self.at(
                        self.position,
                        Problem::EndOfInput(": was expecting closing quote for a string value"),
                    ));
                }
                Some(b'"') => {
                    self.position += 1;
                    return Ok(());
                }
                Some(b'\\') => self.escape()?,
                Some(control @ ..0x20) => {
                    return Err(self.at(self.position + 1, Problem::UnescapedControl(control)));
                }
                Some(_) => match decode(&self.bytes[self.position..]) {
                    Ok(character) => self.position += character.len_utf8(),
                    Err((problem, ahead)) => return Err(self.at(self.position + ahead + 1, problem)),
                },
            }
        }
    }

    fn escape(&mut self) -> Scanned {
        self.position += 1;
        match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
                self.position += 1;
                Ok(())
            }
            Some(b'u') => {
                self.position += 1;
                for _ in 0..4 {
                    match self.peek() {
                        Some(byte) if byte.is_ascii_hexdigit() => self.position += 1,
                        None => {
                            return Err(
                                self.at(self.position, Problem::EndOfInput(" in character escape sequence"))
                            );
                        }
                        Some(_) => {
                            return Err(self.unexpected("expected a hex-digit for character escape sequence"));
                        }
                    }
                }
                Ok(())
            }
            None => Err(self.at(self.position, Problem::EndOfInput(" in character escape sequence"))),
            Some(byte) => Err(self.at(self.position + 1, Problem::UnrecognizedEscape(char::from(byte)))),
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.position).copied()
    }

    fn next_token(&mut self) -> Option<u8> {
        loop {
            match self.peek()? {
                b'\n' => {
                    self.position += 1;
                    self.line += 1;
                    self.line_start = self.position;
                }
                b' ' | b'\t' | b'\r' => self.position += 1,
                byte => return Some(byte),
            }
        }
    }

    /// Complains of the byte at the current position. Like Jackson, a byte beyond ASCII is taken for a character.
    fn unexpected(&self, expected: &'static str) -> Malformed {
        let character = self.peek().map_or('\0', char::from);
        self.at(self.position, Problem::UnexpectedCharacter(character, expected))
    }

    fn end(&self, open: &[Container]) -> Malformed {
        let place = match open.last() {
            None => "",
            Some(Container::Array) => ": expected close marker for Array",
            Some(Container::Object) => ": expected close marker for Object",
        };
        self.at(self.position, Problem::EndOfInput(place))
    }

    fn at(&self, position: usize, problem: Problem) -> Malformed {
        Malformed { problem, line: self.line, column: position - self.line_start + 1 }
    }
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'$')
}

/// The character that `bytes` begin with, or what is wrong and how many bytes ahead.
fn decode(bytes: &[u8]) -> Result<char, (Problem, usize)> {
    let length = match bytes.first() {
        Some(0xc2..=0xdf) => 2,
        Some(0xe0..=0xef) => 3,
        Some(0xf0..=0xf4) => 4,
        Some(&byte) => return Err((Problem::InvalidUtf8Start(byte), 0)),
        None => return Err((Problem::EndOfInput(""), 0)),
    };
    let sequence = &bytes[..length.min(bytes.len())];
    match std::str::from_utf8(sequence) {
        Ok(text) => text.chars().next().ok_or((Problem::EndOfInput(""), 0)),
        Err(_) => {
            let bad = sequence.iter().enumerate().skip(1).find(|(_, byte)| !matches!(byte, 0x80..=0xbf));
            Err(match bad {
                Some((ahead, &byte)) => (Problem::InvalidUtf8Middle(byte), ahead),
                None if sequence.len() < length => {
                    (Problem::EndOfInput(" in a multi-byte character"), sequence.len())
                }
                None => (Problem::InvalidUtf8Middle(sequence[1]), 1),
            })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn message(event: &[u8]) -> String {
        check(event).unwrap_err().to_string()
    }

    fn place(line: usize, column: usize) -> String {
        format!(
            "\n at [Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled); line: {line}, column: {column}]"
        )
    }

    #[test]
    fn undecoded_base64_gets_the_messages_recorded_from_aws() {
        assert_eq!(
            message(b"n\x87r\x9e\xe9\xb5\xd7I\xee\x9bmt"),
            format!("Invalid UTF-8 start byte 0x87{}", place(1, 3))
        );
        assert_eq!(
            message(b"\x99\xeb,j\x07\xa1zYh"),
            format!(
                "Unexpected character ((CTRL-CHAR, code 153)): expected a valid value (JSON String, Number, \
                 Array, Object or token 'null', 'true' or 'false'){}",
                place(1, 1)
            )
        );
    }

    #[test]
    fn the_place_counts_lines() {
        assert_eq!(
            message(b"{\n  'a': 1}"),
            format!(
                "Unexpected character (''' (code 39)): was expecting double-quote to start field name{}",
                place(2, 3)
            )
        );
        assert!(message(b"hello").contains("Unrecognized token 'hello'"));
        assert!(message(b"{\"a\": 1").contains("Unexpected end-of-input: expected close marker for Object"));
    }

    #[test]
    fn nesting_is_allowed_as_deep_as_aws_reads_and_never_overflows() {
        let nested = |depth: usize| [vec![b'['; depth], vec![b']'; depth]].concat();
        assert_eq!(check(&nested(1000)), Ok(()));
        assert!(message(&nested(1001)).contains("nesting depth (1001)"));
        assert!(check(&vec![b'['; 5_000_000]).is_err());
    }

    fn json() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(Into::into),
            any::<i64>().prop_map(Into::into),
            any::<f64>().prop_map(Into::into),
            ".*".prop_map(Into::into),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
                proptest::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|map| serde_json::Value::Object(map.into_iter().collect())),
            ]
        })
    }

    #[test]
    fn plain_text_ends_at_the_first_byte_that_is_not() {
        for length in [0, 1, 63, 64, 65, 200] {
            let text = vec![b'a'; length];
            assert_eq!(plain(&text), length);
            for at in 0..length {
                for byte in [b'"', b'\\', 0x1f, 0x80, 0xff] {
                    let mut text = text.clone();
                    text[at] = byte;
                    assert_eq!(plain(&text), at);
                }
            }
        }
        assert_eq!(plain(b" !#[]~\x7f\""), 7);
    }

    proptest! {
        #[test]
        fn whatever_is_json_passes(value in json()) {
            prop_assert_eq!(check(value.to_string().as_bytes()), Ok(()));
            let pretty = serde_json::to_vec_pretty(&value).unwrap();
            prop_assert_eq!(check(&pretty), Ok(()));
        }

        #[test]
        fn a_changed_byte_is_judged_as_another_parser_judges_it(value in json(), at in any::<usize>(), byte in any::<u8>()) {
            let mut bytes = value.to_string().into_bytes();
            let at = at % bytes.len();
            bytes[at] = byte;
            let other = std::str::from_utf8(&bytes).ok().and_then(|text| {
                serde_json::from_str::<&serde_json::value::RawValue>(text).ok()
            });
            prop_assert_eq!(check(&bytes).is_ok(), other.is_some(), "{:?}", String::from_utf8_lossy(&bytes));
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..60)) {
            if let Err(malformed) = check(&bytes) {
                let _ = malformed.to_string();
            }
        }
    }
}
