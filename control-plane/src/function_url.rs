//! Function URLs: from an HTTP request to an event, in payload format 2.0, and from an answer to an HTTP response.
//!
//! Everything here is free of I/O; `gateway/function_urls.rs` reads requests, calls functions and sends responses.

pub mod cors;
pub mod directory;
pub mod event;
pub mod host;
pub mod prelude;
pub mod response;
pub mod signature;

pub use directory::{Directory, Found, Target};
