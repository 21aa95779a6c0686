//! Invocations of durable functions: each begins an execution, or finds the one of its name.

use bytes::Bytes;
use lambdock_domain::Error as DomainError;
use lambdock_domain::durable::{DurableConfig, Outcome};

use super::PayloadLimit;
use super::invoke::{About, Invocation, check, event};
use crate::api::resolve::Named;
use crate::api::{Caller, Context, Error};
use crate::durable::{Begun, Entry, Start, StartError, envelope};
use crate::events::BegunExecution;
use crate::invoke as run;
use crate::pool::Deployment;
use crate::wire::shapes;

/// Invoke, for a durable function.
///
/// # Errors
/// The payload is no event; nobody could wait for so long; another execution has the name.
pub(super) async fn invoke(
    context: &Context,
    caller: &Caller,
    named: &Named,
    deployment: &Deployment,
    config: DurableConfig,
    Invocation { input, payload, trace_id }: Invocation,
) -> Result<shapes::InvocationResponse, Error> {
    let limits = context.rules.get().limits.clone();
    let invocation_type = input.invocation_type.as_deref().unwrap_or("RequestResponse");
    let is_event = invocation_type == "Event";
    check(
        &payload,
        if is_event {
            PayloadLimit::Event(limits.event_payload)
        } else {
            PayloadLimit::Request(limits.request_payload)
        },
    )?;
    if !is_event && config.execution_timeout_s > DurableConfig::SYNCHRONOUS_LIMIT_S {
        return Err(DomainError::InvalidParameter(
            "You cannot synchronously invoke a durable function with an executionTimeout greater than 15 minutes."
                .to_owned(),
        )
        .into());
    }
    if invocation_type == "DryRun" {
        return Ok(shapes::InvocationResponse { status_code: Some(204), ..Default::default() });
    }
    let given = (config, input.durable_execution_name);
    let about = About { trace_id: trace_id.as_deref(), tenant_id: input.tenant_id };
    if is_event {
        let arn = accept(context, caller, named, deployment, given, payload, about).await?;
        return Ok(shapes::InvocationResponse {
            status_code: Some(202),
            durable_execution_arn: Some(arn),
            ..Default::default()
        });
    }
    let begun = begin(context, named, deployment, given, payload, about).await?;
    let entry = begun.entry();
    let arn = entry.arn().to_owned();
    let (payload, failed) = answer(&entry).await;
    Ok(shapes::InvocationResponse {
        status_code: Some(200),
        function_error: failed.then(|| "Unhandled".to_owned()),
        payload: Some(payload),
        executed_version: Some(deployment.version.clone()),
        durable_execution_arn: Some(arn),
        ..Default::default()
    })
}

/// Begins an execution for an asynchronous invocation; gives its ARN. An execution that had begun before is not told of
/// twice.
///
/// # Errors
/// Another execution has the name; it cannot be kept.
pub(super) async fn accept(
    context: &Context,
    caller: &Caller,
    named: &Named,
    deployment: &Deployment,
    given: (DurableConfig, Option<String>),
    payload: Bytes,
    about: About<'_>,
) -> Result<String, Error> {
    let event = event(caller, named, deployment, about.clone());
    match begin(context, named, deployment, given, payload.clone(), about).await? {
        Begun::Known(entry) => Ok(entry.arn().to_owned()),
        Begun::New(entry) => {
            let (execution, version) = (entry.arn().to_owned(), deployment.version.clone());
            let begun = BegunExecution { event, execution: execution.clone(), version };
            let accepted = context.events.accept_begun(begun, payload).await;
            accepted.map(|()| execution).map_err(|error| Error::Service(error.to_string()))
        }
    }
}

/// Begins an execution with this event, or finds the one of that name that has begun with it.
///
/// # Errors
/// Another execution has the name; it cannot be kept.
pub(super) async fn begin(
    context: &Context,
    named: &Named,
    deployment: &Deployment,
    (config, name): (DurableConfig, Option<String>),
    payload: Bytes,
    about: About<'_>,
) -> Result<Begun, Error> {
    // It is JSON, which is UTF-8.
    let input = String::from_utf8(payload.to_vec())
        .map_err(|_| Error::RequestContent("The event is not UTF-8.".to_owned()))?;
    let start = Start {
        function: named.id.clone(),
        version: deployment.version.clone(),
        config,
        name: name.clone(),
        parent: None,
        trace: Some(run::complete_trace(about.trace_id, deployment)),
        tenant: about.tenant_id,
        input,
    };
    context.executions.begin(start).await.map_err(|error| match error {
        StartError::Other => Error::AlreadyStarted(format!(
            "The durable execution {} has already been started with a different payload.",
            name.unwrap_or_default()
        )),
        StartError::Journal(error) => error.into(),
    })
}

/// What a caller gets who has waited for the end, and whether that is an error.
pub(super) async fn answer(entry: &Entry) -> (Bytes, bool) {
    let end = entry.end().await;
    if end.outcome == Outcome::Succeeded {
        (end.result.unwrap_or_else(|| "null".to_owned()).into(), false)
    } else {
        (envelope::caller_error(end.error.as_ref()), true)
    }
}
