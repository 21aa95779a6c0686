use std::collections::HashMap;

use lambdock_domain::durable::{Action, CallbackOptions, ErrorObject, Kind, Target, Update};
use lambdock_domain::{Error as DomainError, FunctionId, FunctionReference};

use super::{find_with_token, invalid_token, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::durable::{UNQUALIFIED, envelope, missing, target};
use crate::invoke as run;
use crate::wire::{Violation, shapes};

/// CheckpointDurableExecution.
///
/// # Errors
/// AWS's for members; a token that is not the current one; updates that make no sense.
pub async fn checkpoint_durable_execution(
    context: &Context,
    caller: &Caller,
    input: shapes::CheckpointDurableExecutionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::CheckpointDurableExecutionResponse, Error> {
    valid(violations)?;
    let arn = input.durable_execution_arn.as_deref();
    let (entry, token, invocation) =
        find_with_token(context, caller, arn, input.checkpoint_token.as_deref())?;
    let updates: Vec<Update> = input
        .updates
        .unwrap_or_default()
        .into_iter()
        .map(update)
        .collect::<Option<_>>()
        .ok_or_else(invalid_token)?;
    let function = entry.look(|execution| execution.head().function.clone());
    let mut targets = HashMap::new();
    for name in updates.iter().filter_map(|update| update.chained_function.as_deref()) {
        targets.insert(name.to_owned(), known_of(context, &function, name).await?);
    }
    let arn = entry.look(|execution| execution.head().arn());
    let client_token = input.client_token.as_deref();
    let checkpointed = context
        .executions
        .change(&entry, |execution| {
            let callback = |operation: &str| envelope::callback_id(&arn, operation);
            execution.checkpoint((token, &invocation), client_token, updates, callback, &targets, now())
        })
        .await??;
    Ok(shapes::CheckpointDurableExecutionResponse {
        checkpoint_token: Some(envelope::checkpoint_token(checkpointed.token, &invocation)),
        new_execution_state: Some(shapes::CheckpointUpdatedExecutionState {
            operations: Some(checkpointed.operations.iter().map(show::operation).collect()),
            next_marker: None,
        }),
    })
}

/// `None`: a word that the model does not have.
fn update(update: shapes::OperationUpdate) -> Option<Update> {
    let number = |given: Option<i64>| given.and_then(|given| u32::try_from(given).ok());
    let callback_options = update.callback_options.map(|options| CallbackOptions {
        timeout_s: number(options.timeout_seconds).unwrap_or_default(),
        heartbeat_timeout_s: number(options.heartbeat_timeout_seconds).unwrap_or_default(),
    });
    let (chained_function, chained_tenant) = update
        .chained_invoke_options
        .map(|options| (options.function_name, options.tenant_id))
        .unwrap_or_default();
    Some(Update {
        id: update.id?,
        parent_id: update.parent_id,
        name: update.name,
        kind: Kind::parse(&update.type_?)?,
        sub_type: update.sub_type,
        action: Action::parse(&update.action?)?,
        payload: update.payload,
        error: update.error.map(show::read_error),
        replay_children: update
            .context_options
            .and_then(|options| options.replay_children)
            .unwrap_or_default(),
        step_options: update.step_options.map(|options| number(options.next_attempt_delay_seconds)),
        wait_s: update.wait_options.and_then(|options| number(options.wait_seconds)),
        callback_options: callback_options.unwrap_or_default(),
        chained_function,
        chained_tenant,
    })
}

/// What is known of a function that an execution of `caller` wants to invoke: why it cannot be, if it cannot.
async fn known_of(context: &Context, caller: &FunctionId, name: &str) -> Result<Target, Error> {
    let refused = |why: String| Err(DomainError::InvalidParameter(why).into());
    let (Some(reference), Some((function, qualifier))) =
        (FunctionReference::parse(name), target(caller, name))
    else {
        return refused(format!("Invalid function ARN '{name}'"));
    };
    if reference.account.is_some_and(|account| account != caller.scope.account) {
        return refused("Cannot start a CHAINED_INVOKE on a function in another account.".to_owned());
    }
    if reference.region.is_some_and(|region| region != caller.scope.region) {
        return refused("Cannot start a CHAINED_INVOKE on a function in another region.".to_owned());
    }
    Ok(match context.invoker.find(&function, qualifier.as_deref()).await {
        Ok(deployment) if deployment.durable.is_some() && qualifier.is_none() => {
            Some(ErrorObject::typed("InvalidParameterValueException", UNQUALIFIED))
        }
        Err(run::Error::Missing) => {
            let arn =
                qualifier.map_or_else(|| function.arn(), |qualifier| function.qualified_arn(&qualifier));
            Some(missing(&arn))
        }
        // Whatever keeps it from running now may be over when it is invoked.
        Ok(_) | Err(_) => None,
    })
}
