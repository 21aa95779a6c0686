use lambdock_domain::LayerId;

use super::{find, show};
use crate::api::{Caller, Context, Error, valid};
use crate::wire::{Violation, shapes};

/// GetLayerVersion.
///
/// # Errors
/// Violations of the model; a number that no version has; not there; another account's that is not shared.
pub async fn get_layer_version(
    context: &Context,
    caller: &Caller,
    input: shapes::GetLayerVersionRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetLayerVersionResponse, Error> {
    valid(violations)?;
    let number = find::number(input.version_number)?;
    let layer = LayerId::read(&input.layer_name.unwrap_or_default(), &caller.scope);
    let version = find::visible(context, caller, layer, number).await?;
    Ok(show::whole(&version, &context.external_host))
}
