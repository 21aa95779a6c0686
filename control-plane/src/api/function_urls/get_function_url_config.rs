use lambdock_domain::Error as DomainError;
use lambdock_domain::function_url::FunctionUrl;

use super::show;
use crate::api::functions::named;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, qualified};
use crate::wire::{Violation, shapes};

/// GetFunctionUrlConfig.
///
/// # Errors
/// AWS's for names; a URL that is missing, in the same words if the function is. [AWS: recorded]
pub async fn get_function_url_config(
    context: &Context,
    caller: &Caller,
    input: shapes::GetFunctionUrlConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::GetFunctionUrlConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let (id, key) = (named.id.clone(), qualified::key(&named).to_owned());
    let url = context
        .store
        .transact(move |resources| {
            let url = resources.attached::<FunctionUrl>(&named.id, qualified::key(&named))?;
            url.ok_or_else(|| Error::from(DomainError::resource_not_found()))
        })
        .await?;
    let shown = show::config(&context.external_host, &id, &key, url);
    Ok(shapes::GetFunctionUrlConfigResponse {
        function_url: shown.function_url,
        function_arn: shown.function_arn,
        auth_type: shown.auth_type,
        cors: shown.cors,
        creation_time: shown.creation_time,
        last_modified_time: shown.last_modified_time,
        invoke_mode: shown.invoke_mode,
    })
}
