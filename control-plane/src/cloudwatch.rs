//! What functions log and how they do, on to CloudWatch at the upstream.
//!
//! Nothing here may hold up an invocation: what is to be sent waits in bounded memory, and what finds no room is
//! dropped and counted.

mod batch;
mod log_events;
mod metric_data;

pub use log_events::LogForwarder;
pub use metric_data::MetricForwarder;
