use super::durable;
use super::invoke::{accept, check, or_empty, serving};
use crate::api::resolve::{Reach, resolve};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// InvokeAsync, which Invoke with the type `Event` has replaced. `payload`: the event, as it came.
///
/// # Errors
/// As Invoke's.
pub async fn invoke_async(
    context: &Context,
    caller: &Caller,
    input: shapes::InvokeAsyncRequest,
    trace_id: Option<String>,
    violations: Vec<Violation>,
) -> Result<shapes::InvokeAsyncResponse, Error> {
    let name = input.function_name.as_deref().unwrap_or_default();
    let named = resolve(&caller.scope, Reach::AnyAccount, name, None, || valid(violations))?;
    let deployment = serving(context, &named).await?;
    let payload = or_empty(input.invoke_args.unwrap_or_default());
    check(&payload, context.rules.get().limits.invoke_async_payload, "Event")?;
    if let Some(config) = deployment.durable {
        durable::begin(context, &named, &deployment, (config, None), payload, trace_id.as_deref()).await?;
        return Ok(shapes::InvokeAsyncResponse { status: Some(202) });
    }
    accept(context, caller, &named, &deployment, trace_id.as_deref(), payload).await?;
    Ok(shapes::InvokeAsyncResponse { status: Some(202) })
}
