use lambdock_domain::Error as DomainError;
use lambdock_domain::function_url::FunctionUrl;

use super::{read, show};
use crate::api::functions::named;
use crate::api::qualified::{self, Lookup};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, now};
use crate::wire::{Violation, shapes};

/// UpdateFunctionUrlConfig: changes what is given; `Cors` as a whole, and an empty one takes it away. The invoke mode
/// is shown if it was ever chosen. [AWS: recorded]
///
/// # Errors
/// AWS's for names; a function, an alias or a URL that is missing.
pub async fn update_function_url_config(
    context: &Context,
    caller: &Caller,
    input: shapes::UpdateFunctionUrlConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::UpdateFunctionUrlConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let (id, key) = (named.id.clone(), qualified::key(&named).to_owned());
    let updated = context
        .store
        .transact(move |resources| {
            let Lookup::Found(_) = qualified::look_up(resources, &named)? else {
                return Err(Error::from(read::no_function()));
            };
            let qualifier = qualified::key(&named);
            let url = resources.attached::<FunctionUrl>(&named.id, qualifier)?;
            let mut url = url.ok_or_else(DomainError::resource_not_found)?;
            url.auth_type = input.auth_type.unwrap_or(url.auth_type);
            url.invoke_mode = input.invoke_mode.or(url.invoke_mode);
            if let Some(cors) = input.cors {
                url.cors = read::cors(cors);
            }
            url.last_modified = now();
            resources.attach(&named.id, qualifier, &url)?;
            Ok(url)
        })
        .await?;
    let chosen = updated.invoke_mode.clone();
    let shown = show::config(&context.external_host, &id, &key, updated);
    Ok(shapes::UpdateFunctionUrlConfigResponse {
        function_url: shown.function_url,
        function_arn: shown.function_arn,
        auth_type: shown.auth_type,
        cors: shown.cors,
        creation_time: shown.creation_time,
        last_modified_time: shown.last_modified_time,
        invoke_mode: chosen,
    })
}
