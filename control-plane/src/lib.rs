//! AWS Lambda on your own Docker engine: the control plane.
//!
//! `docs/ARCHITECTURE.md` shows the rooms of this crate and which may use which.

pub mod activation;
pub mod adjustable;
pub mod ambient;
pub mod api;
pub mod app;
pub mod chunks;
pub mod cloudwatch;
pub mod code;
pub mod code_pages;
pub mod config;
pub mod coverage;
pub mod doctor;
pub mod durable;
pub mod event_sources;
pub mod events;
pub mod executor;
pub mod function_url;
pub mod gateway;
pub mod hex;
pub mod hot_reload;
pub mod init_binaries;
pub mod init_scripts;
pub mod invoke;
pub mod logs;
pub mod metrics;
pub mod networks;
pub mod place;
pub mod pool;
pub mod provisioning;
pub mod runtime_version;
pub mod services;
pub mod signals;
pub mod signature;
pub mod state;
pub mod store;
pub mod traces;
pub mod transitions;
pub mod uplink;
pub mod wire;

/// Version of this Lambdock.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");
