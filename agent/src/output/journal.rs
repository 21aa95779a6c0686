//! The one place where everything that is logged passes: to the control plane, and to subscribers of telemetry.

use std::cell::RefCell;
use std::rc::Rc;

use bytes::{Bytes, BytesMut};
use lambdock_protocol::{Log, LogFormat, LogLevel, LogSource, Logging, ToControlPlane};

use super::frames::Written;
use super::levels;
use super::stdout::Stdout;
use crate::clock;
use crate::report::system_log;
use crate::telemetry::schema::Record;
use crate::telemetry::subscription::{Api, Kind};
use crate::telemetry::{Refusal, Telemetry};
use crate::uplink::Sender;

/// Who writes.
#[derive(Debug, Clone)]
pub(crate) enum Source {
    /// The runtime or one of its children.
    Function,
    /// An external extension, by its name.
    Extension(Rc<str>),
}

/// The log of an environment. Shared by `Rc`.
pub(crate) struct Journal {
    uplink: Sender,
    telemetry: Rc<Telemetry>,
    logging: Logging,
    /// The invocation that lines belong to.
    current: RefCell<Option<String>>,
    /// For whoever looks at the container's log.
    stdout: RefCell<Stdout>,
}

impl Journal {
    /// A log that goes to `uplink` as `logging` wants it, and to the subscribers of `telemetry`.
    pub(crate) fn new(uplink: Sender, telemetry: Rc<Telemetry>, logging: Logging) -> Self {
        Self {
            uplink,
            telemetry,
            logging,
            current: RefCell::new(None),
            stdout: RefCell::new(Stdout::nowhere()),
        }
    }

    /// The same; what processes write is on our own standard output as well, but not what the platform does.
    /// [LocalStack: init]
    pub(crate) fn on(self, stdout: Stdout) -> Self {
        Self { stdout: RefCell::new(stdout), ..self }
    }

    /// The hub behind it.
    pub(crate) fn telemetry(&self) -> &Telemetry {
        &self.telemetry
    }

    /// What is written from now on belongs to this invocation, or to none.
    pub(crate) fn belongs_to(&self, request_id: Option<String>) {
        *self.current.borrow_mut() = request_id;
    }

    /// Logs what the platform has to tell.
    pub(crate) async fn platform(&self, record: &Record) {
        if let Some(message) = self.message(record) {
            self.uplink.send(message).await;
        }
    }

    /// Tells subscribers, and makes the message for the control plane, for whoever has more to send with it.
    pub(crate) fn message(&self, record: &Record) -> Option<ToControlPlane> {
        let time_ms = clock::now_ms();
        let time = clock::iso(time_ms);
        self.telemetry.publish(record, &time);
        let lines = system_log::lines(&self.logging, record, &time)?;
        Some(ToControlPlane::Log(self.head(LogSource::Platform, time_ms), lines))
    }

    /// Logs what a process wrote.
    pub(crate) async fn written(&self, source: &Source, written: Written) {
        let (text, whole) = match &written {
            Written::Lines(lines) => (lines, false),
            Written::Message(message) => (message, true),
        };
        if text.is_empty() {
            return;
        }
        let time_ms = clock::now_ms();
        let text = match written {
            Written::Lines(lines) => self.sifted(source, lines, time_ms),
            Written::Message(message) => match self.is_dropped(source, &message, &clock::iso(time_ms)) {
                true => return,
                false => message,
            },
        };
        if text.is_empty() {
            return;
        }
        self.stdout.borrow_mut().write(&text);
        let log_source = match source {
            Source::Function => LogSource::Function,
            Source::Extension(_) => LogSource::Extension,
        };
        let head = Log { whole, ..self.head(log_source, time_ms) };
        self.uplink.send(ToControlPlane::Log(head, text)).await;
    }

    /// Answers an extension's PUT: status and JSON. `name` is its own.
    pub(crate) async fn put(&self, api: Api, name: &str, body: &[u8]) -> (u16, String) {
        match self.telemetry.subscribe(api, name, body).await {
            Ok(record) => {
                if let Some(record) = record {
                    self.platform(&record).await;
                }
                (200, r#""OK""#.to_owned())
            }
            Err(Refusal { status, error_type, message }) => {
                (status, Refusal { status, error_type, message }.body())
            }
        }
    }

    fn head(&self, source: LogSource, time_ms: u64) -> Log {
        Log { source, time_ms, request_id: self.current.borrow().clone(), whole: false }
    }

    /// Tells subscribers of the lines, and keeps those that the log is to have.
    fn sifted(&self, source: &Source, lines: Bytes, time_ms: u64) -> Bytes {
        let (kind, _) = kind_of(source);
        let least = self.least(source);
        if !self.telemetry.wants(kind) && least.is_none_or(|least| least == LogLevel::Trace) {
            return lines;
        }
        let time = clock::iso(time_ms);
        let mut kept: Option<BytesMut> = None;
        let mut passed = 0;
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            let drop = self.is_dropped(source, line, &time);
            match (&mut kept, drop) {
                (Some(kept), false) => kept.extend_from_slice(line),
                // The first that is dropped: from here on lines are copied.
                (None, true) => kept = Some(BytesMut::from(&lines[..passed])),
                (None, false) | (Some(_), true) => {}
            }
            passed += line.len();
        }
        kept.map_or(lines, BytesMut::freeze)
    }

    /// Tells subscribers of a line or a message; whether the log is not to have it. Levels are for the log: subscribers
    /// get everything. [AWS: levels decide what is sent to CloudWatch Logs]
    fn is_dropped(&self, source: &Source, text: &[u8], time: &str) -> bool {
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        let (kind, extension) = kind_of(source);
        let level = if self.logging.format == LogFormat::Json { levels::of_object(text) } else { None };
        if self.telemetry.wants(kind) {
            self.telemetry.line(extension, text, level.is_some(), time);
        }
        matches!((self.least(source), level), (Some(least), Some(level)) if level < least)
    }

    /// The least level that the log is to have.
    fn least(&self, source: &Source) -> Option<LogLevel> {
        match source {
            Source::Function if self.logging.format == LogFormat::Json => {
                Some(self.logging.application_level.unwrap_or(LogLevel::Info))
            }
            Source::Function | Source::Extension(_) => None,
        }
    }
}

fn kind_of(source: &Source) -> (Kind, Option<&Rc<str>>) {
    match source {
        Source::Function => (Kind::Function, None),
        Source::Extension(name) => (Kind::Extension, Some(name)),
    }
}
