//! Bodies of requests, read within limits.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::{Body as _, Incoming};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
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

/// Bytes that every body may have at once. Events have no more, and those wait for nobody: a function that is invoked
/// may be waited for by another that was.
const AT_ONCE: u64 = 8 << 20;

/// Bytes that larger bodies, which are uploads of code, may have together. The others wait, in their order.
const TOGETHER: usize = 256 << 20;

/// Bytes of a permit.
const UNIT: usize = 1 << 10;

/// Uploads of code that are read or worked on, which take turns for the memory that they need.
#[derive(Debug)]
pub struct Uploads(Arc<Semaphore>);

impl Default for Uploads {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(TOGETHER / UNIT)))
    }
}

impl Uploads {
    /// Reads the whole body if it has at most `limit` bytes. Its room is given to others once its bytes are dropped.
    ///
    /// # Errors
    /// It has more, or it is not all there.
    pub(super) async fn read(&self, body: Incoming, limit: u64) -> Result<Bytes, Fault> {
        let most = body.size_hint().upper().unwrap_or(limit).min(limit).min(TOGETHER as u64);
        let permits = u32::try_from(most.div_ceil(UNIT as u64)).unwrap_or(u32::MAX);
        read_in_turn(body, limit, Some((&self.0, permits))).await
    }
}

/// Reads the whole body if it has at most `limit` bytes.
///
/// # Errors
/// It has more, or it is not all there.
pub(super) async fn read(body: Incoming, limit: u64) -> Result<Bytes, Fault> {
    read_in_turn(body, limit, None).await
}

/// `turn` is waited for when more has come than may at once.
async fn read_in_turn(
    mut body: Incoming,
    limit: u64,
    turn: Option<(&Arc<Semaphore>, u32)>,
) -> Result<Bytes, Fault> {
    let mut chunks = Chunks::expecting(body.size_hint().exact());
    let mut held = None;
    let mut total: u64 = 0;
    while let Some(frame) = timeout(STALLED, body.frame()).await.map_err(|_| Fault::Incomplete)? {
        let Ok(piece) = frame.map_err(|_| Fault::Incomplete)?.into_data() else { continue };
        total += piece.len() as u64;
        if total > limit {
            chunks.clear();
            held = None;
            if total > DRAINED {
                break;
            }
            continue;
        }
        if let (None, Some((room, permits))) = (&held, turn)
            && total > AT_ONCE
        {
            held = Arc::clone(room).acquire_many_owned(permits).await.ok();
            chunks.make_room(permits as usize * UNIT);
        }
        chunks.push(piece);
    }
    let bytes = chunks.into_bytes();
    match held {
        _ if total > limit => Err(Fault::TooLarge(total)),
        Some(permit) => Ok(Bytes::from_owner(Held { bytes, _permit: permit })),
        None => Ok(bytes),
    }
}

/// Bytes, and the room that they take.
struct Held {
    bytes: Bytes,
    _permit: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}
