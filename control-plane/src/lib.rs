//! AWS Lambda on your own Docker engine: the control plane.
//!
//! `docs/ARCHITECTURE.md` shows the rooms of this crate and which may use which.

pub mod code;
pub mod config;
pub mod gateway;
pub mod invoke;
pub mod store;

/// Version of this Lambdock.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
