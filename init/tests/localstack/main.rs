//! The init in the place of LocalStack's own, against a LocalStack that the test plays byte by byte, with runtimes that
//! are scripts.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what a test's own tools cannot do fails the test, and says so"
)]

mod bad_input;
mod calls;
mod failures;
mod init_phase;
mod invocations;
mod logs;
mod peer;
mod reloads;
#[expect(dead_code, reason = "shared with other tests")]
#[path = "../sandbox/mod.rs"]
mod sandbox;
mod startup;
