//! Code archives: looked at when they come in, kept under their digest.

mod archives;
mod inspection;

pub use archives::{Archives, Lease};
pub use inspection::{Fault, inspect, verify};
