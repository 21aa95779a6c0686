use lambdock_domain::Error as DomainError;
use lambdock_domain::concurrency::Provisioned;

use super::show::Standing;
use super::target;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// GetProvisionedConcurrencyConfig.
///
/// # Errors
/// AWS's for names; `$LATEST`; a version or an alias that is missing or has no configuration.
pub async fn get_provisioned_concurrency_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetProvisionedConcurrencyConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetProvisionedConcurrencyConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let standing = context
        .store
        .transact(move |resources| {
            let version = target::version(resources, &named, target::NOT_PUBLISHED)?;
            let config = resources.attached::<Provisioned>(&named.id, qualified::key(&named))?;
            let config = config.ok_or(DomainError::ProvisionedConcurrencyConfigNotFound)?;
            Ok::<_, Error>(Standing::of(&resources.view(&named.id), config, version.deployment)?)
        })
        .await?;
    Ok(standing.look(context).into())
}
