//! Pure: where the time of an invocation goes.

use std::time::{Duration, Instant};

use lambdock_protocol::Invoke;

use super::schema::{Micros, RuntimeDoneMetrics, Span, Tracing};
use crate::clock;

/// What is measured of the invocation that runs.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    function_arn: Option<String>,
    tracing: Option<Tracing>,
    /// When the runtime got the event; with the time of day in milliseconds.
    released: Option<(Instant, u64)>,
    response_began: Option<Instant>,
    response_ended: Option<Instant>,
    produced_bytes: Option<u64>,
}

impl Measure {
    /// Begins with an invocation that has arrived.
    pub(crate) fn of(invoke: &Invoke) -> Self {
        Self {
            function_arn: Some(invoke.invoked_function_arn.clone()),
            tracing: invoke.trace_id.as_deref().filter(|header| !header.is_empty()).map(Tracing::of),
            ..Self::default()
        }
    }

    /// ARN as invoked.
    pub(crate) fn function_arn(&self) -> Option<String> {
        self.function_arn.clone()
    }

    /// Trace header.
    pub(crate) fn tracing(&self) -> Option<Tracing> {
        self.tracing.clone()
    }

    /// The runtime has the event. It may get it again; the first time counts.
    pub(crate) fn released(&mut self, now: Instant, now_ms: u64) {
        self.released.get_or_insert((now, now_ms));
    }

    /// The runtime begins to answer, with `length` bytes if it says so.
    pub(crate) fn response_began(&mut self, now: Instant, length: Option<u64>) {
        self.response_began.get_or_insert(now);
        self.produced_bytes = length;
    }

    /// The runtime's answer is complete; `produced` bytes, if they were counted.
    pub(crate) fn response_ended(&mut self, now: Instant, produced: Option<u64>) {
        self.response_began.get_or_insert(now);
        self.response_ended.get_or_insert(now);
        self.produced_bytes = produced.or(self.produced_bytes);
    }

    /// Metrics of an invocation whose runtime is done, in `whole_us` microseconds as it is reported.
    pub(crate) fn metrics(&self, whole_us: u64, now: Instant) -> RuntimeDoneMetrics {
        let duration = self.released.map_or(whole_us, |(released, _)| micros(released, now).min(whole_us));
        RuntimeDoneMetrics { duration: Micros(duration), produced_bytes: self.produced_bytes }
    }

    /// Where the time went until `now`, as far as it is known.
    pub(crate) fn spans(&self, now: Instant) -> Vec<Span> {
        let Some((released, released_ms)) = self.released else { return Vec::new() };
        let span = |name, from: Instant, to: Instant| {
            let offset = u64::try_from(from.saturating_duration_since(released).as_millis());
            let start = clock::iso(released_ms.saturating_add(offset.unwrap_or(u64::MAX)));
            Span { name, start, duration: Micros(micros(from, to)) }
        };
        let mut spans = Vec::new();
        if let Some(began) = self.response_began {
            spans.push(span("responseLatency", released, began));
            if let Some(ended) = self.response_ended {
                spans.push(span("responseDuration", began, ended));
                spans.push(span("runtimeOverhead", ended, now));
            }
        }
        spans
    }
}

fn micros(from: Instant, to: Instant) -> u64 {
    let between: Duration = to.saturating_duration_since(from);
    u64::try_from(between.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_follow_each_other_from_the_events_handing_over() {
        let at = |ms| Duration::from_millis(ms);
        let start = Instant::now();
        let mut measure = Measure::default();
        measure.released(start, 1_763_974_800_999);
        measure.released(start + at(3), 1_763_974_801_002);
        measure.response_began(start + at(20), None);
        measure.response_ended(start + at(25), Some(16));
        let spans = measure.spans(start + at(26));
        let told: Vec<_> =
            spans.iter().map(|span| (span.name, span.start.as_str(), span.duration.0)).collect();
        assert_eq!(
            told,
            [
                ("responseLatency", "2025-11-24T09:00:00.999Z", 20_000),
                ("responseDuration", "2025-11-24T09:00:01.019Z", 5000),
                ("runtimeOverhead", "2025-11-24T09:00:01.024Z", 1000),
            ]
        );
        let metrics = measure.metrics(30_000, start + at(26));
        assert_eq!((metrics.duration, metrics.produced_bytes), (Micros(26_000), Some(16)));
        assert_eq!(measure.metrics(10_000, start + at(26)).duration, Micros(10_000));
    }

    #[test]
    fn a_runtime_that_never_answered_has_no_spans() {
        let mut measure = Measure::default();
        assert!(measure.spans(Instant::now()).is_empty());
        measure.released(Instant::now(), 0);
        assert!(measure.spans(Instant::now()).is_empty());
    }
}
