//! Pure: what the platform itself writes: log lines and the payloads of failures.
//!
//! [AWS: recorded texts; the spacing of the REPORT line is CloudWatch's]

use lambdock_protocol::{LogFormat, LogLevel, Logging, RuntimeVersion, Status};
use serde_json::{Value, json};

use crate::lifecycle::{InitEnd, Standing};

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an exit status.
    Code(i32),
    /// By a signal.
    Signal(i32),
    /// By a signal, because the container had no memory left.
    OutOfMemory,
}

impl Ended {
    /// What is said of an extension that ended so.
    pub(crate) fn of_extension(self) -> String {
        match self {
            Self::Code(0) => "exit code 0".to_owned(),
            Self::Code(code) => format!("exit status {code}"),
            Self::Signal(signal) => format!("signal: {}", signal_name(signal)),
            Self::OutOfMemory => "signal: killed".to_owned(),
        }
    }
}

/// A failure, for the caller and the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Such as `Runtime.ExitError`.
    pub error_type: String,
    /// Payload for the caller.
    pub payload: Vec<u8>,
}

impl Failure {
    fn worded(error_type: &str, message: &str) -> Self {
        // AWS's order of members.
        let payload = format!(r#"{{"errorType":{},"errorMessage":{}}}"#, json!(error_type), json!(message));
        Self { error_type: error_type.to_owned(), payload: payload.into_bytes() }
    }

    /// A failure of the invocation `request_id`.
    pub(crate) fn of_request(error_type: &str, request_id: &str, message: &str) -> Self {
        Self::worded(error_type, &format!("RequestId: {request_id} Error: {message}"))
    }

    /// The runtime died.
    pub fn exit(request_id: &str, ended: Ended) -> Self {
        let (error_type, message) = match ended {
            Ended::Code(0) => ("Runtime.ExitError", "Runtime exited without providing a reason".to_owned()),
            Ended::Code(code) => {
                ("Runtime.ExitError", format!("Runtime exited with error: exit status {code}"))
            }
            Ended::Signal(signal) => {
                ("Runtime.ExitError", format!("Runtime exited with error: signal: {}", signal_name(signal)))
            }
            Ended::OutOfMemory => {
                ("Runtime.OutOfMemory", "Runtime exited with error: signal: killed".to_owned())
            }
        };
        Self::of_request(error_type, request_id, &message)
    }

    /// The time was up.
    pub fn timeout(request_id: &str, timeout_ms: u64) -> Self {
        Self::of_request("Sandbox.Timedout", request_id, &timed_out(timeout_ms))
    }

    /// The answer is larger than allowed.
    pub fn too_large(limit: u64) -> Self {
        let message = format!("Response payload size exceeded maximum allowed payload size ({limit} bytes).");
        // Recorded with the message first.
        let payload =
            format!(r#"{{"errorMessage":{},"errorType":"Function.ResponseSizeTooLarge"}}"#, json!(message));
        Self { error_type: "Function.ResponseSizeTooLarge".to_owned(), payload: payload.into_bytes() }
    }
}

fn timed_out(timeout_ms: u64) -> String {
    format!("Task timed out after {}.{:02} seconds", timeout_ms / 1000, timeout_ms % 1000 / 10)
}

/// A signal as Go prints it, which is how AWS's messages have it.
fn signal_name(signal: i32) -> String {
    let name = match signal {
        1 => "hangup",
        2 => "interrupt",
        3 => "quit",
        4 => "illegal instruction",
        5 => "trace/breakpoint trap",
        6 => "aborted",
        7 => "bus error",
        8 => "floating point exception",
        9 => "killed",
        10 => "user defined signal 1",
        11 => "segmentation fault",
        12 => "user defined signal 2",
        13 => "broken pipe",
        14 => "alarm clock",
        15 => "terminated",
        other => return format!("signal {other}"),
    };
    name.to_owned()
}

/// Text and, for the JSON format, the event of the same name.
pub(crate) struct Lines<'a> {
    /// Format and levels.
    pub logging: &'a Logging,
    /// `Version` of the function.
    pub version: &'a str,
    /// `MemorySize` in MB.
    pub memory_mb: u32,
}

/// What the REPORT line tells.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Report<'a> {
    /// Which invocation.
    pub request_id: &'a str,
    /// How it ended.
    pub status: Status,
    /// What went wrong.
    pub error_type: Option<&'a str>,
    /// Microseconds.
    pub duration_us: u64,
    /// Microseconds of an init phase before it.
    pub init_us: Option<u64>,
    /// Bytes at the peak.
    pub max_memory_bytes: Option<u64>,
}

impl Report<'_> {
    /// Duration and init, rounded up to whole milliseconds. [AWS: billed since August 2025]
    pub(crate) fn billed_ms(&self) -> u64 {
        (self.duration_us + self.init_us.unwrap_or(0)).div_ceil(1000)
    }
}

fn milliseconds(us: u64) -> String {
    format!("{}.{:02}", us / 1000, us % 1000 / 10)
}

/// A number of milliseconds in JSON, exact to the microsecond.
fn fraction(us: u64) -> Value {
    json!(f64::from(u32::try_from(us).unwrap_or(u32::MAX)) / 1000.0)
}

fn status_word(status: Status) -> &'static str {
    match status {
        Status::Success => "success",
        Status::Failure => "failure",
        Status::Error => "error",
        Status::Timeout => "timeout",
    }
}

