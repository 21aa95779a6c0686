//! Executions of durable functions.

mod callbacks;
mod checkpoint_durable_execution;
mod get_durable_execution;
mod get_durable_execution_history;
mod get_durable_execution_state;
mod list_durable_executions_by_function;
mod show;
mod stop_durable_execution;

use std::sync::Arc;

use lambdock_domain::Error as DomainError;

pub use callbacks::{
    send_durable_execution_callback_failure, send_durable_execution_callback_heartbeat,
    send_durable_execution_callback_success,
};
pub use checkpoint_durable_execution::checkpoint_durable_execution;
pub use get_durable_execution::get_durable_execution;
pub use get_durable_execution_history::get_durable_execution_history;
pub use get_durable_execution_state::get_durable_execution_state;
pub use list_durable_executions_by_function::list_durable_executions_by_function;
pub use stop_durable_execution::stop_durable_execution;

use crate::api::{Caller, Context, Error};
use crate::durable::{self, Entry, envelope};

impl From<durable::Error> for Error {
    fn from(error: durable::Error) -> Self {
        Self::Service(error.to_string())
    }
}

/// The caller's execution with this ARN.
fn find(context: &Context, caller: &Caller, arn: Option<&str>) -> Result<Arc<Entry>, Error> {
    let own = |entry: &Arc<Entry>| entry.look(|execution| execution.head().function.scope == caller.scope);
    let found = context.executions.find(arn.unwrap_or_default()).filter(own);
    found.ok_or_else(|| DomainError::NotFound("Durable Execution does not exist".to_owned()).into())
}

/// The execution with this ARN and what a token for it says.
fn find_with_token(
    context: &Context,
    caller: &Caller,
    arn: Option<&str>,
    token: Option<&str>,
) -> Result<(Arc<Entry>, u64, String), Error> {
    let token = envelope::read_checkpoint_token(token.unwrap_or_default());
    match (find(context, caller, arn), token) {
        (Ok(entry), Some((number, invocation))) => Ok((entry, number, invocation)),
        // These operations know no missing resource.
        _ => Err(invalid_token()),
    }
}

fn invalid_token() -> Error {
    DomainError::InvalidParameter("Invalid checkpoint token".to_owned()).into()
}
