//! Pure: the messages, their fields and their kinds on the wire.

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};

use crate::codec::{Decoder, Encoded, Error, encode};

/// What a connection is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// The environment's one control connection.
    #[default]
    Environment,
    /// A tunnel from a client in the container to the control plane's public API.
    Gateway,
}

/// First message of every connection.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// Protocol versions the agent speaks.
    pub versions: Vec<u16>,
    /// Id of the execution environment, as given to the container.
    pub environment: String,
    /// The environment's secret, as given to the container.
    pub secret: String,
    /// What this connection is for.
    #[serde(default)]
    pub purpose: Purpose,
    /// Version of the agent, for the log.
    #[serde(default)]
    pub agent: String,
}

/// `AWS_LAMBDA_INITIALIZATION_TYPE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum InitializationType {
    /// Started by an invocation.
    #[default]
    OnDemand,
    /// Started ahead of invocations by a provisioned concurrency configuration.
    ProvisionedConcurrency,
    /// Restored from a snapshot.
    SnapStart,
    /// On managed instances.
    LambdaManagedInstances,
}

impl InitializationType {
    /// The value of the environment variable.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OnDemand => "on-demand",
            Self::ProvisionedConcurrency => "provisioned-concurrency",
            Self::SnapStart => "snap-start",
            Self::LambdaManagedInstances => "lambda-managed-instances",
        }
    }
}

/// A zip archive to unpack before the runtime starts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Archive {
    /// SHA-256 of the archive, lower-case hex; the name under which the agent fetches it.
    pub digest: String,
    /// Bytes of the archive.
    pub size: u64,
    /// Absolute folder in the container to unpack into.
    pub target: String,
}

/// Permission bits to apply to a path and everything below it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PathMode {
    /// Absolute path in the container.
    pub path: String,
    /// Mode in octal digits, such as `0755`.
    pub mode: String,
}

/// `LoggingConfig.LogFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum LogFormat {
    /// Plain text with START, END and REPORT lines.
    #[default]
    Text,
    /// JSON objects.
    #[serde(rename = "JSON")]
    Json,
}

/// Level below which lines are dropped when the format is JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
#[expect(missing_docs, reason = "AWS's words")]
pub enum LogLevel {
    Trace,
    Debug,
    Info,
    Warn,
    Error,
    Fatal,
}

/// How the environment writes its log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Logging {
    /// Text or JSON.
    #[serde(default)]
    pub format: LogFormat,
    /// For lines of the function itself; JSON format only.
    #[serde(default)]
    pub application_level: Option<LogLevel>,
    /// For lines of the platform; JSON format only.
    #[serde(default)]
    pub system_level: Option<LogLevel>,
    /// `AWS_LAMBDA_LOG_GROUP_NAME`.
    #[serde(default)]
    pub group: String,
    /// `AWS_LAMBDA_LOG_STREAM_NAME`.
    #[serde(default)]
    pub stream: String,
}

/// `TracingConfig.Mode`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[expect(missing_docs, reason = "AWS's words")]
pub enum TracingMode {
    #[default]
    PassThrough,
    Active,
}

/// What the `INIT_START` line says of the runtime.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuntimeVersion {
    /// Such as `python:3.12.v1`.
    pub version: String,
    /// `arn:aws:lambda:<region>::runtime:<hex>`.
    pub arn: String,
}

