use lambdock_domain::layer;

use super::{changed, choose, named, network, show};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, fresh, layers, now};
use crate::wire::{Violation, shapes};

/// UpdateFunctionConfiguration: changes `$LATEST` at once and serves it once it is prepared.
///
/// # Errors
/// AWS's for names and configuration; conflicts with the function's state; a stale revision.
pub async fn update_function_configuration(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateFunctionConfigurationRequest,
    violations: Vec<Violation>,
) -> Result<shapes::FunctionConfiguration, Error> {
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    let vpc = match &input.vpc_config {
        Some(chosen) => {
            context.store.function(&named.id).await?.ok_or_else(|| named.not_found())?;
            network(context, &named.id.scope, Some(chosen)).await?
        }
        None => None,
    };
    let layers = match input.layers.clone() {
        Some(arns) => Some(layers::attached(context, caller, &named.id.scope, arns).await?),
        None => None,
    };
    let rules = context.rules.get();
    let (function, ()) = context
        .store
        .change_function(&named.id, move |function| {
            let mut configuration = choose::update(&input, &function.latest.configuration, &rules)?;
            configuration.vpc = vpc.or(configuration.vpc);
            configuration.layers = layers.unwrap_or(configuration.layers);
            let code = function.latest.code.clone();
            layer::check_size(code.unzipped(), &configuration.layers, rules.limits.code_size_unzipped)?;
            function.update(configuration, code, input.revision_id.as_deref(), now(), fresh())
        })
        .await
        .map_err(|error| changed(error, &named))?;
    let shown = show::configuration(&function, named.id.arn(), show::Detail::Full);
    context.activation.prepare(function.id, function.latest.deployment);
    Ok(shown)
}
