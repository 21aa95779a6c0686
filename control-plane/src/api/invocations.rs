//! Invocations of functions.

mod invoke;
mod invoke_with_response_stream;

pub use invoke::{Invocation, invoke};
pub use invoke_with_response_stream::{StreamingInvocation, StreamingResponse, invoke_with_response_stream};
