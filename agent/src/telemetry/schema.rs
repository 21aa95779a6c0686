//! Pure: what the platform tells: the records behind its log lines and behind the events of the Telemetry and Logs
//! APIs.
//!
//! One event is `{"time":…,"type":…,"record":…}`. [AWS: Telemetry API event schema reference; Lambda Logs API]

use bytes::Bytes;
use lambdock_protocol::{InitializationType, Status};
use serde::{Serialize, Serializer};

use super::subscription::{Kind, Schema};

/// What an event tells. Its JSON is `"type":…,"record":…`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "type", content = "record")]
pub enum Record {
    /// An init phase begins.
    #[serde(rename = "platform.initStart")]
    InitStart(InitStart),
    /// The runtime is ready, or will not be.
    #[serde(rename = "platform.initRuntimeDone")]
    InitRuntimeDone(InitRuntimeDone),
    /// An init phase is over.
    #[serde(rename = "platform.initReport")]
    InitReport(InitReport),
    /// A snapshot is being restored.
    #[serde(rename = "platform.restoreStart")]
    RestoreStart(RestoreStart),
    /// The runtime is ready after a restore, or will not be.
    #[serde(rename = "platform.restoreRuntimeDone")]
    RestoreRuntimeDone(RestoreRuntimeDone),
    /// A restore is over.
    #[serde(rename = "platform.restoreReport")]
    RestoreReport(RestoreReport),
    /// What became of an extension in the init phase.
    #[serde(rename = "platform.extension")]
    Extension(Extension),
    /// An extension subscribed to the Telemetry API.
    #[serde(rename = "platform.telemetrySubscription")]
    TelemetrySubscription(Subscription),
    /// An extension subscribed to the Logs API.
    #[serde(rename = "platform.logsSubscription")]
    LogsSubscription(Subscription),
    /// An invocation begins.
    #[serde(rename = "platform.start")]
    Start(Start),
    /// The runtime is done with an invocation.
    #[serde(rename = "platform.runtimeDone")]
    RuntimeDone(RuntimeDone),
    /// The runtime failed or was too late: text for people. Logs API only.
    #[serde(rename = "platform.fault")]
    Fault(String),
    /// An invocation is over. Logs API only.
    #[serde(rename = "platform.end")]
    End(End),
    /// What an invocation took.
    #[serde(rename = "platform.report")]
    Report(Report),
    /// A subscriber was too slow.
    #[serde(rename = "platform.logsDropped")]
    LogsDropped(LogsDropped),
}

/// `platform.initStart`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitStart {
    /// How the environment came to be.
    #[serde(serialize_with = "initialization_type")]
    pub initialization_type: InitializationType,
    /// When it happens.
    pub phase: Phase,
    /// Such as `python:3.12.v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version_arn: Option<String>,
    /// Name of the function.
    pub function_name: String,
    /// `$LATEST` or a number.
    pub function_version: String,
    /// The name of the log stream.
    pub instance_id: String,
    /// `MemorySize` in bytes.
    pub instance_max_memory: u64,
    /// Of the invocation that it happens in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
}

/// `platform.initRuntimeDone`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitRuntimeDone {
    /// How the environment came to be.
    #[serde(serialize_with = "initialization_type")]
    pub initialization_type: InitializationType,
    /// When it happened.
    pub phase: Phase,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// Of the invocation that it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
}

/// `platform.initReport`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct InitReport {
    /// How the environment came to be.
    #[serde(serialize_with = "initialization_type")]
    pub initialization_type: InitializationType,
    /// When it happened.
    pub phase: Phase,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What it took.
    pub metrics: DurationMetrics,
    /// Of the invocation that it happened in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
}

/// `platform.restoreStart`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreStart {
    /// Such as `java:21.v1`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version: Option<String>,
    /// Its ARN.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runtime_version_arn: Option<String>,
    /// Name of the function.
    pub function_name: String,
    /// A number.
    pub function_version: String,
    /// The name of the log stream.
    pub instance_id: String,
    /// `MemorySize` in bytes.
    pub instance_max_memory: u64,
}

/// `platform.restoreRuntimeDone`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreRuntimeDone {
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
}

/// `platform.restoreReport`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RestoreReport {
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What it took.
    pub metrics: DurationMetrics,
}

/// `platform.extension`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Extension {
    /// Its name.
    pub name: String,
    /// Its state in the Extensions API: `Ready`, `Registered`, `LaunchError`, …
    pub state: String,
    /// What it registered for, sorted.
    pub events: Vec<String>,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
}

