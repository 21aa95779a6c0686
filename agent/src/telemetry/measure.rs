//! Pure: where the time of an invocation goes, in the words of telemetry.

use lambdock_protocol::Invoke;

use super::schema::{self, Micros, RuntimeDoneMetrics, Span, Tracing};
use crate::clock;
use crate::lifecycle::RuntimeDone;

/// What telemetry tells of the invocation that runs, besides what the machine knows.
#[derive(Debug, Default)]
pub(crate) struct Measure {
    function_arn: Option<String>,
    tracing: Option<Tracing>,
    /// When the runtime got the event, in milliseconds since the epoch.
    released_ms: Option<u64>,
}

impl Measure {
    /// Begins with an invocation that has arrived.
    pub(crate) fn of(invoke: &Invoke) -> Self {
        Self {
            function_arn: Some(invoke.invoked_function_arn.clone()),
            tracing: invoke.trace_id.as_deref().filter(|header| !header.is_empty()).map(Tracing::of),
            released_ms: None,
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
    pub(crate) fn released(&mut self, now_ms: u64) {
        self.released_ms.get_or_insert(now_ms);
    }

    /// The record of a runtime that is done.
    pub(crate) fn runtime_done(&self, done: RuntimeDone) -> schema::RuntimeDone {
        let metrics =
            RuntimeDoneMetrics { duration: Micros(done.duration_us), produced_bytes: done.produced_bytes };
        schema::RuntimeDone {
            spans: self.spans(&done),
            request_id: done.request_id,
            status: done.status,
            error_type: done.error_type,
            metrics: Some(metrics),
            tracing: self.tracing(),
        }
    }

    /// Where the time went, as far as it is known.
    fn spans(&self, done: &RuntimeDone) -> Vec<Span> {
        let (Some(released_ms), Some(latency)) = (self.released_ms, done.response_latency_us) else {
            return Vec::new();
        };
        let span = |name, after_us: u64, duration| {
            let start = clock::iso(released_ms.saturating_add(after_us / 1000));
            Span { name, start, duration: Micros(duration) }
        };
        let mut spans = vec![span("responseLatency", 0, latency)];
        if let Some(duration) = done.response_duration_us {
            let answered = latency.saturating_add(duration);
            spans.push(span("responseDuration", latency, duration));
            spans.push(span("runtimeOverhead", answered, done.duration_us.saturating_sub(answered)));
        }
        spans
    }
}

#[cfg(test)]
mod tests {
    use lambdock_protocol::Status;

    use super::*;

    fn done() -> RuntimeDone {
        RuntimeDone {
            request_id: "r".into(),
            status: Status::Success,
            error_type: None,
            duration_us: 26_000,
            produced_bytes: Some(16),
            response_latency_us: Some(20_000),
            response_duration_us: Some(5000),
        }
    }

    #[test]
    fn spans_follow_each_other_from_the_events_handing_over() {
        let mut measure = Measure::default();
        measure.released(1_763_974_800_999);
        measure.released(1_763_974_801_002);
        let record = measure.runtime_done(done());
        let told: Vec<_> =
            record.spans.iter().map(|span| (span.name, span.start.as_str(), span.duration.0)).collect();
        assert_eq!(
            told,
            [
                ("responseLatency", "2025-11-24T09:00:00.999Z", 20_000),
                ("responseDuration", "2025-11-24T09:00:01.019Z", 5000),
                ("runtimeOverhead", "2025-11-24T09:00:01.024Z", 1000),
            ]
        );
        let metrics = RuntimeDoneMetrics { duration: Micros(26_000), produced_bytes: Some(16) };
        assert_eq!(record.metrics, Some(metrics));
    }

    #[test]
    fn a_runtime_that_never_answered_has_no_spans() {
        let mut measure = Measure::default();
        assert!(measure.runtime_done(done()).spans.is_empty());
        measure.released(0);
        let unanswered = RuntimeDone { response_latency_us: None, response_duration_us: None, ..done() };
        assert!(measure.runtime_done(unanswered).spans.is_empty());
    }
}
