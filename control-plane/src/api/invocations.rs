//! Invocations of functions.

mod invoke;

pub use invoke::{Invocation, invoke};
