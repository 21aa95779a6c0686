use lambdock_domain::runtime_management::RuntimeManagement;

use super::show::function_arn;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// GetRuntimeManagementConfig.
///
/// # Errors
/// AWS's for names; a function or a version that is missing.
pub async fn get_runtime_management_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetRuntimeManagementConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetRuntimeManagementConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let arn = function_arn(&named);
    let management = context
        .store
        .transact(move |resources| {
            qualified::found(resources, &named)?;
            Ok::<_, Error>(resources.attached::<RuntimeManagement>(&named.id, qualified::key(&named))?)
        })
        .await?
        .unwrap_or_default();
    Ok(shapes::GetRuntimeManagementConfigResponse {
        update_runtime_on: Some(management.as_str().to_owned()),
        runtime_version_arn: management.runtime_version_arn().map(str::to_owned),
        function_arn: Some(arn),
    })
}
