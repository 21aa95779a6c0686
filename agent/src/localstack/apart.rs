//! Pure: an invocation that is being posted is taken apart as it comes: its payload, of which there is one copy and no
//! other, and the rest, which is small.

use bytes::{Bytes, BytesMut};

use super::invocation::Rejection;

/// Bytes of JSON around the payload.
pub(super) const ENVELOPE: usize = 256 * 1024;

/// What was posted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Parts {
    /// The JSON, with an empty text in the place of `payload`.
    pub envelope: Vec<u8>,
    /// The member `payload`; `None`: there is none that is a text, or its name is spelled oddly.
    pub payload: Option<Bytes>,
}

/// Takes JSON apart, whose pieces may begin and end anywhere. Whatever is no JSON is left to whoever reads the envelope.
#[derive(Debug)]
pub(super) struct Apart {
    envelope: Vec<u8>,
    payload: Option<BytesMut>,
    /// Most bytes of a payload.
    limit: usize,
    /// Bytes that were announced.
    announced: usize,
    fault: Option<Rejection>,
    depth: usize,
    /// The last thing was the text `payload`.
    named: bool,
    /// The same and a colon, in the outermost object.
    at_payload: bool,
    /// Where the last text begins in the envelope.
    text: usize,
    place: Place,
}

/// What the next byte belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// No text.
    Between,
    /// A text of the envelope.
    Text,
    /// The same, behind a backslash.
    TextEscape,
    /// The payload. `high`: the first half of a character that has two.
    Payload { high: Option<u16> },
    /// The same, behind a backslash.
    Escape { high: Option<u16> },
    /// The same, behind `\u` and so many digits.
    Unicode { high: Option<u16>, digits: u8, code: u16 },
}

impl Apart {
    /// Takes payloads of up to `limit` bytes; `announced`: bytes that there will be, if somebody has said so.
    pub(super) fn new(limit: u64, announced: Option<u64>) -> Self {
        let size = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
        Self {
            envelope: Vec::new(),
            payload: None,
            limit: size(limit),
            announced: size(announced.unwrap_or(0)),
            fault: None,
            depth: 0,
            named: false,
            at_payload: false,
            text: 0,
            place: Place::Between,
        }
    }

    /// Takes the next bytes.
    pub(super) fn take(&mut self, mut bytes: &[u8]) {
        while let Some(&byte) = bytes.first() {
            if self.fault.is_some() {
                return;
            }
            bytes = match self.place {
                Place::Payload { high: None } => self.plain(bytes),
                Place::Between => {
                    self.between(byte);
                    &bytes[1..]
                }
                Place::Text => {
                    self.in_text(byte);
                    &bytes[1..]
                }
                Place::TextEscape => {
                    self.keep(byte);
                    self.place = Place::Text;
                    &bytes[1..]
                }
                Place::Payload { high: Some(_) } | Place::Escape { .. } | Place::Unicode { .. } => {
                    self.escaped(byte);
                    &bytes[1..]
                }
            };
        }
    }

    /// There is no more.
    ///
    /// # Errors
    /// The payload is no text, or too large.
    pub(super) fn finish(self) -> Result<Parts, Rejection> {
        if let Some(fault) = self.fault {
            return Err(fault);
        }
        if self.payload.as_ref().is_some_and(|payload| std::str::from_utf8(payload).is_err()) {
            return Err(no_text());
        }
        Ok(Parts { envelope: self.envelope, payload: self.payload.map(BytesMut::freeze) })
    }

