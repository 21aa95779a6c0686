//! Invocations of functions.

mod durable;
mod invoke;
mod invoke_async;
mod invoke_function_url;
mod invoke_with_response_stream;
mod payload_limit;

pub use invoke::{Invocation, invoke};
pub use invoke_async::invoke_async;
pub use invoke_function_url::{UrlInvocation, invoke_function_url, stream_function_url};
pub use invoke_with_response_stream::{StreamingInvocation, StreamingResponse, invoke_with_response_stream};
pub use payload_limit::PayloadLimit;
