use lambdock_domain::Timestamp;
use lambdock_domain::concurrency::Provisioned;

use super::{conflict, show, target};
use crate::api::concurrency::budget;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, now, qualified};
use crate::wire::{Violation, shapes};

/// PutProvisionedConcurrencyConfig: environments of a version are started from now on and kept ready.
///
/// # Errors
/// AWS's for names; `$LATEST`; a version that is provisioned by another name; more than there is.
pub async fn put_provisioned_concurrency_config(
    context: &Context,
    caller: &Caller,
    input: shapes::PutProvisionedConcurrencyConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::PutProvisionedConcurrencyConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::AnyAccount, name, qualifier, violations)?;
    let limits = context.rules.get().limits.clone();
    let asked = input.provisioned_concurrent_executions.unwrap_or_default();
    // More than an account can have is refused below for what it is.
    let requested = u32::try_from(asked).unwrap_or(u32::MAX);
    let (config, deployment) = context
        .store
        .transact(move |resources| {
            let version = target::version(resources, &named, target::CANNOT_BE_APPLIED)?;
            conflict::check(resources, &named, version.number)?;
            let key = qualified::key(&named);
            let before = resources.attached::<Provisioned>(&named.id, key)?;
            resources.detach::<Provisioned>(&named.id, key)?;
            budget(resources, &named.id.scope, &limits)?.check_provisioned(&named.id, requested)?;
            // An order is told from the one before by its time.
            let earliest = before.map_or(Timestamp(0), |before| Timestamp(before.last_modified.0 + 1));
            let config = Provisioned { requested, last_modified: now().max(earliest) };
            resources.attach(&named.id, key, &config)?;
            Ok::<_, Error>((config, version.deployment))
        })
        .await?;
    let shown = show::config(context, &deployment, &config);
    Ok(shapes::PutProvisionedConcurrencyConfigResponse {
        requested_provisioned_concurrent_executions: shown.requested_provisioned_concurrent_executions,
        available_provisioned_concurrent_executions: shown.available_provisioned_concurrent_executions,
        allocated_provisioned_concurrent_executions: shown.allocated_provisioned_concurrent_executions,
        status: shown.status,
        status_reason: shown.status_reason,
        last_modified: shown.last_modified,
    })
}
