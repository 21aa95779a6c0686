//! Pure: events on their way to one subscriber.
//!
//! A batch is full at `maxItems` or `maxBytes` and due `timeoutMs` after its first event. [AWS: buffering
//! configuration] While one is being delivered, one full batch may wait and another be filled; when that is full as
//! well, the one that waits is dropped, so that what a slow subscriber gets is the latest and memory stays within
//! three times `maxBytes` and an event each.

use std::time::Instant;

use bytes::Bytes;

use super::subscription::Buffering;

/// Events that leave together.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// In order, each a JSON object.
    pub events: Vec<Bytes>,
    /// Bytes of all of them.
    pub bytes: usize,
    /// What was dropped before them and has not been told yet.
    pub dropped: Dropped,
}

/// A loss.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dropped {
    /// Bytes of the events.
    pub bytes: u64,
    /// How many events.
    pub records: u64,
}

impl Dropped {
    /// Adds to it.
    pub(crate) fn add(&mut self, other: Self) {
        self.bytes = self.bytes.saturating_add(other.bytes);
        self.records = self.records.saturating_add(other.records);
    }

    /// Whether nothing is lost.
    pub(crate) fn is_none(self) -> bool {
        self == Self::default()
    }
}

impl Batch {
    fn loss(&self) -> Dropped {
        Dropped { bytes: self.bytes as u64, records: self.events.len() as u64 }
    }
}

/// The events of one subscriber.
#[derive(Debug)]
pub(crate) struct Buffer {
    rules: Buffering,
    filling: Batch,
    /// When the first event of the batch that is filled came.
    since: Option<Instant>,
    /// Whether the batch that is filled shall not wait.
    hurried: bool,
    waiting: Option<Batch>,
    dropped: Dropped,
    pushed: u64,
    settled: u64,
}

impl Buffer {
    /// An empty one.
    pub(crate) fn new(rules: Buffering) -> Self {
        Self {
            rules,
            filling: Batch::default(),
            since: None,
            hurried: false,
            waiting: None,
            dropped: Dropped::default(),
            pushed: 0,
            settled: 0,
        }
    }

    /// Adds an event. Returns what had to be dropped for it.
    pub(crate) fn push(&mut self, event: Bytes, now: Instant) -> Dropped {
        self.since.get_or_insert(now);
        self.pushed += 1;
        self.filling.bytes += event.len();
        self.filling.events.push(event);
        if self.filling.events.len() < self.rules.max_items && self.filling.bytes < self.rules.max_bytes {
            return Dropped::default();
        }
        let full = self.fresh();
        self.waiting.replace(full).map_or_else(Dropped::default, |old| self.lose(&old))
    }

    /// Notes a loss that happened elsewhere.
    pub(crate) fn note(&mut self, dropped: Dropped) {
        self.dropped.add(dropped);
    }

    /// Nothing that is here shall wait any longer.
    pub(crate) fn hurry(&mut self) {
        self.hurried = self.since.is_some();
    }

    /// The next batch to deliver, if there is one at `now`. It is to be [`Self::delivered`] or [`Self::failed`].
    pub(crate) fn take(&mut self, now: Instant) -> Option<Batch> {
        let due = self.hurried || self.due().is_some_and(|due| due <= now);
        let mut batch = match self.waiting.take() {
            Some(batch) => batch,
            None if due => self.fresh(),
            None => return None,
        };
        batch.dropped = std::mem::take(&mut self.dropped);
        Some(batch)
    }

    /// When the batch that is filled will be due.
    pub(crate) fn due(&self) -> Option<Instant> {
        self.since.map(|since| since + self.rules.timeout)
    }

    /// A batch has arrived.
    pub(crate) fn delivered(&mut self, batch: &Batch) {
        self.settled += batch.events.len() as u64;
    }

    /// A batch will never arrive. Returns what is lost with it.
    pub(crate) fn failed(&mut self, batch: &Batch) -> Dropped {
        self.dropped.add(batch.dropped);
        self.lose(batch)
    }