    fn between(&mut self, byte: u8) {
        match byte {
            b' ' | b'\t' | b'\n' | b'\r' => return self.keep(byte),
            b'"' if self.at_payload && self.payload.is_none() => {
                self.at_payload = false;
                self.envelope.extend_from_slice(b"\"\"");
                self.payload = Some(BytesMut::with_capacity(self.announced.min(self.limit)));
                self.place = Place::Payload { high: None };
                return;
            }
            b'"' => {
                self.text = self.envelope.len();
                self.place = Place::Text;
            }
            b'{' | b'[' => self.depth += 1,
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
        self.at_payload = byte == b':' && self.depth == 1 && self.named;
        self.named = false;
        self.keep(byte);
    }

    fn in_text(&mut self, byte: u8) {
        self.place = match byte {
            b'\\' => Place::TextEscape,
            b'"' => Place::Between,
            _ => Place::Text,
        };
        self.keep(byte);
        self.named = byte == b'"' && self.envelope.get(self.text..) == Some(br#""payload""#);
    }

    /// Keeps a byte of the envelope, in which a payload in Base64 may be.
    fn keep(&mut self, byte: u8) {
        if self.envelope.len() >= self.limit.saturating_mul(2).saturating_add(ENVELOPE) {
            self.is_too_large();
            return;
        }
        self.envelope.push(byte);
    }

    /// Takes bytes of the payload until one that means something else than itself; what is left.
    fn plain<'a>(&mut self, bytes: &'a [u8]) -> &'a [u8] {
        let special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..0x20);
        let length = bytes.iter().position(special).unwrap_or(bytes.len());
        let (plain, rest) = bytes.split_at(length);
        self.add(plain);
        let Some((byte, rest)) = rest.split_first() else { return rest };
        match byte {
            b'"' => self.place = Place::Between,
            b'\\' => self.place = Place::Escape { high: None },
            _ => self.fault = Some(no_text()),
        }
        rest
    }

    fn escaped(&mut self, byte: u8) {
        match (self.place, byte) {
            (Place::Payload { high }, b'\\') => self.place = Place::Escape { high },
            (Place::Escape { high }, b'u') => self.place = Place::Unicode { high, digits: 0, code: 0 },
            (Place::Escape { high: None }, _) => {
                let meant = match byte {
                    b'"' | b'\\' | b'/' => byte,
                    b'b' => 0x08,
                    b'f' => 0x0c,
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    _ => return self.fault = Some(no_text()),
                };
                self.add(&[meant]);
                self.place = Place::Payload { high: None };
            }
            (Place::Unicode { high, digits, code }, _) => {
                let Some(digit) = char::from(byte).to_digit(16).and_then(|digit| u16::try_from(digit).ok())
                else {
                    return self.fault = Some(no_text());
                };
                let code = code << 4 | digit;
                if digits < 3 {
                    self.place = Place::Unicode { high, digits: digits + 1, code };
                } else {
                    self.character(high, code);
                }
            }
            // The other half has to follow.
            (Place::Payload { .. } | Place::Escape { .. }, _) => self.fault = Some(no_text()),
            (Place::Between | Place::Text | Place::TextEscape, _) => {}
        }
    }

    /// A character, or half of one.
    fn character(&mut self, high: Option<u16>, code: u16) {
        if high.is_none() && (0xd800..0xdc00).contains(&code) {
            self.place = Place::Payload { high: Some(code) };
            return;
        }
        match char::decode_utf16(high.into_iter().chain([code])).next() {
            Some(Ok(character)) => {
                self.add(character.encode_utf8(&mut [0; 4]).as_bytes());
                self.place = Place::Payload { high: None };
            }
            _ => self.fault = Some(no_text()),
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        let Some(payload) = &mut self.payload else { return };
        if payload.len() + bytes.len() > self.limit {
            return self.is_too_large();
        }
        payload.extend_from_slice(bytes);
    }

    /// None of it is held any more.
    fn is_too_large(&mut self) {
        (self.envelope, self.payload) = (Vec::new(), None);
        self.fault = Some(Rejection::TooLarge(self.limit as u64));
    }
}

