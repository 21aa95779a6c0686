//! Lambdock's uplink: what an agent inside a function container and the control plane say to each other.
//!
//! The agent dials out, one TCP connection per execution environment, and everything travels over it: the
//! assignment and the code come down, then invocations; log lines, response chunks and metrics go up as they
//! happen. Neither side needs an address of the other beyond the one the agent was given.
//!
//! ```text
//! agent                                   control plane
//!   Hello{versions, environment, secret} ──▶
//!                                      ◀── Welcome{version} | Refused{reason}
//!                                      ◀── Assign{environment, limits, handler, archives …}
//!   FetchArchive{digest} ──▶           ◀── ArchiveChunk … ArchiveChunk{last}
//!   Log … Initialized{…} ──▶
//!                                      ◀── Invoke{request id, deadline, …} + payload
//!   Log …, ResponseStart, ResponseChunk …, ResponseEnd | Failed ──▶
//!   Log (END, REPORT), Done{metrics} ──▶
//!   Segments + documents ──▶              at any time, if Assign asks for them
//!                                      ◀── Shutdown{reason, budget}
//! ```
//!
//! A connection whose `Hello` has [`Purpose::Gateway`] carries no further frames: after `Welcome` it is a plain
//! byte stream between a client inside the container and the control plane's public API.
//!
//! This crate is pure: it turns messages into bytes and back and never reads a socket, a clock or a random number.

pub mod archive;
mod codec;
mod message;

pub use codec::{Decoder, Encoded, Error, MAX_FRAME_BYTES};
pub use message::{
    Archive, Assignment, Done, Failed, Hello, InitializationType, Initialized, Invoke, Log, LogFormat,
    LogLevel, LogSource, Logging, Mode, PathMode, Purpose, ResponseEnd, ResponseStart, RuntimeVersion,
    Segments, Shutdown, ShutdownReason, Status, ToAgent, ToControlPlane, TracingMode,
};

/// Version of the protocol this crate speaks. The agent offers a list of versions, the control plane picks one.
///
/// A field added to a message is not a new version: unknown fields are ignored and absent ones have defaults. A new
/// message is none either if it is only sent to those who ask for it by such a field.
pub const VERSION: u16 = 1;
