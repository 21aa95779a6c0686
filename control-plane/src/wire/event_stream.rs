//! Pure: AWS's event stream encoding, messages of headers and a payload with checksums. [AWS: event stream encoding]

use bytes::{BufMut as _, Bytes, BytesMut};
use http::HeaderValue;
use serde::Serialize;

use super::shapes;

/// The media type of a stream of messages.
pub const CONTENT_TYPE: HeaderValue = HeaderValue::from_static("application/vnd.amazon.eventstream");

/// A message of the response stream of InvokeWithResponseStream.
#[derive(Debug)]
pub enum ResponseEvent {
    /// A piece of the answer, as it is.
    PayloadChunk(Bytes),
    /// The last message.
    InvokeComplete(shapes::InvokeWithResponseStreamCompleteEvent),
}

impl ResponseEvent {
    /// The message as it travels.
    ///
    /// # Errors
    /// It cannot be written as JSON; no value is known to be so.
    pub fn encode(&self) -> Result<Bytes, serde_json::Error> {
        Ok(match self {
            Self::PayloadChunk(bytes) => event("PayloadChunk", "application/octet-stream", bytes),
            Self::InvokeComplete(complete) => event("InvokeComplete", "application/json", &json(complete)?),
        })
    }
}

fn json(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    serde_json::to_vec(value)
}

fn event(event_type: &str, content_type: &str, payload: &[u8]) -> Bytes {
    message(
        &[(":event-type", event_type), (":content-type", content_type), (":message-type", "event")],
        payload,
    )
}

/// Bytes before the headers: both lengths and their checksum.
const PRELUDE: usize = 12;

/// Bytes of a checksum.
const CHECKSUM: usize = 4;

/// The type of a header whose value is text.
const STRING: u8 = 7;

/// Names and values are short, payloads below the 24 MiB that clients take.
fn message(headers: &[(&str, &str)], payload: &[u8]) -> Bytes {
    let headers_length: usize =
        headers.iter().map(|(name, value)| 1 + name.len() + 1 + 2 + value.len()).sum();
    let length = PRELUDE + headers_length + payload.len() + CHECKSUM;
    let mut message = BytesMut::with_capacity(length);
    message.put_u32(u32::try_from(length).unwrap_or(u32::MAX));
    message.put_u32(u32::try_from(headers_length).unwrap_or(u32::MAX));
    message.put_u32(crc32fast::hash(&message));
    for (name, value) in headers {
        message.put_u8(u8::try_from(name.len()).unwrap_or(u8::MAX));
        message.put_slice(name.as_bytes());
        message.put_u8(STRING);
        message.put_u16(u16::try_from(value.len()).unwrap_or(u16::MAX));
        message.put_slice(value.as_bytes());
    }
    message.put_slice(payload);
    message.put_u32(crc32fast::hash(&message));
    message.freeze()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Vectors of AWS's SDKs, as botocore's own tests have them.
    #[test]
    fn messages_are_those_of_awss_vectors() {
        let empty = [0, 0, 0, 0x10, 0, 0, 0, 0, 0x05, 0xc2, 0x48, 0xeb, 0x7d, 0x98, 0xc8, 0xff];
        assert_eq!(message(&[], b""), &empty[..]);
        let payload = b"{'foo':'bar'}";
        let expected = [
            &[0, 0, 0, 0x1d, 0, 0, 0, 0, 0xfd, 0x52, 0x8c, 0x5a][..],
            &payload[..],
            &[0xc3, 0x65, 0x39, 0x36][..],
        ];
        assert_eq!(message(&[], payload), expected.concat());
    }

    #[test]
    fn headers_are_text_with_lengths() {
        let message = message(&[(":a", "bc")], b"d");
        assert_eq!(&message[..8], &[0, 0, 0, 25, 0, 0, 0, 8]);
        assert_eq!(&message[PRELUDE..21], b"\x02:a\x07\x00\x02bcd");
        assert_eq!(message.len(), 25);
    }

    #[test]
    fn the_last_message_has_only_what_there_is_to_tell() {
        let complete = |event| ResponseEvent::InvokeComplete(event).encode().unwrap();
        let whole = complete(shapes::InvokeWithResponseStreamCompleteEvent::default());
        assert!(whole.windows(2).any(|part| part == b"{}"));
        let failed = complete(shapes::InvokeWithResponseStreamCompleteEvent {
            error_code: Some("Unhandled".into()),
            error_details: Some("{}".into()),
            log_result: None,
        });
        let json = br#"{"ErrorCode":"Unhandled","ErrorDetails":"{}"}"#;
        assert!(failed.windows(json.len()).any(|part| part == json));
        let chunk = ResponseEvent::PayloadChunk(Bytes::from_static(b"\x00\xff")).encode().unwrap();
        assert!(chunk.windows(24).any(|part| part == b"application/octet-stream"));
    }
}
