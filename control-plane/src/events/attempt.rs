//! One attempt at an event, through the same door as every other invocation.

use bytes::Bytes;

use lambdock_domain::durable::DurableConfig;

use super::schedule::Failed;
use super::work::{BegunExecution, Event};
use crate::durable::{Executions, Start};
use crate::invoke::{Answer, Error, Invoker, LogType, Request};
use crate::pool::{self, Deployment};

/// How it went.
#[derive(Debug)]
pub(super) enum Attempt {
    /// The function answered, or failed.
    Answered {
        /// `$LATEST` or a number.
        version: String,
        /// Its answer.
        answer: Answer,
    },
    /// A durable execution has begun, which takes its time.
    Begun(BegunExecution),
    /// It did not get to the function.
    Refused {
        /// Why.
        failed: Failed,
        /// As an HTTP status.
        code: u16,
        /// In words.
        reason: String,
    },
    /// There is no such function, version or alias any more.
    Gone,
    /// The process is going down.
    Interrupted,
}

impl Attempt {
    fn throttled(failed: Failed) -> Self {
        Self::Refused { failed, code: 429, reason: "Rate Exceeded.".to_owned() }
    }
}

/// Runs the function once.
pub(super) async fn attempt(
    invoker: &Invoker,
    executions: &Executions,
    event: &Event,
    payload: Bytes,
) -> Attempt {
    let deployment = match invoker.find(&event.function, event.qualifier.as_deref()).await {
        Ok(deployment) => deployment,
        Err(error) => return refused(error),
    };
    if let Some(config) = deployment.durable {
        return begin(executions, &deployment, config, event, payload).await;
    }
    if invoker.reserved(&event.function) == Some(0) {
        return Attempt::throttled(Failed::ReservesNothing);
    }
    let Ok(permit) = invoker.admit(&event.function, event.qualifier.as_deref(), &deployment) else {
        return Attempt::throttled(Failed::Throttled);
    };
    let request = Request {
        function: event.function.clone(),
        invoked_arn: event.invoked_arn(),
        request_id: event.request_id.clone(),
        // [AWS: Invoke] For synchronous invocations only.
        client_context: None,
        trace_id: Some(event.trace.clone()),
        tenant_id: event.tenant.clone(),
        log_type: LogType::None,
    };
    match invoker.invoke(&deployment, request, payload, permit).await {
        Ok(answer) => Attempt::Answered { version: deployment.version.clone(), answer },
        Err(error) => refused(error),
    }
}

/// Begins an execution of a durable function; by its name it is begun once, however often that is tried.
async fn begin(
    executions: &Executions,
    deployment: &Deployment,
    config: DurableConfig,
    event: &Event,
    payload: Bytes,
) -> Attempt {
    let start = Start {
        function: event.function.clone(),
        version: deployment.version.clone(),
        config,
        name: Some(event.request_id.clone()),
        parent: None,
        trace: Some(event.trace.clone()),
        tenant: event.tenant.clone(),
        input: String::from_utf8_lossy(&payload).into_owned(),
    };
    match executions.begin(start).await {
        Ok(begun) => Attempt::Begun(BegunExecution {
            event: event.clone(),
            execution: begun.entry().arn().to_owned(),
            version: deployment.version.clone(),
        }),
        Err(error) => Attempt::Refused { failed: Failed::System, code: 500, reason: error.to_string() },
    }
}

fn refused(error: Error) -> Attempt {
    let failed = match &error {
        Error::Missing => return Attempt::Gone,
        Error::Pool(pool::Error::ShuttingDown) => return Attempt::Interrupted,
        Error::Recursive => Failed::Recursive,
        Error::Refused(_) | Error::Pool(_) | Error::Lost(_) | Error::Store(_) => Failed::System,
    };
    let code = if failed == Failed::Recursive { 400 } else { 500 };
    Attempt::Refused { failed, code, reason: error.to_string() }
}