fn no_text() -> Rejection {
    Rejection::Invalid("the payload is no text".to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    /// Taken in pieces of this length.
    fn taken(json: &[u8], piece: usize) -> Result<Parts, Rejection> {
        let mut apart = Apart::new(1000, None);
        json.chunks(piece).for_each(|piece| apart.take(piece));
        apart.finish()
    }

    fn payload(json: &str) -> Option<String> {
        let parts = taken(json.as_bytes(), 3).unwrap();
        parts.payload.map(|payload| String::from_utf8(payload.to_vec()).unwrap())
    }

    #[test]
    fn the_payload_is_taken_out_and_the_rest_stays() {
        let json = r#" {"a" : "payload", "b": {"payload": "inner"}, "payload" : "\"\\\/\b\f\n\r\t\u00e9\ud83e\uddc0é", "c": 1 } "#;
        for piece in 1..20 {
            let parts = taken(json.as_bytes(), piece).unwrap();
            assert_eq!(parts.payload.unwrap(), "\"\\/\u{8}\u{c}\n\r\té\u{1f9c0}é");
            let rest: Value = serde_json::from_slice(&parts.envelope).unwrap();
            let expected = r#"{"a":"payload","b":{"payload":"inner"},"payload":"","c":1}"#;
            assert_eq!(rest, serde_json::from_str::<Value>(expected).unwrap());
        }
    }

    #[test]
    fn what_is_no_text_or_not_spelled_plainly_stays_where_it_is() {
        assert_eq!(payload(r#"{"payload":null}"#), None);
        assert_eq!(payload(r#"{"pay\u006coad":"x"}"#), None);
        assert_eq!(payload(r#"["payload","x"]"#), None);
        assert_eq!(payload(r#"{"x":"payload","y":"z"}"#), None);
        assert_eq!(payload(r#"{"payload":"x","payload":"y"}"#).as_deref(), Some("x"));
    }

    #[test]
    fn what_is_no_text_is_refused() {
        for bad in [r"\ud83e", r"\ud83ex", r"\ud83e\n", r"\ud83e\u0041", r"\uddc0", r"\u00g0", r"\x", "\n"] {
            let json = format!(r#"{{"payload":"{bad}"}}"#);
            assert!(serde_json::from_str::<Value>(&json).is_err(), "{bad}");
            assert_eq!(taken(json.as_bytes(), 2), Err(no_text()), "{bad}");
        }
        assert_eq!(taken(b"{\"payload\":\"\xff\"}", 2), Err(no_text()));
    }

    #[test]
    fn what_is_too_large_is_not_held() {
        let mut apart = Apart::new(10, None);
        apart.take(br#"{"payload":""#);
        for _ in 0..1000 {
            apart.take(&[b'x'; 1000]);
            assert!(apart.payload.as_ref().is_none_or(|payload| payload.len() <= 10));
        }
        assert_eq!(apart.finish(), Err(Rejection::TooLarge(10)));
        let mut apart = Apart::new(10, None);
        apart.take(br#"{"other":""#);
        for _ in 0..1000 {
            apart.take(&[b'x'; 1000]);
            assert!(apart.envelope.len() <= ENVELOPE + 20);
        }
        assert_eq!(apart.finish(), Err(Rejection::TooLarge(10)));
    }

    proptest! {
        #[test]
        fn every_text_arrives_as_it_is(text in ".{0,40}", piece in 1_usize..9) {
            let json = serde_json::json!({ "invoke-id": "\"payload\":", "payload": text }).to_string();
            let parts = taken(json.as_bytes(), piece).unwrap();
            prop_assert_eq!(parts.payload.unwrap(), text.as_bytes());
        }

        #[test]
        fn pieces_make_no_difference_whatever_comes(
            bytes in proptest::collection::vec(prop_oneof![
                Just(b"\"payload\":\"".to_vec()), Just(b"\\u".to_vec()), Just(b"d8".to_vec()), Just(b"{".to_vec()),
                Just(b"\"".to_vec()), any::<u8>().prop_map(|byte| vec![byte]),
            ], 0..24),
            piece in 1_usize..5,
        ) {
            let bytes = bytes.concat();
            prop_assert_eq!(taken(&bytes, piece), taken(&bytes, usize::MAX));
        }
    }
}
