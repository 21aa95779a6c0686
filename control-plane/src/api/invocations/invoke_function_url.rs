use std::sync::Arc;

use bytes::Bytes;

use super::invoke::{About, failure, serving, within_limit};
use super::{PayloadLimit, durable};
use crate::api::resolve::Named;
use crate::api::{Caller, Context, Error};
use crate::invoke::{self as run, Answer, LogType, Outcome, Streamed};
use crate::pool::Deployment;

/// A request for a function URL, made an event.
pub struct UrlInvocation {
    /// The function and the alias that the URL is of.
    pub named: Named,
    /// The event.
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id`.
    pub trace_id: String,
}

/// Runs a function for a URL that waits for the whole answer.
///
/// # Errors
/// Those of Invoke.
pub async fn invoke_function_url(
    context: &Context,
    caller: &Caller,
    invocation: UrlInvocation,
) -> Result<Answer, Error> {
    let UrlInvocation { named, payload, trace_id } = invocation;
    let deployment = serving(context, &named, None).await?;
    if let Some(config) = deployment.durable {
        let about = About { trace_id: Some(&trace_id), ..About::default() };
        let begun = durable::begin(context, &named, &deployment, (config, None), payload, about).await?;
        let (payload, failed) = durable::answer(&begun.entry()).await;
        let outcome = if failed { Outcome::Unhandled } else { Outcome::Success };
        return Ok(Answer { payload, outcome, log_tail: None });
    }
    let (deployment, request, permit) = prepare(context, caller, &named, &payload, trace_id).await?;
    let answer = context.invoker.invoke(&deployment, request, payload, permit).await;
    answer.map_err(|error| failure(error, &named, caller))
}

/// Runs a function for a URL that passes the answer on as it comes.
///
/// # Errors
/// Those of InvokeWithResponseStream.
pub async fn stream_function_url(
    context: &Context,
    caller: &Caller,
    invocation: UrlInvocation,
) -> Result<Streamed, Error> {
    let UrlInvocation { named, payload, trace_id } = invocation;
    let (deployment, request, permit) = prepare(context, caller, &named, &payload, trace_id).await?;
    let limit = context.rules.get().limits.streamed_response;
    let answer = context.invoker.stream(&deployment, request, payload, permit, limit).await;
    answer.map_err(|error| failure(error, &named, caller))
}

async fn prepare(
    context: &Context,
    caller: &Caller,
    named: &Named,
    payload: &Bytes,
    trace_id: String,
) -> Result<(Arc<Deployment>, run::Request, run::Permit), Error> {
    let deployment = serving(context, named, None).await?;
    within_limit(payload, PayloadLimit::Request(context.rules.get().limits.request_payload))?;
    let request = run::Request {
        function: named.id.clone(),
        invoked_arn: named.arn(),
        request_id: caller.request_id.clone(),
        client_context: None,
        trace_id: Some(trace_id),
        tenant_id: None,
        log_type: LogType::None,
    };
    let permit = context
        .invoker
        .admit(&named.id, named.qualifier.as_deref(), &deployment)
        .map_err(Error::Throttled)?;
    Ok((deployment, request, permit))
}