    /// Events that were ever added.
    pub(crate) fn pushed(&self) -> u64 {
        self.pushed
    }

    /// Events that were delivered or dropped: as many of the ones added first.
    pub(crate) fn settled(&self) -> u64 {
        self.settled
    }

    fn fresh(&mut self) -> Batch {
        self.since = None;
        self.hurried = false;
        std::mem::take(&mut self.filling)
    }

    fn lose(&mut self, batch: &Batch) -> Dropped {
        let loss = batch.loss();
        self.settled += loss.records;
        self.dropped.add(loss);
        loss
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    fn rules() -> Buffering {
        Buffering { max_items: 1000, max_bytes: 262_144, timeout: Duration::from_millis(100) }
    }

    fn event(length: usize) -> Bytes {
        vec![b'x'; length].into()
    }

    #[test]
    fn a_batch_is_due_after_its_time_or_full_at_maxitems() {
        let mut buffer = Buffer::new(rules());
        let start = Instant::now();
        buffer.push(event(10), start);
        buffer.push(event(10), start + Duration::from_millis(60));
        assert_eq!(buffer.due(), Some(start + Duration::from_millis(100)));
        assert_eq!(buffer.take(start + Duration::from_millis(99)), None);
        assert_eq!(buffer.take(start + Duration::from_millis(100)).unwrap().events.len(), 2);
        assert_eq!(buffer.due(), None);
        for _ in 0..1001 {
            buffer.push(event(10), start);
        }
        assert_eq!(buffer.take(start).unwrap().events.len(), 1000);
        assert_eq!(buffer.take(start), None);
        buffer.hurry();
        assert_eq!(buffer.take(start).unwrap().events.len(), 1);
        assert_eq!(buffer.take(start), None);
    }

    #[test]
    fn a_slow_subscriber_gets_the_latest_and_is_told_what_it_missed() {
        let mut buffer = Buffer::new(rules());
        let now = Instant::now();
        let first = {
            for _ in 0..1000 {
                buffer.push(event(1), now);
            }
            buffer.take(now).unwrap()
        };
        assert!(first.dropped.is_none());
        for _ in 0..2000 {
            buffer.push(event(2), now);
        }
        buffer.delivered(&first);
        let second = buffer.take(now).unwrap();
        assert_eq!(second.dropped, Dropped { bytes: 2000, records: 1000 });
        // The loss is told again if the telling of it is lost.
        buffer.failed(&second);
        buffer.push(event(3), now);
        buffer.hurry();
        let third = buffer.take(now).unwrap();
        assert_eq!(third.dropped, Dropped { bytes: 4000, records: 2000 });
        buffer.delivered(&third);
        assert_eq!((buffer.pushed(), buffer.settled()), (3001, 3001));
    }

    proptest! {
        #[test]
        fn nothing_is_counted_twice_or_forgotten_and_memory_is_bounded(
            steps in proptest::collection::vec((0usize..100_000, 0u8..8), 0..200),
        ) {
            let mut buffer = Buffer::new(rules());
            let mut now = Instant::now();
            let (mut sent, mut told) = (0u64, 0u64);
            for (length, action) in steps {
                now += Duration::from_millis(7);
                buffer.push(event(length), now);
                let held = buffer.filling.bytes + buffer.waiting.as_ref().map_or(0, |batch| batch.bytes);
                prop_assert!(held <= 2 * (262_144 + 100_000));
                if action < 2 && let Some(batch) = buffer.take(now) {
                    if action == 0 {
                        buffer.failed(&batch);
                    } else {
                        sent += batch.events.len() as u64;
                        told += batch.dropped.records;
                        buffer.delivered(&batch);
                    }
                }
            }
            buffer.hurry();
            while let Some(batch) = buffer.take(now) {
                sent += batch.events.len() as u64;
                told += batch.dropped.records;
                buffer.delivered(&batch);
            }
            prop_assert_eq!(buffer.pushed(), buffer.settled());
            // A loss is told with the next batch; the last one may have had none after it.
            prop_assert_eq!(sent + told + buffer.dropped.records, buffer.pushed());
        }
    }
}
