use lambdock_domain::Error as DomainError;
use lambdock_domain::function_url::FunctionUrl;

use super::{id, read, show};
use crate::api::functions::named;
use crate::api::functions::show::date;
use crate::api::qualified::{self, Lookup};
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error, now};
use crate::wire::{Violation, shapes};

/// CreateFunctionUrlConfig: a URL for a function or an alias. The invoke mode is shown if it was chosen. [AWS:
/// recorded]
///
/// # Errors
/// AWS's for names; a function or an alias that is missing, or has a URL.
pub async fn create_function_url_config(
    context: &Context,
    caller: &Caller,
    input: shapes::CreateFunctionUrlConfigRequest,
    violations: Vec<Violation>,
) -> Result<shapes::CreateFunctionUrlConfigResponse, Error> {
    let (name, qualifier) = (input.function_name.as_deref(), input.qualifier.as_deref());
    let named = named(caller, Reach::OwnAccount, name, qualifier, violations)?;
    let cors = input.cors.and_then(read::cors);
    let (auth_type, invoke_mode) = (input.auth_type.unwrap_or_default(), input.invoke_mode);
    let (arn, function) = (named.arn(), named.id.clone());
    let created = context
        .store
        .transact(move |resources| {
            let Lookup::Found(target) = qualified::look_up(resources, &named)? else {
                return Err(Error::from(read::no_function()));
            };
            target.function.latest.configuration.tenancy.check_without("A function URL")?;
            let qualifier = qualified::key(&named);
            if resources.attached::<FunctionUrl>(&named.id, qualifier)?.is_some() {
                return Err(DomainError::Conflict(format!(
                    "Failed to create function url config for [functionArn = {}]. Error message:  \
                     FunctionUrlConfig exists for this Lambda function",
                    named.arn()
                ))
                .into());
            }
            let now = now();
            let url = FunctionUrl {
                id: id::choose(resources, &target.function, named.qualifier.as_deref())?,
                auth_type,
                cors,
                invoke_mode,
                created: now,
                last_modified: now,
            };
            resources.attach(&named.id, qualifier, &url)?;
            Ok(url)
        })
        .await?;
    Ok(shapes::CreateFunctionUrlConfigResponse {
        function_url: Some(show::url(&context.external_host, &function, &created)),
        function_arn: Some(arn),
        auth_type: Some(created.auth_type),
        cors: created.cors.map(show::cors),
        creation_time: Some(date(created.created)),
        invoke_mode: created.invoke_mode,
    })
}
