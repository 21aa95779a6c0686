use lambdock_domain::layer;

use super::{changed, choose, limits, named, network, show};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, capacity_providers, fresh, layers, now};
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
    let violations = of_its_kind(context, caller, &input, violations).await?;
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, violations)?;
    if input.vpc_config.is_some() || input.layers.is_some() {
        let function = context.store.function(&named.id).await?.ok_or_else(|| named.not_found())?;
        let count = input.layers.as_ref().map_or(0, Vec::len);
        layer::check_package_type(function.latest.configuration.package_type, count)?;
    }
    let vpc = match &input.vpc_config {
        Some(chosen) => network(context, &named.id.scope, Some(chosen)).await?,
        None => None,
    };
    let (layers, leases) = match input.layers.clone() {
        Some(arns) => {
            let attached = layers::attached(context, caller, &named.id.scope, arns).await?;
            (Some(attached.layers), attached.leases)
        }
        None => (None, Vec::new()),
    };
    let rules = context.rules.get();
    let function = context
        .store
        .change(&named.id, move |changing| {
            let function = &changing.function;
            let mut configuration = choose::update(&input, &function.latest.configuration, &rules)?;
            if let (Some(_), Some(managed)) = (&input.capacity_provider_config, &configuration.managed) {
                let provider = changing.capacity_provider(managed.provider_name())?;
                capacity_providers::check_usable(provider, managed)?;
            }
            configuration.vpc = vpc.or(configuration.vpc);
            configuration.layers = layers.unwrap_or(configuration.layers);
            let code = function.latest.code.clone();
            layer::check_size(code.unzipped(), &configuration.layers, rules.limits.code_size_unzipped)?;
            changing.function.update(configuration, code, input.revision_id.as_deref(), now(), fresh())?;
            Ok(changing.function.clone())
        })
        .await
        .map_err(|error| changed(error, &named))?;
    drop(leases);
    let shown = show::configuration(&function, named.id.arn(), show::Detail::Full);
    context.activation.prepare(function.id, function.latest.deployment);
    Ok(shown)
}

/// What is wrong with the request for a function of this kind: on a capacity provider it may have more.
async fn of_its_kind(
    context: &Context,
    caller: &Caller,
    input: &shapes::UpdateFunctionConfigurationRequest,
    violations: Vec<Violation>,
) -> Result<Vec<Violation>, Error> {
    if !limits::may_be_allowed(&violations) {
        return Ok(violations);
    }
    let named = named(caller, Reach::OwnAccount, input.function_name.as_deref(), None, Vec::new())?;
    let function = context.store.function(&named.id).await?;
    Ok(match function.and_then(|function| function.latest.configuration.managed) {
        Some(_) => limits::on_provider(violations, input.timeout, input.memory_size),
        None => violations,
    })
}