/// Turns a waiting sandbox into the environment of one function version. Sent once per connection.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Assignment {
    /// Name of the function.
    pub function_name: String,
    /// `$LATEST` or a number.
    pub function_version: String,
    /// Account that owns the function, 12 digits.
    pub account_id: String,
    /// Region of the function.
    pub region: String,
    /// `MemorySize` in MB.
    pub memory_size_mb: u32,
    /// `Timeout` of one invocation in milliseconds.
    pub timeout_ms: u64,
    /// Limit of the init phase in milliseconds; `None`: no limit.
    #[serde(default)]
    pub init_timeout_ms: Option<u64>,
    /// `_HANDLER`; empty for container images.
    #[serde(default)]
    pub handler: String,
    /// How the environment came to be.
    #[serde(default)]
    pub initialization_type: InitializationType,
    /// Command line of the runtime. `None`: the first bootstrap found in `/var/task`, `/opt`, `/var/runtime`.
    #[serde(default)]
    pub command: Option<Vec<String>>,
    /// Working directory of the runtime. `None`: `/var/task` for a bootstrap, else the container's own.
    #[serde(default)]
    pub working_directory: Option<String>,
    /// User of the runtime and the extensions, a name or a number, and after a colon a group if it is another than the
    /// user's. `None`: `sbx_user1051`; `root` or empty: stay root.
    #[serde(default)]
    pub user: Option<String>,
    /// Environment variables of the function and of Lambda, on top of the container's own.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Code and layers, unpacked in this order; later ones overwrite files of earlier ones.
    #[serde(default)]
    pub archives: Vec<Archive>,
    /// Applied after unpacking.
    #[serde(default)]
    pub modes: Vec<PathMode>,
    /// Largest request or response payload in bytes.
    pub payload_limit: u64,
    /// How the environment writes its log.
    #[serde(default)]
    pub logging: Logging,
    /// Whether invocations are traced.
    #[serde(default)]
    pub tracing: TracingMode,
    /// Whether [`ToControlPlane::Segments`] are wanted. A control plane from before there were any does not say so,
    /// and would take them for a breach of the protocol.
    #[serde(default)]
    pub segments: bool,
    /// For the `INIT_START` line.
    #[serde(default)]
    pub runtime_version: Option<RuntimeVersion>,
    /// Folders whose changes restart the runtime; empty: no hot reload.
    #[serde(default)]
    pub hot_reload_paths: Vec<String>,
    /// Port on the container's loopback that leads to the control plane's public API; `None`: no tunnel.
    #[serde(default)]
    pub gateway_port: Option<u16>,
}

/// One invocation. The body is the event.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Invoke {
    /// Request id, a lower-case UUID.
    pub request_id: String,
    /// ARN as invoked: with the qualifier only if one was given.
    pub invoked_function_arn: String,
    /// Time left in milliseconds. The deadline is reckoned on the container's clock, which may differ from ours.
    pub timeout_ms: u64,
    /// `Root=…;Parent=…;Sampled=…`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trace_id: Option<String>,
    /// Client context as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_context: Option<String>,
    /// Cognito identity as JSON text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cognito_identity: Option<String>,
    /// Tenant of a function with tenant isolation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant_id: Option<String>,
    /// Media type of the event; `None`: `application/json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
}

/// Why an environment ends, as extensions are told (Extensions API, `shutdownReason`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "AWS's words")]
pub enum ShutdownReason {
    Spindown,
    Timeout,
    Failure,
}

/// Ends the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shutdown {
    /// Why.
    pub reason: ShutdownReason,
    /// Milliseconds until everything left is killed.
    pub budget_ms: u64,
}

/// How a phase ended, in the words of the Telemetry API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "AWS's words")]
pub enum Status {
    Success,
    Failure,
    Error,
    Timeout,
}

/// The init phase is over. A failed init of an on-demand environment is run again inside its first invocation, so
/// the environment takes invocations either way. On failure the body is the error's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialized {
    /// How it ended.
    pub status: Status,
    /// Microseconds from the start of the first extension or the runtime until all were ready.
    pub duration_us: u64,
    /// Such as `Runtime.ExitError`; only on failure.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
}

/// Who wrote a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogSource {
    /// The runtime and its children.
    Function,
    /// An external extension.
    Extension,
    /// Lambda itself: START, END, REPORT, …
    Platform,
}

/// Whole lines of output, as they happen, or a message of several. The body holds them, each ended by a newline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    /// Who wrote them.
    pub source: LogSource,
    /// Milliseconds since the epoch, on the container's clock.
    pub time_ms: u64,
    /// The invocation during which they were written; `None` outside of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The lines are one message of the runtime's logger, and one event of the log.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
}

/// How the runtime answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    /// The whole body is the answer.
    #[default]
    Buffered,
    /// Chunks may be passed on as they come.
    Streaming,
}

/// The runtime began to post its response; chunks follow.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseStart {
    /// Which invocation.
    pub request_id: String,
    /// Media type that the runtime gave; `None`: `application/octet-stream`, to those who need one. [AWS: Runtime API]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// How it answers.
    #[serde(default)]
    pub mode: Mode,
    /// Length in bytes when the runtime announced it, so that the receiver can make room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub length: Option<u64>,
}

