use super::invoke::{About, accept, check, or_empty, serving};
use super::{PayloadLimit, durable};
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
    let deployment = serving(context, &named, None).await?;
    let payload = or_empty(input.invoke_args.unwrap_or_default());
    check(&payload, PayloadLimit::Event(context.rules.get().limits.invoke_async_payload))?;
    let about = About { trace_id: trace_id.as_deref(), ..About::default() };
    if let Some(config) = deployment.durable {
        durable::accept(context, caller, &named, &deployment, (config, None), payload, about).await?;
        return Ok(shapes::InvokeAsyncResponse { status: Some(202) });
    }
    accept(context, caller, &named, &deployment, about, payload).await?;
    Ok(shapes::InvokeAsyncResponse { status: Some(202) })
}
