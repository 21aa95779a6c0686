use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use lambdock_domain::Error as DomainError;

use super::{PayloadLimit, durable};
use crate::api::resolve::{Named, Reach, resolve};
use crate::api::{Caller, Context, Error, now, valid};
use crate::durable::UNQUALIFIED;
use crate::events::Event;
use crate::invoke::{self as run, LATEST, LogType, Outcome};
use crate::pool::{self, Deployment};
use crate::wire::{Violation, jackson, shapes};

/// An Invoke request whose payload has not been touched.
pub struct Invocation {
    /// Everything but the payload.
    pub input: shapes::InvocationRequest,
    /// The event.
    pub payload: Bytes,
    /// `X-Amzn-Trace-Id` of the request.
    pub trace_id: Option<String>,
}

/// The event of an invocation with this payload: an empty one is an empty object. [AWS: the console and `aws lambda
/// invoke` without a payload; LocalStack]
pub(super) fn or_empty(payload: Bytes) -> Bytes {
    if payload.is_empty() { Bytes::from_static(b"{}") } else { payload }
}

/// Invoke.
///
/// # Errors
/// AWS's, in its order: names, existence, state, payload, concurrency; then ours, if no environment can be had or it is lost.
pub async fn invoke(
    context: &Context,
    caller: &Caller,
    invocation: Invocation,
    violations: Vec<Violation>,
) -> Result<shapes::InvocationResponse, Error> {
    let Invocation { input, payload, trace_id } = invocation;
    let (name, qualifier) = (input.function_name.as_deref().unwrap_or_default(), input.qualifier.as_deref());
    let named = resolve(&caller.scope, Reach::AnyAccount, name, qualifier, || valid(violations))?;
    let deployment = serving(context, &named, input.tenant_id.as_deref()).await?;
    let payload = or_empty(payload);
    if let Some(config) = deployment.durable {
        let invocation = Invocation { input, payload, trace_id };
        return durable::invoke(context, caller, &named, &deployment, config, invocation).await;
    }
    if input.durable_execution_name.is_some() {
        return Err(DomainError::InvalidParameter(
            "DurableExecutionName is for durable functions only. Create the function with DurableConfig to make it one."
                .to_owned(),
        )
        .into());
    }
    if input.invocation_type.as_deref() == Some("Event") {
        check(&payload, PayloadLimit::Event(context.rules.get().limits.event_payload))?;
        let about = About { trace_id: trace_id.as_deref(), tenant_id: input.tenant_id };
        accept(context, caller, &named, &deployment, about, payload).await?;
        return Ok(shapes::InvocationResponse { status_code: Some(202), ..Default::default() });
    }
    let payload = checked(context, payload)?;
    if input.invocation_type.as_deref() == Some("DryRun") {
        return Ok(shapes::InvocationResponse { status_code: Some(204), ..Default::default() });
    }
    let log_type = log_type(input.log_type.as_deref());
    let request = run::Request {
        function: named.id.clone(),
        invoked_arn: named.arn(),
        request_id: caller.request_id.clone(),
        client_context: client_context(input.client_context.as_deref())?,
        trace_id,
        tenant_id: input.tenant_id,
        log_type,
    };
    let permit = context
        .invoker
        .admit(&named.id, named.qualifier.as_deref(), &deployment)
        .map_err(Error::Throttled)?;
    let answer = context.invoker.invoke(&deployment, request, payload, permit).await;
    let answer = answer.map_err(|error| failure(error, &named, caller))?;
    Ok(shapes::InvocationResponse {
        status_code: Some(200),
        function_error: match answer.outcome {
            Outcome::Success => None,
            Outcome::Unhandled => Some("Unhandled".to_owned()),
        },
        log_result: answer.log_tail.map(|tail| BASE64.encode(tail)),
        payload: Some(answer.payload),
        executed_version: Some(deployment.version.clone()),
        ..Default::default()
    })
}

/// What goes along with an event.
#[derive(Clone, Default)]
pub(super) struct About<'a> {
    pub(super) trace_id: Option<&'a str>,
    pub(super) tenant_id: Option<String>,
}

/// Takes an event that was checked: when this returns, it is not lost.
pub(super) async fn accept(
    context: &Context,
    caller: &Caller,
    named: &Named,
    deployment: &Deployment,
    about: About<'_>,
    payload: Bytes,
) -> Result<(), Error> {
    let event = event(caller, named, deployment, about);
    context.events.accept(event, payload).await.map_err(|error| Error::Service(error.to_string()))
}

