//! Bodies of requests, read within limits.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::time::timeout;

use crate::chunks::Chunks;

/// A request whose body cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
    /// It is larger than allowed; this many bytes, as far as they were counted.
    TooLarge(u64),
    /// The client went away, stalled or broke HTTP's rules in the middle of it.
    Incomplete,
}

/// Time between two pieces of a body. A client that is slower than that is not there any more.
const STALLED: Duration = Duration::from_secs(30);

/// Bytes of a body that is too large that are still read: many clients look for an answer only once they have sent
/// everything.
const DRAINED: u64 = 1 << 30;

/// Reads the whole body if it has at most `limit` bytes.
///
/// # Errors
/// It has more, or it is not all there.
pub(super) async fn read(mut body: Incoming, limit: u64) -> Result<Bytes, Fault> {
    let mut chunks = Chunks::expecting(body.size_hint().exact());
    let mut total: u64 = 0;
    while let Some(frame) = timeout(STALLED, body.frame()).await.map_err(|_| Fault::Incomplete)? {
        let Ok(piece) = frame.map_err(|_| Fault::Incomplete)?.into_data() else { continue };
        total += piece.len() as u64;
        if total <= limit {
            chunks.push(piece);
        } else if total > DRAINED {
            break;
        }
    }
    if total > limit { Err(Fault::TooLarge(total)) } else { Ok(chunks.into_bytes()) }
}
