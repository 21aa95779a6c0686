//! Pure: records as lines of the text log format.
//!
//! [AWS: recorded texts; the spacing of the REPORT line is CloudWatch's]

use lambdock_protocol::Status;

use crate::telemetry::schema::{
    Extension, InitReport, Micros, Phase, Record, Report, RestoreReport, Subscription, Tracing,
};
use crate::telemetry::subscription::Kind;

/// The lines of a record, each with its newline; `None`: the text format has none for it.
pub(super) fn lines(record: &Record) -> Option<String> {
    match record {
        // An init phase that is run again inside an invocation is told by its end alone. [AWS: logs of functions whose
        // init phase fails]
        Record::InitStart(start) if start.phase == Phase::Invoke => None,
        Record::InitStart(start) => runtime_version(
            "INIT_START",
            start.runtime_version.as_deref(),
            start.runtime_version_arn.as_deref(),
        ),
        Record::InitReport(report) => init_report(report),
        Record::RestoreStart(start) => runtime_version(
            "RESTORE_START",
            start.runtime_version.as_deref(),
            start.runtime_version_arn.as_deref(),
        ),
        Record::RestoreReport(report) => Some(restore_report(report)),
        Record::Extension(told) => Some(extension(told)),
        Record::TelemetrySubscription(told) => Some(subscription("TELEMETRY", told)),
        Record::LogsSubscription(told) => Some(subscription("LOGS", told)),
        Record::Start(start) => {
            let version = start.version.as_deref().unwrap_or("$LATEST");
            Some(format!("START RequestId: {} Version: {version}\n", start.request_id))
        }
        Record::Fault(text) => Some(text.clone()),
        Record::End(end) => Some(format!("END RequestId: {}\n", end.request_id)),
        Record::Report(told) => Some(report(told)),
        Record::InitRuntimeDone(_)
        | Record::RestoreRuntimeDone(_)
        | Record::RuntimeDone(_)
        | Record::LogsDropped(_) => None,
    }
}

fn runtime_version(word: &str, version: Option<&str>, arn: Option<&str>) -> Option<String> {
    Some(format!("{word} Runtime Version: {}\tRuntime Version ARN: {}\n", version?, arn.unwrap_or_default()))
}

/// AWS tells of failures only.
fn init_report(report: &InitReport) -> Option<String> {
    if report.status == Status::Success {
        return None;
    }
    let duration = milliseconds(report.metrics.duration);
    let (phase, status) = (report.phase.as_str(), status_word(report.status));
    let error = report.error_type.as_ref().map_or_else(String::new, |error| format!("\tError Type: {error}"));
    Some(format!("INIT_REPORT Init Duration: {duration} ms\tPhase: {phase}\tStatus: {status}{error}\n"))
}

fn restore_report(report: &RestoreReport) -> String {
    let duration = milliseconds(report.metrics.duration);
    let status = match (report.status, &report.error_type) {
        (Status::Success, _) => String::new(),
        (status, None) => format!("\tStatus: {}", status_word(status)),
        (status, Some(error)) => format!("\tStatus: {}\tError Type: {error}", status_word(status)),
    };
    format!("RESTORE_REPORT Restore Duration: {duration} ms{status}\n")
}

fn extension(told: &Extension) -> String {
    let error = told.error_type.as_ref().map_or_else(String::new, |error| format!("\tError Type: {error}"));
    format!(
        "EXTENSION\tName: {}\tState: {}\tEvents: [{}]{error}\n",
        told.name,
        told.state,
        told.events.join(",")
    )
}

fn subscription(word: &str, told: &Subscription) -> String {
    let types: Vec<&str> = told
        .types
        .iter()
        .map(|kind| match kind {
            Kind::Platform => "Platform",
            Kind::Function => "Function",
            Kind::Extension => "Extension",
        })
        .collect();
    format!("{word}\tName: {}\tState: {}\tTypes: [{}]\n", told.name, told.state, types.join(", "))
}

fn report(told: &Report) -> String {
    let metrics = &told.metrics;
    let extra = |name: &str, duration: Option<Micros>| {
        duration.map_or_else(String::new, |duration| format!("{name}: {} ms\t", milliseconds(duration)))
    };
    let status = match (told.status, &told.error_type) {
        (Status::Success, _) => String::new(),
        (status, None) => format!("Status: {}\t", status_word(status)),
        (status, Some(error)) => format!("Status: {}\tError Type: {error}\t", status_word(status)),
    };
    format!(
        "REPORT RequestId: {}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\tMax Memory Used: {} MB\t\
         {}{}{status}\n{}",
        told.request_id,
        milliseconds(metrics.duration),
        metrics.billed_ms,
        metrics.memory_mb,
        metrics.used_mb,
        extra("Init Duration", metrics.init),
        extra("Restore Duration", metrics.restore),
        told.tracing.as_ref().and_then(xray).unwrap_or_default(),
    )
}

/// The line that leads to the trace, if the invocation was sampled.
fn xray(tracing: &Tracing) -> Option<String> {
    (tracing.field("Sampled") == Some("1")).then_some(())?;
    let (root, segment) = (tracing.field("Root")?, tracing.span_id.as_ref()?);
    Some(format!("XRAY TraceId: {root}\tSegmentId: {segment}\tSampled: true\t\n"))
}

fn milliseconds(Micros(us): Micros) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Success => "success",
        Status::Failure => "failure",
        Status::Error => "error",
        Status::Timeout => "timeout",
    }
}
