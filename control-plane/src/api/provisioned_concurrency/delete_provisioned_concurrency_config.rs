use lambdock_domain::concurrency::Provisioned;

use super::target;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// DeleteProvisionedConcurrencyConfig: also where there is none. [AWS: recorded]
///
/// # Errors
/// AWS's for names; `$LATEST`; a version or an alias that is missing.
pub async fn delete_provisioned_concurrency_config(
    context: &Context,
    caller: &Caller,
    input: shapes::DeleteProvisionedConcurrencyConfigRequest,
    violations: Vec<Violation>,
) -> Result<(), Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    context
        .store
        .transact(move |resources| {
            target::version(resources, &named, target::NOT_PUBLISHED)?;
            resources.detach::<Provisioned>(&named.id, qualified::key(&named))?;
            Ok::<_, Error>(())
        })
        .await
}
