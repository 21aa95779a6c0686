//! Capacity providers by their names and ARNs.

use lambdock_domain::capacity_provider::name_in;
use lambdock_domain::configuration::ManagedInstances;
use lambdock_domain::{CapacityProvider, Error as DomainError, Scope};

use crate::api::Error;
use crate::store::Resources;

/// The provider that `text`, a name or an ARN, names in this account and region. [AWS: recorded for tags]
///
/// # Errors
/// It is missing, or the store failed.
pub(in crate::api) fn found(
    resources: &Resources<'_>,
    scope: &Scope,
    text: &str,
) -> Result<CapacityProvider, Error> {
    let provider = name_in(text, scope).map(|name| resources.capacity_provider(scope, name)).transpose()?;
    provider.flatten().ok_or_else(|| {
        let arn =
            if text.starts_with("arn:") { text.to_owned() } else { CapacityProvider::arn_of(scope, text) };
        missing(&arn).into()
    })
}

/// Whether a function may be put on `provider`, which was found by the name in the ARN.
///
/// # Errors
/// It is missing or about to be gone.
pub(in crate::api) fn check_usable(
    provider: Option<CapacityProvider>,
    managed: &ManagedInstances,
) -> Result<(), DomainError> {
    let arn = &managed.provider;
    // One of another account or region has another ARN.
    provider.filter(|provider| provider.arn() == *arn).ok_or_else(|| missing(arn))?.check_usable()
}

fn missing(arn: &str) -> DomainError {
    DomainError::NotFound(format!("Capacity provider not found: {arn}"))
}
