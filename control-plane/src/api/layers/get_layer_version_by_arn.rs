use lambdock_domain::Error as DomainError;
use lambdock_domain::layer::parse_version_arn;

use super::{find, show};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetLayerVersionByArn.
///
/// # Errors
/// Violations of the model; not there; another account's that is not shared.
pub async fn get_layer_version_by_arn(
    context: &Context,
    caller: &Caller,
    input: shapes::GetLayerVersionByArnRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetLayerVersionResponse, Error> {
    valid(violations)?;
    let parsed = parse_version_arn(&input.arn.unwrap_or_default());
    let (layer, number) = parsed.ok_or_else(DomainError::resource_not_found)?;
    let version = find::visible(context, caller, layer, number).await?;
    Ok(show::whole(&version, &context.external_host))
}
