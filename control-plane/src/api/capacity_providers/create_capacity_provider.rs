use std::collections::BTreeMap;

use lambdock_domain::capacity_provider::{State, name_in};
use lambdock_domain::{CapacityProvider, Error as DomainError, tags};

use super::{read, show};
use crate::api::{Caller, Context, Error, now, valid};
use crate::wire::{Violation, shapes};

/// CreateCapacityProvider. The provider is Pending until its transition is over.
///
/// # Errors
/// Violations of the model; instances, scaling or tags that cannot be; a name of another account or region, or one
/// that is taken.
pub async fn create_capacity_provider(
    context: &Context,
    caller: &Caller,
    input: shapes::CreateCapacityProviderRequest,
    violations: Vec<Violation>,
) -> Result<shapes::CreateCapacityProviderResponse, Error> {
    valid(violations)?;
    let scope = caller.scope.clone();
    let given = input.capacity_provider_name.unwrap_or_default();
    let Some(name) = name_in(&given, &scope).map(str::to_owned) else {
        return Err(DomainError::InvalidParameter(format!(
            "The capacity provider {given} is not of this account and region."
        ))
        .into());
    };
    let tags: BTreeMap<String, String> = input.tags.into_iter().flatten().collect();
    tags::check(&tags, context.rules.get().limits.tags)?;
    let vpc = input.vpc_config.unwrap_or_default();
    let role = input.permissions_config.and_then(|config| config.capacity_provider_operator_role_arn);
    let provider = CapacityProvider {
        name,
        subnet_ids: vpc.subnet_ids.unwrap_or_default(),
        security_group_ids: vpc.security_group_ids.unwrap_or_default(),
        operator_role_arn: role.unwrap_or_default(),
        instances: read::instances(input.instance_requirements).checked()?,
        scaling: read::scaling(input.capacity_provider_scaling_config).checked()?,
        kms_key_arn: input.kms_key_arn,
        state: State::Pending,
        last_modified: now(),
        tags,
        scope,
    };
    let provider = context
        .store
        .transact(move |resources| {
            if resources.capacity_provider(&provider.scope, &provider.name)?.is_some() {
                let arn = provider.arn();
                return Err(DomainError::Conflict(format!("Capacity provider already exists: {arn}")).into());
            }
            resources.put_capacity_provider(&provider)?;
            Ok::<_, Error>(provider)
        })
        .await?;
    context.transitions.capacity_provider(&provider);
    Ok(shapes::CreateCapacityProviderResponse { capacity_provider: Some(show::provider(provider)) })
}
