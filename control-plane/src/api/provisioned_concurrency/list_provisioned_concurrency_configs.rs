use lambdock_domain::concurrency::Provisioned;

use super::{show, target};
use crate::api::functions::named;
use crate::api::page::Page;
use crate::api::resolve::{Named, Reach};
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// ListProvisionedConcurrencyConfigs: of the function's versions and aliases, by qualifier.
///
/// # Errors
/// AWS's for names; a function that is missing; a marker that is none of ours.
pub async fn list_provisioned_concurrency_configs(
    context: &Context,
    caller: &Caller,
    input: shapes::ListProvisionedConcurrencyConfigsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListProvisionedConcurrencyConfigsResponse, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let configs = context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            let mut configs = Vec::new();
            for config in resources.attached_to::<Provisioned>(&function.id)? {
                let target = Named { id: function.id.clone(), qualifier: Some(config.qualifier.clone()) };
                let version = target::version(resources, &target, target::NOT_PUBLISHED)?;
                configs.push((config, version.deployment));
            }
            Ok::<_, Error>(configs)
        })
        .await?;
    let (configs, next_marker) = page.part(configs, |(config, _)| config.qualifier.clone());
    let shown = configs.into_iter().map(|(config, deployment)| {
        let shown = show::config(context, &deployment, &config.value);
        shapes::ProvisionedConcurrencyConfigListItem {
            function_arn: Some(config.function.qualified_arn(&config.qualifier)),
            requested_provisioned_concurrent_executions: shown.requested_provisioned_concurrent_executions,
            available_provisioned_concurrent_executions: shown.available_provisioned_concurrent_executions,
            allocated_provisioned_concurrent_executions: shown.allocated_provisioned_concurrent_executions,
            status: shown.status,
            status_reason: shown.status_reason,
            last_modified: shown.last_modified,
        }
    });
    Ok(shapes::ListProvisionedConcurrencyConfigsResponse {
        provisioned_concurrency_configs: Some(shown.collect()),
        next_marker,
    })
}