const MB: u64 = 1 << 20;

impl Lines<'_> {
    fn event(&self, time: &str, name: &str, level: LogLevel, record: &Value) -> String {
        if self.logging.system_level.is_some_and(|wanted| level < wanted) {
            return String::new();
        }
        format!("{}\n", json!({ "time": time, "type": name, "record": record }))
    }

    fn is_json(&self) -> bool {
        self.logging.format == LogFormat::Json
    }

    /// The first line of an environment.
    pub(crate) fn init_start(
        &self,
        time: &str,
        runtime: Option<&RuntimeVersion>,
        initialization_type: &str,
    ) -> String {
        if self.is_json() {
            let record = json!({
                "initializationType": initialization_type,
                "phase": "init",
                "runtimeVersion": runtime.map(|runtime| runtime.version.as_str()),
                "runtimeVersionArn": runtime.map(|runtime| runtime.arn.as_str()),
                "functionVersion": self.version,
                "instanceId": self.logging.stream,
                "instanceMaxMemory": u64::from(self.memory_mb) * MB,
            });
            return self.event(time, "platform.initStart", LogLevel::Info, &record);
        }
        runtime.map_or_else(String::new, |runtime| {
            format!("INIT_START Runtime Version: {}\tRuntime Version ARN: {}\n", runtime.version, runtime.arn)
        })
    }

    /// How an extension stands when the init phase is over.
    pub(crate) fn extension(&self, time: &str, standing: &Standing) -> String {
        let Standing { name, state, events, error_type } = standing;
        if self.is_json() {
            let mut record = json!({ "name": name, "state": state, "events": events });
            if let (Some(error), Some(record)) = (error_type, record.as_object_mut()) {
                record.insert("errorType".to_owned(), error.as_str().into());
            }
            return self.event(time, "platform.extension", LogLevel::Info, &record);
        }
        let error = error_type.as_ref().map_or_else(String::new, |error| format!("\tError Type: {error}"));
        format!("EXTENSION\tName: {name}\tState: {state}\tEvents: [{}]{error}\n", events.join(", "))
    }

    /// An init phase that failed.
    pub(crate) fn init_report(&self, time: &str, end: &InitEnd) -> String {
        let InitEnd { duration_us: us, phase, status, ref error_type } = *end;
        let error_type = error_type.as_deref();
        let word = status_word(status);
        if self.is_json() {
            let record = json!({
                "phase": phase, "status": word, "errorType": error_type, "metrics": { "durationMs": fraction(us) },
            });
            return self.event(time, "platform.initReport", LogLevel::Warn, &record);
        }
        let error = error_type.map_or_else(String::new, |error| format!("\tError Type: {error}"));
        format!("INIT_REPORT Init Duration: {} ms\tPhase: {phase}\tStatus: {word}{error}\n", milliseconds(us))
    }

    /// An invocation begins.
    pub(crate) fn start(&self, time: &str, request_id: &str) -> String {
        if self.is_json() {
            let record = json!({ "requestId": request_id, "version": self.version });
            return self.event(time, "platform.start", LogLevel::Info, &record);
        }
        format!("START RequestId: {request_id} Version: {}\n", self.version)
    }

    /// The time is up.
    pub(crate) fn timed_out(&self, time: &str, request_id: &str, timeout_ms: u64) -> String {
        if self.is_json() {
            // The report says it.
            return String::new();
        }
        format!("{time} {request_id} {}\n\n", timed_out(timeout_ms))
    }

    /// The last lines of an invocation.
    pub(crate) fn end(&self, time: &str, report: &Report<'_>) -> String {
        let used = report.max_memory_bytes.map_or(u64::from(self.memory_mb), |bytes| bytes.div_ceil(MB));
        let used = used.min(u64::from(self.memory_mb));
        if self.is_json() {
            let level = if report.status == Status::Success { LogLevel::Info } else { LogLevel::Warn };
            let mut metrics = json!({
                "durationMs": fraction(report.duration_us),
                "billedDurationMs": report.billed_ms(),
                "memorySizeMB": self.memory_mb,
                "maxMemoryUsedMB": used,
            });
            if let (Some(us), Some(metrics)) = (report.init_us, metrics.as_object_mut()) {
                metrics.insert("initDurationMs".to_owned(), fraction(us));
            }
            let mut record = json!({
                "requestId": report.request_id, "metrics": metrics, "status": status_word(report.status),
            });
            if let (Some(error), Some(record)) = (report.error_type, record.as_object_mut()) {
                record.insert("errorType".to_owned(), error.into());
            }
            return self.event(time, "platform.report", level, &record);
        }
        let id = report.request_id;
        let init =
            report.init_us.map_or_else(String::new, |us| format!("Init Duration: {} ms\t", milliseconds(us)));
        let status = match (report.status, report.error_type) {
            (Status::Success, _) => String::new(),
            (status, None) => format!("Status: {}\t", status_word(status)),
            (status, Some(error)) => format!("Status: {}\tError Type: {error}\t", status_word(status)),
        };
        format!(
            "END RequestId: {id}\nREPORT RequestId: {id}\tDuration: {} ms\tBilled Duration: {} ms\tMemory Size: {} MB\t\
             Max Memory Used: {used} MB\t{init}{status}\n",
            milliseconds(report.duration_us),
            report.billed_ms(),
            self.memory_mb,
        )
    }
}
