//! Invocations: from a request to an answer.

pub mod assignment;
pub mod payload;