/// The response is complete. With an error type, a streamed response failed midway and the body is the error's JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResponseEnd {
    /// Which invocation.
    pub request_id: String,
    /// From the trailer `Lambda-Runtime-Function-Error-Type`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_type: Option<String>,
}

/// The invocation has no (further) response: the handler raised, the runtime died, the time was up, … The body is
/// the payload for the caller. May follow [`ResponseStart`], then the chunks received so far are void for a buffered
/// response and the end of a streamed one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    /// Which invocation.
    pub request_id: String,
    /// Such as `Function.Unknown`, `Runtime.ExitError`, `Sandbox.Timedout`.
    pub error_type: String,
}

/// The environment is done with an invocation and ready for the next one. Its log lines have all been sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// Which invocation.
    pub request_id: String,
    /// How it ended.
    pub status: Status,
    /// `Duration` in microseconds.
    pub duration_us: u64,
    /// `Billed Duration` in milliseconds.
    pub billed_ms: u64,
    /// `Init Duration` in microseconds, on the first invocation of an environment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub init_us: Option<u64>,
    /// `Max Memory Used` in bytes; `None` when it cannot be measured here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_memory_bytes: Option<u64>,
    /// Microseconds that extensions took after the runtime was done; `None` without extensions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub extensions_us: Option<u64>,
}

/// Documents of X-Ray segments that the function has sent to its daemon. The body holds them one after the other, as
/// they were sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segments {
    /// Bytes of each document, in the order of the body.
    pub lengths: Vec<u32>,
}

impl Segments {
    /// The head and the body of a message with these documents.
    pub fn pack(documents: &[Bytes]) -> (Self, Bytes) {
        let mut body = BytesMut::with_capacity(documents.iter().map(Bytes::len).sum());
        let length = |document: &Bytes| {
            u32::try_from(document.len()).expect("a document fits into a datagram of 64 KiB")
        };
        let lengths = documents.iter().map(length).collect();
        documents.iter().for_each(|document| body.extend_from_slice(document));
        (Self { lengths }, body.freeze())
    }

    /// The documents in a body. `None`: head and body contradict each other, or a document has no bytes.
    pub fn unpack(&self, mut body: Bytes) -> Option<Vec<Bytes>> {
        let mut documents = Vec::new();
        for length in &self.lengths {
            let length = usize::try_from(*length).ok().filter(|length| (1..=body.len()).contains(length))?;
            documents.push(body.split_to(length));
        }
        body.is_empty().then_some(documents)
    }
}

/// What the control plane says.
#[derive(Debug, Clone)]
pub enum ToAgent {
    /// Admitted; the version both will speak.
    Welcome {
        /// Chosen out of [`Hello::versions`].
        version: u16,
    },
    /// Not admitted; the connection is closed.
    Refused {
        /// For the agent's log.
        reason: String,
    },
    /// What this environment is.
    Assign(Box<Assignment>),
    /// A piece of the archive asked for last; an empty piece with `last` ends it.
    ArchiveChunk {
        /// The bytes.
        bytes: Bytes,
        /// Whether the archive is complete with it.
        last: bool,
    },
    /// Run the function once.
    Invoke(Invoke, Bytes),
    /// End.
    Shutdown(Shutdown),
}

/// What the agent says.
#[derive(Debug, Clone)]
pub enum ToControlPlane {
    /// First message.
    Hello(Hello),
    /// Send the archive with this digest.
    FetchArchive {
        /// [`Archive::digest`].
        digest: String,
    },
    /// The init phase is over; error JSON on failure.
    Initialized(Initialized, Bytes),
    /// Lines of output.
    Log(Log, Bytes),
    /// The response begins.
    ResponseStart(ResponseStart),
    /// A piece of the response begun last.
    ResponseChunk(Bytes),
    /// The response ends; error JSON if it failed midway.
    ResponseEnd(ResponseEnd, Bytes),
    /// No response; the payload for the caller.
    Failed(Failed, Bytes),
    /// Ready for the next invocation.
    Done(Done),
    /// The environment cannot serve at all and is about to exit: its code cannot be unpacked, say.
    Unusable {
        /// What is wrong, for the caller and the log.
        reason: String,
    },
    /// Traces of the function; only if [`Assignment::segments`] asks for them.
    Segments(Segments, Bytes),
}

