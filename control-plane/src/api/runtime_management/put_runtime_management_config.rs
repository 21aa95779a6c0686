use lambdock_domain::runtime_management::RuntimeManagement;

use super::show::function_arn;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// PutRuntimeManagementConfig. Runtimes are updated by pulling images, whatever is chosen here.
///
/// # Errors
/// AWS's for names; a function or a version that is missing; no runtime version where one is needed.
pub async fn put_runtime_management_config(
    context: &Context,
    caller: &Caller,
    input: shapes::PutRuntimeManagementConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::PutRuntimeManagementConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let update_runtime_on = input.update_runtime_on.as_deref().unwrap_or_default();
    let management = RuntimeManagement::read(update_runtime_on, input.runtime_version_arn)?;
    let shown = shapes::PutRuntimeManagementConfigResponse {
        update_runtime_on: Some(management.as_str().to_owned()),
        runtime_version_arn: management.runtime_version_arn().map(str::to_owned),
        function_arn: Some(function_arn(&named)),
    };
    context
        .store
        .transact(move |resources| {
            qualified::found(resources, &named)?;
            Ok::<_, Error>(resources.attach(&named.id, qualified::key(&named), &management)?)
        })
        .await?;
    Ok(shown)
}
