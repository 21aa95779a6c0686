use bytes::Bytes;
use lambdock_domain::Error as DomainError;

use super::invoke::{checked, client_context, failure, log_type, serving};
use crate::api::resolve::{Reach, resolve};
use crate::api::{Caller, Context, Error, valid};
use crate::invoke::{self as run, Streamed};
use crate::wire::{Violation, shapes};

/// An InvokeWithResponseStream request whose payload has not been touched.
pub struct StreamingInvocation {
    /// Everything but the payload.
    pub input: shapes::InvokeWithResponseStreamRequest,
    /// The event.
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id` of the request.
    pub trace_id: Option<String>,
}

/// What InvokeWithResponseStream gives: the head of the response, and what follows it, which is nothing for a DryRun.
pub struct StreamingResponse {
    /// Status and headers.
    pub output: shapes::InvokeWithResponseStreamResponse,
    /// The answer, once there is something of it.
    pub answer: Option<Streamed>,
}

/// InvokeWithResponseStream. A function that does not stream answers with one piece.
///
/// # Errors
/// As those of Invoke. What goes wrong once the function answers is told at the end of the stream.
pub async fn invoke_with_response_stream(
    context: &Context,
    caller: &Caller,
    invocation: StreamingInvocation,
    violations: Vec<Violation>,
) -> Result<StreamingResponse, Error> {
    let StreamingInvocation { input, payload, trace_id } = invocation;
    let (name, qualifier) = (input.function_name.as_deref().unwrap_or_default(), input.qualifier.as_deref());
    let named = resolve(&caller.scope, Reach::AnyAccount, name, qualifier, || valid(violations))?;
    let deployment = serving(context, &named).await?;
    let payload = checked(context, payload)?;
    if deployment.durable.is_some() {
        return Err(DomainError::InvalidParameter(
            "You cannot invoke a durable function using InvokeWithResponseStream.".to_owned(),
        )
        .into());
    }
    if input.invocation_type.as_deref() == Some("DryRun") {
        let output =
            shapes::InvokeWithResponseStreamResponse { status_code: Some(204), ..Default::default() };
        return Ok(StreamingResponse { output, answer: None });
    }
    let request = run::Request {
        function: named.id.clone(),
        invoked_arn: named.arn(),
        request_id: caller.request_id.clone(),
        client_context: client_context(input.client_context.as_deref())?,
        trace_id,
        tenant_id: input.tenant_id,
        log_type: log_type(input.log_type.as_deref()),
    };
    let permit = context.invoker.admit(&named.id, &deployment).map_err(Error::Throttled)?;
    let limit = context.rules.get().limits.streamed_response;
    let answer = context.invoker.stream(&deployment, request, payload, permit, limit).await;
    let answer = answer.map_err(|error| failure(error, &named, caller))?;
    let output = shapes::InvokeWithResponseStreamResponse {
        status_code: Some(200),
        executed_version: Some(deployment.version.clone()),
        ..Default::default()
    };
    Ok(StreamingResponse { output, answer: Some(answer) })
}