/// `platform.telemetrySubscription` and `platform.logsSubscription`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Subscription {
    /// Name of the extension.
    pub name: String,
    /// `Subscribed`.
    pub state: &'static str,
    /// What it will get.
    pub types: Vec<Kind>,
}

/// `platform.start`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Start {
    /// Which invocation.
    pub request_id: String,
    /// `$LATEST` or a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// As invoked. Telemetry API from 2025-01-29.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub function_arn: Option<String>,
    /// Trace header of the invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
}

/// `platform.runtimeDone`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RuntimeDone {
    /// Which invocation.
    pub request_id: String,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metrics: Option<RuntimeDoneMetrics>,
    /// Where the time went: `responseLatency`, `responseDuration`, `runtimeOverhead`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// Trace header of the invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
}

/// `platform.end`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct End {
    /// Which invocation.
    pub request_id: String,
}

/// `platform.report`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Which invocation.
    pub request_id: String,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
    /// What it took.
    pub metrics: ReportMetrics,
    /// Where the time went.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// Trace header of the invocation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tracing: Option<Tracing>,
}

/// `platform.logsDropped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LogsDropped {
    /// Bytes of the events that a subscriber does not get.
    pub dropped_bytes: u64,
    /// How many events.
    pub dropped_records: u64,
    /// For people.
    pub reason: &'static str,
}

/// Phases that can contain an init.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// Its own.
    Init,
    /// That of an invocation: a suppressed init.
    Invoke,
}

impl Phase {
    /// As in the INIT_REPORT line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Init => "init",
            Self::Invoke => "invoke",
        }
    }
}

/// Microseconds; milliseconds with fraction in JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Micros(pub u64);

impl Serialize for Micros {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // In halves, which are exact: an init phase without a limit may take hours under a debugger.
        let half = |bits: u64| f64::from(u32::try_from(bits & u64::from(u32::MAX)).unwrap_or_default());
        serializer.serialize_f64((half(self.0 >> 32) * 2_f64.powi(32) + half(self.0)) / 1000.0)
    }
}

/// Metrics of an init or a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct DurationMetrics {
    /// How long it took.
    #[serde(rename = "durationMs")]
    pub duration: Micros,
}

/// Metrics of `platform.runtimeDone`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct RuntimeDoneMetrics {
    /// From the event's handing over until the runtime was done.
    #[serde(rename = "durationMs")]
    pub duration: Micros,
    /// Size of the response.
    #[serde(rename = "producedBytes", skip_serializing_if = "Option::is_none")]
    pub produced_bytes: Option<u64>,
}

/// Metrics of `platform.report`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReportMetrics {
    /// `Duration`.
    #[serde(rename = "durationMs")]
    pub duration: Micros,
    /// `Billed Duration` in milliseconds.
    #[serde(rename = "billedDurationMs")]
    pub billed_ms: u64,
    /// `MemorySize` in MB.
    #[serde(rename = "memorySizeMB")]
    pub memory_mb: u64,
    /// At the peak, in MB.
    #[serde(rename = "maxMemoryUsedMB")]
    pub used_mb: u64,
    /// `Init Duration`, for the first invocation after an init phase of its own.
    #[serde(rename = "initDurationMs", skip_serializing_if = "Option::is_none")]
    pub init: Option<Micros>,
    /// `Restore Duration`, for the first invocation after a restore.
    #[serde(rename = "restoreDurationMs", skip_serializing_if = "Option::is_none")]
    pub restore: Option<Micros>,
}

/// A piece of an invocation's time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Span {
    /// `responseLatency`: until the response began; `responseDuration`: until it was posted; `runtimeOverhead`:
    /// until the runtime asked for the next event.
    pub name: &'static str,
    /// When it began, in ISO 8601 with milliseconds.
    pub start: String,
    /// How long it lasted.
    #[serde(rename = "durationMs")]
    pub duration: Micros,
}

/// The trace of an invocation. In JSON its `type` is `X-Amzn-Trace-Id`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "type", rename = "X-Amzn-Trace-Id")]
pub struct Tracing {
    /// Id of the segment that the invocation is part of, 16 hex digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_id: Option<String>,
    /// `Root=…;Parent=…;Sampled=…`.
    pub value: String,
}

impl Tracing {
    /// The trace of an invocation with this header.
    pub fn of(header: &str) -> Self {
        Self { span_id: field(header, "Parent").map(str::to_owned), value: header.to_owned() }
    }

    /// A field of the header.
    pub fn field(&self, name: &str) -> Option<&str> {
        field(&self.value, name)
    }
}

