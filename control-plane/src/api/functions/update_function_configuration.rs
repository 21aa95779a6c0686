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
    drop(leases);
    let shown = show::configuration(&function, named.id.arn(), show::Detail::Full);
    context.activation.prepare(function.id, function.latest.deployment);
    Ok(shown)
}
