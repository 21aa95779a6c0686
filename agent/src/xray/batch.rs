//! Pure: segments that wait for each other.

use std::time::{Duration, Instant};

use bytes::Bytes;

/// Segments in a batch. [LocalStack: init; AWS's daemon sends up to 50]
pub(super) const MOST: usize = 10;

/// How long a batch waits after its last segment for another.
const IDLE: Duration = Duration::from_secs(1);

/// A batch that is being filled. Holds less than [`MOST`] documents.
#[derive(Debug, Default)]
pub(super) struct Batch {
    documents: Vec<Bytes>,
    last: Option<Instant>,
}

impl Batch {
    /// Adds a document. Returns the batch when that makes it full.
    pub(super) fn push(&mut self, document: Bytes, now: Instant) -> Option<Vec<Bytes>> {
        self.documents.push(document);
        self.last = Some(now);
        if self.documents.len() < MOST { None } else { self.take() }
    }

    /// When the batch is to be sent as it is; `None`: it is empty.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.last.map(|last| last + IDLE)
    }

    /// What is in it; `None`: nothing.
    pub(super) fn take(&mut self) -> Option<Vec<Bytes>> {
        self.last = None;
        Some(std::mem::take(&mut self.documents)).filter(|documents| !documents.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_batch_is_sent_when_it_is_full_or_nothing_has_come_for_a_while() {
        let start = Instant::now();
        let mut batch = Batch::default();
        assert_eq!((batch.deadline(), batch.take()), (None, None));
        for second in 0..9 {
            assert_eq!(batch.push("{}".into(), start + Duration::from_secs(second)), None);
            assert_eq!(batch.deadline(), Some(start + Duration::from_secs(second + 1)));
        }
        assert_eq!(batch.push("{}".into(), start).map(|documents| documents.len()), Some(10));
        assert_eq!((batch.deadline(), batch.take()), (None, None));
        assert_eq!(batch.push("{}".into(), start), None);
        assert_eq!(batch.take().map(|documents| documents.len()), Some(1));
    }
}