#[derive(Serialize, Deserialize)]
struct WelcomeHead {
    version: u16,
}

#[derive(Serialize, Deserialize)]
struct ReasonHead {
    reason: String,
}

#[derive(Serialize, Deserialize)]
struct ChunkHead {
    last: bool,
}

#[derive(Serialize, Deserialize)]
struct DigestHead {
    digest: String,
}

const NO_HEAD: Option<&()> = None;

impl ToAgent {
    /// The frame of this message.
    pub fn encode(&self) -> Encoded {
        match self {
            Self::Welcome { version } => encode(1, Some(&WelcomeHead { version: *version }), Bytes::new()),
            Self::Refused { reason } => encode(2, Some(&ReasonHead { reason: reason.clone() }), Bytes::new()),
            Self::Assign(assignment) => encode(3, Some(assignment), Bytes::new()),
            Self::ArchiveChunk { bytes, last } => encode(4, Some(&ChunkHead { last: *last }), bytes.clone()),
            Self::Invoke(invoke, payload) => encode(5, Some(invoke), payload.clone()),
            Self::Shutdown(shutdown) => encode(6, Some(shutdown), Bytes::new()),
        }
    }

    /// Takes the next message out of `buffer`; `None`: read more into it first.
    pub fn decode(decoder: &Decoder, buffer: &mut BytesMut) -> Result<Option<Self>, Error> {
        let Some(frame) = decoder.next_frame(buffer)? else { return Ok(None) };
        Ok(Some(match frame.kind {
            1 => Self::Welcome { version: frame.head::<WelcomeHead>()?.version },
            2 => Self::Refused { reason: frame.head::<ReasonHead>()?.reason },
            3 => Self::Assign(Box::new(frame.head()?)),
            4 => Self::ArchiveChunk { last: frame.head::<ChunkHead>()?.last, bytes: frame.body },
            5 => Self::Invoke(frame.head()?, frame.body),
            6 => Self::Shutdown(frame.head()?),
            kind => return Err(Error::UnknownKind(kind)),
        }))
    }
}

impl ToControlPlane {
    /// The frame of this message.
    pub fn encode(&self) -> Encoded {
        match self {
            Self::Hello(hello) => encode(1, Some(hello), Bytes::new()),
            Self::FetchArchive { digest } => {
                encode(2, Some(&DigestHead { digest: digest.clone() }), Bytes::new())
            }
            Self::Initialized(head, error) => encode(3, Some(head), error.clone()),
            Self::Log(head, lines) => encode(4, Some(head), lines.clone()),
            Self::ResponseStart(head) => encode(5, Some(head), Bytes::new()),
            Self::ResponseChunk(bytes) => encode(6, NO_HEAD, bytes.clone()),
            Self::ResponseEnd(head, error) => encode(7, Some(head), error.clone()),
            Self::Failed(head, payload) => encode(8, Some(head), payload.clone()),
            Self::Done(head) => encode(9, Some(head), Bytes::new()),
            Self::Unusable { reason } => {
                encode(10, Some(&ReasonHead { reason: reason.clone() }), Bytes::new())
            }
            Self::Segments(head, documents) => encode(11, Some(head), documents.clone()),
        }
    }

    /// Takes the next message out of `buffer`; `None`: read more into it first.
    pub fn decode(decoder: &Decoder, buffer: &mut BytesMut) -> Result<Option<Self>, Error> {
        let Some(frame) = decoder.next_frame(buffer)? else { return Ok(None) };
        Ok(Some(match frame.kind {
            1 => Self::Hello(frame.head()?),
            2 => Self::FetchArchive { digest: frame.head::<DigestHead>()?.digest },
            3 => Self::Initialized(frame.head()?, frame.body),
            4 => Self::Log(frame.head()?, frame.body),
            5 => Self::ResponseStart(frame.head()?),
            6 => Self::ResponseChunk(frame.body),
            7 => Self::ResponseEnd(frame.head()?, frame.body),
            8 => Self::Failed(frame.head()?, frame.body),
            9 => Self::Done(frame.head()?),
            10 => Self::Unusable { reason: frame.head::<ReasonHead>()?.reason },
            11 => Self::Segments(frame.head()?, frame.body),
            kind => return Err(Error::UnknownKind(kind)),
        }))
    }
}

#[cfg(test)]
mod tests;
