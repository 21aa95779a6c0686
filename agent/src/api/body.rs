//! Bodies of requests that are read as a whole, or thrown away.

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body as _, Incoming};

/// A body that was to be read as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Collected {
    /// Here it is.
    Whole(Bytes),
    /// It is longer than allowed. No more of it is held.
    TooLarge,
    /// The connection broke before its end.
    Truncated,
}

/// Bytes that are thrown away at most of a body that nobody wants.
const UNWANTED: usize = 64 << 20;

/// Reads a body of `limit` bytes at most. One that says it is longer is not read at all.
pub(super) async fn collect(body: &mut Incoming, limit: usize) -> Collected {
    let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
    if announced > limit {
        return Collected::TooLarge;
    }
    let (mut first, mut joined) = (Bytes::new(), BytesMut::new());
    while let Some(frame) = body.frame().await {
        let Ok(frame) = frame else { return Collected::Truncated };
        let Ok(data) = frame.into_data() else { continue };
        if first.len() + joined.len() + data.len() > limit {
            return Collected::TooLarge;
        }
        if first.is_empty() && joined.is_empty() {
            // Most are one piece.
            first = data;
            continue;
        }
        if joined.is_empty() {
            joined.reserve(announced.max(first.len() + data.len()));
            joined.extend_from_slice(&std::mem::take(&mut first));
        }
        joined.extend_from_slice(&data);
    }
    Collected::Whole(if joined.is_empty() { first } else { joined.freeze() })
}

/// Reads what nobody wants, up to a limit: a client that is still sending would not see its answer, only that the
/// connection is gone.
pub(super) async fn throw_away(mut body: Incoming) {
    let mut left = UNWANTED;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, Bytes::len);
        match left.checked_sub(length) {
            Some(less) => left = less,
            None => return,
        }
    }
}
