use lambdock_domain::concurrency::Provisioned;

use super::show::Standing;
use super::target;
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
    let (function, configs) = context
        .store
        .transact(move |resources| {
            let function = qualified::function(resources, &named)?;
            let mut configs = Vec::new();
            for config in resources.attached_to::<Provisioned>(&function.id)? {
                let target = Named { id: function.id.clone(), qualifier: Some(config.qualifier.clone()) };
                let version = target::version(resources, &target, target::NOT_PUBLISHED)?;
                let view = resources.view(&function.id);
                configs.push((config.qualifier, Standing::of(&view, config.value, version.deployment)?));
            }
            Ok::<_, Error>((function.id, configs))
        })
        .await?;
    let (configs, next_marker) = page.part(configs, |(qualifier, _)| qualifier.clone());
    let shown = configs.into_iter().map(|(qualifier, standing)| {
        let function_arn = Some(function.qualified_arn(&qualifier));
        shapes::ProvisionedConcurrencyConfigListItem { function_arn, ..standing.look(context).into() }
    });
    Ok(shapes::ListProvisionedConcurrencyConfigsResponse {
        provisioned_concurrency_configs: Some(shown.collect()),
        next_marker,
    })
}
