//! Pure: frames on the wire.
//!
//! ```text
//! u32 length of what follows │ u8 kind │ u32 length of head │ head: JSON │ body: bytes
//! ```
//!
//! Integers are big-endian. The head holds the message's fields, the body its payload, untouched: nothing is
//! base64 or JSON in a string on the way. The body is sliced out of the read buffer, never copied.

use bytes::{Buf, BufMut, Bytes, BytesMut};

/// Largest frame either side accepts, in bytes. Payloads of invocations are the largest: 6 MiB by default, but the
/// limit can be raised by the user (`LAMBDA_LIMITS_MAX_FUNCTION_PAYLOAD_SIZE_BYTES`), so there is room.
pub const MAX_FRAME_BYTES: usize = 1 << 30;

const LENGTH_BYTES: usize = 4;
const PREFIX_BYTES: usize = 1 + 4;

/// A peer sent bytes that are no frame of this protocol. The connection cannot be used any further.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The announced length is beyond [`MAX_FRAME_BYTES`] or the limit set for this decoder.
    #[error("frame of {length} bytes is larger than the limit of {limit} bytes")]
    TooLarge {
        /// Announced length in bytes.
        length: usize,
        /// Limit in bytes.
        limit: usize,
    },
    /// The lengths inside the frame contradict each other.
    #[error("malformed frame: {0}")]
    Malformed(&'static str),
    /// The kind is not one that this side receives.
    #[error("unknown frame kind {0}")]
    UnknownKind(u8),
    /// The head is not the JSON of this kind of message.
    #[error("head of frame kind {kind} is not valid: {source}")]
    Head {
        /// Kind byte of the frame.
        kind: u8,
        /// What the JSON parser said.
        source: serde_json::Error,
    },
}

/// A frame ready to be written: the framing and the head, then the body, which shares the sender's memory.
#[derive(Debug, Clone)]
pub struct Encoded {
    /// Length, kind and head.
    pub head: Bytes,
    /// Payload; empty for most messages.
    pub body: Bytes,
}

impl Encoded {
    /// Bytes on the wire.
    pub fn len(&self) -> usize {
        self.head.len() + self.body.len()
    }

    /// Whether there is nothing to write; never true for an encoded message.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// One frame as received, its head not yet understood.
#[derive(Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) head: Bytes,
    pub(crate) body: Bytes,
}

impl Frame {
    pub(crate) fn head<T: serde::de::DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.head).map_err(|source| Error::Head { kind: self.kind, source })
    }
}

pub(crate) fn encode(kind: u8, head: Option<&impl serde::Serialize>, body: Bytes) -> Encoded {
    let mut out = BytesMut::with_capacity(256);
    out.put_slice(&[0; LENGTH_BYTES]);
    out.put_u8(kind);
    out.put_u32(0);
    if let Some(head) = head {
        let mut writer = (&mut out).writer();
        serde_json::to_writer(&mut writer, head)
            .expect("messages are plain structs with string keys, and memory does not refuse to be written");
    }
    let head_length = out.len() - LENGTH_BYTES - PREFIX_BYTES;
    let total = out.len() - LENGTH_BYTES + body.len();
    out[..LENGTH_BYTES].copy_from_slice(&length_prefix(total));
    out[LENGTH_BYTES + 1..LENGTH_BYTES + PREFIX_BYTES].copy_from_slice(&length_prefix(head_length));
    Encoded { head: out.freeze(), body }
}

fn length_prefix(length: usize) -> [u8; 4] {
    u32::try_from(length).expect("payloads are limited far below 4 GiB before they are framed").to_be_bytes()
}

/// Cuts a stream of bytes into messages.
///
/// Read into the buffer given to `next_frame`, which keeps what is left of an unfinished frame in it.
#[derive(Debug)]
pub struct Decoder {
    limit: usize,
}

impl Default for Decoder {
    fn default() -> Self {
        Self { limit: MAX_FRAME_BYTES }
    }
}

impl Decoder {
    /// A decoder that refuses frames longer than `limit` bytes. Use a small one until the peer has been admitted.
    pub fn with_limit(limit: usize) -> Self {
        Self { limit }
    }

    /// Takes the next whole frame out of `buffer`, or says that more bytes are needed (`None`); then the buffer has
    /// room for the rest of the frame, so that a large body is read in place.
    pub(crate) fn next_frame(&self, buffer: &mut BytesMut) -> Result<Option<Frame>, Error> {
        let Some(prefix) = buffer.first_chunk::<LENGTH_BYTES>() else { return Ok(None) };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > self.limit {
            return Err(Error::TooLarge { length, limit: self.limit });
        }
        if length < PREFIX_BYTES {
            return Err(Error::Malformed("shorter than its own prefix"));
        }
        let whole = LENGTH_BYTES + length;
        if buffer.len() < whole {
            buffer.reserve(whole - buffer.len());
            return Ok(None);
        }
        let mut frame = buffer.split_to(whole).freeze();
        frame.advance(LENGTH_BYTES);
        let kind = frame.get_u8();
        let head_length = frame.get_u32() as usize;
        if head_length > frame.len() {
            return Err(Error::Malformed("the head is longer than the frame"));
        }
        let head = frame.split_to(head_length);
        Ok(Some(Frame { kind, head, body: frame }))
    }
}
