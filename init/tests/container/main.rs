//! The init in a container, against control planes that the test plays, with runtimes that are scripts.
//!
//! One binary for both protocols: most tests wait, and so they wait side by side. `docs/conformance.md` says which test
//! shows what.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "what a test's own tools cannot do fails the test, and says so"
)]

mod both;
mod localstack;
mod sandbox;
mod scripts;
mod uplink;
