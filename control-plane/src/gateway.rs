//! Port 4566: whose request it is and which room answers it.

mod body;
pub mod dispatch;
pub mod endpoints;
mod foreign;
mod lambdock;
mod localstack;
pub mod origin;
mod runtimes;
pub mod scope;
pub mod server;
mod to_the_end;
pub mod upstream;
