//! Pure: which records become lines of the function's log, in which form.

use bytes::Bytes;
use lambdock_protocol::{LogFormat, LogLevel, Logging, Status};

use super::text;
use crate::telemetry::schema::Record;

/// The lines of a record, each with its newline; `None`: it has none, or they are below the level that was asked for.
pub(crate) fn lines(logging: &Logging, record: &Record, time: &str) -> Option<Bytes> {
    match logging.format {
        LogFormat::Text => text::lines(record).map(Bytes::from),
        LogFormat::Json => {
            let level = level(record)?;
            if level < logging.system_level.unwrap_or(LogLevel::Info) {
                return None;
            }
            let event = record.event(time);
            let mut line = Vec::with_capacity(event.len() + 1);
            line.extend_from_slice(&event);
            line.push(b'\n');
            Some(line.into())
        }
    }
}

/// The level of a record; `None`: it is no part of the log. [AWS: system log level event mapping]
fn level(record: &Record) -> Option<LogLevel> {
    let by = |status: Status, well: LogLevel| if status == Status::Success { well } else { LogLevel::Warn };
    Some(match record {
        Record::InitStart(start) => {
            start.runtime_version.as_ref().map_or(LogLevel::Debug, |_| LogLevel::Info)
        }
        Record::RestoreStart(start) => {
            start.runtime_version.as_ref().map_or(LogLevel::Debug, |_| LogLevel::Info)
        }
        Record::InitRuntimeDone(done) => by(done.status, LogLevel::Debug),
        Record::InitReport(report) => {
            let on_demand = report.initialization_type == lambdock_protocol::InitializationType::OnDemand;
            by(report.status, if on_demand { LogLevel::Debug } else { LogLevel::Info })
        }
        Record::RestoreRuntimeDone(done) => by(done.status, LogLevel::Debug),
        Record::RestoreReport(report) => by(report.status, LogLevel::Info),
        Record::RuntimeDone(done) => by(done.status, LogLevel::Debug),
        Record::Report(report) => by(report.status, LogLevel::Info),
        Record::Extension(extension) if extension.error_type.is_some() => LogLevel::Warn,
        Record::Extension(_)
        | Record::TelemetrySubscription(_)
        | Record::LogsSubscription(_)
        | Record::Start(_) => LogLevel::Info,
        Record::LogsDropped(_) => LogLevel::Warn,
        // The report says it.
        Record::Fault(_) | Record::End(_) => return None,
    })
}

#[cfg(test)]
mod tests;
