//! Pure: log events in pieces that PutLogEvents takes.
//!
//! [AWS: PutLogEvents] A batch is in the order of time, has 10,000 events at most, 1 MiB with 26 bytes for each event,
//! and spans 24 hours at most.
use crate::logs::boundary_within;

/// Events of a batch.
const EVENTS: usize = 10_000;

/// Bytes of a batch.
const BYTES: usize = 1_048_576;

/// Bytes that an event counts beyond its message.
pub(super) const OVERHEAD: usize = 26;

/// Bytes of one event, overhead included.
const EVENT_BYTES: usize = 262_144;

/// Milliseconds between the first and the last event of a batch.
const SPAN_MS: u64 = 24 * 60 * 60 * 1000;

/// One event of a log stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogEvent {
    /// Milliseconds since the epoch.
    pub(super) time_ms: u64,
    /// Not empty.
    pub(super) message: String,
}

impl LogEvent {
    pub(super) fn bytes(&self) -> usize {
        self.message.len() + OVERHEAD
    }
}

/// The events of a message, none if it is empty: one that is too long is cut into several.
pub(super) fn events(time_ms: u64, message: &str) -> impl Iterator<Item = LogEvent> + '_ {
    let mut rest = message;
    std::iter::from_fn(move || {
        let (piece, after) = rest.split_at(boundary_within(rest, EVENT_BYTES - OVERHEAD));
        rest = after;
        (!piece.is_empty()).then(|| LogEvent { time_ms, message: piece.to_owned() })
    })
}

/// Batches of the events of one stream, in their order.
pub(super) fn batches(mut events: Vec<LogEvent>) -> Vec<Vec<LogEvent>> {
    // Processes of a container write at the same time: their events may come a little out of order.
    events.sort_by_key(|event| event.time_ms);
    let mut batches: Vec<Vec<LogEvent>> = Vec::new();
    let mut bytes = 0;
    for event in events {
        let fits = |batch: &Vec<LogEvent>| {
            let begun = batch.first().map_or(event.time_ms, |first| first.time_ms);
            batch.len() < EVENTS && bytes + event.bytes() <= BYTES && event.time_ms - begun < SPAN_MS
        };
        match batches.last_mut().filter(|batch| fits(batch)) {
            Some(batch) => {
                bytes += event.bytes();
                batch.push(event);
            }
            None => {
                bytes = event.bytes();
                batches.push(vec![event]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn long_messages_are_cut_between_characters_and_empty_ones_are_none() {
        let long = "ü".repeat(EVENT_BYTES);
        let pieces: Vec<LogEvent> = events(1, &long).collect();
        assert_eq!(pieces.len(), 3);
        assert!(pieces.iter().all(|piece| piece.bytes() <= EVENT_BYTES));
        assert_eq!(pieces.iter().map(|piece| &*piece.message).collect::<String>(), long);
        assert_eq!(events(1, "").count(), 0);
    }

    #[test]
    fn many_events_and_long_times_are_split() {
        let event = |time_ms| LogEvent { time_ms, message: "m".into() };
        assert_eq!(batches((0..10_001).map(event).collect()).len(), 2);
        assert_eq!(batches(vec![event(SPAN_MS), event(0)]), [vec![event(0)], vec![event(SPAN_MS)]]);
        assert_eq!(batches(vec![event(SPAN_MS - 1), event(0)]).len(), 1);
    }

    proptest! {
        #[test]
        fn batches_are_within_limits_and_lose_nothing(
            events in proptest::collection::vec((0..100_000_000_u64, 1..200_000_usize), 0..40),
        ) {
            let events: Vec<LogEvent> = events
                .into_iter()
                .map(|(time_ms, length)| LogEvent { time_ms, message: "m".repeat(length) })
                .collect();
            let batches = batches(events.clone());
            for batch in &batches {
                prop_assert!(batch.iter().map(LogEvent::bytes).sum::<usize>() <= BYTES);
                prop_assert!(batch.last().unwrap().time_ms - batch[0].time_ms < SPAN_MS);
            }
            let mut sorted = events;
            sorted.sort_by_key(|event| event.time_ms);
            prop_assert_eq!(batches.concat(), sorted);
        }
    }
}