fn field<'a>(header: &'a str, name: &str) -> Option<&'a str> {
    header.split(';').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='))
}

fn initialization_type<S: Serializer>(kind: &InitializationType, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

/// `time` before a record.
#[derive(Serialize)]
struct Event<'a, R: Serialize> {
    time: &'a str,
    #[serde(flatten)]
    record: R,
}

/// The members of a record that the Logs API knows.
#[derive(Serialize)]
#[serde(tag = "type", content = "record")]
enum LogsRecord<'a> {
    #[serde(rename = "platform.start", rename_all = "camelCase")]
    Start {
        request_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        version: Option<&'a str>,
    },
    #[serde(rename = "platform.runtimeDone", rename_all = "camelCase")]
    RuntimeDone { request_id: &'a str, status: Status },
    #[serde(rename = "platform.report", rename_all = "camelCase")]
    Report {
        request_id: &'a str,
        metrics: ReportMetrics,
        #[serde(skip_serializing_if = "Option::is_none")]
        tracing: Option<&'a Tracing>,
    },
}

impl Record {
    /// The event of this record, as JSON without a newline, at `time`.
    pub fn event(&self, time: &str) -> Bytes {
        encoded(time, self)
    }

    /// The event as a subscription with this schema gets it; `None`: not at all.
    pub fn event_for(&self, schema: Schema, time: &str) -> Option<Bytes> {
        match schema {
            Schema::Telemetry20220701 | Schema::Telemetry20221213 | Schema::Telemetry20250129 => {
                self.telemetry(schema, time)
            }
            Schema::Logs20200815 | Schema::Logs20210318 => self.logs(schema, time),
        }
    }

    fn telemetry(&self, schema: Schema, time: &str) -> Option<Bytes> {
        match self {
            Self::Fault(_) | Self::End(_) | Self::LogsSubscription(_) => None,
            // SnapStart is younger than the first schema.
            Self::RestoreStart(_) | Self::RestoreRuntimeDone(_) | Self::RestoreReport(_)
                if schema == Schema::Telemetry20220701 =>
            {
                None
            }
            Self::Start(start) if schema != Schema::Telemetry20250129 && start.function_arn.is_some() => {
                Some(Self::Start(Start { function_arn: None, ..start.clone() }).event(time))
            }
            _ => Some(self.event(time)),
        }
    }

    fn logs(&self, schema: Schema, time: &str) -> Option<Bytes> {
        match self {
            Self::Start(start) => {
                let version = start.version.as_deref();
                Some(encoded(time, &LogsRecord::Start { request_id: &start.request_id, version }))
            }
            Self::RuntimeDone(done) => (schema == Schema::Logs20210318).then(|| {
                let record = LogsRecord::RuntimeDone { request_id: &done.request_id, status: done.status };
                encoded(time, &record)
            }),
            Self::Report(report) => {
                let tracing = report.tracing.as_ref();
                let record =
                    LogsRecord::Report { request_id: &report.request_id, metrics: report.metrics, tracing };
                Some(encoded(time, &record))
            }
            Self::Fault(_)
            | Self::End(_)
            | Self::Extension(_)
            | Self::LogsSubscription(_)
            | Self::LogsDropped(_) => Some(self.event(time)),
            Self::InitStart(_)
            | Self::InitRuntimeDone(_)
            | Self::InitReport(_)
            | Self::RestoreStart(_)
            | Self::RestoreRuntimeDone(_)
            | Self::RestoreReport(_)
            | Self::TelemetrySubscription(_) => None,
        }
    }
}

fn encoded(time: &str, record: &impl Serialize) -> Bytes {
    let event = Event { time, record };
    serde_json::to_vec(&event)
        .expect("records are structs and enums of strings and numbers, whose keys are strings")
        .into()
}

/// The event of a line that a process wrote, the same in every schema. `kind` is [`Kind::Function`] or
/// [`Kind::Extension`]; `line` is without its newline. A JSON `object` stays one; of text, what is not UTF-8 becomes
/// U+FFFD.
pub fn line_event(kind: Kind, time: &str, line: &[u8], object: bool) -> Bytes {
    let mut event = Vec::with_capacity(line.len() + 80);
    // Both are plain ASCII.
    event.extend_from_slice(format!(r#"{{"time":"{time}","type":"{}","record":"#, kind.as_str()).as_bytes());
    if object {
        event.extend_from_slice(line);
    } else {
        serde_json::to_writer(&mut event, &String::from_utf8_lossy(line))
            .expect("a string is JSON, and memory does not refuse to be written");
    }
    event.push(b'}');
    event.into()
}

#[cfg(test)]
mod tests;
