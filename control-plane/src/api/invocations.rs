//! Invocations of functions.

mod invoke;
mod invoke_async;

pub use invoke::{Invocation, invoke};
pub use invoke_async::invoke_async;