/// An asynchronous invocation, as it is kept.
pub(super) fn event(caller: &Caller, named: &Named, deployment: &Deployment, about: About<'_>) -> Event {
    Event {
        request_id: caller.request_id.clone(),
        function: named.id.clone(),
        qualifier: named.qualifier.clone(),
        trace: run::complete_trace(about.trace_id, deployment),
        tenant: about.tenant_id,
        accepted: now(),
        failures: 0,
        refusals: 0,
    }
}

/// What serves the function now.
///
/// # Errors
/// It is missing, or its state does not allow invocations, or not for this tenant.
pub(super) async fn serving(
    context: &Context,
    named: &Named,
    tenant: Option<&str>,
) -> Result<Arc<Deployment>, Error> {
    match context.invoker.find(&named.id, named.qualifier.as_deref()).await {
        Ok(deployment) if deployment.durable.is_some() && named.qualifier.is_none() => {
            Err(DomainError::InvalidParameter(UNQUALIFIED.to_owned()).into())
        }
        Ok(deployment) => {
            deployment.tenancy.check(tenant)?;
            Ok(deployment)
        }
        Err(run::Error::Missing) => {
            let qualifier = named.qualifier.as_deref().unwrap_or(LATEST);
            Err(DomainError::function_not_found(&named.id.qualified_arn(qualifier)).into())
        }
        Err(run::Error::Refused(error)) => Err(error.into()),
        Err(error) => Err(Error::Service(error.to_string())),
    }
}

/// When an answer is complete whose caller said this of its log.
pub(super) fn log_type(given: Option<&str>) -> LogType {
    if given == Some("Tail") { LogType::Tail } else { LogType::None }
}

/// The event of a synchronous invocation with this payload.
pub(super) fn checked(context: &Context, payload: Bytes) -> Result<Bytes, Error> {
    let payload = or_empty(payload);
    check(&payload, PayloadLimit::Request(context.rules.get().limits.request_payload))?;
    Ok(payload)
}

/// Refuses an event that is too large.
pub(super) fn within_limit(event: &[u8], limit: PayloadLimit) -> Result<(), Error> {
    let bytes = event.len() as u64;
    if bytes > limit.bytes() { Err(Error::PayloadTooLarge(limit.exceeded(bytes))) } else { Ok(()) }
}

/// Refuses an event that is too large, or not JSON.
pub(super) fn check(event: &[u8], limit: PayloadLimit) -> Result<(), Error> {
    within_limit(event, limit)?;
    let refused = |malformed| {
        format!("Could not parse request body into json: Could not parse payload into json: {malformed}")
    };
    jackson::check(event).map_err(|malformed| Error::RequestContent(refused(malformed)))
}

/// Most that a client context may be, in characters of base64. [AWS: Invoke]
const CLIENT_CONTEXT_LIMIT: usize = 3583;

/// The JSON of a client context.
pub(super) fn client_context(encoded: Option<&str>) -> Result<Option<String>, Error> {
    let Some(encoded) = encoded else { return Ok(None) };
    let invalid = |why: &str| {
        Error::RequestContent(format!("Client context must be a valid Base64-encoded JSON object: {why}"))
    };
    if encoded.len() > CLIENT_CONTEXT_LIMIT {
        return Err(invalid(&format!("it is longer than {CLIENT_CONTEXT_LIMIT} characters")));
    }
    let bytes = BASE64.decode(encoded).map_err(|_| invalid("it is not Base64"))?;
    let text = String::from_utf8(bytes).map_err(|_| invalid("it is not UTF-8"))?;
    jackson::check(text.as_bytes()).map_err(|_| invalid("it is not JSON"))?;
    if !text.trim_start().starts_with('{') {
        return Err(invalid("it is not an object"));
    }
    // It travels on as a header of the Runtime API.
    Ok(Some(text.replace(['\r', '\n'], " ")))
}

/// [LocalStack: texts that its users know, with the cause behind them]
pub(super) fn failure(error: run::Error, named: &Named, caller: &Caller) -> Error {
    if let run::Error::Recursive = error {
        return Error::Recursive(error.to_string());
    }
    let id = &caller.request_id;
    let function = format!("{}:{}", named.id.name, named.qualifier.as_deref().unwrap_or(LATEST));
    tracing::error!(request_id = %id, function.arn = %named.id.arn(), %error, "the invocation failed");
    match error {
        run::Error::Refused(error) => error.into(),
        run::Error::Missing => named.not_found().into(),
        run::Error::Pool(error @ pool::Error::NotReady { .. }) => Error::Service(format!(
            "[{id}] Timeout while starting up lambda environment for function {function}. {error}"
        )),
        error => Error::Service(format!(
            "[{id}] Internal error while executing lambda {function}. Caused by {error}"
        )),
    }
}
