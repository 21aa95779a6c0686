//! AWS's REST-JSON protocol for Lambda: requests to typed shapes, typed shapes to responses, errors in AWS's words.
//!
//! For each request the dispatcher
//! 1. finds the operation: [`Operation::route`] with method, raw path and query;
//! 2. binds the input: [`decode()`] with the operation's unit type of [`operations`]. What is not even of the right
//!    type is refused here (`SerializationException`). Constraints of the model that do not hold are returned beside
//!    the input as [`Violation`]s: the operation decides which of its own checks come first, then refuses them with
//!    [`ServiceError::validation`];
//! 3. calls the operation with its `shapes::…Request` and gets its output;
//! 4. renders: [`encode()`], or [`ServiceError::render`].
//!
//! ```
//! use bytes::Bytes;
//! use http::{HeaderMap, Method};
//! use lambdock::wire::{self, Operation, Request, operations, shapes};
//!
//! let (operation, labels) = Operation::route(&Method::GET, "/2015-03-31/functions/f", Some("Qualifier=1")).unwrap();
//! assert_eq!(operation, Operation::GetFunction);
//! let headers = HeaderMap::new();
//! let request = Request { labels: &labels, query: Some("Qualifier=1"), headers: &headers, body: Bytes::new() };
//! let decoded = wire::decode::<operations::GetFunction>(&request).unwrap();
//! assert!(decoded.violations.is_empty());
//! assert_eq!(decoded.input.qualifier.as_deref(), Some("1"));
//! let response = wire::encode::<operations::GetFunction>(shapes::GetFunctionResponse::default());
//! assert_eq!(&response.unwrap().body()[..], b"{}");
//! ```
//!
//! Every member of a shape is an `Option`, also the required ones: a missing one is a violation, and operations that
//! must look at an input before they report violations can do so. Enums are strings, since a wrong value must be told
//! back; after validation they have one of the model's values. Integers are `i64`, timestamps seconds since the
//! epoch, blobs are decoded, maps keep the order in which they were sent.
//!
//! Shapes, routes and constraints are generated from the model by `control-plane/codegen`; [`recorded`] holds what
//! AWS is known to do otherwise.

pub mod decode;
pub mod encode;
pub mod error;
pub mod event_stream;
mod generated;
pub mod jackson;
pub mod operation;
pub mod query;
mod read;
pub mod recorded;
mod shape;
mod structure;
mod validate;
mod value;

#[cfg(test)]
mod tests;

pub use decode::{Decoded, Request, decode};
pub use encode::encode;
pub use error::{ErrorCode, ServiceError};
pub use generated::{operations, shapes};
pub use operation::{Labels, Operation, OperationShape};
pub use validate::Violation;
