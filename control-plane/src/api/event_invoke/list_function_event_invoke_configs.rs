use lambdock_domain::event_invoke::EventInvokeConfig;

use super::show;
use crate::api::functions::named;
use crate::api::page::Page;
use crate::api::resolve::Reach;
use crate::api::{Caller, Context, Error};
use crate::wire::{Violation, shapes};

/// ListFunctionEventInvokeConfigs: of the function and of its versions and aliases, by qualifier.
///
/// # Errors
/// AWS's for names; a function that is missing; a marker that is none of ours.
pub async fn list_function_event_invoke_configs(
    context: &Context,
    caller: &Caller,
    input: shapes::ListFunctionEventInvokeConfigsRequest,
    violations: Vec<Violation>,
) -> Result<shapes::ListFunctionEventInvokeConfigsResponse, Error> {
    let named = named(caller, Reach::AnyAccount, input.function_name.as_deref(), None, violations)?;
    let page = Page::read(input.marker.as_deref(), input.max_items)?;
    let configs = context
        .store
        .transact(move |resources| {
            if resources.function(&named.id)?.is_none() {
                return Err(Error::from(show::no_function()));
            }
            Ok(resources.attached_to::<EventInvokeConfig>(&named.id)?)
        })
        .await?;
    let (configs, next_marker) = page.part(configs, |config| config.qualifier.clone());
    let shown =
        configs.into_iter().map(|config| show::config(&config.function, &config.qualifier, config.value));
    Ok(shapes::ListFunctionEventInvokeConfigsResponse {
        function_event_invoke_configs: Some(shown.collect()),
        next_marker,
    })
}
