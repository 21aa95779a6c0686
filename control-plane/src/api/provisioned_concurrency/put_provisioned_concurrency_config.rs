use lambdock_domain::concurrency::Provisioned;
use lambdock_domain::{Error as DomainError, Timestamp};

use super::show::Standing;
use super::{conflict, target};
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
    let standing = context
        .store
        .transact(move |resources| {
            let version = target::version(resources, &named, target::CANNOT_BE_APPLIED)?;
            if version.snap_start {
                return Err(DomainError::InvalidParameter(NOT_WITH_SNAP_START.to_owned()).into());
            }
            version.tenancy.check_without("Provisioned Concurrency")?;
            conflict::check(resources, &named, version.number)?;
            let key = qualified::key(&named);
            let before = resources.attached::<Provisioned>(&named.id, key)?;
            resources.detach::<Provisioned>(&named.id, key)?;
            budget(resources, &named.id.scope, &limits)?.check_provisioned(&named.id, requested)?;
            // An order is told from the one before by its time.
            let earliest = before.map_or(Timestamp(0), |before| Timestamp(before.last_modified.0 + 1));
            let config = Provisioned::new(requested, now().max(earliest));
            resources.attach(&named.id, key, &config)?;
            Ok::<_, Error>(Standing { config, deployment: version.deployment, before: None })
        })
        .await?;
    Ok(standing.look(context).into())
}

/// [AWS: Lambda SnapStart, that it is refused; the words are ours]
const NOT_WITH_SNAP_START: &str = "Provisioned Concurrency is not supported for SnapStart enabled functions.";
