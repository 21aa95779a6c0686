//! Lambdock's own endpoints: figures for Prometheus, and what functions log.

mod lines;

use std::fmt::Write as _;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use lambdock_domain::FunctionId;
use percent_encoding::percent_decode_str;
use serde_json::json;

use super::dispatch::Gateway;
use super::server::Body;
use crate::metrics::{Figures, Metric};

const METRICS: &str = "/_lambdock/metrics";

const LOGS: &str = "/_lambdock/logs/";

/// Answers a request for one of the endpoints; `None`: it is for something else.
pub(super) async fn answer(gateway: &Gateway, parts: &Parts) -> Option<Response<Body>> {
    let path = parts.uri.path();
    let function = path.strip_prefix(LOGS).filter(|name| !name.is_empty());
    if path != METRICS && function.is_none() {
        return None;
    }
    if parts.method != Method::GET {
        return Some(refusal(StatusCode::METHOD_NOT_ALLOWED, "this endpoint takes GET"));
    }
    Some(match function {
        Some(name) => {
            let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
            lines::answer(gateway, &name, parts.uri.query().unwrap_or_default()).await
        }
        None => {
            let mut response = whole(figures(gateway).into());
            let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
            response.headers_mut().insert(CONTENT_TYPE, kind);
            response
        }
    })
}

fn whole(bytes: Bytes) -> Response<Body> {
    Response::new(Full::new(bytes).map_err(|never| match never {}).boxed_unsync())
}

fn refusal(status: StatusCode, message: &str) -> Response<Body> {
    let mut response = whole(json!({ "error": message }).to_string().into());
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// [Prometheus: text-based format]
fn figures(gateway: &Gateway) -> String {
    let mut text = String::new();
    let functions = gateway.metrics.totals();
    let labels = |id: &FunctionId| {
        format!(
            "{{account=\"{}\",region=\"{}\",function=\"{}\"}}",
            escaped(&id.scope.account),
            escaped(&id.scope.region),
            escaped(&id.name)
        )
    };
    for (metric, name, about) in COUNTERS {
        head(&mut text, name, "counter", about);
        for (id, figures, _) in functions.iter().filter(|(_, figures, _)| is_known(figures, metric)) {
            put(&mut text, name, &labels(id), figures.of(metric).sum);
        }
    }
    for (metric, name, about) in SUMMARIES {
        head(&mut text, name, "summary", about);
        for (id, figures, _) in functions.iter().filter(|(_, figures, _)| is_known(figures, metric)) {
            let statistics = figures.of(metric);
            put(&mut text, &format!("{name}_sum"), &labels(id), statistics.sum / 1000.0);
            let _ = writeln!(text, "{name}_count{} {}", labels(id), statistics.count);
        }
    }
    let name = "lambdock_concurrent_executions";
    head(&mut text, name, "gauge", "Executions that run now.");
    for (id, _, running) in &functions {
        put(&mut text, name, &labels(id), f64::from(*running));
    }
    let census = gateway.pool.census();
    let name = "lambdock_environments";
    head(&mut text, name, "gauge", "Environments of functions, by what they do.");
    for (state, count) in [("starting", census.starting), ("idle", census.idle), ("busy", census.busy)] {
        let _ = writeln!(text, "{name}{{state=\"{state}\"}} {count}");
    }
    let (waiting, traces, logs) =
        (gateway.context.events.waiting(), gateway.traces.dropped(), gateway.log_forwarder.dropped());
    for (name, kind, about, value) in [
        ("lambdock_standby_containers", "gauge", "Containers that stand by.", census.standby as u64),
        (
            "lambdock_standby_networks",
            "gauge",
            "Containers that are there for their networks.",
            census.networks as u64,
        ),
        (
            "lambdock_events_waiting",
            "gauge",
            "Asynchronous invocations and deliveries that wait.",
            waiting as u64,
        ),
        ("lambdock_trace_segments_dropped_total", "counter", "Segments that X-Ray did not take.", traces),
        (
            "lambdock_log_events_dropped_total",
            "counter",
            "Log events that CloudWatch Logs did not take.",
            logs,
        ),
        (
            "lambdock_metric_data_dropped_total",
            "counter",
            "Figures that CloudWatch did not take.",
            gateway.metric_forwarder.dropped(),
        ),
    ] {
        head(&mut text, name, kind, about);
        let _ = writeln!(text, "{name} {value}");
    }
    text
}

const COUNTERS: [(Metric, &str, &str); 10] = [
    (Metric::Invocations, "lambdock_invocations_total", "Times that functions' code ran."),
    (Metric::Errors, "lambdock_errors_total", "Invocations that failed in the function."),
    (Metric::Throttles, "lambdock_throttles_total", "Requests that found no concurrency."),
    (
        Metric::ProvisionedConcurrencyInvocations,
        "lambdock_provisioned_concurrency_invocations_total",
        "Invocations in provisioned environments.",
    ),
    (
        Metric::ProvisionedConcurrencySpilloverInvocations,
        "lambdock_provisioned_concurrency_spillover_invocations_total",
        "Invocations elsewhere while all provisioned environments were at work.",
    ),
    (Metric::AsyncEventsReceived, "lambdock_async_events_received_total", "Events taken for later."),
    (Metric::AsyncEventsDropped, "lambdock_async_events_dropped_total", "Events that were given up."),
    (
        Metric::RecursiveInvocationsDropped,
        "lambdock_recursive_invocations_dropped_total",
        "Events dropped since the function called itself round and round.",
    ),
    (
        Metric::DestinationDeliveryFailures,
        "lambdock_destination_delivery_failures_total",
        "Destinations that were not told.",
    ),
    (Metric::DeadLetterErrors, "lambdock_dead_letter_errors_total", "Dead-letter queues that were not told."),
];

const SUMMARIES: [(Metric, &str, &str); 3] = [
    (Metric::Duration, "lambdock_duration_seconds", "Time that invocations took."),
    (
        Metric::PostRuntimeExtensionsDuration,
        "lambdock_post_runtime_extensions_duration_seconds",
        "Time that extensions took after the function was done.",
    ),
    (Metric::AsyncEventAge, "lambdock_async_event_age_seconds", "Time from taking an event to running it."),
];

fn is_known(figures: &Figures, metric: Metric) -> bool {
    figures.of(metric).count > 0
}

fn head(text: &mut String, name: &str, kind: &str, about: &str) {
    // A String takes everything.
    let _ = writeln!(text, "# HELP {name} {about}\n# TYPE {name} {kind}");
}

fn put(text: &mut String, name: &str, labels: &str, value: f64) {
    let _ = writeln!(text, "{name}{labels} {value}");
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
