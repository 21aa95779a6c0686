//! The init against a control plane that the test plays, with runtimes that are scripts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what a test's own tools cannot do fails the test, and says so"
)]

mod back_pressure;
mod bad_input;
mod control_plane;
mod crashes;
mod endurance;
mod extensions;
mod greeting;
mod init_phase;
mod invocations;
mod logs;
mod processes;
mod responses;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "../sandbox/mod.rs"]
mod sandbox;
mod snapshots;
mod story;
mod telemetry;
mod traces;
