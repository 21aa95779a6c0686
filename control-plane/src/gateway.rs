//! Port 4566: whose request it is and which room answers it.

pub mod body;
pub mod dispatch;
mod download;
pub mod endpoints;
mod foreign;
pub mod function_urls;
pub mod host;
mod lambdock;
mod limits;
mod localstack;
mod operations;
pub mod origin;
mod refusals;
mod response_stream;
mod runtimes;
pub mod scope;
pub mod server;
mod to_the_end;
pub mod upstream;
