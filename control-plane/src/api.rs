//! The Lambda API: one file per operation, in terms of resources, free of HTTP.
//!
//! An operation takes the shape that AWS's model gives for its input, already bound and, where nothing comes
//! before it, validated; it returns the output shape or an [`Error`]. Status codes, headers and error bodies are
//! [`crate::wire`]'s.

pub mod account;
pub mod aliases;
mod archive;
pub mod capacity_providers;
pub mod code_signing;
pub mod concurrency;
pub mod durable_executions;
pub mod event_invoke;
pub mod event_source_mappings;
pub mod function_urls;
pub mod functions;
pub mod invocations;
pub mod layers;
mod page;
pub mod permissions;
pub mod provisioned_concurrency;
pub mod qualified;
pub mod recursion;
pub mod reset;
pub mod resolve;
pub mod runtime_management;
pub mod scaling;
pub mod tags;
pub mod versions;

use std::sync::Arc;

use lambdock_domain::function::{DeploymentId, Fresh};
use lambdock_domain::{Error as DomainError, FunctionId, Scope};

use crate::activation::Activation;
use crate::adjustable::Adjustable;
pub use crate::ambient::{new_id, now};
use crate::code::Archives;
use crate::durable::Executions;
use crate::event_sources::SourceLookup;
use crate::events::Events;
use crate::invoke::{Invoker, Throttle};
use crate::networks::Networks;
use crate::services::Services;
use crate::store::{self, Store};
use crate::transitions::Transitions;
use crate::wire::Violation;

/// What operations work with.
pub struct Context {
    /// Resources.
    pub store: Store,
    /// Code archives.
    pub archives: Archives,
    /// Prepares what was created or updated.
    pub activation: Activation,
    /// Runs functions.
    pub invoker: Arc<Invoker>,
    /// Ends what requests for event source mappings and capacity providers begin.
    pub transitions: Transitions,
    /// Calls of other services.
    pub services: Arc<Services>,
    /// Whether the sources of event source mappings are there.
    pub sources: SourceLookup,
    /// Where functions are that are in a VPC.
    pub networks: Networks,
    /// Runs functions later.
    pub events: Events,
    /// Runs durable functions.
    pub executions: Executions,
    /// What this installation allows.
    pub rules: Adjustable<functions::choose::Rules>,
    /// Whether CreateFunction waits until the function is Active or Failed.
    pub creation: Adjustable<Creation>,
    /// Host and port of URLs that clients are given.
    pub external_host: String,
}

impl Context {
    /// Drops what was to be run of a function that is no more.
    async fn forget(&self, function: &FunctionId) {
        self.events.forget(function).await;
        if let Err(error) = self.executions.forget_function(function).await {
            tracing::error!(function.arn = %function.arn(), %error, "its executions are there again after a restart");
        }
    }
}

/// `LAMBDA_SYNCHRONOUS_CREATE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Creation {
    /// As AWS: the function is Pending when CreateFunction answers.
    Asynchronous,
    /// CreateFunction waits, for 10 seconds at most.
    Synchronous,
}

/// Who asks, and under which request id.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Account and region that the request acts for.
    pub scope: Scope,
    /// Told in every answer; for invocations the function's own request id.
    pub request_id: String,
}

/// Why an operation did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A rule of Lambda's.
    #[error(transparent)]
    Domain(#[from] DomainError),
    /// Members that break constraints of the model.
    #[error("{} members are not valid", .0.len())]
    Validation(Vec<Violation>),
    /// A function name that is too long for CreateFunction: a violation that AWS words like one of the model but
    /// gives another type. [AWS: recorded]
    #[error("{0}")]
    ViolationAsParameter(String),
    /// The event is not JSON.
    #[error("{0}")]
    RequestContent(String),
    /// The event is larger than the invocation type allows.
    #[error("{0}")]
    PayloadTooLarge(String),
    /// The function or the account has no execution left. The text is AWS's `Reason`.
    #[error("{}", .0.as_str())]
    Throttled(Throttle),
    /// A durable execution of that name has begun with another payload.
    #[error("{0}")]
    AlreadyStarted(String),
    /// Nobody waits for the callback any more.
    #[error("{0}")]
    CallbackTimeout(String),
    /// A chain of requests has led to the function once too often.
    #[error("{0}")]
    Recursive(String),
    /// We, the engine or the disk are at fault. The text is for the client and says what to do.
    #[error("{0}")]
    Service(String),
}

impl From<store::Error> for Error {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "the store failed");
        Self::Service(error.to_string())
    }
}

/// Whether a request keeps the constraints of the model.
fn valid(violations: Vec<Violation>) -> Result<(), Error> {
    if violations.is_empty() { Ok(()) } else { Err(Error::Validation(violations)) }
}

/// Identifiers for one step of a function.
pub fn fresh() -> Fresh {
    Fresh { revision: new_id(), deployment: DeploymentId(new_id()) }
}
