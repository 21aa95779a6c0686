//! Port 4566: whose request it is and which room answers it.

pub mod endpoints;
pub mod scope;
pub mod server;
